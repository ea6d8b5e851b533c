"""The volumes and mounts that a profile brings: its own scratch space, never the hub's, never over the home.

What the hub mounts may be storage that everybody's home is a folder of: mounted again, without the hub's
`subPath` or `readOnly`, it would be everybody's. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_rules import HOME_PATH, MOUNT_KEYS, VOLUME_TYPES
from jupyterhub_knada.servers.override_walk import (
    camel,
    entries,
    field,
    is_mapping_or_null,
    items,
    not_a_mapping,
    not_among,
)
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, got_kind, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ASK_ADMINS: Final = "ask the platform's admins to mount it for everyone"
_VOLUME_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PLAIN_PATH: Final = re.compile(r"(/(?!\.{1,2}(/|$))[^/{}:\x00-\x1f]+)+/?")
"""No `..`, `//` or brace: KubeSpawner fills names in, and then stands where nobody has read it."""


def check_volumes(_: str, value: Any) -> Iterable[Fault]:
    """Find volumes that are not a profile's to bring."""
    for place, volume in entries(value):
        for key, content in items(volume):
            fault = _volume_name(content) if key == "name" else _volume_source(key, content)
            if fault is not None:
                yield fault.below((place, key))


def _volume_name(name: Any) -> Fault | None:
    if isinstance(name, str) and _VOLUME_NAME.fullmatch(name):
        return None
    rule = "a text of lower-case letters, digits and '-', at most 63"
    message = f"not the name of a volume {got_kind(name)}"
    return Fault(Code.BAD_OVERRIDE, message, rule, "write for example 'scratch'")


def _volume_source(key: str, content: Any) -> Fault | None:
    if camel(key) not in VOLUME_TYPES:
        message = f"not a volume for a profile {got(key)}"
        rule = f"only {listed(sorted(VOLUME_TYPES))}: others could be a home, a secret or the node's disk"
        return Fault(Code.OWNED_OVERRIDE, message, rule, _ASK_ADMINS, at_key=True)
    return None if is_mapping_or_null(content) else not_a_mapping(content, key)


def check_volume_mounts(_: str, value: Any) -> Iterable[Fault]:
    """Find mounts that hide the home or part of it, or whose path does not say where it stands."""
    for place, mount in entries(value):
        for key, content in items(mount):
            fault = None
            if camel(key) not in MOUNT_KEYS:
                fault = not_among(key, MOUNT_KEYS, "a part of a mount")
            elif camel(key) == "mountPath":
                fault = _mount_path(content)
            if fault is not None:
                yield fault.below((place, key))


def _mount_path(path: Any) -> Fault | None:
    if not isinstance(path, str) or not _PLAIN_PATH.fullmatch(path):
        message = f"not a path to mount at {got_kind(path)}"
        rule = f"an absolute path without '..', '//', ':' or braces, apart from the home at {HOME_PATH}"
        return Fault(Code.OWNED_OVERRIDE, message, rule, "write it plainly, for example '/scratch'")
    if _meet(path, HOME_PATH):
        message = f"a mount over the home {got_kind(path)}"
        rule = f"{HOME_PATH} is the home, and what hides part of it is gone with the server"
        return Fault(Code.OWNED_OVERRIDE, message, rule, "mount it elsewhere")
    return None


def check_own_mounts(override: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find mounts of volumes that the same override does not bring, as far as one override can tell.

    A list of volumes stands for itself; a mapping may be merged with the one of the profile, or of an option.
    """
    if not isinstance(override.get("volumes"), list | tuple) or not override["volumes"]:
        return ()
    return tuple(fault.below(("volume_mounts",)) for fault in _foreign_mounts(override))


def check_laid_volumes(
    overrides: Mapping[str, Any], volumes: Iterable[str], mounts: Iterable[str]
) -> tuple[Fault, ...]:
    """Find what the overrides of one whole choice take of the hub's, or leave unsaid.

    Args:
        overrides: Trait to value, those of the chosen options laid over the profile's.
        volumes: The names of the hub's volumes.
        mounts: The paths of the hub's mounts, as configured: names in braces may stand for anything.

    Returns:
        Faults with the trait first in their path.
    """
    theirs, paths = frozenset(volumes), tuple(mounts)
    faults = [fault.below(("volume_mounts",)) for fault in _foreign_mounts(overrides)]
    for place, volume in entries(overrides.get("volumes")):
        name = field(volume, "name")
        if volume is not None and (name is None or name in theirs):
            message = f"a volume of the hub {got(name)}" if name in theirs else "a volume without a name"
            rule = "a profile's volumes have names of their own"
            at = ("volumes", place, "name")
            faults.append(Fault(Code.OWNED_OVERRIDE, message, rule, "name it otherwise", at))
    for place, mount in entries(overrides.get("volume_mounts")):
        path = field(mount, "mountPath")
        if mount is not None and (path is None or any(_meet(path, hub) for hub in paths)):
            message = f"a mount over one of the hub's {got_kind(path)}" if path else "a mount without a path"
            rule = "what the hub mounts stays as it is: nothing stands there, above it or below it"
            at = ("volume_mounts", place, "mountPath")
            faults.append(Fault(Code.OWNED_OVERRIDE, message, rule, "mount it elsewhere", at))
    return tuple(faults)


def _foreign_mounts(overrides: Mapping[str, Any]) -> Iterable[Fault]:
    own = [field(volume, "name") for _, volume in entries(overrides.get("volumes"))]
    for place, mount in entries(overrides.get("volume_mounts")):
        name = field(mount, "name")
        if mount is not None and (not isinstance(name, str) or name not in own):
            message = f"a mount of a volume that is not the profile's {got_kind(name)}"
            rule = "a profile mounts the volumes that it brings itself"
            yield Fault(Code.OWNED_OVERRIDE, message, rule, _ASK_ADMINS, (place, "name"))


def _meet(one: str, other: str) -> bool:
    """Tell whether one path is the other, above it or below it; a brace in a part stands for any name."""
    pairs = zip(_parts(one), _parts(other), strict=False)
    return all(mine == theirs or "{" in mine + theirs for mine, theirs in pairs)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
