"""What is kept of a file that is refused: whom it names, what it claims, and its problems.

A file of 256 KiB can become a tree of more than a hundred megabytes. While it is refused nothing reads that
tree but who looks for claims and names.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.teams.fields import MOST_ENTRIES
from jupyterhub_knada.teams.file_view import FileView
from jupyterhub_knada.teams.model import TeamFile
from jupyterhub_knada.teams.positions import Position, Positions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path

NAMES: Final = ("users", "leads", "groups")
"""Lists of whom a file names."""
_CLAIMS: Final = ("namespace", "id", "ingress", "secret", "serviceAccount", "imagePullSecrets", "movedFrom")
_SHOWN: Final = "displayName"
_FIELDS: Final = (
    "display_name",
    "namespace",
    "id",
    "ingress",
    "secret",
    "service_account",
    "image_pull_secrets",
    "moved_from",
    *NAMES,
)
_LONGEST_NAME: Final = 255


def reduced(view: FileView[TeamFile], problems: Iterable[Problem], left_out: int = 0) -> FileView[TeamFile]:
    """Give a refused team's file as far as others need it.

    Args:
        view: The file, judged by itself.
        problems: What is wrong with it, beside what others claim: it is not judged again for them.
        left_out: How many more problems it has than are kept.
    """
    part = view.part
    if part is not None:
        said = {name: getattr(part, name) for name in _FIELDS}
        part = TeamFile.model_construct(part.model_fields_set & set(_FIELDS), **said)
    data = view.data if isinstance(view.data, dict) else {}
    positions = Positions(_kept(view.positions.values), _kept(view.positions.keys))
    return FileView(
        view.file,
        {name: _names(data.get(name)) for name in NAMES},
        positions,
        None,
        part,
        view.unsaid & {*_CLAIMS, *NAMES, _SHOWN},
        tuple(problems),
        left_out,
        is_reduced=True,
    )


def _kept(places: Mapping[Path, Position]) -> Mapping[Path, Position]:
    wanted: dict[Path, Position] = {}
    for key in (*_CLAIMS, *NAMES, _SHOWN):
        inner: list[Path] = [(key, "namespace"), (key, "id")] if key == "movedFrom" else []
        inner += [(key, index) for index in range(MOST_ENTRIES)] if key == "imagePullSecrets" else []
        wanted.update({path: places[path] for path in ((key,), *inner) if path in places})
    return MappingProxyType({(): places.get((), Position(1, 1)), **wanted})


def _names(entries: Any) -> list[str]:
    """Give the names of a list, as many as one may have, and none that is longer than any name."""
    found = entries if isinstance(entries, list) else []
    names = (str(name) for name in found if isinstance(name, str) and len(name) <= _LONGEST_NAME)
    return [name for name, _ in zip(names, range(MOST_ENTRIES), strict=False)]
