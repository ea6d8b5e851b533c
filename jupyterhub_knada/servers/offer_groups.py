"""Which profiles and choices somebody is offered by their groups: `allowedGroups` of a list. Pure.

A name that is the slug of a team of this hub is that team and nothing else, so that no group of the identity
provider can be made to look like one; the person is in it, or is not. Any other name is a group of the
person's claim, by name or id as in the claim. Where the claim is unknown no such group counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.model import ProfileOption
    from jupyterhub_knada.teams.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class PersonGroups:
    """The groups of one person, as far as `allowedGroups` goes by them."""

    teams: frozenset[str]
    """Slugs of the person's teams."""
    claim: frozenset[str]
    """Groups of the claim, as it spells them."""
    all_teams: frozenset[str]
    """Slugs of all teams, also of closed ones."""

    @classmethod
    def of(cls, teams: Iterable[str], groups: Collection[str] | None, snapshot: Snapshot) -> PersonGroups:
        """Collect them; `groups` is None where the claim is unknown."""
        known = frozenset((*snapshot.teams, *snapshot.closed))
        return cls(frozenset(teams), frozenset(groups or ()), known)

    def is_allowed(self, allowed: Collection[str] | None) -> bool:
        """Tell whether one of the names is the person's; without a list everybody is allowed."""
        return allowed is None or any(map(self._has, allowed))

    def _has(self, name: str) -> bool:
        return name in self.teams if name in self.all_teams else name in self.claim


def offer_profile(profile: EffectiveProfile, person: PersonGroups) -> EffectiveProfile | None:
    """Give a profile with what the person may choose in it; None where it is not for this person.

    An option of which nothing is left takes the profile with it: started without it, a server would be
    something that nobody has written down.
    """
    if not person.is_allowed(profile.allowed_groups):
        return None
    options = {}
    for name, option in profile.options.items():
        left = _offer_option(option, person)
        if left is None:
            return None
        options[name] = left
    return replace(profile, options=MappingProxyType(options))


def _offer_option(option: ProfileOption, person: PersonGroups) -> ProfileOption | None:
    choices = {key: one for key, one in option.choices.items() if person.is_allowed(one.allowed_groups)}
    own = option.unlisted_choice
    if own is not None and not person.is_allowed(own.allowed_groups):
        own = None
    if len(choices) == len(option.choices) and own is option.unlisted_choice:
        return option
    if not choices and (own is None or not own.enabled):
        return None
    return option.model_copy(update={"choices": MappingProxyType(choices), "unlisted_choice": own})
