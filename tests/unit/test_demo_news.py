"""What the demo's terminal shows of the hub's log while it runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

from jupyterhub_knada.cli.demo.news import follow_team_files

OLD = "[I 2026-12-01 05:00:00.000 JupyterHub registry:300] pensjon: added\n"
NEW = (
    "[I 2026-12-01 05:00:01.000 JupyterHub app:1] something else\n"
    "[I 2026-12-01 05:00:02.000 jupyterhub_knada.teams.registry registry:300] pensjon: memoryLimit 4G -> 6G\n"
    "Traceback registry:300] of something\n"
)


BROKEN = (
    "[E 2026-12-01 05:00:00.000 jupyterhub_knada.teams.registry registry:293] teams/b.yaml:3:1: unknown key\n"
    "[I 2026-12-01 05:00:00.000 jupyterhub_knada.teams.registry registry:296] 1 served, 1 closed (b)\n"
    "[W 2026-12-01 05:00:00.000 JupyterHub team_files:184] 2 teams share one origin\n"
)


async def test_follow_team_files_shows_what_an_edit_changed(tmp_path: Path) -> None:
    """Lines about team files, and no others; not what was logged before."""
    log = tmp_path / "hub.log"
    log.write_text(OLD, encoding="utf-8")
    shown: list[str] = []
    seen = asyncio.Event()

    def show(line: str) -> None:
        shown.append(line)
        seen.set()

    following = asyncio.create_task(follow_team_files(log, show))
    await asyncio.sleep(0)
    with log.open("a", encoding="utf-8") as file:
        file.write(NEW)
    await asyncio.wait_for(seen.wait(), 30)
    following.cancel()
    assert shown == ["  team files: pensjon: memoryLimit 4G -> 6G"]


async def test_follow_team_files_shows_the_errors_of_the_first_load(tmp_path: Path) -> None:
    """A hub that starts with a broken file says so in the terminal: its team is closed until it is mended."""
    log = tmp_path / "hub.log"
    log.write_text(BROKEN, encoding="utf-8")
    shown: list[str] = []
    following = asyncio.create_task(follow_team_files(log, shown.append))
    await asyncio.sleep(0)
    following.cancel()
    assert shown == [
        "  team files: teams/b.yaml:3:1: unknown key",
        "  team files: 1 served, 1 closed (b)",
    ]
