"""The events of servers that are starting, watched while they start and not longer.

Events are many, and each is of use for a minute: whoever waits for a server wants to read what becomes of
its pod. At rest there is no watch of events at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.watch_calls import Collection, WatchClient
from jupyterhub_knada.servers.watch_loop import Watch, WatchLog, key_of
from jupyterhub_knada.servers.watched_fields import kept_of_event

if TYPE_CHECKING:
    import logging

LINGER_SECONDS: Final = 30.0
"""The start's page asks for events once more when it is over, and another start may follow at once."""
MOST_EVENTS: Final = 100
"""Of one start, the newest: a pod that no machine takes has another one every few minutes."""


@dataclass
class _Interest:
    """The events of one start's pod."""

    since: int = 0
    """The revision at which the start began; what is not newer is of an earlier pod of this name."""
    events: dict[str, dict[str, Any]] = field(default_factory=dict)


class EventWatch:
    """The events of pods that start in one namespace."""

    def __init__(
        self,
        client: WatchClient,
        namespace: str,
        field_selector: str,
        log: logging.Logger,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._client, self._watch_log = client, WatchLog("events", log)
        self._collection = Collection("events", namespace, field_selector=field_selector)
        self._watch: Watch | None = None
        """None: nothing starts. The next one is a new one, which begins at its own now."""
        self._linger_seconds = linger_seconds
        self._interests: dict[str, _Interest] = {}
        self._starts: set[asyncio.Future[Any]] = set()
        self._ending: asyncio.Task[None] | None = None

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """All events that are held, as KubeSpawner's reflectors have it: `namespace/name` -> event."""
        return {key: event for held in self._interests.values() for key, event in held.events.items()}

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that are held, unsorted. Source: `EventReflector.events`, 7.1."""
        return list(self.resources.values())

    async def begin(self, pod_name: str, start: asyncio.Future[Any], patience: float) -> None:
        """Follow the events of a pod until its start is over, and a little longer.

        Args:
            pod_name: The pod, which is not there yet.
            start: Done when the start is over. Asked again for the same one, nothing begins anew, and it is
                waited for the same watch: the start's page may have asked before the start did.
            patience: Seconds to wait for the watch; without it a start goes on, and has less to tell.

        Side effects: opens the watch of the namespace's events, if no other start has it open.
        """
        if start.done():
            return
        if start not in self._starts:
            self._interests[pod_name] = _Interest()
            self._keep_open(start)
        interest = self._interests[pod_name]
        watch = self._watch = self._watch or self._make()
        watch.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await watch.settled()
            # Who asked first may have gone meanwhile, as a page that is closed.
            interest.since = interest.since or _number(watch.revision)

    def continue_until(self, end: asyncio.Future[Any]) -> None:
        """Follow on what is followed: a pod that is ready has not answered yet."""
        if self._watch is not None and end not in self._starts and not end.done():
            self._keep_open(end)

    def _keep_open(self, until: asyncio.Future[Any]) -> None:
        self._starts.add(until)
        until.add_done_callback(self._release)
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    async def stop(self) -> None:
        """End it, and wait until it has ended."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.wait([self._ending])
        await self._close()

    def _make(self) -> Watch:
        return Watch(self._client, self._collection, self, self._watch_log, from_now=True)

    async def _close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.stop()

    def _release(self, start: asyncio.Future[Any]) -> None:
        self._starts.discard(start)
        if not self._starts and self._watch is not None and not start.get_loop().is_closed():
            self._ending = start.get_loop().create_task(self._end(), name="end of a watch of events")

    async def _end(self) -> None:
        await asyncio.sleep(self._linger_seconds)
        self._interests.clear()
        await self._close()

    def put(self, found: dict[str, Any]) -> None:
        """Take an event, if it is of a pod that starts. Source: `watch_loop.Store`, as all three."""
        interest = self._interests.get((found.get("involvedObject") or {}).get("name", ""))
        if interest is None or _number(found["metadata"].get("resourceVersion")) <= interest.since:
            return
        interest.events[key_of(found)] = kept_of_event(found)
        if len(interest.events) > MOST_EVENTS:
            del interest.events[next(iter(interest.events))]

    def drop(self, found: dict[str, Any]) -> None:
        """Keep it all the same: the cluster forgets an event an hour after it, a start does not."""

    def keep_only(self, collection: Collection, keys: set[str]) -> int:
        """Keep all, for the same reason."""
        del collection, keys
        return 0


def _number(revision: str | None) -> int:
    """Give a revision to be compared. Source: Kubernetes' KEP-5504, and every API server so far."""
    return int(revision) if revision and revision.isdecimal() else 0
