"""From the thread that reads team files to the hub's event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")


def on_this_loop(call: Callable[_P, object]) -> Callable[_P, None]:
    """Give what calls `call` in the event loop that runs now, from any thread and without waiting for it.

    Where that loop has ended, nothing is called: the hub ends.
    """
    loop = asyncio.get_running_loop()

    @wraps(call)
    def hop(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with suppress(RuntimeError):  # of a loop that is closed
            loop.call_soon_threadsafe(lambda: call(*args, **kwargs))

    return hop
