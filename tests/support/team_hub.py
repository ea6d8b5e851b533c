"""A hub of teams on the embedded cluster, whose servers run at once; it can be ended and started again."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.local_cluster import LocalCluster, local_cluster
from tests.support.real_hub import Browser, HubProcess, RealHub
from tests.support.running_pods import running_pods
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

PASSWORD = "a password of tests"
_DEMO = "jupyterhub_knada.KnadaDemoAuthenticator"
_CONFIG = """
from jupyterhub_knada.hub_config import configure
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers", "admin:server_state", "tokens", "shares"]
configure(
    c, teams_dir="teams", platform_file="platform.yaml", authenticator="{authenticator}", culler=False
)
c.SharedPasswordAuthenticator.user_password = "{password}"
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.port = {port}
c.KubeSpawner.start_timeout = 30
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 30}}
"""


@dataclass(frozen=True)
class TeamHub:
    """A hub and its cluster."""

    process: HubProcess
    cluster: LocalCluster
    folder: Path

    @property
    def hub(self) -> RealHub:
        """The hub, to be asked."""
        return self.process.hub

    async def add(self, name: str) -> None:
        """Add somebody to the hub, as an admin does."""
        assert (await self.hub.api(f"/users/{quote(name, safe='')}", method="POST"))[0] == 201

    async def token(self, name: str) -> str:
        """Make a token of somebody's, with all that they may do."""
        path = f"/users/{quote(name, safe='')}/tokens"
        status, made = await self.hub.api(path, method="POST", body={})
        assert status == 201, made
        return str(made["token"])

    async def start(self, name: str, **options: str) -> tuple[int, Any]:
        """Start somebody's default server by REST and wait for it."""
        path = f"/users/{quote(name, safe='')}/server"
        return await self.hub.api(path, method="POST", body=options)

    async def stop(self, name: str) -> None:
        """Stop somebody's default server and wait until it is gone."""
        await self.hub.api(f"/users/{quote(name, safe='')}/server", method="DELETE")
        await self.is_stopped(name)

    async def user(self, name: str) -> dict[str, Any]:
        """Give somebody as the hub knows them, with stopped servers."""
        _, user = await self.hub.api(f"/users/{quote(name, safe='')}?include_stopped_servers")
        found: dict[str, Any] = user
        return found

    async def runs(self, name: str) -> bool:
        """Say whether somebody's default server is ready."""
        return bool((await self.user(name))["servers"].get("", {}).get("ready"))

    async def is_stopped(self, name: str) -> None:
        """Wait until nothing of somebody's servers is left."""

        async def is_gone() -> bool:
            return not await self.pods(name) and not (await self.user(name))["servers"].get("", {}).get(
                "pending"
            )

        await eventually(is_gone)

    async def pods(self, name: str) -> list[dict[str, Any]]:
        """Give somebody's pods, of all namespaces."""
        return await self._of("pods", name)

    async def homes(self, name: str) -> list[dict[str, Any]]:
        """Give somebody's claims, of all namespaces."""
        return await self._of("persistentvolumeclaims", name)

    async def _of(self, plural: str, name: str) -> list[dict[str, Any]]:
        listed = await self.cluster.client.get(f"/api/v1/{plural}")
        return [
            item
            for item in listed["items"]
            if item["metadata"].get("annotations", {}).get("knada.nav.no/user") == name
        ]


def config_of(port: int, authenticator: str = _DEMO) -> str:
    """Give a hub's configuration, whose servers listen on one port; everybody signs in with `PASSWORD`."""
    return _CONFIG.format(port=port, password=PASSWORD, authenticator=authenticator)


@asynccontextmanager
async def team_hub(
    folder: Path,
    namespaces: Iterable[str],
    config: str = "",
    authenticator: str = _DEMO,
    *,
    takes: Callable[[dict[str, Any]], bool] = bool,
) -> AsyncIterator[TeamHub]:
    """Start a cluster and a hub for the team files of a folder, and end both.

    Args:
        folder: Has `platform.yaml` and `teams/`.
        namespaces: Of the teams.
        config: What comes after the hub's configuration, as Python.
        authenticator: For `configure()`.
        takes: Says of a pod whether a machine takes it.
    """
    async with local_cluster(folder) as cluster, aiohttp.ClientSession() as session:
        for namespace in ("hub", *namespaces):
            body = {"metadata": {"name": namespace, "labels": {"team-namespace": "true"}}}
            await cluster.client.create(object_path("v1", "namespaces"), body)
        async with running_pods(cluster.client, takes) as port:
            written = config_of(port, authenticator) + config
            process = HubProcess(folder, written, session, {"KUBECONFIG": str(cluster.kubeconfig)})
            try:
                await process.start()
                yield TeamHub(process, cluster, folder)
            finally:
                await process.end()


async def sign_in(browser: Browser, name: str) -> tuple[int, str]:
    """Sign in with the demo's password; give the page that follows."""
    _, page = await browser.open("/hub/login")
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert xsrf is not None, page
    form = {"username": name, "password": PASSWORD, "_xsrf": xsrf[1]}
    async with browser.session.post(f"{browser.url}/hub/login?next=%2Fhub%2Fspawn", data=form) as answer:
        return answer.status, await answer.text()
