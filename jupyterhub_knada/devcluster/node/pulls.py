"""Which images there are. Nothing is fetched; what is missing or slow is what the node was told."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.context import NodeContext

# A kubelet shows ErrImagePull until it looks at the pod again, then ImagePullBackOff.
_PULL_ERROR_SHOWN_SECONDS = 2.0

# Source: distribution/reference, the grammar of image references, without the length limits.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DOMAIN = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d+)?)"
)
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::[\w][\w.-]{{0,127}})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-f]{{32,}})?"
)


class Tell(Protocol):
    """Takes a reason and a message."""

    def __call__(self, reason: str, message: str, /) -> None:
        """Take them."""


class PullError(Exception):
    """An image is not to be had.

    Attributes:
        reason: the container's waiting reason: `InvalidImageName`, `ErrImageNeverPull` or `ErrImagePull`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class Images:
    """The images of one node."""

    missing: tuple[str, ...] = ()
    """Shell patterns."""
    pull_seconds: float = 0.0
    _present: set[str] = field(default_factory=set)

    def is_present(self, image: str) -> bool:
        """Tell whether the image lies on the node: every known one, unless pulls take time."""
        return not self._is_missing(image) and (not self.pull_seconds or image in self._present)

    async def pull(self, image: str) -> str:
        """Pull an image; give the kubelet's words for it. Raises: PullError."""
        started = time.monotonic()
        await asyncio.sleep(self.pull_seconds)
        if self._is_missing(image):
            raise PullError(
                "ErrImagePull",
                f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
                f"failed to resolve image: {image}: not found",
            )
        self._present.add(image)
        took = f"{time.monotonic() - started:.3f}s"
        return f'Successfully pulled image "{image}" in {took} ({took} including waiting).'

    def _is_missing(self, image: str) -> bool:
        return any(fnmatchcase(image, pattern) for pattern in self.missing)


def check_reference(image: str) -> None:
    """Check an image's name. Raises: PullError."""
    if not _REFERENCE.fullmatch(image):
        raise PullError(
            "InvalidImageName",
            f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": '
            "invalid reference format",
        )


def decide_policy(container: JsonObject) -> str:
    """Give the pull policy; the API server has set it, an older or smaller one may not have."""
    image = container["image"].partition("@")[0]
    tag = image.rpartition("/")[2].partition(":")[2]
    return str(container.get("imagePullPolicy") or "") or (
        "Always" if tag in {"", "latest"} else "IfNotPresent"
    )


async def ensure_image(node: NodeContext, container: JsonObject, wait: Tell, tell: Tell, warn: Tell) -> str:
    """Wait until a container's image is there, telling about it as a kubelet does; give its id.

    Args:
        node: whose images.
        container: its spec.
        wait: called with the waiting reason and message of the container's state.
        tell: records a Normal event (reason, message).
        warn: records a Warning.
    """
    image, backoff, delay = container["image"], node.options.backoff, 0.0
    while True:
        try:
            words = await _find_image(node.images, container, tell)
        except PullError as failure:
            delay = backoff.next_delay(delay)
            _tell_failure(image, failure, wait, warn)
            await asyncio.sleep(min(_PULL_ERROR_SHOWN_SECONDS, delay / 2))
            if failure.reason == "ErrImagePull":
                tell("BackOff", f'Back-off pulling image "{image}"')
                warn("Failed", "Error: ImagePullBackOff")
                wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {failure}')
            await asyncio.sleep(delay)
        else:
            tell("Pulled", words)
            return node.image.image_id


async def _find_image(images: Images, container: JsonObject, tell: Tell) -> str:
    image, policy = container["image"], decide_policy(container)
    check_reference(image)
    if policy != "Always" and images.is_present(image):
        return f'Container image "{image}" already present on machine and can be accessed by the pod'
    if policy == "Never":
        told = f'Container image "{image}" is not present with pull policy of Never'
        raise PullError("ErrImageNeverPull", told)
    tell("Pulling", f'Pulling image "{image}"')
    return await images.pull(image)


def _tell_failure(image: str, failure: PullError, wait: Tell, warn: Tell) -> None:
    events = {"InvalidImageName": "InspectFailed", "ErrImageNeverPull": "ErrImageNeverPull"}
    if event := events.get(failure.reason):
        warn(event, str(failure))
    else:
        warn("Failed", f'Failed to pull image "{image}": {failure}')
    warn("Failed", f"Error: {failure.reason}")
    wait(failure.reason, str(failure))
