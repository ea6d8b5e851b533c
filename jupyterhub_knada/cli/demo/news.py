"""What the demo's terminal shows of its hub's log: what an edit of the team files changed."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECONDS: Final = 0.5
_OF_TEAM_FILES: Final = re.compile(r"\[[A-Z] [^]]* (?:registry|running_servers):[0-9]+\] (.*)")
"""A line of the hub's log from `teams.registry`, or about the servers that a change leaves as they are.

Source: JupyterHub 5.3-6.1, app.py `_log_format_default`.
"""


async def follow_team_files(log_file: Path, show: Callable[[str], None]) -> None:
    """Show each new line about team files until cancelled; what the log has already is passed over."""
    with log_file.open(encoding="utf-8", errors="replace") as log:
        log.seek(0, 2)
        rest = ""
        while True:
            *lines, rest = (rest + log.read()).split("\n")
            for line in lines:
                match = _OF_TEAM_FILES.fullmatch(line)
                if match is not None:
                    show(f"  team files: {match[1]}")
            await asyncio.sleep(_SECONDS)
