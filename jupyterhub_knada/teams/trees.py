"""Free-form trees of team files, such as `kubespawnerOverride`: their scalars, and read-only copies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class PlainText(str):
    """A scalar without quotes in its file: in an override it may be a number or a truth value."""

    __slots__ = ()


def typed(value: Any) -> Any:
    """Read the scalars of an override as YAML 1.2 does, but never so that a digit is lost.

    Plain `true`, `1000` and `0.5` become what they are; a number that Python would write in another way
    (`3.10`, `010`, `1e5`) stays text, and so does all that is quoted.
    """
    if isinstance(value, Mapping):
        return {str(key): typed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [typed(inner) for inner in value]
    return _plain(str(value)) if isinstance(value, PlainText) else value


def _plain(text: str) -> bool | int | float | str:
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if re.fullmatch(r"-?[0-9]{1,18}", text) and str(int(text)) == text:
        return int(text)
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,15}", text) and repr(float(text)) == text:
        return float(text)
    return text


def frozen(value: Any) -> Any:
    """Make a tree read-only: `MappingProxyType` and tuples all the way down."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    return value


def thawed(value: Any) -> Any:
    """Give a fresh, changeable copy of a frozen tree: dicts and lists, as KubeSpawner's traits want them."""
    if isinstance(value, Mapping):
        return {key: thawed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [thawed(inner) for inner in value]
    return value
