"""First starts that are refused, in a real hub with the rights that are shipped: nothing is left to stop.

In its own namespace a hub has the chart's role, or no right at all where only the manifest of the team's
namespace was applied. A server that has had no team yet is in the hub's own namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
import pytest_asyncio

from tests.support.real_hub import HubProcess
from tests.support.shipped_rights import (
    Right,
    apply,
    chart_rights,
    hub_kubeconfig,
    read_manifest,
    until_it_holds,
)
from tests.support.team_files import write_files
from tests.support.team_hub import config_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSALS: Final[dict[str, tuple[Json, int, str]]] = {
    "profile": ({"team": "kyrre", "profile": "zzz"}, 400, "KNADA-S004"),
    "team": ({"team": "nowhere"}, 403, "KNADA-S002"),
    "option": ({"team": "kyrre", "profile": "choose", "size": "xl"}, 400, "KNADA-S005"),
    "shape": ({"team": ["kyrre"]}, 400, "KNADA-S001"),
    "size": ({"team": "kyrre", "x": "y" * 2000}, 413, "KNADA-S001"),
    "nobody": ({"team": "kyrre"}, 403, "KNADA-A001"),
    "several": ({}, 400, "KNADA-S003"),
    "plan": ({"team": "own"}, 409, "KNADA-S012"),
    "home": ({"team": "kyrre"}, 409, "KNADA-S009"),
    "crowded": ({"team": "kyrre"}, 429, "KNADA-S015"),
}
"""By the person who asks: the options, the status, and the code of the refusal."""
KYRRE: Final = """\
namespace: {namespace}
users: [profile, team, option, shape, size, several, home, crowded, waits, stuck]
profiles:
  - {{slug: small, displayName: Small, default: true}}
  - slug: choose
    displayName: Choose
    options: {{size: {{choices: {{s: {{kubespawnerOverride: {{mem_limit: 1G}}}}}}}}}}
"""
CONFIG: Final = """
import asyncio
c.KubeSpawner.namespace = "{namespace}-hub"
c.KubeSpawner.k8s_api_request_retry_timeout = 3
c.KubeSpawner.container_security_context = {{
    "allowPrivilegeEscalation": False,
    "capabilities": {{"drop": ["ALL"]}},
    "runAsNonRoot": True,
    "seccompProfile": {{"type": "RuntimeDefault"}},
}}
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": {seconds}}}

async def pre_spawn_start(authenticator, user, spawner):
    if spawner.user_options.get("wait"):
        await asyncio.Event().wait()

async def pre_spawn_hook(spawner):
    if spawner.user.name == "waits":
        await asyncio.Event().wait()

c.KubeSpawner.pre_spawn_hook = pre_spawn_hook
from jupyterhub_knada import KnadaDemoAuthenticator
KnadaDemoAuthenticator.pre_spawn_start = pre_spawn_start
"""


@dataclass(frozen=True)
class Place:
    """A hub in one of the layouts, with one team."""

    process: HubProcess
    api: KubernetesApi
    namespace: str
    is_slow: bool
    """It answers a start before it has ended."""

    async def start(self, name: str, options: Json) -> tuple[int, Json]:
        """Ask for somebody's server; give the answer."""
        return await self.process.hub.api(f"/users/{name}/server", method="POST", body=options)

    async def server(self, name: str) -> Json:
        """Give somebody's server as the hub knows it."""
        _, user = await self.process.hub.api(f"/users/{name}?include_stopped_servers")
        found: Json = user["servers"].get("", {})
        return found

    async def is_over(self, name: str) -> None:
        """Wait until nothing of somebody's server goes on."""

        async def is_stopped() -> bool:
            server = await self.server(name)
            return bool(server.get("stopped", True)) and not server.get("pending")

        await eventually(is_stopped)

    async def pods(self) -> list[str]:
        """Give the names of the team's pods."""
        found = (await self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")).ok()
        return [pod["metadata"]["name"] for pod in found["items"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[10, 0], ids=["waits", "answers-at-once"])
async def seconds(request: pytest.FixtureRequest) -> int:
    """Give how long the hub waits for a start before it answers."""
    return int(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["chart", "team only"])
async def place(
    request: pytest.FixtureRequest,
    backend: Backend,
    tmp_path_factory: pytest.TempPathFactory,
    seconds: int,
) -> AsyncIterator[Place]:
    """A hub, whose own namespace has the chart's role or none."""
    folder: Path = tmp_path_factory.mktemp("hub")
    namespace = f"first-{secrets.token_hex(3)}"
    async with backend.api() as api, backend.api("hub") as hub, aiohttp.ClientSession() as session:
        await apply(api, read_manifest("team-namespace.yaml", namespace))
        own = chart_rights(f"{namespace}-hub")
        await apply(api, own if request.param == "chart" else own[:1])
        for right in (Right("pods", "watch"), Right("persistentvolumeclaims", "create")):
            await until_it_holds(hub, right, namespace)
        await _add_foreign_home(api, namespace)
        own_team = f"namespace: {namespace}-hub\nusers: [plan, several]\n"
        platform = "project: knada-gcp\nconcurrentStartsPerTeam: 1\n"
        write_files(folder, platform, kyrre=KYRRE.format(namespace=namespace), own=own_team)
        kubeconfig = await hub_kubeconfig(backend, api, folder)
        config = config_of(port=1) + CONFIG.format(namespace=namespace, seconds=seconds)
        process = HubProcess(folder, config, session, {"KUBECONFIG": str(kubeconfig)})
        try:
            await process.start()
            for name in (*REFUSALS, "waits", "stuck"):
                await process.hub.api(f"/users/{name}", method="POST")
            yield Place(process, api, namespace, seconds == 0)
        finally:
            await process.end()
            for name in (namespace, f"{namespace}-hub"):
                await api.delete(f"/api/v1/namespaces/{name}")


async def _add_foreign_home(api: KubernetesApi, namespace: str) -> None:
    """Make a claim of the name that a home would get, which is somebody else's."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    labels = {"knada.nav.no/team": "kyrre", "knada.nav.no/user": "somebody"}
    annotations = {"knada.nav.no/team": "kyrre", "knada.nav.no/user": "somebody"}
    meta = {"name": "home-home--kyrre", "labels": labels, "annotations": annotations}
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(path, {"metadata": meta, "spec": spec})).ok()


@contextlib.asynccontextmanager
async def a_start_that_goes_on(place: Place) -> AsyncIterator[None]:
    """Have another member start a server, who then has the one place of the team."""
    start = asyncio.create_task(place.start("waits", {"team": "kyrre"}))

    async def is_accepted() -> bool:
        # Stored as it was accepted, with the profile that was not said.
        return "profile" in ((await place.server("waits")).get("user_options") or {})

    await eventually(is_accepted)
    yield
    await place.process.hub.api("/users/waits/server", method="DELETE")
    await place.is_over("waits")
    # Tornado before 6.6 never answers a request whose start was called off.
    start.cancel()
    await asyncio.wait([start])


@pytest.mark.parametrize("name", REFUSALS)
async def test_first_start_that_is_refused_leaves_nothing_to_stop(place: Place, name: str) -> None:
    """The owner reads why, nothing goes on afterwards, and the next start is judged like the first."""
    options, status, code = REFUSALS[name]
    async with a_start_that_goes_on(place) if name == "crowded" else contextlib.nullcontext():
        for _ in range(2):
            answer = await place.start(name, options)
            await place.is_over(name)
            if not place.is_slow:
                assert (answer[0], code in answer[1]["message"]) == (status, True)
    assert f"[{code}]" in place.process.hub.log, place.process.hub.log
    assert await place.pods() == []


async def test_start_that_a_dying_hub_left_before_it_asked_for_anything_is_over(place: Place) -> None:
    """The next hub finds the server in its database, has nothing to stop, and can start it."""
    start = asyncio.create_task(place.start("stuck", {"team": "kyrre", "wait": "yes"}))

    async def is_pending() -> bool:
        return (await place.server("stuck")).get("pending") == "spawn"

    await eventually(is_pending)
    await place.process.end(signal.SIGKILL)
    with contextlib.suppress(aiohttp.ClientError):
        await start
    await place.process.start()
    await place.is_over("stuck")
    start = asyncio.create_task(place.start("stuck", {"team": "kyrre"}))

    async def is_made() -> bool:
        return await place.pods() == ["jupyter-stuck"]

    await eventually(is_made)
    await place.process.hub.api("/users/stuck/server", method="DELETE")
    await place.is_over("stuck")
    # Tornado before 6.6 never answers a request whose start was called off.
    start.cancel()
    await asyncio.wait([start])
    assert await place.pods() == []
