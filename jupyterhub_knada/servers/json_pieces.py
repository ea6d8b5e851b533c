"""A list of Kubernetes objects, decoded one object at a time. Pure.

Decoding a whole list makes hundreds of thousands of objects that live at the same time. They take memory that
is never given back, and Python's garbage collector, which looks through everything that the hub has whenever
so much is new, halts the hub for a tenth of a second each time. One by one they are gone before it looks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class ListReader:
    """Reads `{"metadata": {…}, "items": […], …}`, in whatever order."""

    def __init__(self, body: bytes) -> None:
        """Take an answer.

        Raises:
            ValueError: it is not UTF-8.
        """
        self._text = body.decode()
        self.metadata: dict[str, Any] = {}
        """The list's own; there when all objects were read."""

    def objects(self) -> Iterator[dict[str, Any]]:
        """Give each of the items.

        Raises:
            ValueError: this is no list in JSON, or it is cut off.
        """
        at, end = self._open("{}", 0)
        while not end:
            key, at = self._value(at)
            at = self._expect(":", at)
            if key == "items" and self._at(at) == "[":
                at = yield from self._items(at)
            else:
                value, at = self._value(at)
                if key == "metadata":
                    self.metadata = value
            at, end = self._next("}", at)
        if self._skip(at) != len(self._text):
            raise ValueError(f"more behind the list, at {at}")

    def _items(self, at: int) -> Generator[dict[str, Any], None, int]:
        at, end = self._open("[]", at)
        while not end:
            found, at = self._value(at)
            yield found
            at, end = self._next("]", at)
        return at

    def _value(self, at: int) -> tuple[Any, int]:
        return _DECODER.raw_decode(self._text, self._skip(at))

    def _open(self, brackets: str, at: int) -> tuple[int, bool]:
        """Read an opening bracket; tell whether the closing one follows."""
        at = self._expect(brackets[0], at)
        is_empty = self._at(at) == brackets[1]
        return (self._expect(brackets[1], at) if is_empty else at), is_empty

    def _next(self, closing: str, at: int) -> tuple[int, bool]:
        """Read a comma, or the closing bracket; tell whether it was that."""
        is_end = self._at(at) == closing
        return self._expect(closing if is_end else ",", at), is_end

    def _expect(self, sign: str, at: int) -> int:
        if self._at(at) != sign:
            raise ValueError(f"no {sign!r} at {at} of the list")
        return self._skip(at) + 1

    def _at(self, at: int) -> str:
        at = self._skip(at)
        return self._text[at : at + 1]

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at
