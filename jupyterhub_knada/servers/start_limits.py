"""How many servers of one team may start at once, so that no team takes all places of the hub. Pure."""

from __future__ import annotations

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.quoting import quoted


def team_start_limit(said: int | None, hub_limit: int) -> int | None:
    """Decide how many servers of one team may start at once; None: as many as the hub lets start.

    Args:
        said: What the platform file says; None: nothing.
        hub_limit: `JupyterHub.concurrent_spawn_limit`; 0: the hub has none.
    """
    if said is not None:
        return said
    return max(1, hub_limit // 2) if hub_limit else None


def refuse_start(team: str, starting: int, limit: int | None) -> Refusal | None:
    """Refuse one more start of a team; None where it may start.

    Args:
        team: The team's slug.
        starting: How many other servers of it start now.
        limit: What `team_start_limit` gave.
    """
    if limit is None or starting < limit:
        return None
    servers = f"{starting} servers start" if starting > 1 else "one server starts"
    return Refusal(
        Code.TEAM_STARTS_ENOUGH,
        f"In team {quoted(team)} {servers} already, as many as may at once.",
        "Try again when one of them is ready.",
        status=429,
    )
