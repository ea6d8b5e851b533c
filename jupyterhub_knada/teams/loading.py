"""Team files from a folder: every file read, every problem told, and no file harmed by another."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from jupyterhub_knada.errors import Code, Problem, Severity
from jupyterhub_knada.teams.advice import advise_platform, advise_team, warn_of_lookalikes
from jupyterhub_knada.teams.claims import decide_claims
from jupyterhub_knada.teams.cross_checks import (
    check_namespace,
    check_overrides,
    check_platform,
    check_team,
    fit_needs,
)
from jupyterhub_knada.teams.faults import Fault as OverrideFault
from jupyterhub_knada.teams.file_cache import FileCache
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.loaded import (
    Circumstances,
    ClosedTeam,
    LoadedFiles,
    LoadedPlatform,
    LoadedTeam,
    OverrideChecker,
    PlanChecker,
)
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.pattern_checks import check_patterns
from jupyterhub_knada.teams.planned import find_plan_problems
from jupyterhub_knada.teams.positions import Positions
from jupyterhub_knada.teams.refused_files import reduced
from jupyterhub_knada.teams.single_file import judge_nothing, judge_text, unreadable
from jupyterhub_knada.teams.suggestions import bounded_guesses
from jupyterhub_knada.teams.tally import counted, kept_and_left_out, shortened
from jupyterhub_knada.teams.team_folder import (
    FileError,
    TeamPath,
    list_team_files,
    printable_name,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from jupyterhub_knada.teams.file_view import FileView

__all__ = [
    "ClosedTeam",
    "FileCache",
    "LoadedFiles",
    "LoadedPlatform",
    "LoadedTeam",
    "OverrideChecker",
    "OverrideFault",
    "Positions",
    "load_files",
]

M = TypeVar("M", bound=FileModel)

_STAND_INS: Mapping[type[FileModel], Mapping[str, Any]] = MappingProxyType(
    {TeamFile: {"namespace": "unsaid", "users": []}, PlatformFile: {}},
)


def load_files(  # noqa: PLR0913 - both checkers are of a higher room and handed in, the rest is the files'
    teams_dir: Path,
    platform_file: Path | None,
    *,
    check_override: OverrideChecker | None = None,
    check_plans: PlanChecker | None = None,
    previous: Mapping[str, LoadedTeam] = MappingProxyType({}),
    cache: FileCache | None = None,
    today: date | None = None,
) -> LoadedFiles:
    """Read and judge all files. Never raises for anything that a file or folder holds; reads files only.

    Args:
        teams_dir: folder of the teams' files; only its own entries are looked at (`team_folder`).
        platform_file: None where there is none.
        check_override: what checks `kubespawnerOverride`; None: not checked.
        check_plans: what plans every profile; it adds problems and closes no team: a start is refused or
            lowered by itself. None: nothing is planned, which a hub has no time for.
        previous: the teams that are served now, by slug. Of two that claim the same id, namespace, ingress or
            secret the newcomer is closed; without any, on a first load, both are.
        cache: what was judged before, to be kept by the caller between loads of the same folder.
        today: judges ends of life; None: today in UTC.
    """
    given = Circumstances(today or datetime.now(UTC).date(), check_override)
    kept = FileCache() if cache is None else cache
    folder = list_team_files(teams_dir)
    platform, beside = _platform_view(platform_file, given, kept)
    views, doubles = _team_views(folder.files, given, kept, beside)
    kept.forget_unused()
    problems: dict[str, list[Problem]] = {}
    whole = dict(views)  # Of a refused file only its problems stay: plans need what stood in it.
    for slug, view in views.items():
        found = view.problems if view.is_reduced else _judge_beside(view, platform, given)
        if _has_error(found) and not view.is_reduced:
            found, left_out = kept_and_left_out(found)
            views[slug] = reduced(view, found, left_out)
            kept.refuse(views[slug], beside)
        problems[slug] = [*found, *doubles[slug]]
    broken = {slug for slug, told in problems.items() if _has_error(told)}
    for slug, told in decide_claims(views, previous, broken, platform.part or PlatformFile()).items():
        problems[slug].extend(told)
    for slug, problem in warn_of_lookalikes(views):
        problems[slug].append(problem)
    others = [*folder.problems, *platform.problems, *advise_platform(platform, views)]
    if check_plans is not None:
        known = [*others, *chain.from_iterable(problems.values())]
        others += find_plan_problems(platform, whole, check_plans, known)
    return _result(platform, views, problems, others)


def _judge_beside(
    view: FileView[TeamFile], platform: FileView[PlatformFile], given: Circumstances
) -> tuple[Problem, ...]:
    """Give the problems of a team's file, those that it has beside the platform's among them."""
    advice = advise_team(view, platform.model) if platform.model is not None else ()
    found = chain(check_namespace(view, platform), check_team(view, platform, given), advice)
    return (*fit_needs(view.problems, platform), *counted(found))


def _platform_view(
    path: Path | None, given: Circumstances, cache: FileCache
) -> tuple[FileView[PlatformFile], Hashable]:
    """Judge the platform's file; and say what the judgement of a team's file beside it depends on."""
    if path is None:
        return judge_nothing(PlatformFile), given.today
    file = printable_name(path.name)
    view = _judge(TeamPath("", path, file), PlatformFile, given, cache)
    told = [*view.problems, *counted(check_platform(view, given))]
    beside = (cache.key_of(file), given.today)
    if _has_error(told):
        cache.forget(file)  # It may be large, and is judged again until it is valid.
    return replace(view, problems=tuple(told), model=None if _has_error(told) else view.model), beside


def _team_views(
    files: Iterable[TeamPath],
    given: Circumstances,
    cache: FileCache,
    beside: Hashable,
) -> tuple[dict[str, FileView[TeamFile]], Mapping[str, list[Problem]]]:
    """Judge each team's file; of two files with one slug the first is judged, and both are told."""
    views: dict[str, FileView[TeamFile]] = {}
    doubles: dict[str, list[Problem]] = defaultdict(list)
    for path in files:
        if path.slug in views:
            rule = f"{views[path.slug].file} is the same team"
            message = f"a second file of one team (got {path.file!r})"
            fault = OverrideFault(Code.FILE_NAME, message, rule, "remove one of them")
            doubles[path.slug].append(unreadable(path.file, fault).problems[0])
        else:
            views[path.slug] = _judge(path, TeamFile, given, cache, beside)
    return views, doubles


def _judge(
    path: TeamPath, model: type[M], given: Circumstances, cache: FileCache, beside: Hashable = None
) -> FileView[M]:
    """Read and judge one file by itself, or take what is known of the same text."""
    try:
        # The platform's file is one that the hub's own configuration names.
        text = read_text(path.path, path.path.parent if path.slug else None)
    except FileError as error:
        return unreadable(path.file, error.fault, error.position)

    @bounded_guesses()
    def judge() -> FileView[M]:
        view = judge_text(path.file, text, model, _STAND_INS[model])
        told = (*counted(check_overrides(view, given)), *check_patterns(view))
        return replace(view, problems=(*view.problems, *told), model=None if told else view.model)

    # Not the text itself, which is as large as the file.
    key = (model, hashlib.sha256(text.encode(errors="surrogatepass")).digest(), given.check_override)
    found: FileView[M] = cache.judged(path.file, key, judge, beside=beside)
    return found


def _result(
    platform: FileView[PlatformFile],
    views: Mapping[str, FileView[TeamFile]],
    problems: Mapping[str, list[Problem]],
    others: Iterable[Problem],
) -> LoadedFiles:
    teams: dict[str, LoadedTeam] = {}
    closed: dict[str, ClosedTeam] = {}
    left_out = {view.file: view.left_out for view in views.values()}
    for slug in sorted(views):
        view, told = views[slug], shortened(problems[slug], left_out)
        if view.model is None or _has_error(told):
            users, groups = _named(view.data, "users", "leads"), _named(view.data, "groups")
            closed[slug] = ClosedTeam(slug, view.file, told, users, groups)
        else:
            teams[slug] = LoadedTeam(slug, view.file, view.model, view.positions, told)
    everything = [*others, *(problem for told in problems.values() for problem in told)]
    loaded = None
    if platform.model is not None:
        file = None if platform.data is None else platform.file
        loaded = LoadedPlatform(file, platform.model, platform.positions)
    return LoadedFiles(
        loaded, MappingProxyType(teams), MappingProxyType(closed), shortened(everything, left_out)
    )


def _has_error(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def _named(data: Any, *keys: str) -> frozenset[str]:
    """Give the entries of lists of names, also of a file that does not hold."""
    lists = (data.get(key) for key in keys) if isinstance(data, dict) else ()
    return frozenset(
        str(name) for names in lists if isinstance(names, list) for name in names if isinstance(name, str)
    )
