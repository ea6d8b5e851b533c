"""The culler as a managed service of a real hub, with real KnadaSpawners on the embedded cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.local_cluster import LocalCluster, local_cluster
from tests.support.real_hub import RealHub, running_hub
from tests.support.running_pods import running_pods
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

CULLER_TOKEN = "not-a-real-culler-token"

CONFIG = """
from jupyterhub_knada import configure
configure(c, teams_dir="teams", authenticator="knada-demo")
c.JupyterHub.services[-1]["api_token"] = "{token}"
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.port = {port}
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 30}}
"""

TEAMS = {
    "long": "users: [lea, ola]\nculling: {idleTimeout: 1h}\n",
    "short": "users: [kim]\nculling: {idleTimeout: 2}\n",
    "late": "users: [eva]\nculling: {idleTimeout: never}\n",
}


@dataclass(frozen=True)
class Place:
    """A hub and its cluster."""

    hub: RealHub
    cluster: LocalCluster

    async def start(self, user: str) -> None:
        """Start somebody's server."""
        await self.hub.api(f"/users/{user}", method="POST")
        status, told = await self.hub.api(f"/users/{user}/server", method="POST")
        assert status == 201, told

    async def is_running(self, user: str) -> bool:
        """Ask the hub."""
        _, model = await self.hub.api(f"/users/{user}")
        return "" in model["servers"] and bool(model["servers"][""]["ready"])

    async def names(self, plural: str, namespace: str) -> list[str]:
        """Ask the cluster what there is of a kind."""
        found: dict[str, Any] = await self.cluster.client.get(object_path("v1", plural, namespace))
        return [item["metadata"]["name"] for item in found["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub with teams that allow two idle seconds, an hour, and for ever; it looks every second."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "teams").mkdir()
    for slug, rest in TEAMS.items():
        (folder / "teams" / f"{slug}.yaml").write_text(f"namespace: {slug}\n{rest}")
    async with local_cluster(folder) as cluster, running_pods(cluster.client) as port:
        for namespace in ("hub", *TEAMS):
            await cluster.client.create(object_path("v1", "namespaces"), {"metadata": {"name": namespace}})
        environment = {"KUBECONFIG": str(cluster.kubeconfig), "KNADA_CULL_EVERY": "1"}
        config = CONFIG.format(token=CULLER_TOKEN, port=port)
        async with running_hub(folder, config, environment=environment) as hub:
            yield Place(hub, cluster)


async def test_culler_of_a_real_hub_stops_only_the_server_over_its_own_timeout(place: Place) -> None:
    """Of three idle servers of three teams, the last one started is the one that is stopped."""
    await place.start("lea")
    await place.start("eva")
    await place.start("kim")

    async def is_kim_stopped() -> bool:
        return not await place.is_running("kim")

    await eventually(is_kim_stopped)
    assert await place.is_running("lea")
    assert await place.is_running("eva")
    assert "kim/ is stopped: idle for" in place.hub.log
    assert "team short allows 2 s" in place.hub.log
    # The person and the home stay: only the server is stopped.
    assert (await place.hub.api("/users/kim"))[0] == 200
    assert await place.names("pods", "short") == []
    assert len(await place.names("persistentvolumeclaims", "short")) == 1


async def test_culler_token_can_do_nothing_but_its_work(place: Place) -> None:
    """With the culler's token one can list servers, read policies and stop servers; all else is refused."""
    await place.start("ola")
    status, told = await place.hub.api("/knada/culling-policies", token=CULLER_TOKEN)
    assert status == 200
    assert told["servers"]["ola/"] == {"team": "long", "idle_timeout": 3600.0}
    for method, path in [
        ("POST", "/users/ola/server"),
        ("DELETE", "/users/ola"),
        ("POST", "/users/somebody"),
        ("POST", "/users/ola/tokens"),
        ("GET", "/users/ola/tokens"),
        ("GET", "/groups"),
        ("GET", "/services"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ]:
        status, _ = await place.hub.api(path, method=method, token=CULLER_TOKEN)
        assert status in {403, 404}, f"{method} {path} gave {status}"
    _, users = await place.hub.api("/users", token=CULLER_TOKEN)
    servers = [server for user in users for server in user["servers"].values()]
    assert servers
    assert not any("state" in server for server in servers)
    status, _ = await place.hub.api("/users/ola/server", method="DELETE", token=CULLER_TOKEN)
    assert status in {202, 204}


async def test_culling_policies_without_the_scope_are_refused(place: Place) -> None:
    """An admin's token that lacks the scope does not read the policies, nor does an unknown one."""
    assert (await place.hub.api("/knada/culling-policies"))[0] == 403
    assert (await place.hub.api("/knada/culling-policies", token="unknown"))[0] == 403
