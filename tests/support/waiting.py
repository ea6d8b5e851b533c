"""Wait for a condition with a deadline: the only way that a test waits for the outside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def eventually(
    condition: Callable[[], Awaitable[bool]], *, seconds: float = 60, every: float = 0.05
) -> None:
    """Wait until an asynchronous condition holds.

    Args:
        condition: What is looked at.
        seconds: Deadline.
        every: Seconds between two looks: more where a look costs those who are looked at.

    Raises:
        TimeoutError: it does not within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the outside has no event to wait for
            await asyncio.sleep(every)
