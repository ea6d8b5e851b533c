"""YAML's anchors, aliases and merge keys: a value that stands once in a file and counts in several places.

What is repeated keeps the position at which it stands. How much a file may repeat is bounded: nine lines of
aliases of aliases say a billion values. Source: YAML 1.2.2, 3.2.2.2; https://yaml.org/type/merge.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.positions import Position

MOST_REPEATED = 20_000
"""Values that the aliases and merge keys of one file may stand for; a merged key counts twice."""
MOST_REPEATED_TEXT = 256 * 1024
"""Characters of their texts: as many as a whole file may have."""

_TOO_MUCH = Fault(
    Code.YAML_REFUSED_FEATURE,
    "an alias or merge key that repeats too much",
    f"those of one file stand for at most {MOST_REPEATED} values and {MOST_REPEATED_TEXT} characters",
    "repeat less",
)

_NO_MAPPING = Fault(
    Code.YAML_SYNTAX,
    "a merge key without a mapping",
    "behind '<<' stands a mapping, the alias of one, or a list of them",
    "write '<<: *name'",
)


class Extent(NamedTuple):
    """How much a value is."""

    values: int = 1
    characters: int = 0
    height: int = 0
    """Mappings and lists within each other."""


@dataclass(slots=True)
class Anchor:
    """A value that aliases may stand for."""

    path: Path
    position: Position
    is_scalar: bool
    value: Any = None
    extent: Extent | None = None
    """None as long as the value is read: an alias in it would be without end."""
    is_used: bool = False


@dataclass(slots=True)
class Places:
    """Where values and keys stand, by path; and how much has been repeated so far."""

    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    repeated: int = 0
    repeated_text: int = 0

    def repeat(self, extent: Extent) -> Fault | None:
        """Count something that is repeated; or say that it is too much, and do not."""
        if (
            self.repeated + extent.values > MOST_REPEATED
            or self.repeated_text + extent.characters > MOST_REPEATED_TEXT
        ):
            return _TOO_MUCH
        self.repeated += extent.values
        self.repeated_text += extent.characters
        return None

    def copy(self, value: Any, source: Path, target: Path) -> None:
        """Give a repeated value, and all that is in it, the positions of what it repeats."""
        for path in _paths(value):
            for places in (self.values, self.keys):
                found = places.get((*source, *path))
                if found is not None and (path or places is self.values):
                    places[*target, *path] = found


def _paths(value: Any) -> Iterator[Path]:
    """Give the paths of a value and of all that is in it, from the top."""
    yield ()
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            for path in _paths(inner):
                yield (step, *path)


def extent_of(value: Any) -> Extent:
    """Count a value that has been read."""
    if not isinstance(value, dict | list):
        return Extent(characters=len(value or ""))
    inner = [extent_of(one) for one in (value.values() if isinstance(value, dict) else value)]
    keys = sum(map(len, value)) if isinstance(value, dict) else 0
    return Extent(
        1 + sum(one.values for one in inner),
        keys + sum(one.characters for one in inner),
        1 + max((one.height for one in inner), default=0),
    )


def bad_alias(anchor: Anchor | None) -> Fault | None:
    """Say why an alias stands for nothing, without showing it: it may be an unquoted password."""
    what = "an alias: a value that begins with '*'"
    if anchor is None:
        rule = "it stands for the value with the same name behind '&', above it, and there is none"
        return Fault(Code.YAML_SYNTAX, what, rule, "quote it if it is a text")
    if anchor.extent is None:
        rule = "it stands for a value that it is itself in"
        return Fault(Code.YAML_SYNTAX, what, rule, "write the value again")
    return None


def merge_into(own: dict[str, Any], said: Any, path: Path, places: Places) -> tuple[tuple[Path, Fault], ...]:
    """Add what a merge key says to the mapping that it stands in.

    A key of the mapping itself comes before a merged one, of several mappings the first has it. As with
    PyYAML, merged keys stand before the mapping's own, those of the last mapping first.

    Args:
        own: the mapping, without its merge key; changed in place.
        said: what stands behind `<<`, a mapping or a list of them.
        path: of the mapping.
        places: the positions, of what stands behind `<<` below the key `<<`; the merged keys' are added.

    Returns:
        What is wrong, with its path.
    """
    base = (*path, "<<")
    sources = [(base, said)]
    if isinstance(said, list):
        sources = [((*base, index), source) for index, source in enumerate(said)]
    found = dict(own)
    wrong: list[tuple[Path, Fault]] = []
    for at, source in sources:
        if not isinstance(source, dict):
            wrong.append((at, _NO_MAPPING))
            continue
        new = {key: value for key, value in source.items() if key not in found}
        fault = places.repeat(extent_of(new))
        if fault is not None:
            wrong.append((at, fault))
            continue
        for key, value in new.items():
            places.copy(value, (*at, key), (*path, key))
            places.keys[*path, key] = places.keys[*at, key]
        found |= new
    mappings = [source for _, source in reversed(sources) if isinstance(source, dict)]
    order = dict.fromkeys(key for mapping in (*mappings, found) for key in mapping)
    own.clear()
    own.update({key: found[key] for key in order if key in found})
    return tuple(wrong)
