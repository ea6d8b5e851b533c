"""One state of all team files, complete and immutable, and who is named in it.

A snapshot is what every rule reads. It never changes; a changed file makes a new one (`teams.registry`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Slugs of served teams whose file is broken now and was not before."""
    _by_user: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _by_group: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def teams_of_user(self, user: str) -> frozenset[str]:
        """Give the slugs of the served teams that name `user` under users or leads. O(1)."""
        return self._by_user.get(user.lower(), frozenset())

    def teams_of_group(self, group: str) -> frozenset[str]:
        """Give the slugs of the served teams that name `group` (its name or id as in the claim). O(1)."""
        return self._by_group.get(group_key(group), frozenset())

    @property
    def groups(self) -> frozenset[str]:
        """All groups that served teams name, as the team files spell them."""
        return frozenset(group for team in self.teams.values() for group in team.team.groups)

    def __post_init__(self) -> None:
        """Build the two look-ups once."""
        by_user: dict[str, set[str]] = {}
        by_group: dict[str, set[str]] = {}
        for slug, loaded in self.teams.items():
            for user in (*loaded.team.users, *loaded.team.leads):
                by_user.setdefault(user.lower(), set()).add(slug)
            for group in loaded.team.groups:
                by_group.setdefault(group_key(group), set()).add(slug)
        object.__setattr__(self, "_by_user", _frozen(by_user))
        object.__setattr__(self, "_by_group", _frozen(by_group))


def group_key(group: str) -> str:
    """Give what two spellings of one group have in common: all but how its words are spaced."""
    return " ".join(group.split())


def _frozen(index: dict[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({key: frozenset(slugs) for key, slugs in index.items()})
