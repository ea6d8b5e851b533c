"""A hub that is told to end while it may stop nothing: it ends, and the next one knows the servers.

First by SIGTERM, as at an upgrade with a chart that leaves servers running; then with all to be stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.test_faults_calls import ALWAYS, PODS, no_right
from tests.support.fault_play import play
from tests.support.fault_table import END, Row, rows_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from tests.support.fault_place import Person, Place
    from tests.support.fault_play import Outcomes

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


async def while_it_is_refused(person: Person) -> AsyncIterator[None]:
    """A stop is asked for, and refused again and again, when the hub is told to end."""
    assert (await person.start()).is_ready
    fault = person.fault("delete", PODS, times=ALWAYS, **no_right("delete", PODS))
    assert await person.ask_stop() == 202

    async def is_refused() -> bool:
        return fault.seen > 1

    await eventually(is_refused)
    yield
    assert await person.assert_consistent(), "a server that is being stopped is lost"
    yield
    person.place.api.remove(fault)
    assert await person.assert_consistent(), "a server that was to be stopped is lost"


async def while_it_runs(person: Person) -> AsyncIterator[None]:
    """Nothing is asked for; the deletion that comes with the hub's end is refused."""
    assert (await person.start()).is_ready
    yield
    assert await person.assert_consistent(), "a running server is lost"
    fault = person.fault("delete", PODS, times=ALWAYS, **no_right("delete", PODS))
    yield
    assert fault.seen > 0
    person.place.api.remove(fault)
    assert await person.assert_consistent(), "a server that was to be stopped is lost"


SCENARIOS: Final[Mapping[str, Callable[[Person], AsyncIterator[None]]]] = {
    "eterm": while_it_is_refused,
    "eall": while_it_runs,
}


async def play_rows(rows: Sequence[Row], place: Place, _: object) -> Outcomes:
    """Bring every row to its step, end the hub twice, and look at every row each time."""
    people = {row.person: await place.person(row.person, row.team) for row in rows}

    async def end_and_start() -> None:
        await place.process.end()
        await place.process.start()

    async def stop_all_and_start() -> None:
        status, _ = await place.hub.api("/shutdown", method="POST", body={"servers": True})
        assert status == 202
        await place.process.ended()
        await place.process.start()

    return await play(SCENARIOS, people, end_and_start, stop_all_and_start)


async def test_hub_that_ends_writes_no_raw_reply(place: Place, outcomes: Mapping[str, object]) -> None:
    """JupyterHub logs whatever ends a stop then."""
    assert outcomes
    assert "is there when the hub ends; the next hub knows it" in place.hub.log
    assert "HTTP response" not in place.hub.log


@pytest.mark.parametrize("row", rows_of(END), ids=str)
async def test_hub_that_is_told_to_end_ends_and_loses_nothing(
    outcomes: Mapping[str, BaseException | None], row: Row
) -> None:
    """The invariants hold after it is started again, and the next start works."""
    error = outcomes[row.person]
    if error is not None:
        raise error
