"""One state of all team files, complete and immutable, and who is named in it.

A snapshot is what every rule reads. It never changes; a changed file makes a new one (`teams.registry`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.teams.settings import Leaving
from jupyterhub_knada.teams.user_names import normalize_user_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.loading import ClosedTeam, LoadedPlatform, LoadedTeam


@dataclass(frozen=True)
class Snapshot:
    """All teams at one moment. Compare two by `version`: it rises with every change in one process."""

    version: int
    platform: LoadedPlatform | None
    """None: the platform file has never held since the hub started; then no team is served."""
    teams: Mapping[str, LoadedTeam]
    """The teams that are served, by slug: from their file as it is, or as it last held (`stale`)."""
    closed: Mapping[str, ClosedTeam]
    """The teams that are not served, by slug, with the reason."""
    problems: tuple[Problem, ...]
    """All problems and warnings of all files as they are now, sorted."""
    stale: frozenset[str] = frozenset()
    """Slugs of served teams whose file is broken now: they are served as they last held."""
    is_current: bool = True
    """False where the platform file or the folder cannot be read now, and an earlier state is served."""
    _by_user: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _by_group: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _closed_by_user: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _closed_by_group: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _allowed: frozenset[str] = field(init=False, repr=False, compare=False)

    def teams_of_user(self, user: str) -> frozenset[str]:
        """Give the slugs of the served teams that name `user` under users or leads. O(1)."""
        return self._by_user.get(normalize_user_name(user), frozenset())

    def teams_of_group(self, group: str) -> frozenset[str]:
        """Give the slugs of the served teams that name `group`, exactly as the claim has it. O(1)."""
        return self._by_group.get(group, frozenset())

    def closed_teams_of(self, user: str, groups: Iterable[str]) -> frozenset[str]:
        """Give the slugs of the closed teams whose file, as far as it can be read, names these."""
        by_group = (self._closed_by_group.get(group, frozenset()) for group in groups)
        return self._closed_by_user.get(normalize_user_name(user), frozenset()).union(*by_group)

    def is_group_named(self, group: str) -> bool:
        """Tell whether a group of the claim decides anything: a membership, or what a member is offered."""
        return bool(self.teams_of_group(group)) or group in self._allowed

    @property
    def claim_age(self) -> timedelta | None:
        """How long a claim counts that the provider does not repeat; None: for ever."""
        leaving = self.platform.platform.leaving if self.platform else Leaving()
        return None if leaving.claim_age == "never" else timedelta(seconds=leaving.claim_age)

    @property
    def is_readable(self) -> bool:
        """Whether anything follows from what is not in it: not from an invalid platform file or no files."""
        return self.is_current and self.platform is not None and bool(self.teams or self.closed)

    @property
    def has_errors(self) -> bool:
        """Whether any file does not hold now."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)

    @property
    def groups(self) -> frozenset[str]:
        """All groups that served teams name, as the team files spell them."""
        return frozenset(group for team in self.teams.values() for group in team.team.groups)

    def __post_init__(self) -> None:
        """Build the look-ups once."""
        teams = self.teams.items()
        named = ((name, slug) for slug, held in teams for name in (*held.team.users, *held.team.leads))
        groups = ((group, slug) for slug, held in teams for group in held.team.groups)
        # What a broken file says has not been checked: an ident in capitals may be what is wrong.
        refused = (
            (normalize_user_name(user), slug) for slug, closed in self.closed.items() for user in closed.users
        )
        lists = [held.team.profiles for held in self.teams.values()]
        lists += [self.platform.platform.profiles] if self.platform else []
        allowed = (name for profiles in lists for profile in profiles for name in profile.allowed_names())
        object.__setattr__(self, "_allowed", frozenset(allowed))
        object.__setattr__(self, "_by_user", _index(named))
        object.__setattr__(self, "_by_group", _index(groups))
        object.__setattr__(self, "_closed_by_user", _index(refused))
        shut = ((group, slug) for slug, closed in self.closed.items() for group in closed.groups)
        object.__setattr__(self, "_closed_by_group", _index(shut))


def _index(pairs: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    """Collect the slugs that stand beside each name."""
    slugs: dict[str, set[str]] = {}
    for name, slug in pairs:
        slugs.setdefault(name, set()).add(slug)
    return MappingProxyType({name: frozenset(found) for name, found in slugs.items()})
