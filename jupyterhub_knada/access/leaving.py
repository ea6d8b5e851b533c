"""Who has left, by a state that can be read; and when a server of theirs is stopped for it. Pure.

Nothing is concluded from what cannot be read: a closed team, a platform file or a folder that is invalid or
empty, a claim that nobody knows. A group that a file names since after a person's claim was said is unknown
of them, too: the hub keeps those groups of a claim only that some file named then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from jupyterhub_knada.teams.departures import Departure
from jupyterhub_knada.teams.hub_groups import KnownClaim, read_known_claim, read_teams
from jupyterhub_knada.teams.membership import decide_memberships

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.membership import Decision
    from jupyterhub_knada.teams.snapshots import Snapshot

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a group is named that was named before anybody wrote that down."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the hub knows."""

    name: str
    hub_groups: frozenset[str]
    """The names of their JupyterHub groups."""
    is_admin: bool = False
    """Of the hub."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the files and the last known claim say of one person now."""

    person: Person
    decision: Decision
    claim: KnownClaim | None
    """As it counts now; None: unknown, or too old."""
    outdated: frozenset[str]
    """The groups of a claim that is too old."""

    def is_unknown_in(self, team: str, snapshot: Snapshot, named_since: Mapping[str, datetime]) -> bool:
        """Say whether nobody can tell that the person is not in the team by a group."""
        said = self.claim.said if self.claim else None
        loaded = snapshot.teams.get(team)
        if said is None or loaded is None:
            return False
        return any(named_since.get(group, ALWAYS) > said for group in loaded.team.groups)


def judge_person(person: Person, snapshot: Snapshot, now: datetime) -> Standing:
    """Decide where somebody stands.

    Args:
        person: Whom.
        snapshot: The team files.
        now: UTC.
    """
    last, was_in = read_known_claim(person.hub_groups), read_teams(person.hub_groups)
    is_outdated = last is not None and last.is_outdated(now, snapshot.claim_age)
    claim = None if is_outdated else last
    decision = decide_memberships(person.name, claim.groups if claim else None, snapshot, was_in)
    return Standing(person, decision, claim, last.groups if last and is_outdated else frozenset())


def is_in_no_team(standing: Standing, snapshot: Snapshot, named_since: Mapping[str, datetime]) -> bool:
    """Say whether somebody's sessions and tokens end: never a hub admin's, and never by what is unknown."""
    if standing.person.is_admin or not snapshot.is_readable:
        return False
    if standing.decision.memberships or standing.decision.closed:
        return False
    said = standing.claim.said if standing.claim else None
    named = (since for group, since in named_since.items() if snapshot.teams_of_group(group))
    return said is None or not any(since > said for since in named)


def find_reason(
    standing: Standing,
    team: str,
    snapshot: Snapshot,
    named_since: Mapping[str, datetime],
    only_team: str | None = None,
) -> str | None:
    """Say why the owner of a running server is no longer in its team; None where they are, or may be.

    Args:
        standing: The owner's.
        team: Slug of the team that the server was started for.
        snapshot: The team files.
        named_since: Since when the files name their groups.
        only_team: The one team that this hub serves: it knows nothing of the others.
    """
    if not snapshot.is_readable or only_team not in {None, team}:
        return None
    if team in snapshot.closed or team in standing.decision.teams:
        return None
    name, loaded = standing.person.name, snapshot.teams.get(team)
    if loaded is None:
        # Without any team beside it, the files may just not be there.
        return "the team's file was removed" if snapshot.teams else None
    if standing.is_unknown_in(team, snapshot, named_since):
        return None
    if standing.outdated.intersection(loaded.team.groups):
        return f"it is too long ago that a sign-in of {name} named a group of {loaded.file}"
    return f"{loaded.file} lists {name} neither by name nor by a group of the sign-in"


def decide_departure(
    known: Departure | None, team: str, reason: str | None, now: datetime
) -> Departure | None:
    """Give what is to be written down about a server.

    Args:
        known: What is written down already.
        team: The server's team.
        reason: What `find_reason` gave.
        now: UTC.

    Returns:
        None where the owner is in the team; else the departure that is known already, so that its time goes
        on, or a new one.
    """
    if reason is None:
        return None
    return known if known is not None and known.team == team else Departure(team, reason, now)


def decide_stop(departure: Departure, grace: int | Literal["never"], now: datetime) -> timedelta | None:
    """Say how long a server runs on after its owner has left; at most nothing: it is stopped now.

    Args:
        departure: Of the owner.
        grace: Seconds, of the platform file.
        now: UTC.

    Returns:
        None: it is left to its owner and the culler.
    """
    return None if grace == "never" else departure.since + timedelta(seconds=grace) - now
