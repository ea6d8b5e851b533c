"""What a person reads while a server starts, and when it does not: Kubernetes' own texts in plain words.

Plain text only. JupyterHub's page shows `message` as text; nothing here ever makes HTML. Reasons are matched
first and texts second: reasons are API, texts change with each release. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LONGEST_TOLD: Final = 240
"""Characters of Kubernetes' own text that are shown."""
LONGEST_READ: Final = 2000
"""Characters of an event's text that are looked at: whoever writes an event may write a megabyte."""

_SHORTAGES: Final = (
    (re.compile(r"no nodes available to schedule pods"), "there is none in the cluster"),
    (re.compile(r"Insufficient (?:nvidia\.com/gpu|[\w.-]+/gpu|\S*gpu\S*)"), "none has a free GPU"),
    (re.compile(r"Insufficient memory"), "none has enough free memory"),
    (re.compile(r"Insufficient cpu"), "none has enough free CPU"),
    (re.compile(r"Insufficient (?P<what>[\w./-]+)"), "none has enough {what}"),
    (re.compile(r"Too many pods"), "none has room for one more server"),
    (
        re.compile(r"didn't match Pod's node affinity/selector"),
        "none is of the kind that the profile asks for",
    ),
    (re.compile(r"untolerated taint"), "some are reserved for others"),
    (re.compile(r"were unschedulable"), "some are closed for maintenance"),
    (
        re.compile(
            r"volume node affinity|PersistentVolume's node affinity|available persistent volumes to bind"
        ),
        "none of those that can reach your home is free",
    ),
)
"""What the scheduler's sentence holds -> what it means. Source: Kubernetes 1.36, kube-scheduler."""

_IMAGE_FAULTS: Final = (
    (re.compile(r"too ?many ?requests|429", re.IGNORECASE), "the registry takes no more requests for now"),
    (
        re.compile(r"authoriz|denied|unauthenticated|401|403|no basic auth", re.IGNORECASE),
        "the registry does not give it out without a login, or it does not exist",
    ),
    (re.compile(r"not found|manifest unknown", re.IGNORECASE), "there is no such image or tag"),
    (re.compile(r"no such host|lookup|name resolution", re.IGNORECASE), "the registry's name is not known"),
    (
        re.compile(r"timeout|refused|unreachable|deadline|\bEOF\b", re.IGNORECASE),
        "the registry does not answer",
    ),
)


_ADMINS: Final = "Tell whoever runs this hub."
_AGAIN: Final = "Try again in a minute; if it stays so, tell whoever runs this hub."
_REFUSALS: Final = (
    (
        re.compile(r"exceeded quota"),
        "its quota is used up",
        "Stop another server, or choose a smaller profile.",
    ),
    (re.compile(r"failed quota"), "its quota asks for sizes that the server does not have", _ADMINS),
    (
        re.compile(r"(?:maximum|minimum) \S+ usage per|limit to request ratio"),
        "no server of this size is allowed there",
        "Choose another profile.",
    ),
    (
        re.compile(r'violates PodSecurity "(?P<level>[^":]*)'),
        "the pod security level {level} forbids part of it",
        _ADMINS,
    ),
    (
        re.compile(r'serviceaccount "(?P<account>[^"]*)" not found'),
        "the service account {account}, which the server runs as, does not exist",
        "Tell whoever keeps the team's file.",
    ),
    (re.compile(r"because it is being terminated"), "the namespace is being deleted", _ADMINS),
    (re.compile(r'namespaces? "[^"]*" not found'), "the namespace does not exist", _ADMINS),
    (re.compile(r"cannot create resource"), "the hub has no right to create servers there", _ADMINS),
    (re.compile(r"cannot delete resource"), "the hub has no right to stop servers there", _ADMINS),
    (
        re.compile(r'admission webhook "(?P<webhook>[^"]*)" denied'),
        "a rule of the cluster, {webhook}, forbids it",
        _ADMINS,
    ),
    (
        re.compile(r'failed calling webhook "(?P<webhook>[^"]*)"'),
        "a rule of the cluster, {webhook}, could not be asked",
        _AGAIN,
    ),
    (
        re.compile(r"^Pod \S+ is invalid"),
        "part of it is invalid",
        "Choose another profile, and tell whoever keeps the team's file.",
    ),
)
"""What the API's Status says -> what it means, what to do. Source: Kubernetes 1.36, kube-apiserver."""


class Told(NamedTuple):
    """One thing that happened, in words."""

    waiting: str
    """While the start goes on."""
    over: str
    """When it has failed: nothing is promised any more."""


def tell_event(event: Mapping[str, Any]) -> str:
    """Tell one event of a pod in plain words.

    Args:
        event: An event as the API gives it; any field may be missing or null.

    Returns:
        One or two sentences without markup. Never raises, never empty.
    """
    return _tell(*_reason_and_text(event)).waiting


def _tell(reason: str, text: str) -> Told:
    teller = _TELLERS.get(reason)
    if teller is not None:
        return teller(text[:LONGEST_READ])
    return _same(_shortened(text) or f"Kubernetes says {_shortened(reason) or 'nothing more'}.")


def _tell_over(event: Mapping[str, Any]) -> str:
    return _tell(*_reason_and_text(event)).over


def _reason_and_text(event: Mapping[str, Any]) -> tuple[str, str]:
    return str(event.get("reason") or ""), str(event.get("message") or event.get("note") or "")


def tell_failure(events: Iterable[Mapping[str, Any]], seconds: int) -> str:
    """Tell why a start has not ended in time: the last event that says what is wrong, else the last one.

    Args:
        events: Those of this start, oldest first.
        seconds: How long was waited.
    """
    waited = f"The server was not ready after {seconds} seconds."
    told = [event for event in events if event.get("reason")]
    wrong = [event for event in told if event.get("type") == "Warning"]
    if not told:
        return f"{waited} Kubernetes says nothing about why."
    if not wrong:
        return f"{waited} The last that happened: {_tell_over(told[-1])}"
    # "Error: ErrImagePull" comes after the event that says which image and why.
    clear = [event for event in wrong if not str(event.get("message") or "").startswith("Error: ")]
    return f"{waited} {_tell_over((clear or wrong)[-1])}"


def tell_refusal(namespace: str, answer: str, message: str) -> str:
    """Tell why the cluster did not take a server's pod, and what to do.

    Args:
        namespace: Where the pod was to be.
        answer: The status of HTTP, e.g. `403 Forbidden`; told where the message says nothing that is known.
        message: The `message` of the API's Status; of it only names are shown, as it may quote the pod.
    """
    start = _takes_not(namespace)
    for pattern, why, remedy in _REFUSALS:
        found = pattern.search(message)
        if found:
            names = {name: _shortened(text) for name, text in found.groupdict().items()}
            return f"{start}: {why.format(**names)}. {remedy}"
    return f"{start}: {answer}. {_ADMINS}"


def _takes_not(namespace: str) -> str:
    return f"Kubernetes does not take the server in namespace {namespace}"


def tell_home_refusal(namespace: str, answer: str, message: str) -> str:
    """Tell why the cluster did not make a person's home, and what to do; see `tell_refusal`."""
    start = f"Kubernetes does not make your home in namespace {namespace}"
    if "exceeded quota" in message:
        return f"{start}: its quota for storage is used up. {_ADMINS}"
    limits = re.search(r"(maximum|minimum) storage usage per", message)
    if limits:
        return f"{start}: no home of this size is allowed there. {_ADMINS}"
    if "cannot create resource" in message:
        return f"{start}: the hub has no right to make homes there. {_ADMINS}"
    told = tell_refusal(namespace, answer, message)
    return told.replace(_takes_not(namespace), start, 1)


def tell_stop_refusal(namespace: str, answer: str, message: str) -> str:
    """Tell why the cluster does not let a server be stopped; see `tell_refusal`."""
    start = f"Kubernetes does not stop the server in namespace {namespace}"
    told = tell_refusal(namespace, answer, message).replace(_takes_not(namespace), start, 1)
    return f"{told} The hub asks again until it may."


def tell_silence() -> str:
    """Tell that the cluster could not be asked at all."""
    return f"Kubernetes does not answer the hub. {_AGAIN}"


def tell_unschedulable(text: str) -> Told:
    """Tell the scheduler's sentence: which machines there are and what each lacks.

    Args:
        text: e.g. `0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint(s). …`.
    """
    claim = re.search(r'persistentvolumeclaim "([^"]*)" not found', text)
    if claim:
        return _same(f"The volume {_shortened(claim[1])}, which the server mounts, does not exist.")
    if "unbound immediate PersistentVolumeClaims" in text:
        return Told(
            "Waiting for the volume of your home to be made.", "The volume of your home was not made."
        )
    # Behind "preemption:" the scheduler says why it does not push others out; that is nobody's cure.
    lacks, _, _ = text[:LONGEST_READ].partition("preemption:")
    meanings: dict[str, None] = {}
    for pattern, meaning in _SHORTAGES:
        for match in pattern.finditer(lacks):
            meanings.setdefault(meaning.format(**match.groupdict()))
            lacks = lacks.replace(match[0], "")
    if not meanings:
        return _no_machine(_shortened(text), "", "")
    return _no_machine(
        _shortened("; ".join(meanings)) + ".",
        " It starts when one can; a smaller profile may start at once.",
        " Try again later, or choose a smaller profile.",
    )


def _no_machine(why: str, waiting: str, over: str) -> Told:
    return Told(
        f"No machine can take the server now: {why}{waiting}",
        f"No machine could take the server: {why}{over}",
    )


def _tell_pull_failure(text: str) -> Told:
    image = _image_in(text)
    if not text.startswith("Failed to pull image"):
        return _tell_container_failure(text)
    _, _, cause = text.partition(": ")
    for pattern, meaning in _IMAGE_FAULTS:
        if pattern.search(cause):
            return _same(f"The image {image} cannot be fetched: {meaning}.")
    return _same(f"The image {image} cannot be fetched.")


def _tell_container_failure(text: str) -> Told:
    """Tell an event `Failed` that is not of a pull. Raw replies of the container runtime are not shown."""
    missing = re.search(r'(secret|configmap) "([^"]*)" not found', text)
    if missing:
        return _same(f"The server needs the {missing[1]} {_shortened(missing[2])}, which does not exist.")
    if text in {"Error: ErrImagePull", "Error: ImagePullBackOff"}:
        return _tried_again("The image could not be fetched")
    if "executable file not found" in text:
        return _same("The image has no jupyterhub-singleuser, which every image for this hub needs.")
    if "runAsNonRoot" in text:
        return _same("The image runs as root, which is not allowed here.")
    return _same("The server's container could not be started.")


def _tell_back_off(text: str) -> Told:
    if text.startswith("Back-off pulling image"):
        return _tried_again(f"The image {_image_in(text)} could not be fetched")
    return _tried_again("The server ends as soon as it starts")


def _tried_again(what: str) -> Told:
    return Told(f"{what}; Kubernetes tries again.", f"{what}.")


def _tell_mount_failure(text: str) -> Told:
    volume = re.search(r'volume "([^"]*)"', text)
    missing = re.search(r'(secret|configmap) "([^"]*)" not found', text)
    why = f": the {missing[1]} {_shortened(missing[2])} does not exist" if missing else ""
    name = _shortened(volume[1]) if volume else "of the server"
    return Told(
        f"The volume {name} cannot be mounted yet{why}.", f"The volume {name} could not be mounted{why}."
    )


def _tell_scheduled(text: str) -> Told:
    node = re.search(r" to (\S+)$", text)
    return _same(f"A machine was found: {_shortened(node[1])}." if node else "A machine was found.")


def _tell_pulling(text: str) -> Told:
    what = f"Fetching the image {_image_in(text)}"
    return Told(f"{what}; the first time on a machine it takes a while.", f"{what}, which took too long.")


def _tell_pulled(text: str) -> Told:
    if "already present" in text:
        return _same("The image is already on the machine.")
    return _same("The image was fetched.")


def _image_in(text: str) -> str:
    image = re.search(r'image "([^"]*)"', text)
    return _shortened(image[1]) if image else "of the profile"


def _shortened(text: str) -> str:
    """Give Kubernetes' own words, on one line and not too long."""
    line = " ".join(text[:LONGEST_READ].split())
    return line if len(line) <= LONGEST_TOLD else line[: LONGEST_TOLD - 1] + "…"


def _same(sentence: str) -> Told:
    return Told(sentence, sentence)


def _always(waiting: str, over: str = "") -> Callable[[str], Told]:
    return lambda _: Told(waiting, over or waiting)


_TELLERS: Final[Mapping[str, Callable[[str], Told]]] = {
    "BackOff": _tell_back_off,
    "Created": _always("The server's container was made."),
    "ErrImageNeverPull": _always("The image is not on the machine, and the hub forbids to fetch it."),
    "Evicted": _always("The machine had too little left and ended the server."),
    "Failed": _tell_pull_failure,
    "FailedAttachVolume": _always(
        "The volume of your home is still held by another machine.",
        "The volume of your home was held by another machine.",
    ),
    "FailedMount": _tell_mount_failure,
    "FailedScheduling": tell_unschedulable,
    "InspectFailed": _always("The image's name is not one that a machine can fetch."),
    "Killing": _always("An earlier server is being stopped."),
    "NotTriggerScaleUp": _always("No larger cluster would help: no kind of machine fits this server."),
    "Preempted": _always("A more important server took the place of this one."),
    "Pulled": _tell_pulled,
    "Pulling": _tell_pulling,
    "Scheduled": _tell_scheduled,
    "Started": _always("The server is starting."),
    "SuccessfulAttachVolume": _always("The volume of your home was attached to the machine."),
    "TriggeredScaleUp": _always(
        "The cluster adds a machine for this server; that takes some minutes.",
        "The cluster was to add a machine for this server, which took too long; try again in some minutes.",
    ),
    "Unhealthy": _always("The server does not answer yet.", "The server did not answer."),
}
"""Reason of an event -> how its text is told."""
