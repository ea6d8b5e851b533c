"""What a pod's status says of how far it is, read into fields of ours. Pure.

Source: `PodStatus` of Kubernetes' core/v1 API, as `watched_fields.kept_of_pod` keeps it; every field may be
missing or null.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNALLED: Final = 128
"""Exit codes above it are a signal's number and this. Source: POSIX shells, containerd, CRI-O."""
_MOST_SIGNALS: Final = 64


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container's program ended."""

    reason: str
    """Kubernetes' own: `Error`, `OOMKilled`, `Completed`, `StartError` …"""
    exit_code: int
    signal: int
    """0: it ended by itself."""
    text: str
    """Whatever the container or its runtime said; for a log."""

    @classmethod
    def read(cls, terminated: Mapping[str, Any]) -> Ended:
        """Read a `ContainerStateTerminated`."""
        exit_code = int(terminated.get("exitCode") or 0)
        signal = int(terminated.get("signal") or 0)
        if not signal and _SIGNALLED < exit_code <= _SIGNALLED + _MOST_SIGNALS:
            signal = exit_code - _SIGNALLED
        text = str(terminated.get("message") or "")
        return cls(str(terminated.get("reason") or ""), exit_code, signal, text)

    @property
    def how(self) -> str:
        """Exit code or signal, for a sentence."""
        return f"signal {self.signal}" if self.signal else f"exit code {self.exit_code}"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod."""

    name: str
    is_step: bool
    """An init container: the server comes after it."""
    waiting: str
    """Why it does not run, in one word of Kubernetes'; empty where it does, or has ended."""
    waiting_text: str
    is_running: bool
    is_ready: bool
    has_ended: bool
    ended: Ended | None
    """How it ended now or, where it was started again, the last time."""
    restarts: int

    @classmethod
    def read(cls, status: Mapping[str, Any], *, is_step: bool) -> Container:
        """Read a `ContainerStatus`."""
        state, last = status.get("state") or {}, status.get("lastState") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        ended = terminated or last.get("terminated")
        return cls(
            name=str(status.get("name") or ""),
            is_step=is_step,
            waiting=str(waiting.get("reason") or ""),
            waiting_text=str(waiting.get("message") or ""),
            is_running="running" in state,
            is_ready=bool(status.get("ready")),
            has_ended=terminated is not None,
            ended=Ended.read(ended) if ended is not None else None,
            restarts=int(status.get("restartCount") or 0),
        )

    @property
    def is_done(self) -> bool:
        """A step that has ended well is nobody's concern any more; a sidecar's is that it is ready."""
        is_well = self.ended is not None and self.ended.exit_code == 0
        return self.is_ready or (self.is_step and self.has_ended and is_well)

    @property
    def was_started(self) -> bool:
        """Its program ran at least once."""
        return self.is_running or self.ended is not None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a pod: why it is not what it should be, or what is about to happen to it."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class PodState:
    """How far a pod is."""

    uid: str
    phase: str
    reason: str
    """Why it failed as a whole, in one word of Kubernetes': `Evicted`, `OutOfcpu` …"""
    text: str
    is_being_deleted: bool
    machine: str
    """Empty: none was chosen."""
    unscheduled: Condition | None
    """What the scheduler has against it now."""
    disruption: str
    """Who takes it away, in one word of Kubernetes'; empty: nobody."""
    containers: tuple[Container, ...]
    """Steps first, in the order in which they run."""

    @classmethod
    def read(cls, pod: Mapping[str, Any]) -> PodState:
        """Read a pod as the API gives it, or as it is kept."""
        metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
        conditions = MappingProxyType({each.get("type"): each for each in status.get("conditions") or ()})
        scheduled, disruption = conditions.get("PodScheduled") or {}, conditions.get("DisruptionTarget") or {}
        unscheduled = None
        if scheduled.get("status") == "False":
            unscheduled = Condition(str(scheduled.get("reason") or ""), str(scheduled.get("message") or ""))
        return cls(
            uid=str(metadata.get("uid") or ""),
            phase=str(status.get("phase") or ""),
            reason=str(status.get("reason") or ""),
            text=str(status.get("message") or ""),
            is_being_deleted=bool(metadata.get("deletionTimestamp")),
            machine=str(spec.get("nodeName") or ""),
            unscheduled=unscheduled,
            disruption=str(disruption.get("reason") or "") if disruption.get("status") == "True" else "",
            containers=(
                *(Container.read(one, is_step=True) for one in status.get("initContainerStatuses") or ()),
                *(Container.read(one, is_step=False) for one in status.get("containerStatuses") or ()),
            ),
        )

    @property
    def is_over(self) -> bool:
        """Nothing of it will run again."""
        return self.is_being_deleted or self.phase in ("Failed", "Succeeded")

    @property
    def was_started(self) -> bool:
        """Some container of it has run."""
        return any(container.was_started for container in self.containers)
