"""What a plan is made from: the person, the hub's own configuration, and what was chosen. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.servers.homes import MovedFrom
from jupyterhub_knada.teams.claims import ids_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.servers.choices import Choice
    from jupyterhub_knada.servers.offer import Offer
    from jupyterhub_knada.servers.profile_options import OptionValue
    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam
    from jupyterhub_knada.teams.model import PlatformFile
    from jupyterhub_knada.teams.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The owner of the server, as far as a plan needs it."""

    name: str
    """As JupyterHub knows it: a lower-case ident."""
    server_name: str = ""
    """Empty: the default server."""
    label: str = ""
    """KubeSpawner's label `hub.jupyter.org/username` of this person; empty: the name itself."""
    older_claim_names: tuple[str, ...] = ()
    """What older hubs would have named this person's home, `claim-<ident>` first."""


@dataclass(frozen=True, slots=True)
class ResolvedChoice:
    """A checked choice with what it names: the team and the profile as they hold now."""

    team: EffectiveTeam
    profile: EffectiveProfile
    options: Mapping[str, OptionValue]
    platform: PlatformFile | None
    moved_from: MovedFrom | None = None
    """What the team's file acknowledges."""
    inherits_homes: bool = False
    """True for the team that `homesInheritedBy` names: it finds `claim-<ident>` in the hub's namespace."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """`c.KubeSpawner…`, zero-to-jupyterhub's `singleuser.*`, group overrides and hooks, made one."""

    namespace: str
    """The namespace that servers run in if no team has its own."""
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """KubeSpawner trait -> value, of every trait in `traits.POD_TRAITS`; also of those that nobody set."""
    explicit: frozenset[str] = frozenset()
    """The traits that somebody set; the others have KubeSpawner's own defaults."""
    only_team: str | None = None
    """The slug of the one team that this hub serves; None: all teams."""

    def said(self, trait: str) -> Any:
        """Give the value of a trait that somebody set, None of one that nobody did."""
        return self.values.get(trait) if trait in self.explicit else None


def resolve_choice(choice: Choice, offer: Offer, snapshot: Snapshot) -> ResolvedChoice:
    """Look up what a choice names. The choice must be one that `parse_choice` made from this offer.

    Args:
        choice: Team, profile and options.
        offer: What the person may choose.
        snapshot: The team files that the offer was made from.

    Raises:
        LookupError: the choice is not within the offer.
    """
    team = offer.find_team(choice.team)
    profile = team.find_profile(choice.profile) if team is not None else None
    if team is None or profile is None:
        raise LookupError(f"team {choice.team!r} with profile {choice.profile!r} is not in the offer")
    platform = offer.platform
    return ResolvedChoice(
        team=team.team,
        profile=profile,
        options=choice.options,
        platform=platform,
        moved_from=_moved_from(choice.team, snapshot),
        inherits_homes=platform is not None and platform.homes_inherited_by == choice.team,
    )


def _moved_from(slug: str, snapshot: Snapshot) -> MovedFrom | None:
    """Give what the team's file acknowledges, without an id that another team has or had.

    Files that say so are not served in the first place; but a home that is handed to the wrong team is handed
    over for good, so that this is looked at again where it happens.
    """
    loaded = snapshot.teams.get(slug)
    before = loaded.team.moved_from if loaded is not None else None
    if before is None:
        return None
    others = {
        id_ for other, held in snapshot.teams.items() if other != slug for id_ in ids_of(other, held.team)
    }
    return MovedFrom(before.namespace, None if before.id in others else before.id)
