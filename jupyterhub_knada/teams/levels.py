"""Finding a setting in the files that may say it, the nearest to the server first, and where it stands.

Not said and said to be `null` are two things here: the first asks the next level, the second ends the search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

    from jupyterhub_knada.teams.loading import Positions

T_co = TypeVar("T_co", covariant=True)

Spelling = tuple[str, ...]
"""Attributes to follow from a level's model down to a value, e.g. `("resources", "memory_limit")`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file something is said."""

    file: str
    """As messages name it."""
    path: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T_co]):
    """A value and the place that says it."""

    value: T_co
    source: str
    """For people: `teams/kyrre.yaml:7`, `platform.yaml:12 defaults`."""
    place: Place | None = field(default=None, compare=False)
    """The same for programs; None for what no file says."""


@dataclass(frozen=True, slots=True)
class Level:
    """One part of one file that may say settings: a profile, a team file, the platform's defaults."""

    says: BaseModel
    file: str
    positions: Positions
    path: tuple[str | int, ...] = ()
    """Where the part stands in the file."""
    note: str = ""
    """Added to each source, e.g. ` defaults`."""

    def place(self, *path: str | int) -> str:
        """Name the place of a value below this level."""
        line, _ = self.positions.at((*self.path, *path))
        return f"{self.file}:{line}{self.note}"


def find(
    levels: Iterable[Level], *spellings: Spelling, otherwise: Sourced[Any] | None = None
) -> Sourced[Any] | None:
    """Give the value of the first level that says it; None where that is `null`.

    Args:
        levels: The nearest to the server first.
        spellings: Ways to write the setting. A file uses one of them; `null` beside it does not count.
        otherwise: Where no level says anything.
    """
    for level in levels:
        said = [found for spelling in spellings if (found := _say(level, spelling)) is not None]
        if said:
            return next((found for found in said if found.value is not None), None)
    return otherwise


def merge(levels: Iterable[Level], *names: str) -> Mapping[str, Sourced[Any]]:
    """Lay mappings over one another, the nearest on top.

    `null` for a name removes what lower levels say for it, `null` for the mapping all that they say.

    Args:
        levels: The nearest to the server first.
        names: Attributes that hold parts of the mapping: a mapping, or a list of (name, value) pairs.
    """
    merged: dict[str, Sourced[Any]] = {}
    for level in levels:
        for name in names:
            for key, value, place in _entries(level, name):
                merged.setdefault(key, Sourced(value, place))
        if any(name in level.says.model_fields_set and getattr(level.says, name) is None for name in names):
            break
    return MappingProxyType({key: said for key, said in merged.items() if said.value is not None})


def _entries(level: Level, name: str) -> Iterator[tuple[str, Any, str]]:
    """Give key, value and place of each entry of a mapping, or of a list of pairs."""
    if name not in level.says.model_fields_set:
        return
    content = getattr(level.says, name)
    alias = _alias(level.says, name)
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield key, value, level.place(alias, key)
    else:
        for index, (key, value) in enumerate(content or ()):
            yield key, value, level.place(alias, index)


def _say(level: Level, spelling: Spelling) -> Sourced[Any] | None:
    """Give what a level says, a value of None included; None where it does not speak of the setting."""
    value: Any = level.says
    path: list[str] = []
    for name in spelling:
        if name not in value.model_fields_set:
            return None
        path.append(_alias(value, name))
        value = getattr(value, name)
        if value is None:
            break
    return Sourced(value, level.place(*path), Place(level.file, (*level.path, *path)))


def _alias(model: BaseModel, name: str) -> str:
    """Give the key that an attribute has in the file."""
    return type(model).model_fields[name].alias or name
