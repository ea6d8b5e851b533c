"""What the demo's terminal shows of its hub's log: errors of the team files, and what an edit changed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_SECONDS: Final = 0.5
_OF_TEAM_FILES: Final = re.compile(r"\[([A-Z]) [^]]* (?:registry|running_servers):[0-9]+\] (.*)")
"""A line of the hub's log from `teams.registry`, or about the servers that a change leaves as they are.

Source: JupyterHub 5.3-6.1, app.py `_log_format_default`.
"""


async def follow_team_files(log_file: Path, show: Callable[[str], None]) -> None:
    """Show each new line about team files until cancelled.

    What the log has already, from the start of the hub, is shown where there is an error among it: then teams
    are closed. Else it says nothing that somebody has to do.
    """
    with log_file.open(encoding="utf-8", errors="replace") as log:
        *lines, rest = log.read().split("\n")
        if any(level == "E" for level, _ in _read_news(lines)):
            _show_news(lines, show)
        while True:
            await asyncio.sleep(_SECONDS)
            *lines, rest = (rest + log.read()).split("\n")
            _show_news(lines, show)


def _read_news(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the level and the text of each line about team files."""
    for line in lines:
        match = _OF_TEAM_FILES.fullmatch(line)
        if match is not None:
            yield match[1], match[2]


def _show_news(lines: Iterable[str], show: Callable[[str], None]) -> None:
    for _, text in _read_news(lines):
        show(f"  team files: {text}")
