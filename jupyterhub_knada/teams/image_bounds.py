"""Which images may be started: one rule for files, for what a person chooses, and for the plan. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.images import is_allowed, parse_image
from jupyterhub_knada.teams.quoting import got, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_knada.teams.model import Bounds, PlatformFile

_LISTED_AT_MOST: Final = 10


def find_image_faults(image: str, platform: PlatformFile | None) -> tuple[Fault, ...]:
    """Find why an image may not be started; empty where it may.

    Args:
        image: a full reference, as it would be started.
        platform: its own images always pass, whatever `bounds.images` says; None: there are no bounds.

    Returns:
        BAD_IMAGE alone, or IMAGE_NOT_ALLOWED, IMAGE_WITHOUT_TAG or both.
    """
    if parse_image(image) is None:
        rule = "'registry/path:tag' or 'registry/path@sha256:…', the path in lower case"
        return (Fault(Code.BAD_IMAGE, f"not an image reference {got(image)}", rule, "write it in full"),)
    if platform is None or any(known.image == image for known in platform.images):
        return ()
    faults = []
    if not is_allowed(image, platform.bounds.images):
        message = f"outside the bounds {got(image)}"
        rule = _allowed(platform.bounds.images)
        faults.append(Fault(Code.IMAGE_NOT_ALLOWED, message, rule, "choose another image"))
    if platform.bounds.require_image_tag and (fault := find_missing_tag(image, platform.bounds)) is not None:
        faults.append(fault)
    return tuple(faults)


def find_missing_tag(image: str, bounds: Bounds) -> Fault | None:
    """Say that a reference has neither tag nor digest, if so; whether it must is the bounds' to say."""
    reference = parse_image(image)
    if reference is None or reference.is_pinned:
        return None
    advice = "without one 'latest' is started, whatever that is by then"
    rule = "the platform requires one" if bounds.require_image_tag else advice
    message = f"an image without a tag {got(image)}"
    return Fault(Code.IMAGE_WITHOUT_TAG, message, rule, f"write for example '{image}:2026-11-01'")


def _allowed(globs: Sequence[str] | None) -> str:
    if not globs:
        return "the platform lets through its own images only"
    more = f" and {len(globs) - _LISTED_AT_MOST} more patterns" if len(globs) > _LISTED_AT_MOST else ""
    return f"the platform lets through {listed(globs[:_LISTED_AT_MOST])}{more}"


def refuse_image(
    image: str, platform: PlatformFile | None, profile: str, contact: str | None
) -> Refusal | None:
    """Refuse to start a profile with an image that may not be started, if it may not.

    Args:
        image: as `find_image_faults` has it.
        platform: as `find_image_faults` has it.
        profile: The profile's slug, for the message.
        contact: Whom the person asks.
    """
    faults = find_image_faults(image, platform)
    if not faults:
        return None
    fault = faults[0]
    message = f"Profile {quoted(profile)} cannot start its image: {fault.message}; {fault.rule}."
    remedy = f"Choose another image or profile, or ask {contact or 'whoever runs this hub'}."
    return Refusal(fault.code, message, remedy, status=400)
