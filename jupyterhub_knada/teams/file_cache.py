"""Files that were judged before: an unchanged one is not judged again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from jupyterhub_knada.teams.file_view import FileView


@dataclass(frozen=True, slots=True)
class _Judged:
    """One file's judgement."""

    key: Hashable
    view: FileView[Any]
    beside: Hashable = None


@dataclass(slots=True)
class FileCache:
    """Keeps the judgement of each file by its text. One for each registry; not thread-safe.

    Judging a file takes milliseconds, reading it microseconds: of a thousand files of which one has changed,
    all are read and one is judged.
    """

    _kept: dict[str, _Judged] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def judged(
        self, file: str, key: Hashable, judge: Callable[[], FileView[Any]], *, beside: Hashable = None
    ) -> FileView[Any]:
        """Give the judgement of a file; `judge` makes it where `key` is new.

        Args:
            file: its name.
            key: what the judgement of the file by itself depends on.
            judge: judges the file by itself.
            beside: what a refused file was judged with, see `refuse`.
        """
        self._used.add(file)
        kept = self._kept.get(file)
        if kept is not None and kept.key == key and (not kept.view.is_reduced or kept.beside == beside):
            return kept.view
        view = judge()
        self._kept[file] = _Judged(key, view)
        return view

    def refuse(self, view: FileView[Any], beside: Hashable) -> None:
        """Keep less of a file that is refused, as long as what it was judged with stays the same."""
        kept = self._kept.get(view.file)
        if kept is not None:
            self._kept[view.file] = _Judged(kept.key, view, beside)

    def forget(self, file: str) -> None:
        """Drop what is known of a file."""
        self._kept.pop(file, None)

    def key_of(self, file: str) -> Hashable:
        """Give the key of a file's judgement; None of a file that is not known."""
        kept = self._kept.get(file)
        return kept.key if kept is not None else None

    def forget_unused(self) -> None:
        """Drop the files that were not asked for since the last call: they are gone."""
        for file in self._kept.keys() - self._used:
            del self._kept[file]
        self._used.clear()
