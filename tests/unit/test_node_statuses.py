"""A pod's status is what a real kubelet writes in the same state."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jupyterhub_knada.devcluster.node.statuses import (
    ContainerFacts,
    PodFacts,
    Running,
    Terminated,
    Waiting,
    build_status,
    decide_phase,
    should_restart,
)

SAMPLES = Path(__file__).parents[1] / "data" / "node"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
# What a kubelet knows of users, mounts and enforced limits, and this node does not have.
NOT_OURS = ("user", "volumeMounts", "resources", "allocatedResources")


def load_sample(name: str) -> dict[str, Any]:
    """Load the pod of a sample."""
    pod: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())["pod"]
    return pod


def parse_time(text: str) -> datetime:
    """Read a time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def parse_state(state: dict[str, Any]) -> Waiting | Running | Terminated:
    """Turn a state of the API into ours."""
    [(kind, told)] = state.items()
    if kind == "waiting":
        return Waiting(told["reason"], told.get("message", ""))
    if kind == "running":
        return Running(parse_time(told["startedAt"]))
    times = (parse_time(told["startedAt"]), parse_time(told["finishedAt"]))
    return Terminated(told["exitCode"], told["reason"], *times, told["containerID"], told.get("message", ""))


def parse_container(status: dict[str, Any]) -> ContainerFacts:
    """Turn a container's status into facts."""
    last = parse_state(status["lastState"]) if status["lastState"] else None
    assert last is None or isinstance(last, Terminated)
    return ContainerFacts(
        name=status["name"],
        image=status["image"],
        state=parse_state(status["state"]),
        last=last,
        image_id=status["imageID"],
        container_id=status.get("containerID", ""),
        restart_count=status["restartCount"],
        ready=status["ready"],
        started=status["started"],
    )


def parse_facts(pod: dict[str, Any]) -> PodFacts:
    """Turn a sample's status into what the node would know."""
    status = pod["status"]
    return PodFacts(
        started_at=parse_time(status["startTime"]),
        host_ip=status["hostIP"],
        pod_ip=status.get("podIP"),
        init_containers=tuple(map(parse_container, status.get("initContainerStatuses", []))),
        containers=tuple(map(parse_container, status["containerStatuses"])),
        is_over="deletionTimestamp" in pod["metadata"],
        reason=status.get("reason", ""),
        message=status.get("message", ""),
    )


def simplify(status: dict[str, Any]) -> dict[str, Any]:
    """Leave out what this node does not have, and the order of conditions."""
    status = copy.deepcopy(status)
    for kind in ("containerStatuses", "initContainerStatuses"):
        for container in status.get(kind, []):
            for name in NOT_OURS:
                container.pop(name, None)
    status.pop("qosClass", None)
    status.pop("resources", None)
    status["conditions"] = {condition["type"]: condition for condition in status["conditions"]}
    return status


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.json")))
def test_status_of_sample_is_what_the_kubelet_wrote(name: str) -> None:
    """Phase, conditions with reasons and messages, and container statuses are a kubelet's, to the letter."""
    pod = load_sample(name)
    assert simplify(build_status(pod, parse_facts(pod), NOW)) == simplify(pod["status"])


def test_status_after_a_change_moves_only_the_time_of_changed_conditions() -> None:
    """A condition keeps its transition time until its value changes."""
    pod = load_sample("started")
    facts = parse_facts(pod)
    stopped = replace(facts, containers=tuple(replace(c, ready=False) for c in facts.containers))
    before = {c["type"]: c for c in pod["status"]["conditions"]}
    after = {c["type"]: c for c in build_status(pod, stopped, NOW)["conditions"]}
    assert after["Ready"]["lastTransitionTime"] == "2030-01-01T00:00:00Z"
    assert after["Initialized"]["lastTransitionTime"] == before["Initialized"]["lastTransitionTime"]


def test_status_keeps_conditions_that_others_wrote() -> None:
    """The scheduler's and the eviction's conditions survive a status update."""
    pod = load_sample("started")
    other = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    pod["status"]["conditions"].append(other)
    assert other in build_status(pod, parse_facts(pod), NOW)["conditions"]


def test_status_with_a_closed_readiness_gate_is_not_ready() -> None:
    """A readiness gate without its condition keeps the pod from being Ready, not its containers."""
    pod = load_sample("started")
    pod["spec"]["readinessGates"] = [{"conditionType": "example.org/open"}]
    after = {c["type"]: c for c in build_status(pod, parse_facts(pod), NOW)["conditions"]}
    assert (after["Ready"]["status"], after["ContainersReady"]["status"]) == ("False", "True")
    assert after["Ready"]["reason"] == "ReadinessGatesNotReady"


def end(code: int) -> Terminated:
    """Make the end of a process."""
    return Terminated(code, "Completed" if code == 0 else "Error", NOW, NOW, "process://x")


def container(state: Waiting | Running | Terminated, last: Terminated | None = None) -> ContainerFacts:
    """Make a container's facts."""
    return ContainerFacts("c", "image", state, last)


@pytest.mark.parametrize(
    ("policy", "states", "phase"),
    [
        pytest.param("Always", [container(end(0))], "Running", id="always restarts a success"),
        pytest.param("OnFailure", [container(end(1))], "Running", id="a failure will be restarted"),
        pytest.param("OnFailure", [container(end(0))], "Succeeded", id="all succeeded"),
        pytest.param("Never", [container(end(1)), container(end(0))], "Failed", id="one failed for good"),
        pytest.param("Never", [container(end(0)), container(Running(NOW))], "Running", id="one still runs"),
        pytest.param(
            "Never", [container(end(0)), container(Waiting("X"))], "Pending", id="one never started"
        ),
        pytest.param("OnFailure", [container(Waiting("X"), end(1))], "Running", id="waits for its restart"),
    ],
)
def test_phase_follows_containers_and_policy(policy: str, states: list[ContainerFacts], phase: str) -> None:
    """The phase is decided by all the containers and the restart policy."""
    facts = PodFacts(NOW, "127.0.0.1", "127.1.0.2", containers=tuple(states))
    assert decide_phase(facts, policy) == phase


@pytest.mark.parametrize(
    ("policy", "code", "is_init", "restarts"),
    [
        ("Always", 0, False, True),
        ("Always", 0, True, False),
        ("Always", 1, True, True),
        ("OnFailure", 0, False, False),
        ("OnFailure", 137, False, True),
        ("Never", 1, False, False),
    ],
)
def test_restart_follows_the_policy(policy: str, code: int, *, is_init: bool, restarts: bool) -> None:
    """An init container that succeeded is never run again; the rest is the policy's."""
    assert should_restart(policy, code, is_init=is_init) is restarts
