"""Texts that others wrote, as they come from the cluster: bounded, and only what is printed. Pure.

Whoever may write an event, a pod's status or a webhook's answer could otherwise move a terminal's cursor in
the hub's log, turn around what stands on a page, or fill the hub's memory.
"""

from __future__ import annotations

from typing import Any, Final

LONGEST_KEPT: Final = 2000
"""Characters of one text that are kept."""
MOST_KEPT: Final = 32
"""Entries of one list, or keys of one mapping, that are kept."""


def printable(text: str) -> str:
    """Put a space for each character that is not printed: controls, line ends, turns of direction."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def on_one_line(text: str) -> str:
    """Give the printed words of a text with one space between them; the same text always gives the same."""
    return " ".join(printable(text).split())


def bounded(value: Any) -> Any:
    """Give a value of JSON with its texts printable, and all of it no longer than is kept."""
    if isinstance(value, str):
        return printable(value[:LONGEST_KEPT])
    if isinstance(value, dict):
        return {str(key)[:LONGEST_KEPT]: bounded(value[key]) for key in list(value)[:MOST_KEPT]}
    if isinstance(value, list):
        return [bounded(one) for one in value[:MOST_KEPT]]
    return value
