"""What a spawner remembers of its starts, in the hub's database: `state["knada"]`.

Shape: `{"team", "team_id", "profile", "options", "plan_digest", "idle_timeout", "namespace", "home", "host",
"homes", "accepted", "token_id", "departure"}`. The first eight describe the last started server, `host` one
that is there now; `homes` is by team, so that no team's home is taken for another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.servers.homes import RememberedHome
from jupyterhub_knada.teams.departures import DEPARTURE_KEY, Departure

if TYPE_CHECKING:
    from jupyterhub_knada.servers.plans import ServerPlan


@dataclass(frozen=True, slots=True)
class ServerMemory:
    """What one spawner remembers. Read leniently: a database may hold what an older version wrote."""

    server: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The last started server: `team`, `team_id`, `profile`, `options`, `plan_digest`, `namespace`, and
    `idle_timeout` (seconds or `never`), `home` (the claim's name or None). Empty: none was started yet."""
    homes: Mapping[str, RememberedHome] = field(default_factory=lambda: MappingProxyType({}))
    """By the team's slug: where this person's home was at the last start there."""
    accepted: Mapping[str, str] | None = None
    """The last accepted options; what a refused start puts back."""
    host: str | None = None
    """The DNS label of the server that is there now; None: there is none, or hosts are not by team."""
    departure: Departure | None = None
    """That its owner left the team of the last started server."""
    token_id: int | None = None
    """Of the last started server's own API token, in the hub's database."""

    def started(self, plan: ServerPlan, claim_name: str | None) -> ServerMemory:
        """Give the memory after a server was made by this plan, with this claim as its home."""
        server = {
            "team": plan.team,
            "team_id": plan.team_id,
            "profile": plan.profile,
            "options": dict(plan.options),
            "plan_digest": plan.digest,
            "idle_timeout": plan.idle_timeout,
            "namespace": plan.namespace,
            "home": claim_name or None,
        }
        homes = dict(self.homes)
        if plan.home is not None and claim_name:
            homes[plan.team] = RememberedHome(plan.team_id, plan.namespace, claim_name)
        return replace(self, server=MappingProxyType(server), homes=MappingProxyType(homes))

    def to_state(self) -> dict[str, Any]:
        """Give what is stored, as plain JSON."""
        homes = {
            team: {"team_id": home.team_id, "namespace": home.namespace, "claim_name": home.claim_name}
            for team, home in self.homes.items()
        }
        accepted = None if self.accepted is None else dict(self.accepted)
        departure = self.departure.to_state() if self.departure else None
        kept = {"host": self.host, "homes": homes, "accepted": accepted, "token_id": self.token_id}
        return {**self.server, **kept, DEPARTURE_KEY: departure}

    @classmethod
    def from_state(cls, state: object) -> ServerMemory:
        """Read what `to_state` gave; what is not of its shape is as if it were not there."""
        if not isinstance(state, Mapping):
            return cls()
        stored = dict(state)
        homes = _read_homes(stored.pop("homes", None))
        accepted = stored.pop("accepted", None)
        host = stored.pop("host", None)
        token_id = stored.pop("token_id", None)
        departure = Departure.from_state(stored.pop(DEPARTURE_KEY, None))
        is_options = isinstance(accepted, Mapping) and all(
            isinstance(text, str) for text in accepted.values()
        )
        return cls(
            server=MappingProxyType(stored),
            homes=MappingProxyType(homes),
            accepted=MappingProxyType(dict(accepted)) if is_options else None,
            departure=departure,
            token_id=token_id if isinstance(token_id, int) else None,
            host=host if isinstance(host, str) and host else None,
        )


def _read_homes(stored: object) -> dict[str, RememberedHome]:
    homes = {}
    for team, home in stored.items() if isinstance(stored, Mapping) else ():
        if isinstance(home, Mapping):
            texts = [home.get(name) for name in ("team_id", "namespace", "claim_name")]
            if all(isinstance(text, str) and text for text in texts):
                homes[str(team)] = RememberedHome(*map(str, texts))
    return homes
