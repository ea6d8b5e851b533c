"""What one person may choose now: their teams, each with the profiles that it offers.

Built afresh from the live snapshot for every page and every start, so that a team that somebody has left,
or a profile that is gone, is gone at once. Pure: no hub, no Kubernetes, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.offer_groups import PersonGroups, offer_profile
from jupyterhub_knada.teams.departures import read_departures
from jupyterhub_knada.teams.effective import effective_team
from jupyterhub_knada.teams.hub_groups import read_known_claim, read_teams
from jupyterhub_knada.teams.membership import decide_memberships, refuse_closed
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date, datetime

    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam
    from jupyterhub_knada.teams.loaded import LoadedPlatform, LoadedTeam
    from jupyterhub_knada.teams.membership import Membership
    from jupyterhub_knada.teams.model import PlatformFile
    from jupyterhub_knada.teams.snapshots import Snapshot

_PLATFORM_CLOSED = Refusal(
    Code.PLATFORM_CLOSED,
    "Nothing can be started here now: the platform's own file has errors.",
    "The administrators see what is wrong in the hub's log; try again when it is mended.",
)


@dataclass(frozen=True, slots=True)
class TeamOffer:
    """One team of the person, with what it offers: never without a profile."""

    team: EffectiveTeam
    profiles: tuple[EffectiveProfile, ...]
    """In the order of the files; at least one."""
    reason: str
    """Why the person is in this team, in words, e.g. `users of teams/kyrre.yaml`."""

    @property
    def slug(self) -> str:
        """The team's slug: the value of the option `team`."""
        return self.team.slug

    @property
    def default_profile(self) -> EffectiveProfile:
        """The profile that starts where none is named: the one marked as default, else the first."""
        return next((profile for profile in self.profiles if profile.is_default), self.profiles[0])

    def find_profile(self, slug: str) -> EffectiveProfile | None:
        """Give the profile with exactly this slug, None where the team has none (any more)."""
        return next((profile for profile in self.profiles if profile.slug == slug), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """What this person may choose now: either teams, or a refusal that says why there is none."""

    user: str
    teams: tuple[TeamOffer, ...]
    """Sorted by display name, then by slug; empty exactly where `refusal` is set."""
    refusal: Refusal | None = None
    platform: PlatformFile | None = None
    """Whose bounds hold for what a person writes herself, e.g. an image; None: there are no bounds."""
    closed: Mapping[str, Refusal] = field(default_factory=lambda: MappingProxyType({}))
    """The person's teams that are closed, by slug: since when, why and whom to ask."""
    notices: tuple[str, ...] = ()
    """Sentences for the person: what became of servers that were stopped."""

    def find_team(self, slug: str) -> TeamOffer | None:
        """Give the offer of the team with exactly this slug, None where the person is not in it."""
        return next((offer for offer in self.teams if offer.slug == slug), None)


def build_offer(
    user: str,
    groups: Collection[str] | None,
    snapshot: Snapshot,
    today: date,
    was_in: Collection[str] = (),
) -> Offer:
    """Decide what `user` may choose now.

    Args:
        user: Name of the owner of the server, lower-case. Not of the one who asks: an admin who starts
            somebody's server chooses from that person's teams.
        groups: The person's group claims at the last refresh; None where they are unknown.
        snapshot: The team files as they hold now.
        today: Decides which images are past their end of life.
        was_in: Slugs of the teams that the person was in at the last refresh.

    Returns:
        An offer with at least one team, or one with a refusal. Never both, never neither.
    """
    decision = decide_memberships(user, groups, snapshot, was_in)
    closed = MappingProxyType({slug: refuse_closed([slug], snapshot) for slug in decision.closed})
    if decision.refusal is not None or snapshot.platform is None:
        return Offer(user, (), decision.refusal or _PLATFORM_CLOSED, None, closed)
    platform = snapshot.platform
    person = PersonGroups.of(decision.teams, groups, snapshot)
    offers = [
        _offer_team(membership, snapshot.teams[membership.team], platform, person, today)
        for membership in decision.memberships
        if membership.team in snapshot.teams
    ]
    teams = sorted((offer for offer in offers if offer.profiles), key=_by_name)
    if not teams:
        return Offer(user, (), _nothing_left(user, offers, today), platform.platform, closed)
    return Offer(user, tuple(teams), None, platform.platform, closed)


def offer_now(
    user: str, hub_groups: Collection[str], states: Iterable[object], snapshot: Snapshot, now: datetime
) -> Offer:
    """Decide what `user` may choose now, from what the hub's database knows of them.

    Args:
        user: Name of the owner of the server.
        hub_groups: The names of their JupyterHub groups.
        states: The stored states of their servers: what became of those whose team they have left.
        snapshot: The team files as they hold now.
        now: UTC.
    """
    claim = read_known_claim(hub_groups)
    groups = frozenset() if claim is None else claim.groups_at(now, snapshot.claim_age)
    offer = build_offer(user, groups, snapshot, now.date(), read_teams(hub_groups))
    left = (one for one in read_departures(states) if offer.find_team(one.team) is None)
    return replace(offer, notices=tuple(str(one) for one in left))


def _offer_team(
    membership: Membership, loaded: LoadedTeam, platform: LoadedPlatform, person: PersonGroups, today: date
) -> TeamOffer:
    team = effective_team(platform, loaded)
    offered = (offer_profile(profile, person) for profile in team.profiles)
    profiles = tuple(profile for profile in offered if profile is not None)
    if platform.platform.hide_end_of_life:
        profiles = tuple(profile for profile in profiles if not is_past_end_of_life(profile, today))
    return TeamOffer(team, profiles, membership.reason)


def is_past_end_of_life(profile: EffectiveProfile, today: date) -> bool:
    """Say whether the profile's image is one of the platform's whose last day is over."""
    end_of_life = profile.image_info.end_of_life if profile.image_info is not None else None
    return end_of_life is not None and end_of_life < today


def _by_name(offer: TeamOffer) -> tuple[str, str]:
    return offer.team.display_name.casefold(), offer.slug


def _nothing_left(user: str, offers: Iterable[TeamOffer], today: date) -> Refusal:
    """Say that every profile of every team is hidden, and whom to ask."""
    teams = [offer.team for offer in offers]
    names = ", ".join(quoted(team.slug) for team in teams)
    contacts = sorted({team.contact for team in teams if team.contact})
    whom = " or ".join(contacts) or "the admins of this hub"
    if not all(is_past_end_of_life(profile, today) for team in teams for profile in team.profiles):
        return Refusal(
            Code.NOTHING_TO_OFFER,
            f"{user} is in {names}, but no profile there is for one of {user}'s groups.",
            f"Ask {whom} which groups may start a server; after a change of groups, sign in again.",
        )
    return Refusal(
        Code.NOTHING_TO_OFFER,
        f"{user} is in {names}, but every image that could be started is past its end of life.",
        f"Ask {whom} for a profile with a newer image.",
    )
