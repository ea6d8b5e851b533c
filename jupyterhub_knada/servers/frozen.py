"""JSON-like values that cannot be changed, and a digest of them.

A plan is made once and read by many; what it carries of a team file must not change under it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def freeze(value: Any) -> Any:
    """Give a copy in which mappings and lists cannot be changed."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: freeze(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """Give a copy made of plain dicts and lists, as traits and the Kubernetes client want them."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(item) for item in value]
    return value


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another, mapping by mapping; anything else, None too, replaces what was there."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def without_nulls(value: Any) -> Any:
    """Drop the keys whose value is None, at every depth of mappings: that is how an override takes away.

    Source: kubespawner.utils.recursive_update (7.1), which `KubeSpawner._apply_overrides` uses.
    """
    if not isinstance(value, Mapping):
        return value
    return {key: without_nulls(item) for key, item in value.items() if item is not None}


def digest(value: Any) -> str:
    """Give 16 hexadecimal digits that are equal for equal values, in any order of keys."""
    canonical = json.dumps(thaw(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
