"""KubeSpawner that knows how many servers of its team start at once in this hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from jupyterhub_knada.servers.start_limits import refuse_start, team_start_limit
from jupyterhub_knada.servers.subdomains import SubdomainKubeSpawner

if TYPE_CHECKING:
    from jupyterhub_knada.servers.plans import ServerPlan

_STARTING: Final[WeakSet[TeamStartsKubeSpawner]] = WeakSet()
"""Of this process: the spawners of starts that were accepted, and may have ended meanwhile."""


class TeamStartsKubeSpawner(SubdomainKubeSpawner):
    """KubeSpawner that keeps a team from taking all places of the hub.

    Nothing is added up and taken off again: a start counts for as long as JupyterHub itself calls it pending,
    which is what the hub's own limit counts. So no way in which a start can end leaves a place taken.

    Source: `Spawner.pending`, JupyterHub 5.3-6.1: `spawn` from before `apply_user_options` until the server
    answers and has its route, or the start has failed, or is stopped.
    """

    def _refuse_crowded_team(self, plan: ServerPlan, said: int | None) -> None:
        """Refuse a start while too many of the team go on.

        Args:
            plan: Of the server that is about to start.
            said: The platform file's `concurrentStartsPerTeam`.

        Raises:
            StartRefusedError: 429.
        """
        hub_limit = getattr(self.user, "settings", {}).get("concurrent_spawn_limit", 0)
        starting = count_starting(plan.team_id, but=self)
        refusal = refuse_start(plan.team, starting, team_start_limit(said, hub_limit))
        if refusal is not None:
            raise self._refused(refusal)

    def _place(self, plan: ServerPlan) -> None:
        super()._place(plan)
        _STARTING.add(self)


def count_starting(team_id: str, but: TeamStartsKubeSpawner | None = None) -> int:
    """Count the servers of a team that start now in this process, but for one.

    Side effects: forgets those whose start has ended.
    """
    ended = [spawner for spawner in _STARTING if spawner.pending != "spawn"]
    _STARTING.difference_update(ended)
    servers = [spawner.team_server for spawner in _STARTING if spawner is not but]
    return sum(server is not None and server.team_id == team_id for server in servers)
