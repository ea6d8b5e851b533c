"""Steps that come now and then, and the pauses between them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

Step = TypeVar("Step")


async def with_pauses(steps: AsyncGenerator[Step, None], seconds: float) -> AsyncGenerator[Step | None, None]:
    """Yield each step as it comes, and None whenever none has come for `seconds`; ends as the steps end.

    Side effects: closes the steps when it is closed itself.
    """

    async def take() -> Step:
        return await anext(steps)

    coming = asyncio.ensure_future(take())
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield None
                continue
            try:
                step = coming.result()
            except StopAsyncIteration:
                return
            yield step
            coming = asyncio.ensure_future(take())
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await coming
        await steps.aclose()
