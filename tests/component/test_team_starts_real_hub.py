"""How many servers of one team start at once in a real hub; no start keeps a place when it is over."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import jupyterhub
import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.hub_on_cluster import Person, Place, hub_on_cluster, sign_in
from tests.support.team_files import write_files
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_6 = jupyterhub.version_info >= (6,)
MEMBERS = ("first", "runs", "never", "cancelled", "homeless", "unreachable", "killed", "form")
CONFIG = """
c.JupyterHub.concurrent_spawn_limit = 3
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.KubeSpawner.start_timeout = 6
c.KubeSpawner.http_timeout = 2

async def hang(spawner):
    if spawner.user.name == "unreachable":
        spawner.port = 1

c.KubeSpawner.pre_spawn_hook = hang
"""
"""Half of three is one: while one server of a team starts, no other of it does."""


def is_taken(pod: dict[str, Any]) -> bool:
    """Say whether a machine takes a pod; those of others wait until they are given up."""
    return pod["metadata"]["name"] in ("jupyter-runs", "jupyter-unreachable")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub with everybody in the team alfa, and one person in beta."""
    folder = tmp_path_factory.mktemp("hub")
    alfa = f"namespace: team-alfa\nusers: [{', '.join(MEMBERS)}]\n"
    write_files(folder, "project: knada-gcp\n", alfa=alfa, beta="namespace: team-beta\nusers: [other]\n")
    async with hub_on_cluster(folder, CONFIG, takes=is_taken) as place:
        for name in (*MEMBERS, "other"):
            await place.person(name)
        await add_foreign_home(place)
        yield place


async def add_foreign_home(place: Place) -> None:
    """Make a claim of the name that a home would get, which is somebody else's."""
    owner = {"knada.nav.no/team": "alfa", "knada.nav.no/user": "somebody"}
    meta = {"name": "home-homeless--alfa", "labels": owner, "annotations": owner}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    path = object_path("v1", "persistentvolumeclaims", "team-alfa")
    await place.cluster.client.create(path, {"metadata": meta, "spec": spec})


def member(place: Place, name: str) -> Person:
    """Give somebody who is in the hub."""
    return Person(name, place.hub, place.cluster)


async def is_pending(person: Person) -> bool:
    """Say whether somebody's server starts."""
    return (await person.server()).get("pending") == "spawn"


async def is_over(person: Person) -> None:
    """Wait until nothing of somebody's server goes on."""

    async def is_stopped() -> bool:
        server = await person.server()
        return not server.get("pending") and bool(server.get("stopped", True))

    await eventually(is_stopped, seconds=40)


async def is_refused(person: Person) -> bool:
    """Ask for a start; say whether the team's limit refuses it."""
    before = person.hub.log.count("[KNADA-S015]")
    await person.start()
    await is_over(person)
    return person.hub.log.count("[KNADA-S015]") > before


async def has_a_place(place: Place) -> bool:
    """Say whether another member may start now; the start is called off at once."""
    first = member(place, "first")
    before = place.hub.log.count("[KNADA-S015]")
    await first.start()

    async def is_decided() -> bool:
        return await is_pending(first) or place.hub.log.count("[KNADA-S015]") > before

    await eventually(is_decided)
    found = place.hub.log.count("[KNADA-S015]") == before
    await first.stop()
    await is_over(first)
    return found


async def runs(place: Place) -> None:
    """A start that ends well: its server is ready, and stays."""
    person = member(place, "runs")
    await person.start()

    async def is_ready() -> bool:
        return bool((await person.server()).get("ready"))

    await eventually(is_ready)


async def never(place: Place) -> None:
    """A start that no machine takes, until its time is over."""
    person = member(place, "never")
    await person.start()
    await eventually(lambda: is_pending(person))
    assert await is_refused(member(place, "first"))
    await is_over(person)


async def cancelled(place: Place) -> None:
    """A start that its owner calls off."""
    person = member(place, "cancelled")
    await person.start()
    await eventually(lambda: is_pending(person))
    assert await is_refused(member(place, "first"))
    await person.stop()
    await is_over(person)


async def homeless(place: Place) -> None:
    """A start that is refused when its home is looked up."""
    person = member(place, "homeless")
    await person.start()
    await is_over(person)
    assert "[KNADA-S009]" in place.hub.log


async def unreachable(place: Place) -> None:
    """A start whose server never answers."""
    person = member(place, "unreachable")
    await person.start()
    await is_over(person)
    assert "unreachable's server never showed up" in place.hub.log


async def killed(place: Place) -> None:
    """A start in the middle of which the hub dies; the next hub gives it up, or waits for it by itself."""
    person = member(place, "killed")
    await person.start()

    async def is_asked() -> bool:
        return bool(await person.pods())

    await eventually(is_asked)
    await place.process.end(signal.SIGKILL)
    await place.process.start(seconds=90)


WAYS: dict[str, Callable[[Place], Awaitable[None]]] = {
    "ready": runs,
    "out of time": never,
    "called off": cancelled,
    "refused later": homeless,
    "never answers": unreachable,
    "hub killed": killed,
}


@pytest.mark.parametrize("way", WAYS)
async def test_start_that_is_over_leaves_its_place_to_the_next(place: Place, way: str) -> None:
    """Whatever ends a start, another member of the team can start right afterwards."""
    await WAYS[way](place)
    assert await has_a_place(place)


async def test_member_waits_while_another_of_the_team_starts_and_other_teams_do_not(place: Place) -> None:
    """429 with a sentence by REST and on the page; the start of another team goes on."""
    first = member(place, "first")
    await first.start()
    await eventually(lambda: is_pending(first))
    async with place.hub.browser() as browser:
        xsrf = await sign_in(browser, "form")
        form = {"team": "alfa", "profile:alfa": "default", "_xsrf": xsrf}
        async with browser.session.post(f"{browser.url}/hub/spawn", data=form) as answer:
            page = await answer.text()
    assert answer.status == (429 if IS_6 else 200)
    assert "In team &#39;alfa&#39; one server starts already, as many as may at once." in page
    other = member(place, "other")
    await other.start()
    await eventually(lambda: is_pending(other))
    await asyncio.gather(first.stop(), other.stop())
    await asyncio.gather(is_over(first), is_over(other))
