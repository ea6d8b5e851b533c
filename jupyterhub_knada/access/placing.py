"""In which teams somebody is now, and the JupyterHub groups that follow from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyterhub_knada.teams.hub_groups import (
    KnownClaim,
    build_hub_groups,
    only_named,
    read_known_claim,
    read_teams,
    said_at,
)
from jupyterhub_knada.teams.membership import decide_memberships

if TYPE_CHECKING:
    from datetime import datetime

    from jupyterhub_knada.access.claims import GroupClaim
    from jupyterhub_knada.errors import Refusal
    from jupyterhub_knada.teams.membership import Decision
    from jupyterhub_knada.teams.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Placement:
    """What was decided about one person at a sign-in or a refresh."""

    decision: Decision
    groups: tuple[str, ...]
    """The names of their JupyterHub groups, sorted."""
    is_kept: bool
    """Whether the person stays in without a team: what cannot be read ends nothing."""
    notes: tuple[str, ...] = ()
    """What is not known of the claim, for the log."""

    @property
    def refusal(self) -> Refusal | None:
        """Why somebody who is no hub admin does not come in, or does not stay."""
        return None if self.is_kept else self.decision.refusal


def place_person(
    name: str, claim: GroupClaim, names: frozenset[str], snapshot: Snapshot, now: datetime
) -> Placement:
    """Decide by the claim; where it is unknown, by the last known one, until that is too old.

    Args:
        name: The user name.
        claim: What the provider says now.
        names: Of the person's JupyterHub groups until now; none where the hub does not know them.
        snapshot: The team files.
        now: UTC.
    """
    last, was_in, notes = read_known_claim(names), read_teams(names), []
    if claim.gap:
        notes.append(claim.gap if claim.groups is not None else f"{claim.gap}; memberships by group stay")
    known = last
    if claim.groups is not None:
        known = KnownClaim(only_named(claim.groups, snapshot), said_at(now, snapshot.claim_age))
    elif last is not None and last.is_outdated(now, snapshot.claim_age):
        notes.append("the groups were said too long ago and count no longer")
        known = None
    elif last is not None and last.said is None:
        # Written by a version that knew of no age: it begins now.
        known = replace(last, said=said_at(now, snapshot.claim_age))
    decision = decide_memberships(name, known.groups if known else None, snapshot, was_in)
    groups = build_hub_groups(decision, known, was_in)
    if not snapshot.is_readable:
        return Placement(decision, tuple(sorted({*groups, *was_in})), bool(names), tuple(notes))
    return Placement(decision, groups, any(slug in was_in for slug in decision.closed), tuple(notes))


def needs_new_claim(names: frozenset[str], snapshot: Snapshot, now: datetime) -> bool:
    """Say whether groups counted once and are no longer known, which a sign-in would tell.

    Args:
        names: Of the person's JupyterHub groups.
        snapshot: The team files.
        now: UTC.
    """
    last = read_known_claim(names)
    return last is not None and bool(last.groups) and last.is_outdated(now, snapshot.claim_age)
