"""Files that were judged before: an unchanged one is not judged again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from jupyterhub_knada.teams.file_view import FileView


@dataclass(slots=True)
class FileCache:
    """Keeps the judgement of each file by its text. One for each registry; not thread-safe.

    Judging a file takes milliseconds, reading it microseconds: of a thousand files of which one has changed,
    all are read and one is judged.
    """

    _kept: dict[str, tuple[Hashable, FileView[Any]]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def judged(self, file: str, key: Hashable, judge: Callable[[], FileView[Any]]) -> FileView[Any]:
        """Give the judgement of a file; `judge` makes it where `key` is new."""
        self._used.add(file)
        kept = self._kept.get(file)
        if kept is not None and kept[0] == key:
            return kept[1]
        view = judge()
        self._kept[file] = (key, view)
        return view

    def forget_unused(self) -> None:
        """Drop the files that were not asked for since the last call: they are gone."""
        for file in self._kept.keys() - self._used:
            del self._kept[file]
        self._used.clear()
