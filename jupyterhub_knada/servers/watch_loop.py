"""One watch that stays: it lists once, follows what changes, and finds its way after whatever cuts it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from asyncio import timeout
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import ClientConnectorError, ClientError

from jupyterhub_knada.servers.watch_calls import (
    OPEN_SECONDS,
    Collection,
    ForbiddenError,
    GoneError,
    WatchClient,
    WatchError,
)

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

SHORTEST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 5.0
"""Somebody may be waiting for a server when the API server is there again."""
FORBIDDEN_SECONDS: Final = 15.0
LONGEST_FORBIDDEN_SECONDS: Final = 600.0
"""How often a right that is missing is looked for, while nobody starts or stops anything there: the longer it
is missing, the less, as the API server keeps a record of each no."""
REFRESH_SECONDS: Final = 30.0
"""The least between two new lists that somebody asked for: each is all pods of the place, for everybody."""
_WELL_SECONDS: Final = 5.0
"""A watch that has been open for so long works, though nothing has happened."""
TRANSIENT: Final = (WatchError, ClientError, OSError, TimeoutError)
"""What an API server that restarts, is overloaded or out of reach makes of a call."""

_NOT_NOW: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Answers that say nothing of what was asked: a list would get the same, or make it worse."""
_MOST_REFUSALS: Final = 5
"""Of a watch from one revision that never was well, before everything is listed anew."""

_WORDS: Final = (
    (TimeoutError, "the API server does not answer in time"),
    (ClientConnectorError, "the API server cannot be reached"),
    (ClientError, "the connection broke off"),
    (OSError, "the connection broke off"),
    (ValueError, "the API server's answer makes no sense"),
)
"""Kind of an error -> what it means; the first that fits."""


class Store(Protocol):
    """Where a watch puts what it sees. Nothing here may raise or wait."""

    def put(self, found: dict[str, Any]) -> None:
        """Take an object that is new or has changed."""

    def drop(self, found: dict[str, Any]) -> None:
        """Forget one that is gone."""

    def keep_only(self, collection: Collection, keys: set[str]) -> int:
        """Forget all of a collection but these, each `namespace/name`; give how many that were."""


class WatchLog:
    """What the watches of one kind of object say, once each: not for each try, nor for each namespace."""

    def __init__(self, kind: str, log: logging.Logger) -> None:
        self._kind = kind
        self._log = log
        self._cut: set[str] = set()
        self._forbidden: set[str] = set()

    def tell_begun(self, place: str, there: int) -> None:
        """Say that everything was read for the first time."""
        self._log.info("Watching %s in %s: %d are there", self._kind, place, there)

    def tell_listed(self, place: str, there: int, gone: int) -> None:
        """Say that everything was read again."""
        words = "Listed %s in %s anew: %d are there, %d have gone since the last list"
        self._log.info(words, self._kind, place, there, gone)

    def tell_late(self, place: str) -> None:
        """Say that a watch came back after the cluster had forgotten where it was."""
        self._log.info("What happened to %s in %s meanwhile is not known any more", self._kind, place)

    def tell_forbidden(self, place: str, reason: str) -> None:
        """Say that there is no right to it; as the server has answered, it is not cut."""
        self.forget(place)
        if place not in self._forbidden:
            self._forbidden.add(place)
            words = "The hub may not watch %s in %s; it tries until it may: %s"
            self._log.warning(words, self._kind, place, reason)

    def tell_allowed(self, place: str) -> None:
        """Say that a right that was missing has come; where none was, say nothing."""
        if place in self._forbidden:
            self._forbidden.remove(place)
            self._log.info("The hub may watch %s in %s now", self._kind, place)

    def forget(self, place: str) -> None:
        """Take a place for not cut, without a word: it is watched no more, or worse is told of it."""
        self._cut.discard(place)

    def forget_refusals(self) -> None:
        """Take all places for allowed, without a word: one watch has taken the place of theirs."""
        self._forbidden.clear()

    def tell_unexpected(self, place: str) -> None:
        """Say everything about an error that nobody has thought of."""
        self._log.exception("The watch of %s in %s met an unexpected error", self._kind, place)

    def tell_cut(self, place: str, reason: str) -> None:
        """Say that a place cannot be watched; of several only the first is told."""
        level = self._log.debug if self._cut else self._log.warning
        self._cut.add(place)
        words = "The watch of %s in %s is cut; what was seen last is used until it is back: %s"
        level(words, self._kind, place, reason)

    def tell_back(self, place: str) -> None:
        """Say that all places are watched again; where none was cut, say nothing."""
        if place in self._cut:
            self._cut.remove(place)
            if not self._cut:
                self._log.info("The watch of %s in %s is back", self._kind, place)


def key_of(found: dict[str, Any]) -> str:
    """Give what KubeSpawner names an object by: `namespace/name`."""
    return f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def wait_seconds(failures: int, retry_after: float | None, chance: float) -> float:
    """Decide how long to wait after failures in a row: longer each time, and never all hubs at once.

    Args:
        failures: At least 1.
        retry_after: Seconds that the server asks for; it is waited for at least so long.
        chance: From 0 to 1.
    """
    longest = min(LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS * 2.0 ** min(failures, 16))
    wait = longest * (0.5 + chance / 2)
    return wait if retry_after is None else max(wait, retry_after * (1 + chance / 10))


class Watch:
    """A watch of one collection, as a task that ends only when it is stopped."""

    def __init__(
        self,
        client: WatchClient,
        collection: Collection,
        store: Store,
        log: WatchLog,
        *,
        from_now: bool = False,
        on_forbidden: Callable[[], None] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            client: Its connections.
            collection: What to watch.
            store: Where it goes.
            log: Whom to tell.
            from_now: What is there already is not wanted.
            on_forbidden: Called where the hub has no right, instead of trying until it has: the watch ends.
        """
        self.collection = collection
        self.is_loaded = False
        """Whether the store has had everything once; it stays so, whatever comes."""
        self.is_forbidden = False
        """Whether the last answer was that the hub has no right to it; also when it once was loaded."""
        self._client, self._store, self._log = client, store, log
        self._from_now = from_now
        self._on_forbidden = on_forbidden
        self.revision: str | None = None
        """The last that was seen; None: nothing was."""
        self._has_to_list = True
        self._is_listing = self._is_waiting = False
        self._refresh_from = 0.0
        """When a new list may be asked for again, in the event loop's time."""
        self._failures = self._forgotten = self._refusals = 0
        self._refused_revisions = 0
        """Answers for which the revision may be to blame, since it was good for something."""
        self._settled, self._asked_again = asyncio.Event(), asyncio.Event()
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, or go on where the task was ended from outside; where it runs or was stopped, do nothing."""
        if not self._is_stopped and not self._is_running():
            name = f"watch of {self.collection.kind} in {self.collection.place}"
            self._task = asyncio.create_task(self._run(), name=name)

    def refresh(self) -> None:
        """List anew, as somebody waits in vain for a change: now, on a new connection.

        Dropped where it would bring nothing new. A list that is under way is not begun again: many who ask
        would never let it end. After an error, the watch finds by itself what it has missed, and the server
        may have asked for the wait. And who asks soon after the last one has a new list and a new connection
        already: servers that end slowly, anybody's, would have the pods of all teams listed again and again.
        """
        now = asyncio.get_running_loop().time()
        if not (self._is_listing or self._is_waiting) and now >= self._refresh_from:
            self._refresh_from = now + REFRESH_SECONDS
            self._has_to_list = True
            if self._task is not None:
                self._task.cancel()
                self._task = None
        self.start()

    def try_again(self) -> None:
        """Where the hub had no right to it, look now whether it has; `settled` waits for the answer."""
        if self.is_forbidden and self._is_running():
            self._settled.clear()
            self._asked_again.set()

    @property
    def is_settled(self) -> bool:
        """Whether nobody waits for `settled`."""
        return self._settled.is_set()

    async def settled(self) -> None:
        """Wait until everything is known, or the hub is known to have no right to it, or it is stopped."""
        await self._settled.wait()

    async def stop(self) -> None:
        """End it for good, and wait until it has ended."""
        self._is_stopped = True
        self._log.forget(self.collection.place)
        self._settled.set()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    def _is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        while True:
            try:
                await self._load()
                await self._follow()
            except ForbiddenError as error:
                if self._on_forbidden is not None:
                    self._log.forget(self.collection.place)
                    self._on_forbidden()
                    # Whoever waits for this watch looks at what took its place.
                    self._settled.set()
                    return
                await self._wait_for_right(error)
            except GoneError:
                self._has_to_list = True
                self._log.tell_late(self.collection.place)
                # The server answers, so only answers like this one count.
                self._failures, self._forgotten = self._forgotten, self._forgotten + 1
                await self._wait()
            except TRANSIENT as error:
                self._log.tell_cut(self.collection.place, _reason(error))
                self._doubt_revision(error)
                await self._wait(getattr(error, "retry_after", None))
            except Exception as error:  # noqa: BLE001 - a hub that sees no change any more would be worse
                if not isinstance(error, ValueError):
                    self._log.tell_unexpected(self.collection.place)
                self._log.tell_cut(self.collection.place, _reason(error))
                # From the same revision on, the same answer would come again.
                self._has_to_list = True
                await self._wait()

    def _doubt_revision(self, error: Exception) -> None:
        """List anew where a revision is refused again and again, though not as one that is forgotten."""
        status = error.status if isinstance(error, WatchError) else 0
        if status >= HTTPStatus.BAD_REQUEST and status not in _NOT_NOW:
            self._refused_revisions += 1
            self._has_to_list |= self._refused_revisions >= _MOST_REFUSALS

    async def _wait(self, at_least: float | None = None) -> None:
        self._failures += 1
        self._is_waiting = True
        try:
            await asyncio.sleep(wait_seconds(self._failures, at_least, random.random()))  # noqa: S311 - no secret
        finally:
            self._is_waiting = False

    async def _wait_for_right(self, error: ForbiddenError) -> None:
        self._log.tell_forbidden(self.collection.place, str(error))
        self._asked_again.clear()
        self.is_forbidden = True
        self._settled.set()
        self._failures += 1
        seconds = min(LONGEST_FORBIDDEN_SECONDS, FORBIDDEN_SECONDS * 2.0 ** min(self._refusals, 16))
        self._refusals += 1
        with contextlib.suppress(TimeoutError):
            # Teams that lost their right together do not all ask together.
            async with timeout(seconds * random.uniform(0.9, 1.1)):  # noqa: S311 - no secret
                await self._asked_again.wait()
                self._refusals = 0

    async def _load(self) -> None:
        """Read everything that is there, if it is not known where to go on from."""
        if not self._has_to_list:
            return
        self._is_listing = True
        try:
            if self._from_now and not self.is_loaded:
                self.revision = await self._client.revision(self.collection)
            else:
                self.revision = await self._list()
        finally:
            self._is_listing = False
        self._has_to_list, self.is_loaded, self._refused_revisions = False, True, 0
        self._be_allowed()

    async def _list(self) -> str:
        keys: set[str] = set()

        def take(found: dict[str, Any]) -> None:
            keys.add(key_of(found))
            self._store.put(found)

        revision = await self._client.list(self.collection, take)
        gone = self._store.keep_only(self.collection, keys)
        if self.is_loaded:
            self._log.tell_listed(self.collection.place, len(keys), gone)
        else:
            self._log.tell_begun(self.collection.place, len(keys))
        return revision

    async def _follow(self) -> None:
        """Take in what changes until the server ends it, which it does from time to time."""
        loop = asyncio.get_running_loop()
        # Watches that began together do not all end together.
        seconds = random.randint(OPEN_SECONDS * 4 // 5, OPEN_SECONDS)  # noqa: S311 - no secret
        revision = str(self.revision)
        async with self._client.changes(self.collection, revision, seconds) as changes:
            self._be_allowed()
            opened = loop.time()
            well = loop.call_later(_WELL_SECONDS, self._be_well)
            try:
                async for kind, found in changes:
                    self._take(kind, found)
            finally:
                well.cancel()
        if loop.time() - opened < min(_WELL_SECONDS, seconds / 2) and self.revision == revision:
            raise WatchError(0, "the server ended it at once")

    def _take(self, kind: str, found: dict[str, Any]) -> None:
        if kind == "DELETED":
            self._store.drop(found)
        elif kind != "BOOKMARK":
            self._store.put(found)
        self.revision = found["metadata"]["resourceVersion"]
        if self._failures:
            self._be_well()

    def _be_well(self) -> None:
        self._failures = self._forgotten = self._refusals = self._refused_revisions = 0
        self._log.tell_back(self.collection.place)

    def _be_allowed(self) -> None:
        self.is_forbidden = False
        self._log.tell_allowed(self.collection.place)
        self._settled.set()


def _reason(error: Exception) -> str:
    if isinstance(error, WatchError):
        return str(error)
    words = next((words for kind, words in _WORDS if isinstance(error, kind)), "an error of the hub's own")
    return f"{words} ({type(error).__name__})"
