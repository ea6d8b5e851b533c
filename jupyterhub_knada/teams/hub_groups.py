"""The JupyterHub groups that stand for somebody's teams and group claims.

Three kinds, told apart by a colon, which no team slug has: `<slug>`, one for each team that the person is in,
`claim:<group>`, one for each group of the person's claim that some file names, and
`claim-said:<moment>`, when the provider said that claim. With them the offer can be decided again from the
live team files, without `auth_state` and after a restart of the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jupyterhub_knada.teams.membership import Decision
    from jupyterhub_knada.teams.snapshots import Snapshot

CLAIM_PREFIX: Final = "claim:"
SAID_PREFIX: Final = "claim-said:"

_MOMENT: Final = "%Y-%m-%dT%H:%MZ"
_STEPS: Final = 168
"""Moments that are told apart within a claim's age, an hour in a week: a refresh that says the same changes a
person's groups no more often, and there are no more groups of moments than that."""
_SHORTEST_STEP: Final = timedelta(minutes=1)
_DEFAULT_AGE: Final = timedelta(days=7)

_HUB_GROUP_NAME_MAX: Final = 255
"""Characters; Source: jupyterhub orm.py `Group.name`, `Unicode(255)`."""


@dataclass(frozen=True, slots=True)
class KnownClaim:
    """What the provider last said of somebody's groups."""

    groups: frozenset[str]
    said: datetime | None = None
    """When, UTC, at most a step too early; None: nobody wrote it down."""

    def groups_at(self, now: datetime, age: timedelta | None) -> frozenset[str] | None:
        """Give the groups as far as they are known now; None where it is too long ago that they were."""
        return None if self.is_outdated(now, age) else self.groups

    def is_outdated(self, now: datetime, age: timedelta | None) -> bool:
        """Say whether it is older than claims may be; never before they are, at most a step later.

        Args:
            now: UTC.
            age: `Snapshot.claim_age`; None: they may be of any age.
        """
        return age is not None and self.said is not None and now - self.said >= age + _step(age)


def said_at(now: datetime, age: timedelta | None) -> datetime:
    """Give the moment to write down for a claim that is said now: the last full step, UTC."""
    step = _step(age)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return now - (now - start) % step


def build_hub_groups(
    decision: Decision, claim: KnownClaim | None, was_in: Collection[str] = ()
) -> tuple[str, ...]:
    """Give the names of all JupyterHub groups that somebody shall be in, sorted.

    Args:
        decision: Who is in which team.
        claim: The person's claim, as decided on; None: nothing is known of it.
        was_in: The teams that the person is in now; those that are closed end nothing.
    """
    names = {*decision.teams, *(slug for slug in decision.closed if slug in was_in)}
    if claim is not None:
        names |= {CLAIM_PREFIX + group for group in claim.groups}
        if claim.said is not None:
            names.add(SAID_PREFIX + claim.said.strftime(_MOMENT))
    return tuple(sorted(name for name in names if len(name) <= _HUB_GROUP_NAME_MAX))


def only_named(groups: Iterable[str], snapshot: Snapshot) -> frozenset[str]:
    """Leave out the groups that no file names: a person may be in hundreds, and nothing reads them."""
    return frozenset(group for group in groups if snapshot.is_group_named(group))


def read_teams(hub_groups: Iterable[str]) -> frozenset[str]:
    """Give the slugs of somebody's teams, as they were last decided, from the names of their groups."""
    return frozenset(name for name in hub_groups if ":" not in name)


def read_known_claim(hub_groups: Iterable[str]) -> KnownClaim | None:
    """Give somebody's last known claim from the names of their JupyterHub groups; None: there was none."""
    groups: set[str] = set()
    said: datetime | None = None
    is_known = False
    for name in hub_groups:
        if name.startswith(CLAIM_PREFIX):
            groups.add(name.removeprefix(CLAIM_PREFIX))
        elif name.startswith(SAID_PREFIX):
            said = _read_moment(name.removeprefix(SAID_PREFIX))
        else:
            continue
        is_known = True
    return KnownClaim(frozenset(groups), said) if is_known else None


def _read_moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _step(age: timedelta | None) -> timedelta:
    return max((age or _DEFAULT_AGE) / _STEPS, _SHORTEST_STEP)
