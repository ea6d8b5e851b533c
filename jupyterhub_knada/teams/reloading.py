"""From what a look at the files gave to the next snapshot: nobody loses a team to a typo.

Pure. The rules, for a team that was served before:

* its file holds: the new version is served;
* its file is broken, or claims what another team has: it is served as it last held;
* its file is gone: it is gone.

A team that was not served before is served only if its file holds and claims nothing that is taken. A broken
platform file keeps the last good one, and the teams as they were under it; where there has been no good one,
nothing is served. A folder that cannot be listed changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from jupyterhub_knada.errors import Code, Problem, Severity, sort_problems
from jupyterhub_knada.teams.claims import Claim, can_share, claims_of
from jupyterhub_knada.teams.effective import pin_images
from jupyterhub_knada.teams.loaded import ClosedTeam, LoadedTeam
from jupyterhub_knada.teams.positions import NO_FILE, shown
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.loaded import LoadedFiles, LoadedPlatform

_T = TypeVar("_T")


def build_snapshot(
    before: Snapshot | None,
    loaded: LoadedFiles,
    *,
    team: str | None = None,
    is_listed: bool = True,
    now: datetime | None = None,
) -> Snapshot:
    """Give the snapshot that follows; the very same object if nothing has changed.

    Args:
        before: None at the first load.
        loaded: What the files say now.
        team: Serve this team only.
        is_listed: False where the folder of team files could not be listed, so that `loaded` has no teams.
        now: UTC; since then a team is closed that was not before; None: nobody asks.
    """
    platform = loaded.platform or (before.platform if before else None)
    if before and not is_listed:
        teams, closed, problems = _kept(before, before.teams), dict(before.closed), loaded.problems
    elif platform is None or loaded.platform is None:
        teams, closed, problems = _under_old_platform(before, loaded)
    else:
        teams, closed, problems = _under_new_platform(before, loaded, platform)
    after = Snapshot(
        version=before.version + 1 if before else 1,
        platform=platform,
        teams=MappingProxyType(_only(teams, team)),
        closed=MappingProxyType(_dated(_only(closed, team), before, now)),
        problems=sort_problems((*problems, *_missing(team, {**teams, **closed}))),
        is_current=is_listed and loaded.platform is not None,
        stale=frozenset(
            slug
            for slug, served in _only(teams, team).items()
            if slug not in loaded.teams or served.team != loaded.teams[slug].team
        ),
    )
    return before if before and replace(after, version=before.version) == before else after


_Parts = tuple[dict[str, LoadedTeam], dict[str, ClosedTeam], tuple[Problem, ...]]


def _under_new_platform(before: Snapshot | None, loaded: LoadedFiles, platform: LoadedPlatform) -> _Parts:
    """Take what holds, keep what held, and close newcomers that claim what a kept team has."""
    fresh = dict(loaded.teams)
    kept = _kept(before, loaded.closed)
    closed = {slug: team for slug, team in loaded.closed.items() if slug not in kept}
    problems = list(loaded.problems)
    while clash := _find_clash(fresh, kept, platform):
        slug, problem = clash
        problems.append(problem)
        newcomer = fresh.pop(slug)
        if before and slug in before.teams:
            kept |= _kept(before, [slug])
        else:
            closed[slug] = ClosedTeam(slug, newcomer.file, (problem,), *_named(newcomer))
    return {**fresh, **kept}, closed, tuple(problems)


def _under_old_platform(before: Snapshot | None, loaded: LoadedFiles) -> _Parts:
    """Keep the teams that still have a file; close the others: nothing says what holds for them."""
    teams = _kept(before, {**loaded.teams, **loaded.closed})
    waiting = {
        slug: ClosedTeam(slug, team.file, _errors(loaded), *_named(team))
        for slug, team in loaded.teams.items()
        if slug not in teams
    }
    closed = {slug: team for slug, team in loaded.closed.items() if slug not in teams}
    return teams, {**closed, **waiting}, loaded.problems


def _kept(before: Snapshot | None, slugs: Collection[str]) -> dict[str, LoadedTeam]:
    """Give those of the teams that were served before, as they held then."""
    if before is None or before.platform is None:
        return {}
    return {slug: pin_images(before.teams[slug], before.platform) for slug in slugs if slug in before.teams}


def _find_clash(
    fresh: Mapping[str, LoadedTeam], kept: Mapping[str, LoadedTeam], platform: LoadedPlatform
) -> tuple[str, Problem] | None:
    """Find a team that claims what a kept one has, which the loader compared by that one's new file only."""
    taken: dict[Claim, tuple[LoadedTeam, Path]] = {}
    for slug, team in kept.items():
        for claim, path in claims_of(slug, team.team, platform.platform).items():
            if claim not in taken or not can_share(path):
                taken[claim] = team, path
    for slug in sorted(fresh):
        for claim, path in claims_of(slug, fresh[slug].team, platform.platform).items():
            holder, held_as = taken.get(claim, (None, path))
            if holder is not None and not (can_share(path) and can_share(held_as)):
                return slug, _clash(fresh[slug], claim, path, holder)
    return None


def _clash(team: LoadedTeam, claim: Claim, path: Path, holder: LoadedTeam) -> Problem:
    line, column = team.positions.at(path)
    return Problem(
        file=team.file,
        line=line,
        column=column,
        field=shown(path),
        code=Code.CLAIMED_TWICE,
        message=f"claimed twice {got(claim.value)}",
        rule=f"team {holder.slug} is served with it, by the last valid version of {holder.file}",
        remedy=f"correct {holder.file} first, or choose another",
    )


def _missing(team: str | None, known: Collection[str]) -> Iterator[Problem]:
    """Say that the one team to serve has no file."""
    if team is not None and team not in known:
        yield Problem(
            file=f"teams/{team}.yaml",
            line=NO_FILE.line,
            column=NO_FILE.column,
            field="",
            code=Code.FILE_UNREADABLE,
            message="there is no such file",
            rule=f"this hub serves team {team!r} only",
            remedy="create it, or correct the hub's setting `team`",
        )


def _named(team: LoadedTeam) -> tuple[frozenset[str], frozenset[str]]:
    """Give the people and the groups of a team."""
    return frozenset((*team.team.users, *team.team.leads)), frozenset(team.team.groups)


def _dated(
    closed: Mapping[str, ClosedTeam], before: Snapshot | None, now: datetime | None
) -> dict[str, ClosedTeam]:
    """Say since when each team is closed: since now, unless it was before."""
    known = before.closed if before else {}
    return {
        slug: replace(team, since=known[slug].since if slug in known else now)
        for slug, team in closed.items()
    }


def _errors(loaded: LoadedFiles) -> tuple[Problem, ...]:
    return tuple(problem for problem in loaded.problems if problem.severity is Severity.ERROR)


def _only(teams: Mapping[str, _T], team: str | None) -> dict[str, _T]:
    return {slug: teams[slug] for slug in sorted(teams) if team in {None, slug}}
