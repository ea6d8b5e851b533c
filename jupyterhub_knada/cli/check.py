"""`jupyterhub-knada check`: every problem of a folder of team files, for people and for programs."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_knada.cli.folders import TeamFolder, find_team_folder
from jupyterhub_knada.cli.output import printable, write_line
from jupyterhub_knada.errors import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.loaded import PlanChecker, PlanFinding
    from jupyterhub_knada.teams.loading import LoadedFiles, LoadedPlatform, LoadedTeam, OverrideFault

EPILOG = """\b
Examples:
  jupyterhub-knada check config/
  jupyterhub-knada check config/ --format json | jq '.problems[].file'
  jupyterhub-knada check . --format github   in a workflow: marks the lines of a pull request
\b
Exit codes:
  0  no problems; warnings do not count, unless --strict is given
  1  problems
  2  wrong use: DIR is not there or has no folder teams/
"""

_GITHUB_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}


@click.command(epilog=EPILOG, short_help="List every problem of the team files at once.")
@click.argument("folder", metavar="DIR", callback=find_team_folder)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="text: one line a problem. json: one object with `problems` and `teams`. "
    "github: annotations of a GitHub workflow.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
def check(folder: TeamFolder, form: str, *, strict: bool) -> None:
    """List every problem of DIR/platform.yaml and DIR/teams/*.yaml at once.

    Each line says where, what is wrong, the rule and what to do. Every profile is planned as a start would
    be, and each choice of its options by itself, the first 200 of a team: what is refused then, lowered,
    capped or left out is reported, too. It reads files only; neither a hub nor a cluster is asked, so that
    the hub's own configuration is assumed to set no sizes and no image.
    """
    loaded = load_folder(folder, check_plans=check_plans)
    if form == "json":
        write_line(json.dumps(to_json(loaded), indent=2))
    elif form == "github":
        write_line(_in_annotations(loaded, folder.directory))
    else:
        write_line(_in_text(loaded))
    counted = loaded.problems if strict else _errors(loaded.problems)
    sys.exit(1 if counted else 0)


def load_folder(folder: TeamFolder, check_plans: PlanChecker | None = None) -> LoadedFiles:
    """Read all files of a folder; `kubespawnerOverride` is checked against KubeSpawner where one is used."""
    # Here, not above: `--help` of other commands must not pay for pydantic and YAML.
    from jupyterhub_knada.teams.loading import load_files  # noqa: PLC0415

    return load_files(
        folder.teams_dir, folder.platform_file, check_override=check_override, check_plans=check_plans
    )


def check_override(override: Mapping[str, object]) -> Iterable[OverrideFault]:
    """Check one override; imports KubeSpawner, over a second, so only when there is one."""
    from jupyterhub_knada.servers.overrides import check_override as check_by_kubespawner  # noqa: PLC0415

    return check_by_kubespawner(override)


def check_plans(platform: LoadedPlatform, team: LoadedTeam) -> Iterable[PlanFinding]:
    """Plan every profile of a team as a start would, and give what the plans change of what the files say."""
    from jupyterhub_knada.servers.plan_checks import check_plans as check_by_planning  # noqa: PLC0415

    return check_by_planning(platform, team)


def to_json(loaded: LoadedFiles) -> dict[str, Any]:
    """Give the documented JSON form: the `problems` with all their fields, and the number of `teams`."""
    return {"problems": [problem.to_dict() for problem in loaded.problems], "teams": _count_teams(loaded)}


def summary(loaded: LoadedFiles) -> str:
    """Give the closing line: `3 teams, 2 problems, 1 warning`."""
    errors = len(_errors(loaded.problems))
    counts = (
        (_count_teams(loaded), "team"),
        (errors, "problem"),
        (len(loaded.problems) - errors, "warning"),
    )
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


def _count_teams(loaded: LoadedFiles) -> int:
    return len(loaded.teams) + len(loaded.closed)


def _errors(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _in_text(loaded: LoadedFiles) -> str:
    return "\n".join([*(printable(str(problem)) for problem in loaded.problems), summary(loaded)])


def _in_annotations(loaded: LoadedFiles, directory: Path) -> str:
    told = [to_annotation(found, file=_in_workspace(directory, found.file)) for found in loaded.problems]
    return "\n".join([*told, summary(loaded)])


def to_annotation(problem: Problem, *, file: str) -> str:
    """Give a workflow command that marks a line of a pull request.

    Args:
        problem: What to show there.
        file: The problem's file from the root of the repository.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions, escaped as
    actions/toolkit `core/src/command.ts` does.
    """
    told = "; ".join(part for part in (problem.message, problem.rule, problem.remedy) if part)
    text = f"{problem.field}: {told}" if problem.field else told
    properties = {
        "file": file,
        **({"line": str(problem.line), "col": str(problem.column)} if problem.line else {}),
        "title": str(problem.code),
    }
    written = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{_GITHUB_LEVELS[problem.severity]} {written}::{_escape_data(text)}"


def _in_workspace(directory: Path, file: str) -> str:
    """Name a file from the repository's root, where GitHub looks for it, not from the checked folder."""
    workspace = os.environ.get("GITHUB_WORKSPACE") or os.curdir
    return os.path.relpath(directory.absolute() / file, os.path.abspath(workspace))  # noqa: PTH100 - no links


def _escape_data(text: str) -> str:
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
