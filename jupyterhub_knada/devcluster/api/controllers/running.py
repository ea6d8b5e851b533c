"""How a controller runs: woken by changes, told again after a fault, never in parallel with itself."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar

from jupyterhub_knada.devcluster.api import statuses

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.objects import Objects

log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0


class Controller:
    """One rule over the objects; `sync` makes them fit it and may be called at any time."""

    watches: ClassVar[tuple[Resource, ...]]
    every_seconds: ClassVar[float | None] = None
    """Looks again after this long, for rules that depend on the clock."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.store = objects.store

    def sync(self) -> None:
        """Look at everything, and change what does not fit."""
        raise NotImplementedError


async def run(controller: Controller) -> None:
    """Run a controller until it is cancelled."""
    changed = asyncio.Event()
    collections = [controller.store.collection(resource) for resource in controller.watches]
    for collection in collections:
        collection.wake(changed)
    changed.set()
    try:
        while True:
            await _next(changed, controller.every_seconds)
            changed.clear()
            try:
                controller.sync()
            except statuses.ApiError as error:
                # Somebody else was quicker, or an object does not allow it yet: look again.
                log.info("%s: %s; trying again", type(controller).__name__, error)
                asyncio.get_running_loop().call_later(_RETRY_SECONDS, changed.set)
            except Exception:
                log.exception("%s failed; trying again", type(controller).__name__)
                asyncio.get_running_loop().call_later(_RETRY_SECONDS, changed.set)
    finally:
        for collection in collections:
            collection.forget(changed)


async def _next(changed: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
    # Lets the request that woke us answer first, and its neighbours join.
    await asyncio.sleep(0)
