"""What the events of a pod say, in words, by their reason and their text. Pure.

Source: Kubernetes 1.32-1.36, kubelet `pkg/kubelet/events/event.go`, kube-scheduler, node and taint
controllers; cluster-autoscaler.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.diagnosis.causes import LONGEST_READ, REPORT, Cause, Diagnosis, always, shown
from jupyterhub_knada.servers.diagnosis.containers import (
    BAD_IMAGE_NAME,
    FAILED_HOOK,
    IMAGE_NEVER_FETCHED,
    explain_end,
    explain_refused_container,
)
from jupyterhub_knada.servers.diagnosis.images import explain_pull, image_in
from jupyterhub_knada.servers.diagnosis.scheduling import explain_unscheduled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_knada.servers.diagnosis.pod_state import PodState

_LATER: Final = "Try again in some minutes."
PREEMPTED: Final = always(Cause.MACHINE, "A more important server replaced this one.", _LATER)
EVICTED: Final = always(Cause.MACHINE, "The machine had too little left and ended the server.", _LATER)
TOO_MUCH_DISK: Final = always(
    Cause.MACHINE,
    "The server wrote more to the machine's disk than it may, and was ended.",
    "Write to your home instead.",
)
EARLIER_SERVER: Final = Diagnosis(
    Cause.STOPPED,
    "An earlier server is being stopped.",
    "An earlier server was still being stopped.",
    "Try again in a minute.",
)
BEING_STOPPED: Final = Diagnosis(
    Cause.STOPPED, "The server is being stopped.", "The server was stopped before it was ready.", _LATER
)
MACHINE_SILENT: Final = Diagnosis(
    Cause.MACHINE,
    "The server's machine does not answer the cluster.",
    "The server's machine did not answer the cluster.",
    _LATER,
)
MACHINE_CLEARED: Final = Diagnosis(
    Cause.MACHINE,
    "The server's machine is being cleared, and the server with it.",
    "The server's machine was cleared, and the server with it.",
    _LATER,
)
PROBE_FAILED: Final = Diagnosis(
    Cause.PROBE,
    "The server did not answer Kubernetes' health check and is started again.",
    "The server did not answer Kubernetes' health check and was ended.",
    REPORT,
)
NO_ROOM: Final = always(
    Cause.MACHINE, "The machine that was chosen has too little free capacity for the server.", "Try again."
)
"""Something else came first. Source: kubelet, `OutOfcpu`, `OutOfpods`, `OutOfnvidia.com/gpu` …"""
UNKNOWN: Final = Diagnosis(
    Cause.UNKNOWN,
    "Kubernetes reports a problem with the server that this page has no words for.",
    "Kubernetes reported a problem with the server that this page has no words for.",
    f"The hub's log has it. {REPORT}",
)
GOES_ON: Final = Diagnosis(
    Cause.PROGRESS,
    "Kubernetes is working on the server.",
    "Kubernetes was still working on the server.",
)


def explain_event(
    event: Mapping[str, Any], pod: PodState | None = None, made: str | None = None
) -> Diagnosis:
    """Put one event of a pod in words.

    Args:
        event: As the API gives it, or as it is kept; any field may be missing or null.
        pod: What the pod says by now, where it is there.
        made: The `uid` of the pod that this start has made; None: it has not made one. Events of another are
            of an earlier server.

    Returns:
        Never raises; an event without an explanation is told by its type alone.
    """
    reason, text = str(event.get("reason") or ""), text_of(event)
    if reason == "Killing":
        return _explain_killing(event, text, made)
    if reason == "BackOff":
        return _explain_back_off(text, pod)
    if reason in ("Created", "Started") and (step := _step_of(event)):
        return _explain_step(step)
    explain = _BY_REASON.get(reason)
    if explain is not None:
        return explain(text)
    if reason.startswith("OutOf"):
        return NO_ROOM
    return UNKNOWN if event.get("type") == "Warning" else GOES_ON


def text_of(event: Mapping[str, Any]) -> str:
    """Give the text of an event of either API group; what is longer than is read is left out."""
    return str(event.get("message") or event.get("note") or "")[:LONGEST_READ]


def is_of_another_pod(event: Mapping[str, Any], made: str | None) -> bool:
    """Decide whether an event is of an earlier pod of this name; one without a uid is not."""
    uid = (event.get("involvedObject") or {}).get("uid")
    return bool(uid) and uid != made


def _explain_killing(event: Mapping[str, Any], text: str, made: str | None) -> Diagnosis:
    if "FailedPostStartHook" in text:
        return FAILED_HOOK
    if "probe" in text:
        return PROBE_FAILED
    return EARLIER_SERVER if made is None or is_of_another_pod(event, made) else BEING_STOPPED


def _step_of(event: Mapping[str, Any]) -> str:
    """Give the init container that an event is of; empty: it is of none."""
    path = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    step = re.fullmatch(r"spec\.initContainers\{(.*)\}", path[:LONGEST_READ])
    return shown(step[1]) if step else ""


def _explain_step(step: str) -> Diagnosis:
    what = f"The step {step}, which runs before the server,"
    return Diagnosis(Cause.PROGRESS, f"{what} is running.", f"{what} was still running.")


def _explain_back_off(text: str, pod: PodState | None) -> Diagnosis:
    if text.startswith("Back-off pulling image"):
        what = f"The image {image_in(text)} could not be fetched"
        return Diagnosis(Cause.IMAGE, f"{what}; Kubernetes tries again.", f"{what}.")
    found = re.search(r"failed container (\S+) in pod", text)
    for container in pod.containers if pod is not None else ():
        if container.ended is not None and (found is None or container.name == found[1]):
            return explain_end(container, container.ended)
    what = "The server ends as soon as it starts"
    return Diagnosis(Cause.PROGRAM, f"{what}; Kubernetes tries again.", f"{what}.")


def _explain_failed(text: str) -> Diagnosis:
    """Explain `Failed`, which is of a pull or of a container."""
    if text.startswith("Failed to pull image"):
        return explain_pull(text)
    if text in {"Error: ErrImagePull", "Error: ImagePullBackOff"}:
        what = "The image could not be fetched"
        return Diagnosis(Cause.IMAGE, f"{what}; Kubernetes tries again.", f"{what}.")
    if text == "Error: InvalidImageName":
        return BAD_IMAGE_NAME
    if text == "Error: ErrImageNeverPull":
        return IMAGE_NEVER_FETCHED
    return explain_refused_container(text)


def _explain_mount(text: str) -> Diagnosis:
    volume = re.search(r'volume "([^"]*)"', text)
    missing = re.search(r'(secret|configmap) "([^"]*)" not found', text)
    why = f": the {missing[1]} {shown(missing[2])} does not exist" if missing else ""
    name = shown(volume[1]) if volume else "of the server"
    return Diagnosis(
        Cause.VOLUME,
        f"The volume {name} cannot be mounted yet{why}.",
        f"The volume {name} could not be mounted{why}.",
        REPORT,
    )


def _explain_sandbox(text: str) -> Diagnosis:
    if re.search(r"memory limit too low|OOM|out of memory", text):
        what = "The profile allows less memory than a server needs to begin."
        return always(Cause.MEMORY, what, "Choose a profile with more memory.")
    what = "The machine could not prepare the server's container or network"
    return Diagnosis(Cause.MACHINE, f"{what}; Kubernetes tries again.", f"{what}.", REPORT)


def explain_eviction(text: str) -> Diagnosis:
    """Explain why a machine ended a server, by the text of the event or of the pod."""
    if re.search(r"ephemeral|emptyDir", text, re.IGNORECASE):
        return EVICTED if "low on resource" in text else TOO_MUCH_DISK
    return EVICTED


def _explain_scheduled(text: str) -> Diagnosis:
    node = re.search(r" to (\S+)$", text)
    what = f"A machine was found: {shown(node[1])}." if node else "A machine was found."
    return always(Cause.PROGRESS, what)


def _explain_pulling(text: str) -> Diagnosis:
    what = f"Fetching the image {image_in(text)}"
    return Diagnosis(
        Cause.PROGRESS,
        f"{what}; the first time on a machine it takes a while.",
        f"{what} took too long.",
        "Try again: the machine goes on fetching it.",
    )


def _explain_pulled(text: str) -> Diagnosis:
    is_there = "already present" in text
    return always(
        Cause.PROGRESS, "The image is already on the machine." if is_there else "The image was fetched."
    )


def _explain_missing_secret(text: str) -> Diagnosis:
    name = re.search(r"image pull secrets \(([^)]*)\)", text)
    which = f" {shown(name[1])}" if name else ""
    return always(Cause.IMAGE, f"The pull secret{which} of the team does not exist.", REPORT)


def _constant(found: Diagnosis) -> Callable[[str], Diagnosis]:
    return lambda _: found


_BY_REASON: Final[Mapping[str, Callable[[str], Diagnosis]]] = {
    "Created": _constant(always(Cause.PROGRESS, "The server's container was made.")),
    "ErrImageNeverPull": _constant(IMAGE_NEVER_FETCHED),
    "Evicted": explain_eviction,
    "Failed": _explain_failed,
    "FailedAttachVolume": _constant(
        Diagnosis(
            Cause.VOLUME,
            "The volume of your home is still attached to another machine.",
            "The volume of your home was attached to another machine.",
            "Try again in some minutes.",
        )
    ),
    "FailedCreatePodSandBox": _explain_sandbox,
    "FailedMount": _explain_mount,
    "FailedPostStartHook": _constant(FAILED_HOOK),
    "FailedScheduling": explain_unscheduled,
    "FailedToRetrieveImagePullSecret": _explain_missing_secret,
    "InspectFailed": _constant(BAD_IMAGE_NAME),
    "NodeNotReady": _constant(MACHINE_SILENT),
    "NotTriggerScaleUp": _constant(
        always(Cause.UNSCHEDULABLE, "No larger cluster would help: no kind of machine fits this server.")
    ),
    "Preempted": _constant(PREEMPTED),
    "Preempting": _constant(PREEMPTED),
    "Pulled": _explain_pulled,
    "Pulling": _explain_pulling,
    "Scheduled": _explain_scheduled,
    "Started": _constant(
        Diagnosis(Cause.PROGRESS, "The server is starting.", "The server was still starting.")
    ),
    "SuccessfulAttachVolume": _constant(
        always(Cause.PROGRESS, "The volume of your home was attached to the machine.")
    ),
    "TaintManagerEviction": _constant(MACHINE_CLEARED),
    "TriggeredScaleUp": _constant(
        Diagnosis(
            Cause.PROGRESS,
            "The cluster adds a machine for this server; that takes some minutes.",
            "The cluster was to add a machine for this server, which took too long.",
            "Try again in some minutes.",
        )
    ),
    "Unhealthy": _constant(
        Diagnosis(Cause.PROBE, "The server does not answer yet.", "The server did not answer.", REPORT)
    ),
}
"""Reason of an event -> how its text is explained."""
