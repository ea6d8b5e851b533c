"""A real hub on the embedded cluster, and the people who start servers there."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.team_hub import PASSWORD, team_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.local_cluster import LocalCluster
    from tests.support.real_hub import Browser, HubProcess, RealHub

NAMESPACES = ("hub", "team-alfa", "team-beta", "team-gamma", "team-omega")


@dataclass(frozen=True)
class Place:
    """A hub and its cluster."""

    process: HubProcess
    cluster: LocalCluster

    @property
    def hub(self) -> RealHub:
        """The hub, to be asked."""
        return self.process.hub

    async def person(self, name: str) -> Person:
        """Add somebody to the hub."""
        assert (await self.hub.api(f"/users/{name}", method="POST"))[0] == 201
        return Person(name, self.hub, self.cluster)


@dataclass(frozen=True)
class Person:
    """Somebody with a default server."""

    name: str
    hub: RealHub
    cluster: LocalCluster

    async def pods(self) -> list[str]:
        """Give `namespace/name` of every pod of this person."""
        found = [
            pod["metadata"]
            for namespace in NAMESPACES
            for pod in (await self.cluster.client.get(object_path("v1", "pods", namespace)))["items"]
        ]
        mine = [meta for meta in found if meta["labels"]["hub.jupyter.org/username"] == self.name]
        return [f"{meta['namespace']}/{meta['name']}" for meta in mine]

    async def pod(self, namespace: str) -> dict[str, Any]:
        """Give this person's pod in a namespace."""
        return await self.cluster.client.get(object_path("v1", "pods", namespace, f"jupyter-{self.name}"))

    async def server(self) -> dict[str, Any]:
        """Give the default server as the hub knows it."""
        _, user = await self.hub.api(f"/users/{self.name}?include_stopped_servers")
        found: dict[str, Any] = user["servers"].get("", {})
        return found

    async def start(self, body: Any = None) -> tuple[int, Any]:
        """Start the server by REST and wait for it."""
        return await self.hub.api(f"/users/{self.name}/server", method="POST", body=body)

    async def stop(self) -> None:
        """Stop the server and wait until its pods are gone."""
        await self.hub.api(f"/users/{self.name}/server", method="DELETE")

        async def is_gone() -> bool:
            return not await self.pods() and not (await self.server()).get("pending")

        await eventually(is_gone)


@asynccontextmanager
async def hub_on_cluster(
    folder: Path, config: str = "", *, takes: Callable[[dict[str, Any]], bool] = bool
) -> AsyncIterator[Place]:
    """Start a hub whose starts end soon, with the namespaces of `bad_options`; see `team_hub`."""
    written = "c.KubeSpawner.start_timeout = 5\n" + config
    async with team_hub(folder, NAMESPACES[1:], written, takes=takes) as hub:
        yield Place(hub.process, hub.cluster)


async def sign_in(browser: Browser, user: str) -> str:
    """Sign in; give the token that JupyterHub's forms carry."""
    _, page = await browser.open("/hub/login")
    xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert xsrf is not None, page
    form = {"username": user, "password": PASSWORD, "_xsrf": xsrf[1]}
    async with browser.session.post(browser.url + "/hub/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 302
    _, page = await browser.open("/hub/home")
    xsrf = re.search(r'xsrf_token: "([^"]+)"', page)
    assert xsrf is not None, page
    return xsrf[1]
