"""Who is in which team, and why: a pure decision over one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_knada.errors import Refusal
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

    @property
    def teams(self) -> tuple[str, ...]:
        """The slugs of the person's teams, sorted."""
        return tuple(membership.team for membership in self.memberships)


def decide_memberships(user: str, groups: Collection[str] | None, snapshot: Snapshot) -> Decision:
    """Decide which teams somebody is in.

    Args:
        user: The user name; compared in lower case.
        groups: What the group claim says; None where the claim is unknown (absent, cut short, never seen),
            which is not the same as an empty claim.
        snapshot: The team files.

    Returns:
        The memberships with a reason each, or a refusal: PLATFORM_CLOSED, TEAM_CLOSED, CLAIM_MISSING or NO_TEAM.
    """
    raise NotImplementedError
