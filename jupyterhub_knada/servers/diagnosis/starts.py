"""Why a start has not ended well: of all that a pod and its events say, the one that is the cause. Pure.

The pod's status comes first, as it says what is so now; an event says what was so once. Which of the events
count follows from how far the pod is, not from their order: those of one second come in any.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.diagnosis.causes import IF_IT_STAYS_SO, REPORT, Cause, Diagnosis, always, shown
from jupyterhub_knada.servers.diagnosis.containers import FAILED_HOOK, explain_container
from jupyterhub_knada.servers.diagnosis.events import (
    BEING_STOPPED,
    EARLIER_SERVER,
    EVICTED,
    MACHINE_CLEARED,
    MACHINE_SILENT,
    NO_ROOM,
    PREEMPTED,
    PROBE_FAILED,
    UNKNOWN,
    explain_event,
    explain_eviction,
    is_of_another_pod,
    text_of,
)
from jupyterhub_knada.servers.diagnosis.pod_state import PodState
from jupyterhub_knada.servers.diagnosis.scheduling import explain_unscheduled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Event = Mapping[str, Any]

_GATED: Final = always(
    Cause.UNSCHEDULABLE, "A rule of the cluster keeps the server from being scheduled.", REPORT
)
_SILENCE: Final = always(Cause.UNKNOWN, "Kubernetes says nothing about why.", REPORT)
_NOT_MADE: Final = always(
    Cause.UNKNOWN, "Kubernetes did not answer in time.", f"Try again in a minute. {IF_IT_STAYS_SO}"
)
_GONE: Final = always(Cause.STOPPED, "The server was deleted while it started.", "Try again.")
_NO_MACHINE: Final = always(
    Cause.UNSCHEDULABLE,
    "No machine was chosen for the server, for a reason that Kubernetes does not give.",
    REPORT,
)
_UNANSWERED: Final = always(
    Cause.UNANSWERED,
    "It runs, but does not answer the hub.",
    "Try another profile. If that does not answer either, report it to whoever runs this hub.",
)
_NOT_READY: Final = always(Cause.PROBE, "It runs, but Kubernetes does not see it as ready.", REPORT)
_OUT_OF_TIME: Final = always(Cause.STOPPED, "The time that the profile allows the server was over.", REPORT)
_DISRUPTIONS: Final = {
    "PreemptionByScheduler": PREEMPTED,
    "DeletionByTaintManager": MACHINE_CLEARED,
    "EvictionByEvictionAPI": MACHINE_CLEARED,
    "DeletionByPodGC": MACHINE_SILENT,
}
"""Source: conditions `DisruptionTarget`, Kubernetes 1.32-1.36; `TerminationByKubelet` says why elsewhere."""
_IN_A_POD: Final = {
    "DeadlineExceeded": _OUT_OF_TIME,
    "NodeAffinity": NO_ROOM,
    "NodeLost": MACHINE_SILENT,
    "NodeShutdown": MACHINE_CLEARED,
    "Preempting": PREEMPTED,
    "Terminated": MACHINE_CLEARED,
    "UnexpectedAdmissionError": NO_ROOM,
}
"""Reason of a pod that has failed as a whole -> what it means. Source: Kubernetes 1.32-1.36, kubelet."""
_BEGUN: Final = frozenset({"Pulling", "Pulled", "Created", "Started"})
"""Events that come only when volumes are mounted and the network is there."""
_BEFORE_IMAGES: Final = frozenset({"FailedAttachVolume", "FailedMount", "FailedCreatePodSandBox"})
_OF_SCHEDULING: Final = frozenset({"FailedScheduling", "NotTriggerScaleUp", "TriggeredScaleUp"})
_OF_IMAGES: Final = frozenset(
    {"Failed", "ErrImageNeverPull", "InspectFailed", "FailedToRetrieveImagePullSecret"}
)
_OF_RUNNING: Final = frozenset({"BackOff", "Unhealthy", "Killing"})
_OF_ANOTHER_STAGE: Final = frozenset(
    {"FailedPostStartHook", *_OF_SCHEDULING, *_BEFORE_IMAGES, *_OF_IMAGES, *_OF_RUNNING}
)
"""Where these count, they have been looked at."""


def diagnose(pod: Mapping[str, Any] | None, events: Sequence[Event], made: str | None = None) -> Diagnosis:
    """Decide why a start has not ended well.

    Args:
        pod: As it is now; None: there is none.
        events: Those of the pods of this name since the start began, oldest first.
        made: The `uid` of the pod that the start has made; None: it has made none.
    """
    state = PodState.read(pod) if pod is not None else None
    if state is None:
        return _diagnose_without_pod(events, made)
    if state.is_being_deleted if made is None else state.uid not in ("", made):
        return EARLIER_SERVER
    mine = [event for event in events if not is_of_another_pod(event, state.uid)]
    return (
        _diagnose_whole_pod(state)
        or _diagnose_hook(state, mine)
        or _diagnose_containers(state, mine)
        or _diagnose_by_events(state, mine)
        or _diagnose_stage(state, mine)
    )


def _diagnose_without_pod(events: Sequence[Event], made: str | None) -> Diagnosis:
    """Decide where no pod is there: it was never made, or is gone."""
    if made is None:
        return EARLIER_SERVER if any(event.get("reason") == "Killing" for event in events) else _NOT_MADE
    for event in reversed([event for event in events if not is_of_another_pod(event, made)]):
        found = explain_event(event, None, made)
        if found.cause in (Cause.MACHINE, Cause.HOOK, Cause.PROBE, Cause.MEMORY):
            return found
    return _GONE


def _diagnose_whole_pod(state: PodState) -> Diagnosis | None:
    """Decide by what ended the pod as a whole."""
    if state.disruption in _DISRUPTIONS:
        return _DISRUPTIONS[state.disruption]
    if state.reason == "Evicted":
        return explain_eviction(state.text)
    if state.reason.startswith("OutOf"):
        return NO_ROOM
    found = _IN_A_POD.get(state.reason)
    if found is None and state.disruption:
        return EVICTED
    if found is None and state.is_being_deleted:
        return BEING_STOPPED
    return found


def _diagnose_hook(state: PodState, events: Sequence[Event]) -> Diagnosis | None:
    if all(container.is_done for container in state.containers):
        return None
    found = [
        event
        for event in events
        if event.get("reason") == "FailedPostStartHook" or "FailedPostStartHook" in text_of(event)
    ]
    return FAILED_HOOK if found else None


def _diagnose_containers(state: PodState, events: Sequence[Event]) -> Diagnosis | None:
    """Decide by the first container that does not run as it should; steps come first."""
    for container in state.containers:
        found = explain_container(container)
        if found is None or (container.is_step and container.is_done):
            continue
        is_killed = found.cause is Cause.PROGRAM and any(
            event.get("reason") == "Killing" and re.search(r"failed \w+ probe", text_of(event))
            for event in events
        )
        if found.cause is Cause.IMAGE:
            return _with_missing_secret(found, events)
        return PROBE_FAILED if is_killed else found
    return None


def _with_missing_secret(found: Diagnosis, events: Sequence[Event]) -> Diagnosis:
    """Add that a pull secret does not exist, where an image that may need it cannot be fetched."""
    for event in events:
        if event.get("reason") == "FailedToRetrieveImagePullSecret":
            what = explain_event(event).over
            return replace(found, ongoing=f"{found.ongoing} {what}", over=f"{found.over} {what}")
    return found


def _diagnose_by_events(state: PodState, events: Sequence[Event]) -> Diagnosis | None:
    """Decide by the last event that speaks of how far the pod is, and is not over."""
    if all(container.is_done for container in state.containers) and state.containers:
        return None
    if state.was_started:
        reasons = _OF_RUNNING
    elif state.machine and any(event.get("reason") in _BEGUN for event in events):
        reasons = _OF_IMAGES
    elif state.machine:
        reasons = _BEFORE_IMAGES | _OF_IMAGES
    else:
        if state.unscheduled is not None and state.unscheduled.reason == "SchedulingGated":
            return _GATED
        if state.unscheduled is not None and state.unscheduled.text:
            return explain_unscheduled(state.unscheduled.text)
        reasons = _OF_SCHEDULING
    speaking = [event for event in events if event.get("reason") in reasons]
    # "Error: ErrImagePull" comes after the event that says which image and why.
    clear = [event for event in speaking if not text_of(event).startswith("Error: ")] or speaking
    return explain_event(clear[-1], state, state.uid) if clear else None


def _diagnose_stage(state: PodState, events: Sequence[Event]) -> Diagnosis:
    """Decide where nothing says what is wrong: by how far the pod is, and what else was said."""
    others = [
        event
        for event in events
        if event.get("type") == "Warning" and event.get("reason") not in _OF_ANOTHER_STAGE
    ]
    if others:
        found = explain_event(others[-1], state, state.uid)
        if found is not UNKNOWN or not state.was_started:
            return found
    if not state.machine:
        return _NO_MACHINE
    if not state.containers:
        what = f"The machine {shown(state.machine)} has not begun with the server."
        return always(Cause.MACHINE, what, REPORT)
    return _diagnose_progress(state, events)


def _diagnose_progress(state: PodState, events: Sequence[Event]) -> Diagnosis:
    waiting = [container for container in state.containers if not container.is_done]
    if not waiting:
        return _UNANSWERED
    if waiting[0].is_step and waiting[0].is_running:
        what = f"The step {shown(waiting[0].name)}, which runs before the server,"
        return Diagnosis(Cause.PROGRESS, f"{what} is running.", f"{what} was still running.", REPORT)
    if waiting[0].is_running:
        return _NOT_READY
    going_on = [event for event in events if event.get("reason") in _BEGUN]
    if going_on:
        return explain_event(going_on[-1], state, state.uid)
    what = "Volumes and network of the server were still being prepared."
    return Diagnosis(Cause.PROGRESS, "Volumes and network of the server are being prepared.", what, REPORT)


def explain_timeout(seconds: int, found: Diagnosis) -> str:
    """Say that a server was not ready in time, and why."""
    return f"The server was not ready after {seconds} seconds. {found.explanation}"


def explain_no_answer(seconds: int, found: Diagnosis) -> str:
    """Say that a server did not answer the hub in time, and why."""
    return f"The server did not answer within {seconds} seconds. {found.explanation}"


def words_for_log(pod: Mapping[str, Any] | None, events: Sequence[Event]) -> str:
    """Give Kubernetes' own words about a pod, for an admin: what a person is shown never has them."""
    if pod is None:
        parts = ["no pod"]
    else:
        state = PodState.read(pod)
        whole = f"pod {state.phase or 'without a phase'} {state.reason} {state.text}".strip()
        parts = [whole]
        if state.unscheduled is not None:
            parts.append(f"{state.unscheduled.reason}: {state.unscheduled.text}")
        for one in state.containers:
            if one.waiting:
                parts.append(f"{one.name} waits: {one.waiting} {one.waiting_text}".rstrip())
            if one.ended is not None:
                parts.append(
                    f"{one.name} ended: {one.ended.reason}, {one.ended.how} {one.ended.text}".rstrip()
                )
    if events:
        parts.append(f"{events[-1].get('reason')}: {text_of(events[-1])}")
    return "; ".join(shown(part) for part in parts)
