"""The JupyterHub groups that stand for somebody's teams and group claims.

Two kinds, told apart by a colon, which no team slug has: `<slug>`, one for each team that the person is in,
and `claim:<group>`, one for each group of the person's claim that some team file names. The second kind lets
the offer be decided again from the live team files, without `auth_state` and after a restart of the hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jupyterhub_knada.teams.membership import Decision
    from jupyterhub_knada.teams.snapshots import Snapshot

CLAIM_PREFIX = "claim:"

_HUB_GROUP_NAME_MAX = 255
"""Characters; Source: jupyterhub orm.py `Group.name`, `Unicode(255)`."""


def build_hub_groups(decision: Decision, claim: Collection[str], snapshot: Snapshot) -> tuple[str, ...]:
    """Give the names of all JupyterHub groups that somebody shall be in, sorted.

    Args:
        decision: Who is in which team.
        claim: The groups of the person's claim, as decided on.
        snapshot: The team files that the decision was made from. A group that none of them names is left out:
            a person may be in hundreds, and nothing reads them.
    """
    named = (group for group in claim if snapshot.teams_of_group(group))
    kept = {CLAIM_PREFIX + group for group in named}
    return tuple(sorted({*decision.teams, *(name for name in kept if len(name) <= _HUB_GROUP_NAME_MAX)}))


def read_claim_groups(hub_groups: Iterable[str]) -> frozenset[str]:
    """Give the groups of somebody's last known claim from the names of their JupyterHub groups."""
    return frozenset(name.removeprefix(CLAIM_PREFIX) for name in hub_groups if name.startswith(CLAIM_PREFIX))
