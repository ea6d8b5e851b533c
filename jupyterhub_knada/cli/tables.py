"""Tables within a YAML stream: each line a comment."""

from __future__ import annotations

import os
import shutil
import sys
from io import StringIO
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jupyterhub_knada.cli.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PREFIX: Final = "# "
_UNWRAPPED: Final = 100_000
"""Columns where nobody looks at the output: a line is a row, whatever its length."""
_NARROWEST: Final = 40


def comment(text: str) -> str:
    """Give a text as lines of comments; an empty one is a bare `#`."""
    return "\n".join(f"{_PREFIX}{printable(line)}".rstrip() for line in text.split("\n"))


def comment_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table as lines of comments.

    On a terminal it is wrapped to its width and has a bold head, unless NO_COLOR is set; elsewhere it has
    neither, so that the same input always gives the same output.
    """
    on_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: rich would read `[…]` in team text as its own markup.
        table.add_row(*(Text(printable(cell)) for cell in row))
    stream = StringIO()
    width = max(shutil.get_terminal_size().columns, _NARROWEST) - len(_PREFIX) if on_terminal else _UNWRAPPED
    is_styled = on_terminal and "NO_COLOR" not in os.environ
    console = Console(
        file=stream,
        width=width,
        force_terminal=is_styled,
        color_system="standard" if is_styled else None,
    )
    console.print(table)
    return "\n".join(f"{_PREFIX}{line}".rstrip() for line in stream.getvalue().splitlines())
