"""Calls from another thread come in the event loop, for as long as there is one."""

from __future__ import annotations

import asyncio
import threading

from jupyterhub_knada.access.loop_calls import on_this_loop


async def test_call_from_another_thread_comes_in_the_loop() -> None:
    """With its arguments; the thread waits for nothing."""
    called: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
    call = on_this_loop(lambda name, *, number: called.set_result((name, threading.get_ident() + number)))
    await asyncio.to_thread(call, "anna", number=0)
    assert await called == ("anna", threading.get_ident())


def test_call_after_the_end_of_the_loop_is_dropped() -> None:
    """Files may change while the hub ends."""
    called: list[str] = []

    async def prepare() -> object:
        return on_this_loop(called.append)

    call = asyncio.run(prepare())
    assert callable(call)
    call("anna")
    assert called == []
