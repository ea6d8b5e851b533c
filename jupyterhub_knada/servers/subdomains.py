"""KubeSpawner whose servers have the origin of their person and team: `<person>--<team>.<host>`.

JupyterHub knows one host for each person, and asks `JupyterHub.subdomain_hook` for it again and again: for
routes, redirects, links and the API's addresses. Here it is the host of the servers that the person has now.
All of them share it, so whichever server is meant, the answer is right; it changes only when none runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from weakref import WeakValueDictionary

from jupyterhub.utils import subdomain_hook_idna, url_escape_path, url_path_join

from jupyterhub_knada.servers.homing import HomingKubeSpawner
from jupyterhub_knada.servers.origins import (
    TeamServer,
    find_other_teams,
    host_label,
    refuse_second_team,
)
from jupyterhub_knada.servers.page_request import current_page_request
from jupyterhub_knada.servers.shares import delete_shares

if TYPE_CHECKING:
    from jupyterhub_knada.servers.page_request import PageRequest
    from jupyterhub_knada.servers.plans import ServerPlan


class PersonHost:
    """The host of one person's servers, for as long as one of them has it."""

    def __init__(self, label: str) -> None:
        self.label = label


_HOSTS: Final[WeakValueDictionary[tuple[str, str], PersonHost]] = WeakValueDictionary()
"""By the hub's domain and the person's name. The spawners of servers that start, run or stop own the values:
nothing outlives the last of them, and a hub that starts again has them from the spawners' state."""


def team_subdomain(name: str, domain: str, kind: str) -> str:
    """Give the domain of a person's servers, or of a service: `JupyterHub.subdomain_hook`.

    Args:
        name: Of a user or service.
        domain: The hub's own host, without port.
        kind: `user` or `service`.

    Returns:
        Where a server of the person starts, runs or stops, its domain. Else JupyterHub's own for the name; no
        server of a team is ever there, so that the hub alone answers.

    Source: trait `JupyterHub.subdomain_hook`, 5.3-6.1; `subdomain_hook_idna` is what it is without us.
    """
    host = _HOSTS.get((domain, name)) if kind == "user" else None
    if host is not None:
        return f"{host.label}.{domain}"
    return str(subdomain_hook_idna(name, domain, kind))  # type: ignore[no-untyped-call]


class SubdomainKubeSpawner(HomingKubeSpawner):
    """KubeSpawner that moves its person to the host of the team that a server is started for."""

    person_host: PersonHost | None = None
    """Keeps the host of a server that starts, runs or stops; None: there is no such server."""
    team_server: TeamServer | None = None
    """The server that starts, runs or stops; None: there is none, or nothing has been decided yet."""

    def list_others(self) -> tuple[TeamServer, ...]:
        """Give the person's other servers that start, run or stop now.

        Source: `User.spawners`, JupyterHub 5.3-6.1: by server name, the spawner of each that is active.
        """
        others = [other for other in getattr(self.user, "spawners", {}).values() if other is not self]
        return tuple(
            replace(other.team_server, is_stopping=other.pending == "stop")
            for other in others
            if other.active and other.team_server is not None
        )

    def list_stop_urls(self, request: PageRequest) -> dict[TeamServer, str]:
        """Give the person's other servers, each with the address that a form of the start page stops it at.

        Args:
            request: That the page is drawn for; its token is in the addresses.
        """
        query = request.query
        if query is None:
            return {}
        stop = f"{self.hub.base_url}knada/stop/{self.user.escaped_name}/"
        return {other: f"{stop}{quote(other.name, safe='')}?{query}" for other in self.list_others()}

    def _refuse_second_team(self, plan: ServerPlan) -> None:
        """Refuse a start beside servers of other teams.

        Raises:
            StartRefusedError: there is one.

        Source: `User.spawn`, JupyterHub 5.3-6.1: `Spawner.handler` of a server that starts is who asked.
        """
        others = find_other_teams(plan.team_id, self.list_others())
        is_own = current_page_request().is_by(self.user) or (
            self.pending == "spawn" and getattr(self.handler, "current_user", None) is self.user
        )
        refusal = refuse_second_team(None if is_own else self.user.name, others)
        if refusal is not None:
            raise self._refused(refusal)

    def _place(self, plan: ServerPlan) -> None:
        """Note that a server of this plan is about to start, and give it its host.

        Side effects: what the last server of this name was shared for ends where that was another team's.
        """
        self._end_shares(plan)
        self.team_server = TeamServer(self.name, plan.team, plan.team_id)
        self._set_host(plan.team_id)

    def _end_shares(self, plan: ServerPlan) -> None:
        session, last = self._session, self._memory.server
        if session is None or last.get("team_id") in (None, plan.team_id):
            return
        if ended := delete_shares(session, self.orm_spawner.id):
            words = "Shares and share codes deleted of the server of %s, which was of team %s: %d"
            self.log.warning(words, self._log_name, last.get("team"), ended)

    def _set_host(self, team_id: str) -> None:
        """Give the server that is about to start its origin: that of its team, or of a server that is there.

        Side effects: the server's route, its public address and its OAuth redirect follow.

        Source: JupyterHub 5.3-6.1, user.py `spawn`, which has made the OAuth client before it calls
        `apply_user_options`, where it is committed.
        """
        if not self._has_team_hosts():
            return
        others = (other for other in self.user.spawners.values() if other is not self and other.active)
        shared = next((other.person_host for other in others if other.person_host is not None), None)
        self._enter(shared or PersonHost(host_label(self.user.name, team_id)))
        client = self.orm_spawner.oauth_client
        if client is not None:
            client.redirect_uri = self._below(self.user.url, "oauth_callback")

    def _has_team_hosts(self) -> bool:
        settings = getattr(self.user, "settings", {})
        return bool(settings.get("subdomain_host")) and settings.get("subdomain_hook") is team_subdomain

    def _enter(self, host: PersonHost) -> None:
        """Have this host; what JupyterHub (5.3-6.1) gave the spawner by the person's earlier one follows."""
        _HOSTS[self.user.settings["domain"], self.user.name] = self.person_host = host
        self.proxy_spec = self._below(self.user.proxy_spec, "/")
        self.public_url = self.user.public_url(self.name)
        self.trusted_alt_names = [*self.trusted_alt_names, f"DNS:{self.user.domain}"]
        self._memory = replace(self._memory, host=host.label)

    def _below(self, url: str, *parts: str) -> str:
        return str(url_path_join(url, url_escape_path(self.name), *parts))  # type: ignore[no-untyped-call]

    def load_state(self, state: dict[str, Any]) -> None:
        """Read what `get_state` gave; a server that runs has the host that it was started with.

        Source: `KubeSpawner.load_state`, 7.1; JupyterHub 5.3-6.1 calls it for each server that runs before
        the hub adds or checks any route.
        """
        super().load_state(state)
        if self.orm_spawner.server is None:
            return
        server = self._memory.server
        self.team_server = TeamServer(self.name, str(server.get("team", "")), str(server.get("team_id", "")))
        if not self._has_team_hosts():
            return
        domain = self.user.settings["domain"]
        own = self._memory.host or self.user.domain.removesuffix(f".{domain}")
        # Servers of one person share one; should the state of two differ, no link could lead to both.
        self._enter(_HOSTS.get((domain, self.user.name)) or PersonHost(own))

    def clear_state(self) -> None:
        """Forget the last server and its host; see `HomingKubeSpawner.clear_state`."""
        super().clear_state()
        if self._outliving is None:
            self.person_host = self.team_server = None
            self._memory = replace(self._memory, host=None)
