"""A hub that is killed at each step of a start and of a stop, and started again.

All rows are arranged at the same time, each held at its own step; then the hub is killed once, for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import ClientError

from tests.support.fault_place import Patience
from tests.support.fault_play import play
from tests.support.fault_table import HUB, Row, rows_of
from tests.support.waiting import eventually
from tests.support.whole_cluster import NODE_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from tests.support.fault_place import Person, Place
    from tests.support.fault_play import Outcomes
    from tests.support.faulty_api import Fault

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

CLAIMS, PODS = "persistentvolumeclaims", "pods"
PATIENCE = Patience(request=60, retry=60, start=60)
"""What is held stays so until the hub is dead."""


async def _drop(asking: asyncio.Task[Any]) -> None:
    """Let go of a request to a hub that is dead."""
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError, ClientError):
        await asking


def _let_go(person: Person, fault: Fault) -> None:
    """Hold that the hub died in this request; drop it."""
    assert fault.is_holding, fault
    person.place.api.remove(fault)


async def while_it_asks(person: Person, verb: str, resource: str, **how: bool) -> AsyncIterator[None]:
    """The hub dies while this request of a start is on its way, or its answer is."""
    fault = person.fault(verb, resource, **how)
    assert (await person.ask())[0] == 202
    await fault.arrive()
    yield
    _let_go(person, fault)


async def while_the_pod_waits(person: Person) -> AsyncIterator[None]:
    """The pod is made and there is no node for it yet; one comes when the hub is back."""
    assert (await person.ask())[0] == 202

    async def is_pending() -> bool:
        return [pod["status"]["phase"] for pod in await person.pods()] == ["Pending"]

    await eventually(is_pending)
    yield
    label = {"metadata": {"labels": {"pool": "late"}}}
    (await person.place.admin.patch(f"/api/v1/nodes/{NODE_NAME}", label)).ok()
    assert await person.assert_consistent(), "a server that could start is lost"


async def while_it_waits_for_http(person: Person) -> AsyncIterator[None]:
    """The pod runs, the server does not listen yet."""
    with person.place.closed_gate(person.name):
        assert (await person.ask())[0] == 202

        async def is_waited_for() -> bool:
            pods = await person.pods()
            state = (await person.server()).get("state") or {}
            return bool(pods and pods[0]["status"]["phase"] == "Running" and state.get("pod_name"))

        await eventually(is_waited_for)
        yield


async def while_it_runs(person: Person) -> AsyncIterator[None]:
    """Nothing is under way."""
    assert (await person.start()).is_ready
    yield
    assert await person.assert_consistent(), "a running server is lost"


async def while_it_deletes(person: Person, **how: bool) -> AsyncIterator[None]:
    """The hub dies while the deletion is on its way, or its answer is."""
    assert (await person.start()).is_ready
    fault = person.fault("delete", PODS, **how)
    asking = asyncio.create_task(person.ask_stop())
    await fault.arrive()
    yield
    _let_go(person, fault)
    await _drop(asking)


async def before_it_sees_the_end(person: Person) -> AsyncIterator[None]:
    """The pod is gone, and the hub dies before it knows and stores it."""
    assert (await person.start()).is_ready
    person.place.api.hide("DELETED", f"jupyter-{person.name}")
    asking = asyncio.create_task(person.ask_stop())

    async def is_gone() -> bool:
        return not await person.all_pods()

    await eventually(is_gone)
    assert (await person.server())["pending"] == "stop"
    yield
    person.place.api.show(f"jupyter-{person.name}")
    await _drop(asking)


async def while_the_pod_ends(person: Person) -> AsyncIterator[None]:
    """The pod is being deleted, and takes its time; the hub dies meanwhile."""
    assert (await person.start()).is_ready
    [pod] = await person.pods()
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{person.place.namespace(person.team)}/pods/{name}"
    (await person.place.admin.patch(path, {"metadata": {"finalizers": ["tests.example/held"]}})).ok()
    asking = asyncio.create_task(person.ask_stop())

    async def is_ending() -> bool:
        return not await person.pods()

    await eventually(is_ending)
    yield
    await _drop(asking)
    (await person.place.admin.patch(path, {"metadata": {"finalizers": None}})).ok()


SCENARIOS: Final[Mapping[str, Callable[[Person], AsyncIterator[None]]]] = {
    "hchoice": partial(while_it_asks, verb="list", resource=CLAIMS, is_held_before=True),
    "hclaimb": partial(while_it_asks, verb="create", resource=CLAIMS, is_held_before=True),
    "hclaima": partial(while_it_asks, verb="create", resource=CLAIMS, is_held_after=True),
    "hpodb": partial(while_it_asks, verb="create", resource=PODS, is_held_before=True),
    "hpoda": partial(while_it_asks, verb="create", resource=PODS, is_held_after=True),
    "hpending": while_the_pod_waits,
    "hhttp": while_it_waits_for_http,
    "hruns": while_it_runs,
    "hdelb": partial(while_it_deletes, is_held_before=True),
    "hdela": partial(while_it_deletes, is_held_after=True),
    "hending": while_the_pod_ends,
    "hstore": before_it_sees_the_end,
}


async def play_rows(rows: Sequence[Row], place: Place, _: object) -> Outcomes:
    """Bring every row to its step, kill the hub, start it again, and look at every row."""
    people = {row.person: await place.person(row.person, row.team) for row in rows}

    async def kill_and_start() -> None:
        await place.process.end(signal.SIGKILL)
        await place.process.start()

    return await play(SCENARIOS, people, kill_and_start)


@pytest.mark.parametrize("row", rows_of(HUB), ids=str)
async def test_hub_that_dies_loses_nothing(outcomes: Mapping[str, BaseException | None], row: Row) -> None:
    """The invariants hold after it is started again, and the next start works."""
    error = outcomes[row.person]
    if error is not None:
        raise error
