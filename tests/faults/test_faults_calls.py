"""Calls of a start and of a stop that the API server answers badly, or not at all."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import jupyterhub
import pytest

from tests.support.fault_table import CALLS, Row, row_of, rows_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.support.fault_place import Person, Place

IS_5: Final = jupyterhub.version_info < (6,)
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

ALWAYS: Final = 10_000
BUSY: Final[Mapping[str, Any]] = {
    "status": 429,
    "reason": "TooManyRequests",
    "message": "The server has received too many requests and has asked us to try again later",
    "headers": {"Retry-After": "1"},
}
BROKEN: Final[Mapping[str, Any]] = {
    "status": 500,
    "reason": "InternalError",
    "message": "etcdserver: request timed out",
}
RACE: Final[Mapping[str, Any]] = {
    "status": 409,
    "reason": "Conflict",
    "message": 'Operation cannot be fulfilled on resourcequotas "team": the object has been modified; please '
    "apply your changes to the latest version and try again",
}
CLAIMS, PODS = "persistentvolumeclaims", "pods"
STRANGER: Final[Mapping[str, Any]] = {"status": 401, "reason": "Unauthorized", "message": "Unauthorized"}
REFUSED: Final[Mapping[str, Any]] = {
    "status": 400,
    "reason": "",
    "message": 'admission webhook "hold.example.org" denied the request: {"not": "today"}',
}


def no_right(verb: str, resource: str) -> Mapping[str, Any]:
    """Give what the API server answers to whoever lacks a right."""
    user = 'User "system:serviceaccount:hub:hub"'
    message = f'{resource} is forbidden: {user} cannot {verb} resource "{resource}" in API group ""'
    return {"status": 403, "reason": "Forbidden", "message": message}


async def goes_on(person: Person, verb: str, resource: str, **what: Any) -> None:
    """The start meets the fault twice, and works."""
    fault = person.fault(verb, resource, times=1 if what.get("is_answer_lost") else 2, **what)
    told = await person.start()
    assert fault.seen == fault.times
    assert told.is_ready, told
    await person.assert_whole([told])


async def stops(person: Person, **what: Any) -> None:
    """The stop meets the fault twice, and works."""
    told = await person.start()
    fault = person.fault("delete", PODS, times=2, **what)
    await person.stop()
    assert fault.seen >= 1
    await person.assert_whole([told])


async def fails(person: Person, verb: str, resource: str, **what: Any) -> None:
    """The start meets the fault for ever; the person is told, and can start when it is over."""
    fault = person.fault(verb, resource, times=ALWAYS, **(what or BROKEN))
    told = await person.start()
    assert not told.is_ready
    assert row_of(person.name).is_seen(told.last), told.last
    await person.assert_gone()
    person.place.api.remove(fault)
    await person.assert_whole([told])


async def is_never_answered(person: Person) -> None:
    """The first try makes the pod, and no watch shows it; no answer arrives, and the pod does not stay."""
    for kind in ("ADDED", "MODIFIED"):
        person.place.api.hide(kind, f"jupyter-{person.name}")
    fault = person.fault("create", PODS, times=ALWAYS, is_answer_lost=True)
    told = await person.start()
    assert not told.is_ready
    assert row_of(person.name).is_seen(told.last), told.last
    await person.assert_gone()
    person.place.api.show(f"jupyter-{person.name}")
    person.place.api.remove(fault)
    await person.assert_whole([told])


async def stays_stopping(person: Person, **what: Any) -> None:
    """As long as the pod cannot be deleted, the hub says that the server is being stopped."""
    told = await person.start()
    fault = person.fault("delete", PODS, times=ALWAYS, **what)
    assert await person.ask_stop() == 202

    async def is_asked_often() -> bool:
        return fault.seen > 3

    await eventually(is_asked_often)
    assert (await person.server())["pending"] == "stop"
    assert len(await person.pods()) == 1
    person.place.api.remove(fault)
    await person.assert_gone()
    await person.assert_whole([told])


async def ends_by_another_hand(person: Person) -> None:
    """The hub may never delete the pod, but an admin does."""
    told = await person.start()
    fault = person.fault("delete", PODS, times=ALWAYS, **no_right("delete", PODS))
    assert await person.ask_stop() == 202

    async def is_refused() -> bool:
        return fault.seen > 0

    await eventually(is_refused)
    await person.delete_pod()
    await person.assert_gone()
    person.place.api.remove(fault)
    await person.assert_whole([told])


async def is_told_what_stays(person: Person) -> None:
    """The start fails, its pod is there and may not be deleted: the person reads both before it is gone."""
    person.fault("create", PODS, is_answer_lost=True)
    fault = person.fault("delete", PODS, times=ALWAYS, **no_right("delete", PODS))
    assert (await person.ask())[0] == 202
    heard: list[str] = []
    start = asyncio.create_task(person.follow(heard))

    async def is_told() -> bool:
        return any(map(row_of(person.name).is_seen, heard))

    await eventually(is_told)
    assert (await person.server())["pending"] == "stop"
    person.place.api.remove(fault)
    told = await start
    assert not told.is_ready
    await person.assert_gone()
    await person.assert_whole([told])


SCENARIOS: Final[Mapping[str, Callable[[Person], Awaitable[None]]]] = {
    "c429list": partial(goes_on, verb="list", resource=CLAIMS, **BUSY),
    "c500list": partial(goes_on, verb="list", resource=CLAIMS, **BROKEN),
    "c429get": partial(goes_on, verb="get", resource=CLAIMS, **BUSY),
    "c500get": partial(goes_on, verb="get", resource=CLAIMS, **BROKEN),
    "c429claim": partial(goes_on, verb="create", resource=CLAIMS, **BUSY),
    "c500claim": partial(goes_on, verb="create", resource=CLAIMS, **BROKEN),
    "clostclaim": partial(goes_on, verb="create", resource=CLAIMS, is_answer_lost=True),
    "c409claim": partial(goes_on, verb="create", resource=CLAIMS, **RACE),
    "c429pod": partial(goes_on, verb="create", resource=PODS, **BUSY),
    "c500pod": partial(goes_on, verb="create", resource=PODS, **BROKEN),
    "clostpod": partial(goes_on, verb="create", resource=PODS, is_answer_lost=True),
    "c409pod": partial(goes_on, verb="create", resource=PODS, **RACE),
    "c429del": partial(stops, **BUSY),
    "c500del": partial(stops, **BROKEN),
    "clostdel": partial(stops, is_answer_lost=True),
    "cdownlist": partial(fails, verb="list", resource=CLAIMS),
    "cdownclaim": partial(fails, verb="create", resource=CLAIMS),
    "cdownpod": partial(fails, verb="create", resource=PODS),
    "cdeafpod": is_never_answered,
    "cdowndel": partial(stays_stopping, **BROKEN),
    "c403list": partial(fails, verb="list", resource=CLAIMS, **no_right("list", CLAIMS)),
    "c401list": partial(fails, verb="list", resource=CLAIMS, **STRANGER),
    "c403get": partial(fails, verb="get", resource=CLAIMS, **no_right("get", CLAIMS)),
    "c401get": partial(fails, verb="get", resource=CLAIMS, **STRANGER),
    "c403claim": partial(fails, verb="create", resource=CLAIMS, **no_right("create", CLAIMS)),
    "c401claim": partial(fails, verb="create", resource=CLAIMS, **STRANGER),
    "c403pod": partial(fails, verb="create", resource=PODS, **no_right("create", PODS)),
    "c401pod": partial(fails, verb="create", resource=PODS, **STRANGER),
    "c403del": partial(stays_stopping, **no_right("delete", PODS)),
    "c401del": partial(stays_stopping, **STRANGER),
    "c400del": partial(stays_stopping, **REFUSED),
    "c403gone": ends_by_another_hand,
    "c403clean": is_told_what_stays,
}


async def test_hub_told_of_a_fault_writes_no_traceback(place: Place, outcomes: Mapping[str, Any]) -> None:
    """Whatever the answers, the hub's log has a line for it and no stack, but for JupyterHub 5's own."""
    assert outcomes
    assert IS_5 or "Traceback" not in place.hub.log


@pytest.mark.parametrize("row", rows_of(CALLS), ids=str)
async def test_call_that_fails_loses_nothing(outcomes: Mapping[str, BaseException | None], row: Row) -> None:
    """The invariants hold after it, and the next start works."""
    error = outcomes[row.person]
    if error is not None:
        raise error
