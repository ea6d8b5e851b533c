"""Claims and pods that are there already, or come in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import jupyterhub
import pytest

from tests.support.fault_table import MEETINGS, Row, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.fault_place import Person, Place

IS_5: Final = jupyterhub.version_info < (6,)
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

HELD: Final = "tests.example/held"
"""A finalizer: what has it is being deleted until it is taken away."""


def claims_of(person: Person) -> str:
    """Give the path of the claims in a person's namespace."""
    return f"/api/v1/namespaces/{person.place.namespace(person.team)}/persistentvolumeclaims"


def pods_of(person: Person) -> str:
    """Give the path of the pods in a person's namespace."""
    return f"/api/v1/namespaces/{person.place.namespace(person.team)}/pods"


def home_claim(person: Person, owner: str, **metadata: Any) -> dict[str, Any]:
    """Make a claim with the name of somebody's home, labelled as somebody's."""
    labels = {"knada.nav.no/user": owner, "knada.nav.no/team": person.team}
    return {
        "metadata": {"name": f"home-{person.name}--{person.team}", "labels": labels, **metadata},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


async def start_while(person: Person, act: Callable[[], Awaitable[None]]) -> Any:
    """Start, and do something when the hub is about to make the claim."""
    fault = person.fault("create", "persistentvolumeclaims", is_held_before=True)
    start = asyncio.create_task(person.start())
    await fault.arrive()
    await act()
    fault.release()
    return await start


async def takes_own_claim(person: Person) -> None:
    """A claim with the person's own labels is the home."""

    async def act() -> None:
        (await person.place.admin.post(claims_of(person), home_claim(person, person.name))).ok()

    told = await start_while(person, act)
    assert told.is_ready, told
    await person.assert_whole([told])


async def refuses_foreign_claim(person: Person) -> None:
    """A claim with another's labels is not mounted, and is as it was afterwards."""
    path = f"{claims_of(person)}/home-{person.name}--{person.team}"

    async def act() -> None:
        (await person.place.admin.post(claims_of(person), home_claim(person, "somebody"))).ok()

    told = await start_while(person, act)
    assert row_of(person.name).is_seen(told.last), told.last
    await person.assert_gone()
    found = (await person.place.admin.get(path)).ok()
    assert found["metadata"]["labels"]["knada.nav.no/user"] == "somebody"
    await person.place.admin.delete(path)
    await person.place.admin.until_gone(path)
    await person.assert_whole([told])


async def refuses_ending_claim(person: Person) -> None:
    """A claim that is on its way out is not mounted."""
    path = f"{claims_of(person)}/home-{person.name}--{person.team}"
    admin = person.place.admin

    async def act() -> None:
        (await admin.post(claims_of(person), home_claim(person, person.name, finalizers=[HELD]))).ok()
        await admin.delete(path)

    told = await start_while(person, act)
    assert row_of(person.name).is_seen(told.last), told.last
    await person.assert_gone()
    (await admin.patch(path, {"metadata": {"finalizers": None}})).ok()
    await admin.until_gone(path)
    await person.assert_whole([told])


async def tells_of_quota(person: Person) -> None:
    """The person reads what is used up; more room, and the start works."""
    told = await person.start()
    assert row_of(person.name).is_seen(told.last), told.last
    await person.assert_gone()
    assert not await person.claims()
    quota = f"/api/v1/namespaces/{person.place.namespace(person.team)}/resourcequotas/storage"
    room = {"spec": {"hard": {"requests.storage": "100Gi"}}}
    (await person.place.admin.patch(quota, room)).ok()

    def has_room(found: dict[str, Any] | None) -> bool:
        return bool(found and found["status"]["hard"]["requests.storage"] == "100Gi")

    await person.place.admin.until(quota, has_room)
    await person.assert_whole([told])


async def leave_pod(person: Person, command: str) -> None:
    """Have a pod of the server's name run, as a hub would have left it."""
    labels = {"component": "singleuser-server", "app": "jupyterhub"}
    labels["hub.jupyter.org/username"] = person.name
    container = {
        "name": "notebook",
        "image": "example/left:1",
        "command": ["sh", "-c", command],
        "env": [
            {"name": "TINY_GATE", "value": str(person.place.gates)},
            {"name": "JUPYTERHUB_USER", "value": person.name},
        ],
    }
    name = f"jupyter-{person.name}"
    spec = {"terminationGracePeriodSeconds": 60, "containers": [container]}
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    (await person.place.admin.post(pods_of(person), body)).ok()

    def runs(found: dict[str, Any] | None) -> bool:
        return bool(found and found["status"]["phase"] == "Running")

    await person.place.admin.until(f"{pods_of(person)}/{name}", runs)


async def replaces_pod(person: Person) -> None:
    """The pod that was left is not there any more, and its process neither."""
    await leave_pod(person, "sleep 1000")
    told = await person.start()
    assert told.is_ready, told
    await person.assert_whole([told])


async def replaces_ending_pod(person: Person) -> None:
    """One that does not heed its end is ended."""
    await leave_pod(person, "trap '' TERM; while :; do sleep 1; done")
    await person.place.admin.delete(f"{pods_of(person)}/jupyter-{person.name}")
    told = await person.start()
    assert told.is_ready, told
    await person.assert_whole([told])


async def stops_in_the_middle(person: Person) -> None:
    """The pod is made although its start has been given up; it does not stay."""
    fault = person.fault("create", "pods", is_held_after=True)
    start = asyncio.create_task(person.start())
    await fault.arrive()
    assert len(await person.pods()) == 1
    assert await person.ask_stop() in (202, 204)
    fault.release()
    # JupyterHub's progress takes a start that is cancelled for one that has ended well.
    await start
    await person.assert_gone()
    await person.assert_whole()


SCENARIOS: Final[Mapping[str, Callable[[Person], Awaitable[None]]]] = {
    "mownclaim": takes_own_claim,
    "mforeign": refuses_foreign_claim,
    "mending": refuses_ending_claim,
    "mquota": tells_of_quota,
    "mpodleft": replaces_pod,
    "mpodending": replaces_ending_pod,
    "mstopped": stops_in_the_middle,
}


async def test_hub_that_meets_something_writes_no_traceback(
    place: Place, outcomes: Mapping[str, Any]
) -> None:
    """Whatever is in the way, the hub's log has a line for it and no stack, but for JupyterHub 5's own."""
    assert outcomes
    assert IS_5 or "Traceback" not in place.hub.log


@pytest.mark.parametrize("row", rows_of(MEETINGS), ids=str)
async def test_what_is_in_the_way_loses_nothing(
    outcomes: Mapping[str, BaseException | None], row: Row
) -> None:
    """The invariants hold after it, and the next start works."""
    error = outcomes[row.person]
    if error is not None:
        raise error
