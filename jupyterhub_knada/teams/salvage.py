"""What is right of a file in which something is wrong, so that one mistake hides no other.

A value that is wrong is taken out, and the rest is judged again. What cannot be left out gets a stand-in, of
which nothing is said: a required key, and an entry of a list whose others would move if it went.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import ValidationError

from jupyterhub_knada.teams.faults import Fault, faults_of
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.positions import Positions, other_spelling
from jupyterhub_knada.teams.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_knada.teams.faults import Path

M = TypeVar("M", bound=FileModel)

_MOST_ROUNDS: Final = 8
"""Times that a file is judged again without what was wrong; each round takes away at least one key."""

_ENTRIES: Final[Mapping[str, Callable[[int], dict[str, Any]]]] = MappingProxyType(
    {
        "profiles": lambda index: {"displayName": f"unsaid {index}", "slug": f"unsaid-{index}"},
        "images": lambda index: {"name": f"unsaid-{index}", "image": f"unsaid/unsaid:{index}"},
        "tolerations": lambda index: {"key": f"unsaid-{index}"},
    }
)
"""Stand-ins for the entries of lists of mappings, by the list's key."""


@dataclass(frozen=True, slots=True)
class Salvaged(Generic[M]):
    """What came of one file's tree."""

    model: M | None
    """None: something is wrong."""
    part: M | None
    """The model of what is right; None if too little is."""
    unsaid: frozenset[str]
    """Top-level keys in which something is wrong, and not in `part`."""
    faults: tuple[Fault, ...]


def judge_tree(
    tree: dict[str, Any], model: type[M], required: Mapping[str, Any], positions: Positions
) -> Salvaged[M]:
    """Judge a file's tree as a whole, and what is right of it by itself.

    Args:
        tree: as `yaml_nodes` reads it; not changed.
        model: what it must be.
        required: stand-ins for the model's required keys.
        positions: of the tree: says how the file spells a key.
    """
    tally = Tally()
    try:
        found = model.model_validate(tree, context=tally)
    except ValidationError as error:
        faults = faults_of(error)
    else:
        return Salvaged(found, found, frozenset(), ())
    rest, unsaid, wrong = copied(tree), set[str](), faults
    for _ in range(_MOST_ROUNDS):
        unsaid.update(str(fault.path[0]) for fault in wrong if fault.path)
        if tally.is_full:
            # More is wrong than was found: what it stands in goes as a whole.
            judged = model.keys() - unsaid
            rest = {key: value for key, value in rest.items() if key in judged}
        for path in dict.fromkeys(fault.path for fault in wrong):
            written = positions.written(path)
            cut(rest, written + path[len(written) :], required)
        tally = Tally()
        try:
            part = model.model_validate(rest, context=tally)
            return Salvaged(None, part, frozenset(unsaid), faults)
        except ValidationError as error:
            wrong = faults_of(error)
    return Salvaged(None, None, frozenset(unsaid), faults)


def copied(tree: Any) -> Any:
    """Give a copy of a tree that can be changed."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def cut(tree: dict[str, Any], path: Path, required: Mapping[str, Any]) -> None:
    """Take away what a path points at, and as little beside it as possible."""
    steps: list[Any] = [tree]
    for step in path:
        inner = _inside(steps[-1], step)
        if inner is _ABSENT:
            break
        steps.append(inner)
    is_there = len(steps) > len(path)
    if is_there and path and isinstance(steps[-2], dict):
        steps[-2].pop(path[-1])
        return
    for depth in range(len(steps) - 1, 0, -1):
        above, step = steps[depth - 1], path[depth - 1]
        if isinstance(above, dict):
            above.pop(step)
            return
        if depth > 1 and isinstance(step, int) and _stand_in(above, step, str(path[depth - 2])):
            return
    if path and path[0] in required:
        tree[str(path[0])] = required[str(path[0])]


_ABSENT: Final = object()


def _inside(tree: Any, step: str | int) -> Any:
    if isinstance(tree, dict):
        return tree.get(step, _ABSENT)
    is_entry = isinstance(tree, list) and isinstance(step, int) and 0 <= step < len(tree)
    return tree[step] if is_entry else _ABSENT


def _stand_in(entries: Any, index: int, key: str) -> bool:
    """Complete an entry of a list, else put a stand-in in its place; False where that does not help."""
    make = _ENTRIES.get(key)
    if make is None:
        return False
    entry, whole = entries[index], make(index)
    if isinstance(entry, dict):
        missing = {key for key in whole if key not in entry and other_spelling(key) not in entry}
        if missing:
            entry.update({key: whole[key] for key in missing})
            return True
        if entry == whole:
            return False
    entries[index] = whole
    return True
