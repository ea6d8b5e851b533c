"""Who is in which team, and why: a pure decision over one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.user_names import normalize_user_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_knada.teams.snapshots import Snapshot


class Role(StrEnum):
    """What somebody is in a team."""

    MEMBER = "member"
    LEAD = "lead"
    """A member, too."""


@dataclass(frozen=True, slots=True)
class Membership:
    """One person in one team."""

    team: str
    """The team's slug."""
    role: Role
    reason: str
    """For people and logs: `listed under users in teams/kyrre.yaml:4`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The teams of one person; `refusal` is set exactly when there are none."""

    user: str
    memberships: tuple[Membership, ...]
    """Sorted by team slug; one a team."""
    refusal: Refusal | None
    closed: tuple[str, ...] = ()
    """The slugs of the closed teams that the person is in, as far as anybody can say, sorted."""

    @property
    def teams(self) -> tuple[str, ...]:
        """The slugs of the person's teams, sorted."""
        return tuple(membership.team for membership in self.memberships)


def decide_memberships(
    user: str, groups: Collection[str] | None, snapshot: Snapshot, was_in: Collection[str] = ()
) -> Decision:
    """Decide which teams somebody is in.

    Args:
        user: The user name; A-Z count as a-z.
        groups: What the group claim says; None where the claim is unknown (absent, cut short, never seen),
            which is not the same as an empty claim.
        snapshot: The team files.
        was_in: Slugs of the teams that the person was in when it was last decided: of a closed team's file
            nothing may be readable.

    Returns:
        Memberships with a reason each, or a refusal: PLATFORM_CLOSED, TEAM_CLOSED, CLAIM_MISSING, NO_TEAM.
    """
    reasons = _listed(user, snapshot)
    for slug, membership in _by_claim(groups or (), snapshot).items():
        reasons.setdefault(slug, membership)
    memberships = tuple(reasons[slug] for slug in sorted(reasons))
    closed = tuple(
        sorted(snapshot.closed_teams_of(user, groups or ()).union(was_in) & snapshot.closed.keys())
    )
    refusal = None if memberships else _refuse(user, groups, snapshot, closed)
    return Decision(user, memberships, refusal, closed)


def _listed(user: str, snapshot: Snapshot) -> dict[str, Membership]:
    """Give the memberships that team files grant by name: what a lead is counts before what a member is."""
    name = normalize_user_name(user)
    found: dict[str, Membership] = {}
    for slug in snapshot.teams_of_user(name):
        loaded = snapshot.teams[slug]
        for key, role, names in (
            ("leads", Role.LEAD, loaded.team.leads),
            ("users", Role.MEMBER, loaded.team.users),
        ):
            if name in names and slug not in found:
                line, _ = loaded.positions.at((key, names.index(name)))
                found[slug] = Membership(slug, role, f"listed under {key} in {loaded.file}:{line}")
    return found


def _by_claim(groups: Collection[str], snapshot: Snapshot) -> dict[str, Membership]:
    """Give the memberships that a group of the claim grants, by the first such group of each team's file."""
    claimed = set(groups)
    found: dict[str, Membership] = {}
    for slug in sorted({slug for group in claimed for slug in snapshot.teams_of_group(group)}):
        loaded = snapshot.teams[slug]
        for index, group in enumerate(loaded.team.groups):
            if group in claimed and slug not in found:
                line, _ = loaded.positions.at(("groups", index))
                reason = f"in group {group}, named in {loaded.file}:{line}"
                found[slug] = Membership(slug, Role.MEMBER, reason)
    return found


def refuse_closed(slugs: Collection[str], snapshot: Snapshot) -> Refusal:
    """Say which of somebody's teams are closed, since when and why, and whom to ask.

    Args:
        slugs: Of closed teams, at least one.
        snapshot: The team files.
    """
    them = "it" if len(slugs) == 1 else "them"
    return Refusal(
        Code.TEAM_CLOSED,
        " ".join(str(snapshot.closed[slug]) for slug in sorted(slugs)),
        f"You are still in {them}, and running servers run on. "
        f"Ask whoever changed {them} last, or {_contact(snapshot)}, to correct {them}.",
    )


def _refuse(
    user: str, groups: Collection[str] | None, snapshot: Snapshot, closed: Collection[str]
) -> Refusal:
    """Say why somebody has no team, the reason that can be mended first."""
    who = f"You are {user}"
    contact = _contact(snapshot)
    if snapshot.platform is None:
        return Refusal(
            Code.PLATFORM_CLOSED,
            f"{who}, but nothing can be started here now: the platform's own file has errors.",
            "The administrators see what is wrong in the hub's log; try again when it is mended.",
        )
    if closed:
        return refuse_closed(closed, snapshot)
    if groups is None and snapshot.groups:
        return Refusal(
            Code.CLAIM_MISSING,
            f"{who}, but your sign-in came without the list of your groups, by which teams are decided here.",
            f"Sign in again; if this comes back, ask {contact}.",
        )
    return Refusal(
        Code.NO_TEAM,
        f"{who}, but no team here lists you.",
        f"Ask a team's lead or {contact} to add you, then sign in again.",
    )


def _contact(snapshot: Snapshot) -> str:
    """Name whom a refused person asks."""
    platform = snapshot.platform
    return (platform.platform.contact if platform else None) or "the administrators of this hub"
