"""That the owner of a server has left its team, as it is kept with the server and said to the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

STATE_KEY: Final = "knada"
"""This package's part of a spawner's state; see `servers.memory`."""
DEPARTURE_KEY: Final = "departure"


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody is no longer in the team of a server of theirs."""

    team: str
    """The team's slug."""
    reason: str
    """Half a sentence for people and logs: `the team's file was removed`."""
    since: datetime
    """When that was first seen, UTC."""
    stopped: datetime | None = None
    """When the server was stopped for it, UTC; None: it was not."""

    def __str__(self) -> str:
        """Say it to the person."""
        what = "is stopped when the time for coming back is over"
        if self.stopped is not None:
            what = f"was stopped at {self.stopped:%Y-%m-%d %H:%M} UTC, and its home is kept"
        return f"You are no longer in team {self.team}: {self.reason}. Your server there {what}."

    def to_state(self) -> dict[str, Any]:
        """Give what is stored, as plain JSON."""
        stopped = self.stopped.isoformat() if self.stopped else None
        return {
            "team": self.team,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "stopped": stopped,
        }

    @classmethod
    def from_state(cls, state: object) -> Departure | None:
        """Read what `to_state` gave; None for what is not of its shape."""
        if not isinstance(state, Mapping):
            return None
        team, reason, stopped = state.get("team"), state.get("reason"), state.get("stopped")
        try:
            since = datetime.fromisoformat(str(state.get("since")))
            ended = datetime.fromisoformat(str(stopped)) if stopped else None
        except ValueError:
            return None
        is_whole = isinstance(team, str) and isinstance(reason, str) and since.tzinfo is not None
        return cls(str(team), str(reason), since, ended) if is_whole else None


def read_departures(states: Iterable[object]) -> tuple[Departure, ...]:
    """Give the departures that spawners' states tell of, each once, by team.

    Args:
        states: `state` of each of somebody's spawners, as JupyterHub keeps it; whatever it is.
    """
    own = (state.get(STATE_KEY) for state in states if isinstance(state, Mapping))
    found = (Departure.from_state(ours.get(DEPARTURE_KEY)) for ours in own if isinstance(ours, Mapping))
    return tuple(sorted({one for one in found if one is not None}, key=lambda one: (one.team, one.since)))
