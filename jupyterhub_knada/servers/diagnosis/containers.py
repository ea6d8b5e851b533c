"""Why a container does not run: what its status says, in words. Pure.

Reasons are matched first and texts second: reasons are API, texts change with each release.
Source: Kubernetes 1.32-1.36, kubelet, `pkg/kubelet/kuberuntime` and `pkg/kubelet/images`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.servers.diagnosis.causes import (
    LONGEST_READ,
    REPORT,
    REPORT_TEAM,
    Cause,
    Diagnosis,
    always,
    shown,
)
from jupyterhub_knada.servers.diagnosis.images import explain_pull

if TYPE_CHECKING:
    from jupyterhub_knada.servers.diagnosis.pod_state import Container, Ended

SINGLEUSER: Final = "jupyterhub-singleuser"
"""What every image for a hub has to have."""
_NOT_STARTED: Final = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
_NOT_MADE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_NOT_FETCHED: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
BAD_IMAGE_NAME: Final = always(
    Cause.IMAGE, "The image's name is not one that a machine can fetch.", REPORT_TEAM
)
IMAGE_NEVER_FETCHED: Final = always(
    Cause.IMAGE, "The image is not on the machine, and the hub forbids to fetch it.", REPORT
)
_REFUSALS: Final = (
    (
        re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]*)" not found'),
        Cause.CONFIGURATION,
        "The server needs the {kind} {name}, which does not exist.",
    ),
    (
        re.compile(r"couldn't find key (?P<key>\S+) in Secret (?:\S*/)?(?P<name>\S+)"),
        Cause.CONFIGURATION,
        "The server needs {key} of the secret {name}, which has no such key.",
    ),
    (
        re.compile(r"couldn't find key (?P<key>\S+) in ConfigMap (?:\S*/)?(?P<name>\S+)"),
        Cause.CONFIGURATION,
        "The server needs {key} of the configmap {name}, which has no such key.",
    ),
    (
        re.compile(rf'exec: "{SINGLEUSER}": .*(?:not found|no such file)'),
        Cause.IMAGE,
        f"The image has no {SINGLEUSER}, which every image for this hub needs.",
    ),
    (
        re.compile(r'exec: "(?P<program>[^"]*)": .*(?:not found|no such file)'),
        Cause.IMAGE,
        "The image has no program {program}, which the profile starts.",
    ),
    (
        re.compile(r'exec: "[^"]*": .*permission denied'),
        Cause.IMAGE,
        "The image's program may not be executed.",
    ),
    (
        re.compile(r"chdir to cwd"),
        Cause.CONFIGURATION,
        "The folder that the server starts in does not exist.",
    ),
    (re.compile(r"runAsNonRoot"), Cause.IMAGE, "The image runs as root, which is not allowed here."),
    (
        re.compile(r"subPath"),
        Cause.VOLUME,
        "A folder of a volume, which the server mounts, could not be prepared.",
    ),
)
"""What kubelet and runtime say -> what it means. Source: Kubernetes 1.36, containerd 1.6-2.3, runc."""
FAILED_HOOK: Final = Diagnosis(
    Cause.HOOK,
    "The profile's start command (postStart) failed, so that the server is ended; Kubernetes tries again.",
    "The profile's start command (postStart) failed, so that the server was ended.",
    REPORT_TEAM,
)
OUT_OF_MEMORY: Final = Diagnosis(
    Cause.MEMORY,
    "The server needed more memory than the profile allows and was ended; Kubernetes tries again.",
    "The server needed more memory than the profile allows and was ended.",
    "Choose a profile with more memory.",
)

_BY_WAITING: Final = {
    "ErrImageNeverPull": IMAGE_NEVER_FETCHED,
    "InvalidImageName": BAD_IMAGE_NAME,
    "PostStartHookError": FAILED_HOOK,
}


def explain_container(container: Container) -> Diagnosis | None:
    """Put in words why a container does not run, or has ended; None: its status has nothing against it."""
    ended = container.ended
    if ended is not None and ended.reason == "OOMKilled":
        return OUT_OF_MEMORY
    if container.waiting in _NOT_FETCHED:
        return explain_pull(container.waiting_text)
    if container.waiting in _NOT_MADE:
        return explain_refused_container(container.waiting_text)
    if container.waiting in _BY_WAITING or ended is None:
        return _BY_WAITING.get(container.waiting)
    if ended.reason in _NOT_STARTED:
        return explain_refused_container(ended.text)
    return explain_end(container, ended)


def explain_refused_container(text: str) -> Diagnosis:
    """Put in words why a container was not made or started. Raw replies of the runtime are not shown.

    Args:
        text: Of the event `Failed`, of the container that waits, or of one that ended with `StartError`.
    """
    for pattern, cause, sentence in _REFUSALS:
        found = pattern.search(text[:LONGEST_READ])
        if found:
            names = {name: shown(value) for name, value in found.groupdict().items()}
            return always(cause, sentence.format(**names), REPORT_TEAM)
    return always(Cause.CONFIGURATION, "The server's container could not be started.", REPORT_TEAM)


def explain_end(container: Container, ended: Ended) -> Diagnosis:
    """Put in words how a container's program ended."""
    name = shown(container.name)
    if container.is_step:
        what = f"The step {name}, which runs before the server, ends with {ended.how}"
        return Diagnosis(Cause.PROGRAM, f"{what}; Kubernetes tries again.", f"{what}.", REPORT_TEAM)
    if ended.exit_code == 0 and not ended.signal:
        what = "The server ended by itself, without an error, before it could be used."
        return always(Cause.PROGRAM, what, REPORT_TEAM)
    what = f"The server ends as soon as it starts ({ended.how})"
    return Diagnosis(Cause.PROGRAM, f"{what}; Kubernetes tries again.", f"{what}.", REPORT_TEAM)
