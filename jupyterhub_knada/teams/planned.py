"""What plans say of files, put where the files say it; a rule of this package's higher room is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.teams.loaded import LoadedPlatform, LoadedTeam

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.loaded import PlanChecker
    from jupyterhub_knada.teams.model import PlatformFile, TeamFile


def find_plan_problems(
    platform: FileView[PlatformFile],
    teams: Mapping[str, FileView[TeamFile]],
    check_plans: PlanChecker,
    known: Iterable[Problem],
) -> Iterator[Problem]:
    """Give what the plans of all teams change of what the files say, each once.

    Args:
        platform: A platform file that holds; of one that does not nothing is planned.
        teams: The teams' files, as far as they can be read.
        check_plans: See `PlanChecker`.
        known: What was found without plans: what is wrong at the same place is not said again.
    """
    if platform.model is None:
        return
    file = None if platform.data is None else platform.file
    loaded = LoadedPlatform(file, platform.model, platform.positions)
    known = tuple(known)
    said = {_where(problem) for problem in known}
    for slug, view in teams.items():
        if view.part is None:
            continue
        team = LoadedTeam(slug, view.file, view.part, view.positions, ())
        for found in check_plans(loaded, team):
            locate = view.tell if found.file == view.file else platform.tell
            problem = locate(found.fault, found.severity)
            if _where(problem) not in said and not _is_explained(problem, known):
                said.add(_where(problem))
                yield problem


def _is_explained(problem: Problem, known: Iterable[Problem]) -> bool:
    """Tell whether a refused start is no news: an error inside that profile or choice is known."""
    if problem.severity is not Severity.ERROR or not problem.field:
        return False
    below = f"{problem.field}."
    errors = (other for other in known if other.severity is Severity.ERROR and other.file == problem.file)
    return any(other.field.startswith(below) for other in errors)


def _where(problem: Problem) -> tuple[str, int, int, str]:
    return (problem.file, problem.line, problem.column, problem.field)
