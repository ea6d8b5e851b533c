"""How the value of an override is walked: entries, keys in either spelling, and what is no mapping. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, got_kind, listed, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable


def items(value: Any) -> list[tuple[str, Any]]:
    """Give the keys of a mapping with their values; nothing of anything else."""
    return list(value.items()) if isinstance(value, Mapping) else []


def keys(value: Any) -> list[str]:
    """Give the keys of a mapping; nothing of anything else."""
    return [key for key, _ in items(value)]


def entries(value: Any) -> list[tuple[str | int, Any]]:
    """Give the entries of a list, or of a mapping as zero-to-jupyterhub writes lists, with their place."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


def camel(key: str) -> str:
    """Spell a key as Kubernetes' JSON does; KubeSpawner takes `mount_path`, too, but no mixture of both."""
    if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", key):
        return key
    first, *others = key.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def field(value: Any, key: str) -> Any:
    """Read a key of a mapping in either spelling; None where it is not there."""
    return next((content for name, content in items(value) if camel(name) == key), None)


def is_mapping_or_null(value: Any) -> bool:
    """Tell whether something is a mapping, or the null that takes one away."""
    return value is None or isinstance(value, Mapping)


def not_among(key: str, allowed: Iterable[str], what: str, why: str | None = None) -> Fault:
    """Say that a key is not one that a profile may write, and why not, or which are."""
    names = sorted(allowed)
    meant = None if why else suggestion(key, names)
    remedy = f"did you mean {meant!r}?" if meant else "remove it"
    rule = why or f"a profile may say {listed(names)}"
    return Fault(Code.OWNED_OVERRIDE, f"not {what} for a profile {got(key)}", rule, remedy, at_key=True)


def not_a_mapping(value: Any, what: str) -> Fault:
    """Say that something is of the wrong shape."""
    rule = f"{what} is a mapping: 'key: value' lines are expected here"
    return Fault(Code.BAD_OVERRIDE, f"not {what} {got_kind(value)}", rule, "write them")
