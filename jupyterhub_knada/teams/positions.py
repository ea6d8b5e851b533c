"""Where each value of a file stands, so that a message and an explanation can point at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.faults import Path


class Position(NamedTuple):
    """A place in a file, both 1-based; the column counts characters."""

    line: int
    column: int


TOP = Position(1, 1)
"""The place of what concerns a whole file."""
_LONGEST_KEY = 100
"""Characters of a key that a message shows."""

NO_FILE = Position(0, 0)
"""The place of what concerns a file that is not there."""

_OTHER_SPELLINGS = {
    "displayName": "display_name",
    "kubespawnerOverride": "kubespawner_override",
    "options": "profile_options",
    "unlistedChoice": "unlisted_choice",
    "allowedGroups": "allowed_groups",
    "descriptionInChoices": "description_in_choices",
    "displayNameInChoices": "display_name_in_choices",
    "dynamicImageBuilding": "dynamic_image_building",
    "validationRegex": "validation_regex",
    "validationMessage": "validation_message",
}


def other_spelling(key: str) -> str | None:
    """Give how a profile's key may be spelt, too; None where there is one way only."""
    return _OTHER_SPELLINGS.get(key)


@dataclass(frozen=True, slots=True)
class Positions:
    """The places of all values of one file, by path in our spelling: `("profiles", 0, "options")`.

    Where the file has the other spelling of a profile's key, that one is found.
    """

    values: Mapping[Path, Position]
    """Where the value of each path begins."""
    keys: Mapping[Path, Position]
    """Where the key of each path stands; for an entry of a list the same as its value."""

    def at(self, path: Path) -> Position:
        """Give where a value stands; of one that is not in the file, the nearest one around it that is."""
        return self.values.get(self.written(path), TOP)

    def key_at(self, path: Path) -> Position:
        """Give where a key stands; of one that is not in the file, the nearest value around it that is."""
        written = self.written(path)
        return self.keys.get(written) or self.values.get(written, TOP)

    def has(self, path: Path) -> bool:
        """Tell whether the file says anything at this path."""
        return len(self.written(path)) == len(path)

    def written(self, path: Path) -> Path:
        """Give a path in the file's own spelling, as far as the file goes along it."""
        found: Path = ()
        for step in path:
            spellings = (step, _OTHER_SPELLINGS.get(step)) if isinstance(step, str) else (step,)
            longer = next(
                (at for s in spellings if s is not None and (at := (*found, s)) in self.values), None
            )
            if longer is None:
                break
            found = longer
        return found


def shown(path: Path) -> str:
    """Write a path as messages show it: `profiles[1].resources.memoryLimit`; long keys are cut."""
    text = ""
    for step in path:
        key = printable(step[:_LONGEST_KEY]) if isinstance(step, str) else ""
        if isinstance(step, str) and len(step) > _LONGEST_KEY:
            key += "…"
        text += f"[{step}]" if isinstance(step, int) else f".{key}" if text else key
    return text
