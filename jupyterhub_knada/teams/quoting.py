"""How a value of a file is shown in a message: quoted, short, with its neighbours suggested."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_SHOWN = 60
"""Characters of a value that a message shows; enough to find it, short enough for one line."""


def quoted(value: object) -> str:
    """Quote a value for a message: the text as Python would write it, or the kind of thing it is.

    Mappings and lists are named, never shown: they may be long, and may hold what should not be in a log.
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        text = str(value)
        return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return "a mapping" if hasattr(value, "keys") else "a list"


def got(value: object) -> str:
    """Give `(got …)`, the part of a message that shows the offending value."""
    return f"(got {quoted(value)})"


def got_kind(value: object) -> str:
    """Give `(got a text)` for a value that may be a secret; numbers, true, false and null are shown."""
    return "(got a text)" if isinstance(value, str) else got(value)


def listed(values: Iterable[str]) -> str:
    """List allowed values in a stable order: `'lab', 'notebook' or 'rstudio'`."""
    return joined([repr(value) for value in values], "or")


def joined(parts: Sequence[str], word: str = "and") -> str:
    """Join parts of a sentence: `a, b and c`."""
    *first, last = parts or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def suggestion(value: str, known: Iterable[str], *, cutoff: float = 0.7) -> str | None:
    """Find the name that was probably meant: the same but for case, `-` and `_`, or a near miss."""
    names = {folded(name): name for name in sorted(known, reverse=True)}
    near = get_close_matches(folded(value[:LONGEST_SHOWN]), names, n=1, cutoff=cutoff)
    return names[near[0]] if near else None


def folded(name: str) -> str:
    """Give what the spellings of one name have in common: all but case, `-` and `_`."""
    return name.casefold().replace("-", "").replace("_", "")
