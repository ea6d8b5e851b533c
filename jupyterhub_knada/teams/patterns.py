"""Regular expressions of team files: compiled and matched with a bound on what they cost.

Python's own `re` cannot be stopped, and a hub serves everybody from one thread: a pattern such as
`([a-z]+/?)+:` would hold it for days over one text. `regex` takes the same patterns and a timeout.
"""

from __future__ import annotations

import re
from math import prod
from typing import Final

import regex

MATCH_TIMEOUT: Final = 0.05
"""Seconds that the hub may stand still for one text; a pattern without a trap takes some microseconds."""
_MOST_REPEATS: Final = 20_000
"""`regex` writes out the least repeats while it compiles: with these that takes milliseconds."""
_LEAST_REPEATS: Final = re.compile(r"\{([0-9]+)")


class PatternError(ValueError):
    """Raised for a text that is no regular expression, or one that cannot be compiled within reason."""


def check_pattern(pattern: str) -> None:
    """Check that a pattern can be matched with.

    Both engines must take it: what only one of them knows does not mean to the other what it says.

    Raises:
        PatternError: it cannot.
    """
    try:
        re.compile(pattern)
        repeats = prod(max(1, int(least)) for least in _LEAST_REPEATS.findall(pattern))
        if repeats > _MOST_REPEATS:
            message = f"its repeat counts multiply to more than {_MOST_REPEATS}, and take for ever to prepare"
            raise PatternError(message)
        regex.compile(pattern, regex.VERSION0)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise PatternError(f"Python says: {error}") from None


def matches(pattern: str, text: str) -> bool:
    """Tell whether a checked pattern matches a text from end to end.

    `re.match`, which KubeSpawner uses, lets pass what stands behind a newline.

    Raises:
        TimeoutError: it was not decided within `MATCH_TIMEOUT`.
    """
    return regex.compile(pattern, regex.VERSION0).fullmatch(text, timeout=MATCH_TIMEOUT) is not None
