"""Where the files of `DIR` are: `DIR/platform.yaml` and `DIR/teams/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

PLATFORM_FILE = "platform.yaml"
TEAMS_DIR = "teams"


@dataclass(frozen=True, slots=True)
class TeamFolder:
    """A folder of team files that is there."""

    directory: Path
    teams_dir: Path
    platform_file: Path | None
    """None: there is none, and none is needed."""


def find_team_folder(ctx: click.Context, param: click.Parameter, value: str) -> TeamFolder:
    """Find the files below the folder that the argument DIR names. Source: click, callbacks of parameters.

    Raises:
        BadParameter: it has no `teams/`; wrong use, exit code 2.
    """
    directory = Path(value)
    teams_dir = directory / TEAMS_DIR
    wrong = None
    if not directory.exists():
        wrong = f"{value!r} is not there."
    elif not directory.is_dir():
        wrong = f"{value!r} is a file; name the folder that contains {TEAMS_DIR}/."
    elif not teams_dir.is_dir():
        wrong = _no_teams(directory)
    if wrong is not None:
        raise click.BadParameter(wrong, ctx=ctx, param=param)
    platform_file = directory / PLATFORM_FILE
    # A link that leads nowhere is a platform file that cannot be read, not an absent one.
    is_there = platform_file.exists() or platform_file.is_symlink()
    return TeamFolder(directory, teams_dir, platform_file if is_there else None)


def _no_teams(directory: Path) -> str:
    """Say what is missing, and which folder was probably meant."""
    missing = (
        f"{str(directory)!r} has no folder {TEAMS_DIR}/; team files are read from DIR/{TEAMS_DIR}/*.yaml"
    )
    if directory.resolve().name == TEAMS_DIR:
        above = directory.parent if directory.name == TEAMS_DIR else directory / ".."
        return f"{missing}. Name the folder above it: {str(above)!r}."
    return f"{missing}, the platform's from DIR/{PLATFORM_FILE}."
