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


class TeamFolderType(click.ParamType[TeamFolder]):
    """The argument DIR of a command; wrong use (exit code 2) where it has no `teams/`."""

    name = "directory"

    def convert(
        self, value: str | TeamFolder, param: click.Parameter | None, ctx: click.Context | None
    ) -> TeamFolder:
        """Find the files below a folder. Source: click.ParamType.convert."""
        if isinstance(value, TeamFolder):
            return value
        directory = Path(value)
        teams_dir = directory / TEAMS_DIR
        if not directory.exists():
            self.fail(f"{value!r} is not there.", param, ctx)
        if not directory.is_dir():
            self.fail(f"{value!r} is a file; name the folder that holds {TEAMS_DIR}/.", param, ctx)
        if not teams_dir.is_dir():
            self.fail(_no_teams(directory), param, ctx)
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
