"""How rows of the table are played together: one stroke for many, each brought to its own step before."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from tests.support.fault_place import Person

    Scenario = Callable[[Person], AsyncIterator[None]]
    """Up to its first `yield` it brings a server to where the stroke is to find it; up to a second one it
    does what is done meanwhile; the rest comes when everything is mended."""
    Stroke = Callable[[], Awaitable[None]]
    Outcomes = dict[str, BaseException | None]


async def play(
    scenarios: Mapping[str, Scenario],
    people: Mapping[str, Person],
    strike: Stroke,
    mend: Stroke | None = None,
) -> Outcomes:
    """Play scenarios together; give how each ended, by the person's name.

    Args:
        scenarios: By the person's name.
        people: Who of them are there.
        strike: What goes wrong.
        mend: What is done about it; None: the stroke is over when it returns.
    """
    steps = {name: scenarios[name](person) for name, person in people.items()}
    ended: Outcomes = dict.fromkeys(steps)

    async def go_on(name: str, *, is_last: bool = False) -> None:
        try:
            with contextlib.suppress(StopAsyncIteration):
                await anext(steps[name])
            if is_last:
                await people[name].assert_whole()
        except BaseException as error:  # noqa: BLE001 - told by the row's test
            ended[name] = error

    async def all_go_on(*, is_last: bool = False) -> None:
        await asyncio.gather(*(go_on(name, is_last=is_last) for name in steps if ended[name] is None))

    await all_go_on()
    await strike()
    if mend is not None:
        await all_go_on()
        await mend()
    await all_go_on(is_last=True)
    return ended
