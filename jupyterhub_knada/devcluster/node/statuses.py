"""A pod's status from the states of its containers, as a kubelet writes it. Pure.

Source: kubelet 1.36, `getPhase`, `convertToAPIContainerStatuses` and `status/generate.go`; the words were
compared with what a real kubelet wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from jupyterhub_knada.devcluster.node.cluster import JsonObject


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not started, or between two tries."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A process is there."""

    started_at: datetime


@dataclass(frozen=True, slots=True)
class Terminated:
    """The process ended, or could not be started (exit code 128, `StartError`)."""

    exit_code: int
    reason: str
    started_at: datetime
    finished_at: datetime
    container_id: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What is known about one container now."""

    name: str
    image: str
    state: Waiting | Running | Terminated
    last: Terminated | None = None
    """How the try before this one ended."""
    image_id: str = ""
    """Empty until the image is there."""
    container_id: str = ""
    restart_count: int = 0
    ready: bool = False
    started: bool = False

    @property
    def ended(self) -> Terminated | None:
        """How it ended last, while nothing runs."""
        if isinstance(self.state, Terminated):
            return self.state
        return self.last if isinstance(self.state, Waiting) else None

    @property
    def is_done(self) -> bool:
        """Tell whether an init container has done its work."""
        return isinstance(self.state, Terminated) and self.state.exit_code == 0


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is known about one pod now."""

    started_at: datetime
    """When the node took the pod on."""
    host_ip: str
    pod_ip: str | None = None
    """The pod's address, once its folders are there; None before."""
    init_containers: tuple[ContainerFacts, ...] = ()
    containers: tuple[ContainerFacts, ...] = ()
    is_over: bool = False
    """Nothing of it runs, and nothing will be started again."""
    reason: str = ""
    message: str = ""
    """Why the whole pod failed, e.g. `DeadlineExceeded`."""
    extra_conditions: tuple[tuple[str, str, str], ...] = field(default=())
    """(type, reason, message) of further conditions that are true, e.g. `DisruptionTarget`."""


def format_time(moment: datetime) -> str:
    """Write a moment as Kubernetes does: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decide_phase(facts: PodFacts, restart_policy: str) -> str:
    """Give the pod's phase: Pending, Running, Succeeded or Failed."""
    if facts.reason:
        return "Failed"
    init_ended = [container.ended for container in facts.init_containers if not container.is_done]
    if restart_policy == "Never" and any(ended and ended.exit_code for ended in init_ended):
        return "Failed"
    ended = [container.ended for container in facts.containers]
    if facts.is_over or _is_finished(ended, restart_policy):
        succeeded = not init_ended and all(end is not None and end.exit_code == 0 for end in ended)
        return "Succeeded" if succeeded else "Failed"
    waits = any(
        isinstance(container.state, Waiting) and container.last is None for container in facts.containers
    )
    return "Pending" if init_ended or waits else "Running"


def _is_finished(ended: Sequence[Terminated | None], restart_policy: str) -> bool:
    if restart_policy == "Always" or None in ended:
        return False
    return restart_policy == "Never" or all(end is not None and end.exit_code == 0 for end in ended)


def should_restart(restart_policy: str, exit_code: int, *, is_init: bool) -> bool:
    """Decide whether a container that ended is started again; an init container that succeeded never is."""
    if exit_code == 0:
        return restart_policy == "Always" and not is_init
    return restart_policy != "Never"


def build_status(pod: JsonObject, facts: PodFacts, now: datetime) -> JsonObject:
    """Build the whole `status` that the node writes.

    Conditions of others (PodScheduled, DisruptionTarget) are kept, and so is the time of every condition
    whose value did not change. Written in one update: KubeSpawner reads phase, podIP and containerStatuses
    together.
    """
    phase = decide_phase(facts, pod["spec"].get("restartPolicy", "Always"))
    status: JsonObject = {
        "phase": phase,
        "startTime": format_time(facts.started_at),
        "hostIP": facts.host_ip,
        "hostIPs": [{"ip": facts.host_ip}],
        "conditions": _build_conditions(pod, facts, phase, now),
        "containerStatuses": [_build_container(container) for container in facts.containers],
    }
    if facts.init_containers:
        status["initContainerStatuses"] = [_build_container(container) for container in facts.init_containers]
    if facts.pod_ip:
        status |= {"podIP": facts.pod_ip, "podIPs": [{"ip": facts.pod_ip}]}
    status |= {name: text for name, text in (("reason", facts.reason), ("message", facts.message)) if text}
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    return status


def _build_container(facts: ContainerFacts) -> JsonObject:
    status: JsonObject = {
        "name": facts.name,
        "image": facts.image,
        "imageID": facts.image_id,
        "ready": facts.ready,
        "started": facts.started,
        "restartCount": facts.restart_count,
        "state": _build_state(facts.state),
        "lastState": _build_state(facts.last) if facts.last else {},
    }
    if facts.container_id:
        status["containerID"] = facts.container_id
    return status


def _build_state(state: Waiting | Running | Terminated) -> JsonObject:
    match state:
        case Waiting(reason, message):
            return {"waiting": {"reason": reason} | ({"message": message} if message else {})}
        case Running(started_at):
            return {"running": {"startedAt": format_time(started_at)}}
        case Terminated():
            terminated: JsonObject = {
                "exitCode": state.exit_code,
                "reason": state.reason,
                "startedAt": format_time(state.started_at),
                "finishedAt": format_time(state.finished_at),
                "containerID": state.container_id,
            }
            return {"terminated": terminated | ({"message": state.message} if state.message else {})}


_Condition = tuple[str, str, str]
"""(status, reason, message) of one condition."""


def _build_conditions(pod: JsonObject, facts: PodFacts, phase: str, now: datetime) -> list[JsonObject]:
    before = {condition["type"]: condition for condition in pod.get("status", {}).get("conditions") or []}
    containers_ready = _decide_containers_ready(facts, phase)
    own: dict[str, _Condition] = {
        "PodReadyToStartContainers": ("True" if _has_sandbox(facts, phase) else "False", "", ""),
        "Initialized": _decide_initialized(facts, phase),
        "Ready": _decide_ready(pod, before, containers_ready),
        "ContainersReady": containers_ready,
    }
    own |= {kind: ("True", reason, message) for kind, reason, message in facts.extra_conditions}
    kept = [condition for kind, condition in before.items() if kind not in own]
    generation = pod["metadata"].get("generation")
    return kept + [
        _build_condition(kind, told, before.get(kind), generation, now) for kind, told in own.items()
    ]


def _build_condition(
    kind: str, told: _Condition, before: JsonObject | None, generation: int | None, now: datetime
) -> JsonObject:
    status, reason, message = told
    changed = format_time(now)
    if before and before["status"] == status and before.get("lastTransitionTime"):
        changed = before["lastTransitionTime"]
    condition: JsonObject = {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": changed,
    }
    condition |= {name: text for name, text in (("reason", reason), ("message", message)) if text}
    if generation:
        condition["observedGeneration"] = generation
    return condition


def _has_sandbox(facts: PodFacts, phase: str) -> bool:
    return facts.pod_ip is not None and not facts.is_over and phase not in {"Succeeded", "Failed"}


def _decide_initialized(facts: PodFacts, phase: str) -> _Condition:
    incomplete = [container.name for container in facts.init_containers if not container.is_done]
    if phase == "Succeeded":
        return "True", "PodCompleted", ""
    if incomplete:
        return "False", "ContainersNotInitialized", f"containers with incomplete status: {_list(incomplete)}"
    return "True", "", ""


def _decide_containers_ready(facts: PodFacts, phase: str) -> _Condition:
    if phase in {"Succeeded", "Failed"}:
        return "False", "PodCompleted" if phase == "Succeeded" else "PodFailed", ""
    unready = [container.name for container in facts.containers if not container.ready]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: {_list(unready)}"
    return "True", "", ""


def _decide_ready(
    pod: JsonObject, conditions: dict[str, JsonObject], containers_ready: _Condition
) -> _Condition:
    if containers_ready[0] != "True":
        return containers_ready
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if conditions.get(gate, {}).get("status") != "True"]
    if closed:
        told = ", ".join(
            f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in closed
        )
        return "False", "ReadinessGatesNotReady", told
    return containers_ready


def _list(names: Iterable[str]) -> str:
    return f"[{' '.join(names)}]"
