"""The rights that `helm-values/` ships: the hub's whole work goes with them, and none can be spared."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import pytest_asyncio
from kubernetes_asyncio.client.rest import ApiException
from tornado.web import HTTPError

from jupyterhub_knada.servers.spawner import KnadaSpawner
from tests.support.fake_node import played_pods
from tests.support.live_spawners import LiveSpawners, live_spawners
from tests.support.shipped_rights import (
    Right,
    apply,
    chart_rights,
    collection_of,
    hub_kubeconfig,
    only,
    read_manifest,
    rights_of,
    until_it_holds,
    without,
)
from tests.support.spawners import User
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER: Final = "e152435"
TEAM_RIGHTS: Final = rights_of(only("Role", read_manifest("team-namespace.yaml")))
CLUSTER_RIGHTS: Final = rights_of(only("ClusterRole", read_manifest("hub-cluster-role.yaml")))
NEVER_STOPPED: Final = Right("pods", "delete")
"""Without it a stop goes on until the right is there: JupyterHub would forget a server that runs."""
BROKEN: Final = {
    Right("pods", "list"): "The hub cannot see servers in namespace {namespace}",
    Right("pods", "watch"): "The hub may not watch pods in namespace {namespace}",
    Right("pods", "create"): "the hub has no right to create servers there",
    NEVER_STOPPED: 'cannot delete resource "pods" in API group "" in the namespace "{namespace}"',
    Right("events", "list"): "The hub may not watch events in namespace {namespace}",
    Right("events", "watch"): "The hub may not watch events in namespace {namespace}",
    Right("persistentvolumeclaims", "get"): "The hub cannot search namespace {namespace} for your home",
    Right("persistentvolumeclaims", "list"): "The hub cannot search namespace {namespace} for your home",
    Right("persistentvolumeclaims", "create"): "the hub has no right to make homes there",
}
"""What is told of a start and a stop without a right: to the server's owner, or in the log."""


NEVER_READY: Final = (Right("pods", "watch"), Right("events", "list"), Right("events", "watch"))
"""Without these a start goes on, and nobody hears of its end."""


@dataclass
class Place:
    """A cluster with the namespaces of some teams, each with the rights that it has."""

    api: KubernetesApi
    hub: KubernetesApi
    spawners: LiveSpawners
    namespaces: dict[str, str]
    """By the team's slug."""

    @contextlib.asynccontextmanager
    async def told(self, spawner: KnadaSpawner, team: str) -> AsyncIterator[list[str]]:
        """Play the kubelet of a team: a pod runs once its owner has read that its image is fetched."""
        messages: list[str] = []
        is_told = asyncio.Event()
        async with played_pods(self.api, self.namespaces[team], is_told):
            is_over = asyncio.Event()
            reader = asyncio.create_task(_read(spawner, messages, is_told, is_over))
            try:
                yield messages
            finally:
                is_over.set()
                await reader

    async def pods(self, team: str) -> list[str]:
        """Give the names of a team's pods."""
        found = (await self.api.get(f"/api/v1/namespaces/{self.namespaces[team]}/pods")).ok()
        return [pod["metadata"]["name"] for pod in found["items"]]

    async def claims(self, team: str) -> list[str]:
        """Give the names of a team's homes."""
        path = f"/api/v1/namespaces/{self.namespaces[team]}/persistentvolumeclaims"
        return [claim["metadata"]["name"] for claim in (await self.api.get(path)).ok()["items"]]


async def _read(
    spawner: KnadaSpawner, messages: list[str], is_told: asyncio.Event, is_over: asyncio.Event
) -> None:
    """Read the start page of whatever starts. It ends with a start: KubeSpawner lets nobody cancel that."""
    while not is_over.is_set():
        if spawner._start_future is not None and not spawner._start_future.done():
            async for step in spawner.progress():
                messages.append(step["message"])
                if "Fetching the image" in step["message"]:
                    is_told.set()
        await asyncio.sleep(0.02)


def _slug(right: Right) -> str:
    return f"no-{right.verb}-{right.resource}"


TEAMS: Final = {"alfa": None, "beta": None, **{_slug(right): right for right in TEAM_RIGHTS}}
"""Team -> the right that its namespace lacks."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Give a hub and namespaces as an admin prepares them; all but two lack one right each."""
    prefix = f"rights-{secrets.token_hex(3)}"
    folder = tmp_path_factory.mktemp("rights")
    namespaces = {team: f"{prefix}-{team}" for team in TEAMS}
    teams = {team: f"namespace: {name}\nusers: [{OWNER}]\n" for team, name in namespaces.items()}
    async with backend.api() as api, backend.api("hub") as hub:
        kubeconfig = await hub_kubeconfig(backend, api, folder)
        for team, name in namespaces.items():
            missing = TEAMS[team]
            objects = read_manifest("team-namespace.yaml", name)
            await apply(api, objects if missing is None else without(missing, objects))
        await apply(api, chart_rights(f"{prefix}-hub"))
        await until_it_holds(hub, Right("pods", "watch"), f"{prefix}-hub")
        for team, name in namespaces.items():
            for right in TEAM_RIGHTS:
                await until_it_holds(hub, right, name, is_given=right != TEAMS[team])
        async with live_spawners(folder, kubeconfig, f"{prefix}-hub", **teams) as spawners:
            yield Place(api, hub, spawners, namespaces)
        for name in (f"{prefix}-hub", *namespaces.values()):
            await api.delete(f"/api/v1/namespaces/{name}")


async def live(place: Place, team: str) -> None:
    """Go through the life of one server: new home, stop, home found again, hub restart, user deleted."""
    place.spawners.config.KubeSpawner.start_timeout = 60
    user = User(OWNER)
    spawner = place.spawners.make(user)
    async with place.told(spawner, team) as messages:
        await place.spawners.spawn(spawner, team=team)
        assert any("Fetching the image" in message for message in messages)
        assert await spawner.poll() is None
        homes = await place.claims(team)
        await place.spawners.end(spawner)
        assert (await place.pods(team), await spawner.poll()) == ([], 1)
        await place.spawners.spawn(spawner, team=team)
        assert await place.claims(team) == homes
        await KnadaSpawner.stop_watching()
        restarted = place.spawners.make(user)
        assert await restarted.poll() is None
        await place.spawners.end(restarted)
        assert await place.pods(team) == []
        await restarted.delete_forever()
        assert await place.claims(team) == homes


async def test_whole_life_of_a_server_goes_with_the_role_alone(place: Place) -> None:
    """One namespace, the shipped Role, and no more: each of its pods is watched there."""
    await live(place, "alfa")


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """Give what the hub logs within the block."""
    logger, kept, level = logging.getLogger("traitlets"), _Lines(), logging.getLogger("traitlets").level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    try:
        yield kept.lines
    finally:
        logger.removeHandler(kept)
        logger.setLevel(level)


@dataclass(frozen=True)
class Broken:
    """What came of starts and stops with one right less."""

    told: dict[Right, str]
    """What their owner reads; empty where nothing went wrong."""
    log: str
    """Of all of them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broken(place: Place) -> Broken:
    """Start and stop a server in each namespace that lacks a right, all at once."""
    rights = {team: right for team, right in TEAMS.items() if right is not None}
    with _logged() as lines:
        stories = await asyncio.gather(*(_start_and_stop(place, team) for team in rights))
    return Broken(dict(zip(rights.values(), stories, strict=True)), "\n".join(lines))


async def _start_and_stop(place: Place, team: str) -> str:
    # What is waited for in vain need not be waited for long.
    place.spawners.config.KubeSpawner.start_timeout = 3 if TEAMS[team] in NEVER_READY else 60
    spawner = place.spawners.make(User(OWNER))
    async with place.told(spawner, team):
        try:
            await place.spawners.spawn(spawner, team=team)
            if TEAMS[team] == NEVER_STOPPED:
                return await _stop_in_vain(place, spawner)
            await place.spawners.end(spawner)
        except (HTTPError, TimeoutError, ApiException) as error:
            return str(getattr(error, "jupyterhub_message", error))
    return ""


async def _stop_in_vain(place: Place, spawner: KnadaSpawner) -> str:
    """Stop a server until it is known why it cannot be stopped; give that."""

    async def is_told() -> bool:
        return bool(spawner._why_not_stopped)

    stop = asyncio.create_task(place.spawners.end(spawner))
    try:
        await eventually(is_told)
    finally:
        stop.cancel()
        await asyncio.wait([stop])
        place.spawners.stop(spawner)
    return spawner._why_not_stopped


@pytest.mark.parametrize("right", TEAM_RIGHTS, ids=str)
async def test_right_of_the_role_cannot_be_spared(place: Place, broken: Broken, right: Right) -> None:
    """Without it a start or a stop fails, and somebody is told of that right or of what it was for."""
    assert broken.told[right]
    sentence = BROKEN[right].format(namespace=place.namespaces[_slug(right)])
    assert sentence in f"{broken.told[right]}\n{broken.log}"


@contextlib.asynccontextmanager
async def _cluster_role(place: Place, missing: Right | None = None) -> AsyncIterator[list[str]]:
    """Give the hub the shipped ClusterRole, with one right less if one is named; give what is logged then."""
    objects = read_manifest("hub-cluster-role.yaml")
    name = f"{objects[0]['metadata']['name']}-{secrets.token_hex(3)}"
    for item in objects:
        item["metadata"]["name"] = name
    only("ClusterRoleBinding", objects)["roleRef"]["name"] = name
    await apply(place.api, objects if missing is None else without(missing, objects))
    given = [right for right in CLUSTER_RIGHTS if right != missing]
    for right in given:
        await until_it_holds(place.hub, right)
    await KnadaSpawner.stop_watching()
    try:
        with _logged() as lines:
            yield lines
    finally:
        for item in objects:
            (await place.api.delete(f"{collection_of(item)}/{name}")).ok()
        for right in given:
            await until_it_holds(place.hub, right, is_given=False)
        await KnadaSpawner.stop_watching()


async def test_whole_life_of_a_server_goes_with_the_cluster_role_beside(place: Place) -> None:
    """With it one watch shows the pods of all namespaces, and there is none of each."""
    async with _cluster_role(place) as lines:
        await live(place, "beta")
    watched = {line.partition(":")[0] for line in lines if line.startswith("Watching pods in ")}
    assert watched == {"Watching pods in all namespaces"}


@pytest.mark.parametrize("right", CLUSTER_RIGHTS, ids=str)
async def test_right_of_the_cluster_role_cannot_be_spared(place: Place, right: Right) -> None:
    """Without it each namespace is watched by itself; servers start all the same."""
    async with _cluster_role(place, right) as lines:
        place.spawners.config.KubeSpawner.start_timeout = 60
        spawner = place.spawners.make(User(OWNER))
        async with place.told(spawner, "beta"):
            await place.spawners.spawn(spawner, team="beta")
            await place.spawners.end(spawner)
    assert any(line.startswith("The hub may not watch pods in all namespaces") for line in lines)
    assert any(line.startswith(f"Watching pods in namespace {place.namespaces['beta']}") for line in lines)
