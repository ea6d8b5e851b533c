"""Watches that are cut, and an API server and a node that are killed: for all rows of a part at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, Final

import pytest
from aiohttp import ClientError

from tests.support.fault_place import Patience
from tests.support.fault_play import play
from tests.support.fault_table import CLUSTER, Row, row_of, rows_of
from tests.support.faulty_api import Fault
from tests.support.waiting import eventually
from tests.support.whole_cluster import NODE_NAME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from tests.support.fault_place import Person, Place
    from tests.support.fault_play import Outcomes, Scenario
    from tests.support.whole_cluster import WholeCluster

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

PATIENCE = Patience(request=5, retry=60, start=100)
_SCHEDULER: Final = "kube-scheduler"
OURS: Final = "component=singleuser-server"
"""In the selector of the watch of pods."""


def path_of(person: Person) -> str:
    """Give the path of a person's pod."""
    return f"/api/v1/namespaces/{person.place.namespace(person.team)}/pods/jupyter-{person.name}"


async def begin(person: Person) -> asyncio.Task[Any]:
    """Ask for a server and follow its start."""
    assert (await person.ask())[0] == 202
    return asyncio.create_task(person.follow())


async def until_it_waits_for_http(person: Person) -> None:
    """Wait until the pod runs and the hub has seen it."""

    async def is_waited_for() -> bool:
        pods = await person.pods()
        state = (await person.server()).get("state") or {}
        return bool(pods and pods[0]["status"]["phase"] == "Running" and state.get("pod_name"))

    await eventually(is_waited_for)


async def until_asked_again(person: Person, verb: str, resource: str) -> None:
    """Wait until the hub has made a call at least twice."""

    async def is_asked() -> bool:
        calls = [call for call in person.place.api.calls if (call.verb, call.resource) == (verb, resource)]
        return sum(person.name in call.about for call in calls) > 1

    await eventually(is_asked)


async def watches_cut_in_start(person: Person) -> AsyncIterator[None]:
    """The pod is made and does not run yet: the hub has to see that it does."""
    fault = person.fault("create", "pods", is_held_after=True)
    start = await begin(person)
    await fault.arrive()
    yield
    fault.release()
    assert (await start).is_ready


async def watches_cut_in_stop(person: Person) -> AsyncIterator[None]:
    """The pod is being deleted: the hub has to see that it is gone."""
    assert (await person.start()).is_ready
    fault = person.fault("delete", "pods", is_held_after=True)
    asking = asyncio.create_task(person.ask_stop())
    await fault.arrive()
    yield
    fault.release()
    await asking
    await person.assert_gone()


async def watches_answered_badly(person: Person) -> AsyncIterator[None]:
    """The watch cannot be opened again at once."""
    yield
    told = await person.start()
    assert told.is_ready
    told.assert_in_words()


async def pod_deleted_unseen(person: Person) -> AsyncIterator[None]:
    """While the hub sees nothing, somebody deletes the pod."""
    assert (await person.start()).is_ready
    yield
    await person.place.admin.delete(path_of(person), {"gracePeriodSeconds": 0})
    await person.place.admin.until_gone(path_of(person))
    yield
    await person.assert_gone()


async def api_killed_before_the_pod(person: Person) -> AsyncIterator[None]:
    """The call finds nobody, and is made again."""
    fault = person.fault("create", "pods", is_held_before=True)
    start = await begin(person)
    await fault.arrive()
    yield
    fault.release()
    await until_asked_again(person, "create", "pods")
    yield
    told = await start
    assert told.is_ready
    told.assert_in_words()


async def killed_while_waiting_for_http(person: Person) -> AsyncIterator[None]:
    """The rest of the start needs no API server."""
    with person.place.closed_gate(person.name):
        start = await begin(person)
        await until_it_waits_for_http(person)
        yield
        yield
    assert (await start).is_ready


async def killed_while_it_runs(person: Person) -> AsyncIterator[None]:
    """The same process runs on, and the hub knows it all the time or again."""
    assert (await person.start()).is_ready
    before = (await person.pods())[0]["metadata"]["uid"], person.processes()
    yield
    yield
    assert await person.assert_consistent(), "a running server is lost"
    assert ((await person.pods())[0]["metadata"]["uid"], person.processes()) == before


async def asked_while_there_is_none(person: Person) -> AsyncIterator[None]:
    """The start begins when it can."""
    yield
    start = await begin(person)
    await until_asked_again(person, "list", "persistentvolumeclaims")
    yield
    told = await start
    assert told.is_ready
    told.assert_in_words()


async def api_killed_before_the_deletion(person: Person) -> AsyncIterator[None]:
    """The server is being stopped until it can be."""
    assert (await person.start()).is_ready
    fault = person.fault("delete", "pods", is_held_before=True)
    asking = asyncio.create_task(person.ask_stop())
    await fault.arrive()
    yield
    fault.release()
    await until_asked_again(person, "delete", "pods")
    assert (await person.server())["pending"] == "stop"
    yield
    await asking
    await person.assert_gone()


async def api_killed_while_the_pod_ends(person: Person) -> AsyncIterator[None]:
    """The hub sees its end when it can see again."""
    assert (await person.start()).is_ready
    await hold_pod(person)
    asking = asyncio.create_task(person.ask_stop())

    async def is_ending() -> bool:
        return not await person.pods()

    await eventually(is_ending)
    yield
    yield
    await let_go_pod(person)
    await asking
    await person.assert_gone()


async def hold_pod(person: Person) -> None:
    """Keep a pod from being gone."""
    held = {"metadata": {"finalizers": ["tests.example/held"]}}
    (await person.place.admin.patch(path_of(person), held)).ok()


async def let_go_pod(person: Person) -> None:
    """Let a held pod be gone."""
    (await person.place.admin.patch(path_of(person), {"metadata": {"finalizers": None}})).ok()


async def hub_killed_too(person: Person) -> AsyncIterator[None]:
    """The pod was made; the hub that comes back waits until it can see it."""
    with person.place.closed_gate(person.name):
        assert (await person.ask())[0] == 202
        await until_it_waits_for_http(person)
        yield
        yield
    assert await person.assert_consistent(), "a server that started is lost"


async def node_killed_before_the_pod(person: Person) -> AsyncIterator[None]:
    """Nobody runs the pod until the node is back."""
    yield
    start = await begin(person)

    async def is_there() -> bool:
        return [pod["status"]["phase"] for pod in await person.pods()] == ["Pending"]

    await eventually(is_there)
    yield
    assert (await start).is_ready


async def node_killed_before_the_deletion(person: Person) -> AsyncIterator[None]:
    """Nobody ends the pod until the node is back."""
    assert (await person.start()).is_ready
    yield
    asking = asyncio.create_task(person.ask_stop())

    async def is_ending() -> bool:
        return not await person.pods()

    await eventually(is_ending)
    assert (await person.server())["pending"] == "stop"
    yield
    await asking
    await person.assert_gone()


async def node_gone(person: Person) -> AsyncIterator[None]:
    """Machine, Node and pod are gone; there is no other machine, then there is one."""
    assert (await person.start()).is_ready
    await person.note_home()
    yield
    for process in person.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    # What Kubernetes' own collector does forty seconds after a Node has gone.
    await person.place.admin.delete(path_of(person), {"gracePeriodSeconds": 0})
    await person.place.admin.delete(f"/api/v1/nodes/{NODE_NAME}")
    await person.assert_gone()
    start = await begin(person)

    async def is_told() -> bool:
        events = f"/api/v1/namespaces/{person.place.namespace(person.team)}/events"
        found = (await person.place.admin.get(events)).ok()["items"]
        reasons = [event["reason"] for event in found if person.name in event["involvedObject"]["name"]]
        return "FailedScheduling" in reasons

    await eventually(is_told)
    yield
    told = await start
    assert told.is_ready, told
    assert any(map(row_of(person.name).is_seen, told.messages)), told
    told.assert_in_words()


CUT: Final[Mapping[str, Scenario]] = {"wstart": watches_cut_in_start, "wstop": watches_cut_in_stop}
BAD: Final[Mapping[str, Scenario]] = {"wbroken": watches_answered_badly}
BLIND: Final[Mapping[str, Scenario]] = {"wdeleted": pod_deleted_unseen}
API: Final[Mapping[str, Scenario]] = {
    "astart": api_killed_before_the_pod,
    "ahttp": killed_while_waiting_for_http,
    "aruns": killed_while_it_runs,
    "aasks": asked_while_there_is_none,
    "astop": api_killed_before_the_deletion,
    "aending": api_killed_while_the_pod_ends,
}
BOTH: Final[Mapping[str, Scenario]] = {"bruns": killed_while_it_runs, "bstart": hub_killed_too}
NODE: Final[Mapping[str, Scenario]] = {
    "nstart": node_killed_before_the_pod,
    "nruns": killed_while_it_runs,
    "nstop": node_killed_before_the_deletion,
    "ngone": node_gone,
}
SCENARIOS: Final[Mapping[str, Scenario]] = {
    **CUT,
    **BAD,
    **BLIND,
    **API,
    **BOTH,
    **NODE,
}


class Strokes:
    """What is done to a cluster and its hub."""

    def __init__(self, place: Place, cluster: WholeCluster) -> None:
        self._place = place
        self._cluster = cluster
        self._blindness: Fault | None = None

    async def cut(self) -> None:
        """Cut all watches."""
        assert self._place.api.cut_watches()

    async def cut_and_answer_badly(self) -> None:
        """Cut all watches; that of the pods meets three bad answers before it is open again."""
        answers = ((429, "TooManyRequests"), (500, "InternalError"), (410, "Expired"))
        faults = [
            self._place.api.add(Fault("watch", "pods", OURS, status=status, reason=reason, message="not now"))
            for status, reason in answers
        ]
        await self.cut()
        for fault in faults:
            await fault.arrive()

    async def blind(self) -> None:
        """Cut all watches for as long as `see` is not called."""
        self._blindness = self._place.api.add(
            Fault("watch", "pods", OURS, times=10_000, status=503, message="not now")
        )
        await self.cut()
        await self._blindness.arrive()

    async def see(self) -> None:
        """Let watches be opened again."""
        assert self._blindness is not None
        self._place.api.remove(self._blindness)

    async def kill_api(self) -> None:
        """Kill the API server, and the scheduler with it, which ends itself where it has missed too much.

        Source: kube-scheduler 1.36, `internal/cache`: "Scheduler cache is corrupted", then exit code 1; its
        host starts it again.
        """
        self._cluster.kill_api()
        if self._cluster.plane is not None:
            self._cluster.processes.kill(_SCHEDULER)

    async def start_api(self) -> None:
        """Start both again."""
        self._cluster.start_api()
        await asyncio.to_thread(self._cluster.wait_for_api)
        if self._cluster.plane is not None:
            self._cluster.processes.start_again(_SCHEDULER)
        with contextlib.suppress(ClientError):
            # The client's open connections were to the one that is dead.
            await self._place.admin.get("/version")

    async def kill_both(self) -> None:
        """Kill the API server and the hub; start the hub."""
        await self.kill_api()
        await self._place.process.end(signal.SIGKILL)
        await self._place.process.start()

    async def kill_node(self) -> None:
        """Kill the node, not what runs in its pods."""
        self._cluster.kill_node()

    async def start_node(self) -> None:
        """Start the node again."""
        self._cluster.start_node()
        await asyncio.to_thread(self._cluster.wait_for_node)


async def play_rows(rows: Sequence[Row], place: Place, cluster: WholeCluster) -> Outcomes:
    """Play one part after the other; those that have no row that was asked for are left out."""
    people = {row.person: await place.person(row.person, row.team) for row in rows}
    do = Strokes(place, cluster)
    parts = (
        (CUT, do.cut, None),
        (BAD, do.cut_and_answer_badly, None),
        (BLIND, do.blind, do.see),
        (API, do.kill_api, do.start_api),
        (BOTH, do.kill_both, do.start_api),
        (NODE, do.kill_node, do.start_node),
    )
    ended: Outcomes = {}
    for scenarios, strike, mend in parts:
        there = {name: person for name, person in people.items() if name in scenarios}
        if there:
            ended |= await play(scenarios, there, strike, mend)
    return ended


@pytest.mark.parametrize("row", rows_of(CLUSTER), ids=str)
async def test_what_goes_away_and_comes_back_loses_nothing(
    outcomes: Mapping[str, BaseException | None], row: Row
) -> None:
    """The invariants hold after it, and the next start works."""
    error = outcomes[row.person]
    if error is not None:
        raise error
