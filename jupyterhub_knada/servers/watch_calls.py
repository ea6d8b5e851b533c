"""The calls of a watch to the Kubernetes API: lists in pages, and what changes from there on."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientTimeout, ServerTimeoutError
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from jupyterhub_knada.errors import KnadaError
from jupyterhub_knada.servers.foreign_texts import on_one_line
from jupyterhub_knada.servers.json_pieces import ListReader
from jupyterhub_knada.servers.patience import read_retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import ClientResponse

PAGE: Final = 100
"""Objects of one answer: to decode a hundred pods of 10 kB takes some 10 ms."""
OPEN_SECONDS: Final = 300
"""How long the server keeps a watch open before it is resumed; client-go has 5 to 10 minutes."""
SILENT_SECONDS: Final = 75
"""A watch that brings nothing for so long is opened anew; most servers send a bookmark every minute."""
_CONNECT_SECONDS: Final = 10
_LIST_SECONDS: Final = 60
_AT_ONCE: Final = 4
_LONGEST_MESSAGE: Final = 300
LONGEST_LINE: Final = 32 * 2**20
"""Bytes of one change. etcd takes objects of 1.5 MB, in which the API server writes each `<` as six letters;
names of fields, and clusters with a higher limit, come on top. More would be too much of the hub's memory."""
_BREATH_SECONDS: Final = 0.01
"""Longest that what has come is worked off without letting others on the event loop."""


@dataclass(frozen=True)
class Collection:
    """What is watched."""

    kind: str
    """`pods` or `events`."""
    namespace: str | None
    """None: all namespaces."""
    label_selector: str = ""
    field_selector: str = ""

    @property
    def place(self) -> str:
        """Name where it is, in words."""
        return "all namespaces" if self.namespace is None else f"namespace {self.namespace}"


class WatchError(KnadaError):
    """Raised where the API answers a list or a watch with anything but what was asked for."""

    def __init__(self, status: int, told: str, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        """Seconds, as the server asks, and at most `patience.LONGEST_RETRY_AFTER`; None: it does not."""
        super().__init__(told)


class ForbiddenError(WatchError):
    """Raised where the hub has no right to it."""


class GoneError(WatchError):
    """Raised where the API no longer knows what happened since a revision."""


_ERRORS: Final[dict[int, type[WatchError]]] = {
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.GONE: GoneError,
}


class WatchClient:
    """The hub's own connections for watches.

    KubeSpawner's shared client has at most 100 connections: a watch for each of 100 namespaces would take
    them all, and no pod could be created any more.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Open nothing yet; needs a running event loop.

        Args:
            configuration: Where the API is and who the hub is; changed here, so it is to be a copy.
        """
        configuration.connection_pool_maxsize = 0  # aiohttp's word for no limit
        self._client = ApiClient(configuration)
        self._api = CoreV1Api(self._client)
        # A hundred watches that begin together would have their handshakes, and their lists decoded, in one
        # turn of the event loop.
        self._begins = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def list(self, collection: Collection, take: Callable[[dict[str, Any]], None]) -> str:
        """List everything that there is, page by page, and give where a watch goes on from.

        Args:
            collection: What is listed.
            take: Called with each object.

        Raises:
            WatchError: the API says no; `GoneError` also where the list took longer than it can be continued.
            OSError, aiohttp.ClientError, ValueError: there is no connection, or no answer that can be read.
        """
        breath = _Breath()
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            reader = ListReader(await self._read(collection, query))
            for found in reader.objects():
                take(found)
                await breath.take()
            more = reader.metadata.get("continue")
            if not more:
                return _revision(reader)
            query = {"limit": PAGE, "_continue": more}

    async def revision(self, collection: Collection) -> str:
        """Ask where the collection is now, and for as little else as can be. Raises as `list`."""
        # With a selector the server would look through all objects for the first that fits.
        everything = Collection(collection.kind, collection.namespace)
        reader = ListReader(await self._read(everything, {"limit": 1}))
        for _ in reader.objects():
            pass
        return _revision(reader)

    async def _read(self, collection: Collection, query: dict[str, Any]) -> bytes:
        limits = ClientTimeout(total=_LIST_SECONDS, sock_connect=_CONNECT_SECONDS)
        async with self._begins, await self._call(collection, limits, query) as response:
            body: bytes = await response.read()
            return body

    @contextlib.asynccontextmanager
    async def changes(
        self, collection: Collection, revision: str, seconds: int
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """Open a watch from a revision on; give what changes as type and object, bookmarks among them.

        Args:
            collection: What is watched.
            revision: The last that was seen.
            seconds: When the server ends the watch.

        Raises:
            WatchError: the API says no, now or in the middle.
            OSError, aiohttp.ClientError, ValueError: the connection is cut, or brings nonsense.
        """
        limits = ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        query = {
            "watch": True,
            "allow_watch_bookmarks": True,
            "resource_version": revision,
            "timeout_seconds": seconds,
        }
        async with self._begins:
            response = await self._call(collection, limits, query)
        async with response:
            yield _changes(response)

    async def _call(
        self, collection: Collection, limits: ClientTimeout, query: dict[str, Any]
    ) -> ClientResponse:
        selectors = {
            "label_selector": collection.label_selector,
            "field_selector": collection.field_selector,
        }
        query = {key: value for key, value in {**selectors, **query}.items() if value != ""}
        # `_preload_content=False` gives aiohttp's own response: the client's models cost a multiple.
        query |= {"_request_timeout": limits, "_preload_content": False}
        singular = collection.kind.removesuffix("s")
        if collection.namespace is None:
            response = await getattr(self._api, f"list_{singular}_for_all_namespaces")(**query)
        else:
            response = await getattr(self._api, f"list_namespaced_{singular}")(collection.namespace, **query)
        if response.status != HTTPStatus.OK:
            async with response:
                raise await _error_of_response(response)
        found: ClientResponse = response
        return found


def _revision(reader: ListReader) -> str:
    revision = reader.metadata.get("resourceVersion")
    if not revision:
        raise ValueError("a list without a resourceVersion")
    return str(revision)


class _Breath:
    """Lets others on the event loop, where there is always more to work off at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + _BREATH_SECONDS

    async def take(self) -> None:
        if self._loop.time() > self._end:
            await asyncio.sleep(0)
            self._end = self._loop.time() + _BREATH_SECONDS


async def _changes(response: ClientResponse) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    breath = _Breath()
    async for line in _lines(response):
        change = json.loads(line)
        if change["type"] == "ERROR":
            raise _error_of_status(change["object"])
        yield change["type"], change["object"]
        # What is there already comes without a turn of the event loop.
        await breath.take()


async def _lines(response: ClientResponse) -> AsyncIterator[bytes]:
    """Give each line, and what is left at the end. aiohttp's own gives up at 4 MiB, and pods are longer."""
    rest = bytearray()
    while chunk := await _next_chunk(response):
        searched = len(rest)
        rest += chunk
        while (end := rest.find(b"\n", searched)) >= 0:
            line = bytes(rest[:end])
            del rest[: end + 1]
            searched = 0
            yield line
        if len(rest) > LONGEST_LINE:
            raise ValueError(f"a change of more than {LONGEST_LINE} bytes")
    if rest:
        yield bytes(rest)


async def _next_chunk(response: ClientResponse) -> bytes:
    """Give what has come; nothing where the server has ended it, or has been silent for too long."""
    try:
        return await response.content.readany()
    except ServerTimeoutError:
        return b""


async def _error_of_response(response: ClientResponse) -> WatchError:
    try:
        status = json.loads(await response.read())
    except ValueError:
        status = None
    body = status if isinstance(status, dict) else {}
    return _error(response.status, body, read_retry_after(response.headers.get("Retry-After")))


def _error_of_status(status: dict[str, Any]) -> WatchError:
    details = status.get("details") or {}
    return _error(int(status.get("code") or 0), status, read_retry_after(details.get("retryAfterSeconds")))


def _error(code: int, status: dict[str, Any], retry_after: float | None) -> WatchError:
    message = on_one_line(str(status.get("message") or status.get("reason") or "nothing more"))
    return _ERRORS.get(code, WatchError)(code, f"{code}: {message[:_LONGEST_MESSAGE]}", retry_after)
