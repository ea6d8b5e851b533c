"""Whether one server is stopped for being idle: a pure decision with a reason.

In doubt a server runs on. Whatever is not known (its policy, when it was last used) never stops it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """How long one server may be idle."""

    timeout: timedelta | None
    """Above 0; None: for ever."""
    team: str | None = None
    """The slug of the team that the server runs for, for the log."""

    @classmethod
    def from_dict(cls, told: Any) -> IdlePolicy | None:
        """Read one entry of `GET /hub/api/knada/culling-policies`; None where it does not have that shape.

        Args:
            told: `{"team": str | None, "idle_timeout": seconds | None}`, other keys ignored.
        """
        if not isinstance(told, dict) or "idle_timeout" not in told:
            return None
        seconds, team = told["idle_timeout"], told.get("team")
        if seconds is None:
            return cls(None, team)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            return None
        try:
            return cls(timedelta(seconds=seconds), team)
        except OverflowError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form that `from_dict` reads."""
        seconds = None if self.timeout is None else self.timeout.total_seconds()
        return {"team": self.team, "idle_timeout": seconds}


@dataclass(frozen=True, slots=True)
class ServerActivity:
    """When one server was started and last used."""

    last_activity: datetime | None
    """UTC; None: the hub has not seen any."""
    started: datetime | None
    """UTC; None: unknown."""

    @classmethod
    def from_server(cls, server: Mapping[str, Any]) -> ServerActivity:
        """Read JupyterHub's server model; what is no time is unknown. Never raises.

        Source: JupyterHub REST `Server.last_activity`, `Server.started`: ISO 8601 in UTC. A single-user
        server reports its activity every five minutes, so the former may be that old.
        """
        return cls(_parse_time(server.get("last_activity")), _parse_time(server.get("started")))


@dataclass(frozen=True, slots=True)
class CullDecision:
    """Whether a server is stopped, and why."""

    is_culled: bool
    reason: str
    """For the log."""


def decide(activity: ServerActivity, policy: IdlePolicy | None, now: datetime) -> CullDecision:
    """Decide whether a running server is stopped.

    Args:
        activity: When it was last used; a server that was never used counts as used when it was started.
        policy: None where the hub does not know the server's.
        now: UTC.

    Returns:
        A decision to stop it only where it has been idle for at least the policy's timeout. Never raises.
    """
    if policy is None:
        return CullDecision(is_culled=False, reason="the hub gives no policy for it")
    team = f"team {policy.team}" if policy.team else "no team"
    if policy.timeout is None:
        return CullDecision(is_culled=False, reason=f"{team} lets it be idle for ever")
    used = max((time for time in (activity.last_activity, activity.started) if time), default=None)
    if used is None:
        return CullDecision(is_culled=False, reason="the hub does not know when it was last used")
    idle = now - used
    told = f"idle for {format_seconds(idle)}, {team} allows {format_seconds(policy.timeout)}"
    return CullDecision(is_culled=idle >= policy.timeout, reason=told)


def format_seconds(span: timedelta) -> str:
    """Give a span of time in whole seconds, `90 s`; a clock that runs behind makes it negative."""
    return f"{span // timedelta(seconds=1)} s"


def _parse_time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
