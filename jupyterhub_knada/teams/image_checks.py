"""Images that files name: whether the platform has them, lets them through, and still maintains them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.image_bounds import find_image_faults, find_missing_tag
from jupyterhub_knada.teams.images import is_image_name, parse_image
from jupyterhub_knada.teams.quoting import got, got_kind, listed, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.model import PlatformFile, Profile


def check_platform_images(view: FileView[PlatformFile], platform: PlatformFile) -> Iterable[Problem]:
    """Check that the platform's own images say which version is meant."""
    for index, image in enumerate(platform.images):
        fault = find_missing_tag(image.image, platform.bounds)
        if fault is not None:
            severity = Severity.ERROR if platform.bounds.require_image_tag else Severity.WARNING
            yield view.tell(fault.below(("images", index, "image")), severity)


def check_image(
    view: FileView[Any],
    path: Path,
    image: str,
    platform: PlatformFile,
    today: date,
) -> Iterable[Problem]:
    """Check what `image` of a team, a profile or the defaults says: a name or a reference."""
    if is_image_name(image):
        named = next((known for known in platform.images if known.name == image), None)
        if named is None:
            yield view.tell(_unknown_name(path, image, [known.name for known in platform.images]))
            return
    else:
        yield from check_reference(view, path, image, platform)
        named = next((known for known in platform.images if known.image == image), None)
    if named is not None and named.end_of_life is not None and named.end_of_life < today:
        effect = "is hidden on the spawn page" if platform.hide_end_of_life else "is marked on the spawn page"
        fault = Fault(
            Code.IMAGE_END_OF_LIFE,
            f"an image past its end of life {got(image)}",
            f"it ended on {named.end_of_life.isoformat()} and {effect}",
            "choose a newer image",
            path,
        )
        yield view.tell(fault, Severity.WARNING)


def check_reference(
    view: FileView[Any],
    path: Path,
    image: str,
    platform: PlatformFile,
) -> Iterable[Problem]:
    """Check an image reference against the bounds; the platform's own images always pass."""
    if any(known.image == image for known in platform.images):
        return
    advice = find_missing_tag(image, platform.bounds)
    if advice is not None and not platform.bounds.require_image_tag:
        yield view.tell(advice.below(path), Severity.WARNING)
    for fault in find_image_faults(image, platform):
        yield view.tell(fault.below(path))


def check_override_images(
    view: FileView[Any],
    profile: tuple[Path, Profile],
    platform: PlatformFile,
) -> Iterable[Problem]:
    """Check the images that a profile's overrides set; KubeSpawner takes references there, no names."""
    prefix, content = profile
    for path, override in content.overrides():
        image = override.get("image")
        full = (*prefix, *path, "image")
        if not isinstance(image, str) or "{" in image:
            continue  # A text with `{value}` is judged when somebody has typed the value.
        if parse_image(image) is None:
            rule = "an override needs a full reference, 'registry/path:tag'"
            fault = Fault(
                Code.BAD_IMAGE, f"not an image {got_kind(image)}", rule, "write one, or use 'image'", full
            )
            yield view.tell(fault)
        else:
            yield from check_reference(view, full, image, platform)


def _unknown_name(path: Path, image: str, known: Sequence[str]) -> Fault:
    meant = suggestion(image, known)
    rule = f"the platform has {listed(sorted(known))}" if known else "the platform file names no images"
    remedy = (
        f"did you mean {meant!r}?" if meant else f"write a full reference, as 'docker.io/library/{image}:tag'"
    )
    return Fault(Code.UNKNOWN_IMAGE, f"no image of the platform {got(image)}", rule, remedy, path)
