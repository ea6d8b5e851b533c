"""The bounds that lists of names set: labels, annotations and runtime classes. Pure.

A team's own settings and every override are judged by these, when their file is read and again at a start: a
person's own text may be in an override, and the platform's file may have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.globs import matches_any
from jupyterhub_knada.teams.quoting import got, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.model import Bounds, Profile, Settings

_OWN_TEXT: Final = "{value}"
_LISTED_AT_MOST: Final = 10


def find_unlisted_names(
    labels: Iterable[str], annotations: Iterable[str], bounds: Bounds
) -> tuple[Fault, ...]:
    """Find labels and annotations that `bounds.labels` and `bounds.annotations` do not let through.

    Returns:
        Faults at the key, with the paths `labels.<key>` and `annotations.<key>`.
    """
    return (
        *_unlisted("labels", "a label", labels, bounds.labels),
        *_unlisted("annotations", "an annotation", annotations, bounds.annotations),
    )


def find_override_faults(override: Mapping[str, Any], bounds: Bounds) -> tuple[Fault, ...]:
    """Find what one `kubespawnerOverride` may not name within these bounds, with paths inside it.

    A key or value with a person's own text still to come is judged when it is there.
    """
    return (
        *_unlisted("extra_labels", "a label", _keys(override, "extra_labels"), bounds.labels),
        *_unlisted(
            "extra_annotations", "an annotation", _keys(override, "extra_annotations"), bounds.annotations
        ),
        *_runtime_classes(override.get("extra_pod_config"), bounds),
    )


def check_settings_names(
    view: FileView[Any], path: Path, settings: Settings, bounds: Bounds
) -> Iterator[Problem]:
    """Check the labels and annotations of a team, or of the platform's defaults."""
    for fault in find_unlisted_names(settings.labels or (), settings.annotations or (), bounds):
        yield view.tell(fault.below(path))


def check_profile_names(
    view: FileView[Any], path: Path, profile: Profile, bounds: Bounds
) -> Iterator[Problem]:
    """Check every override of a profile, its options and choices."""
    for inner, override in profile.overrides():
        for fault in find_override_faults(override, bounds):
            yield view.tell(fault.below((*path, *inner)))


def _keys(override: Mapping[str, Any], trait: str) -> tuple[str, ...]:
    said = override.get(trait)
    return tuple(key for key in said if isinstance(key, str)) if isinstance(said, Mapping) else ()


def _unlisted(place: str, what: str, keys: Iterable[str], globs: tuple[str, ...] | None) -> Iterator[Fault]:
    if globs is None:
        return
    key_of_bound = "labels" if what == "a label" else "annotations"
    for key in keys:
        if _OWN_TEXT in key or matches_any(globs, key):
            continue
        rule = f"the platform lets through {_in_words(globs)} (bounds.{key_of_bound})"
        message = f"{what} outside the bounds {got(key)}"
        yield Fault(
            Code.OVER_BOUND, message, rule, "remove it, or ask for it there", (place, key), at_key=True
        )


def _runtime_classes(pod_config: Any, bounds: Bounds) -> Iterator[Fault]:
    if not isinstance(pod_config, Mapping):
        return
    for key, value in pod_config.items():
        # In either spelling: the Python client writes runtime_class_name.
        if str(key).replace("_", "").lower() != "runtimeclassname" or value in bounds.runtime_classes:
            continue
        if isinstance(value, str) and _OWN_TEXT in value:
            continue
        # Null, too: it would take a sandbox away that the hub's configuration puts servers into.
        rule = f"the platform lets through {_in_words(bounds.runtime_classes)} (bounds.runtimeClasses)"
        message = f"a runtime class outside the bounds {got(value)}"
        path = ("extra_pod_config", key)
        yield Fault(Code.OVER_BOUND, message, rule, "remove it, or ask for it there", path)


def _in_words(allowed: tuple[str, ...]) -> str:
    if not allowed:
        return "none"
    more = f" and {len(allowed) - _LISTED_AT_MOST} more" if len(allowed) > _LISTED_AT_MOST else ""
    return f"{listed(allowed[:_LISTED_AT_MOST])}{more}"
