"""Lists and watches: what a client sees of a collection through its selectors, now and from a revision on.

Source: the semantics of resourceVersion in lists and watches, and `k8s.io/apiserver/pkg/storage` of 1.36.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.selectors import (
    FieldRequirement,
    Requirement,
    matches_fields,
    matches_labels,
    read_field,
)
from jupyterhub_knada.devcluster.api.store import write_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.store import Change, Collection, Store, Stored

BOOKMARK_SECONDS: Final = 5.0
"""How long a watch that asked for bookmarks is silent at most; a real API server takes about a minute."""
_WRONG_PAGE: Final = "invalid continue token: continue key is not valid"
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]", re.ASCII)
_LAST_BOOKMARK_SECONDS: Final = 2.0
"""How long before its end a watch is told for the last time where it is."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a client asked to see."""

    namespace: str
    labels: tuple[Requirement, ...]
    fields: tuple[FieldRequirement, ...]
    convert: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Makes the client's view of a stored object, where that is another one (events)."""

    def matches(self, stored: Stored | None) -> bool:
        """Tell whether the client sees an object."""
        if stored is None or (self.namespace and stored.key[0] != self.namespace):
            return False
        if not matches_labels(self.labels, stored.body["metadata"].get("labels") or {}):
            return False
        if not self.fields:
            return True
        body = self.convert(stored.body) if self.convert else stored.body
        return matches_fields(self.fields, lambda path: read_field(body, path))

    def text(self, stored: Stored) -> str:
        """Give an object as JSON, in the client's view, without `apiVersion` and `kind`."""
        if self.convert is None:
            return stored.text
        return write_json(self.convert(stored.body))


def with_type(text: str, resource: Resource) -> str:
    """Put `kind` and `apiVersion` into an object's JSON."""
    return f'{{"kind":"{resource.kind}","apiVersion":"{resource.group_version}",{text[1:]}'


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list was asked for."""

    limit: int = 0
    token: str = ""
    revision: str = ""
    match: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    revision: int
    after: str

    def encode(self) -> str:
        text = json.dumps({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.after + "\x00"})
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> _Token:
        try:
            found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return cls(int(found["rv"]), str(found["start"]).rstrip("\x00"))
        except binascii.Error as error:
            place = next((i for i, letter in enumerate(text) if not _BASE64.match(letter)), len(text) - 1)
            why = f"illegal base64 data at input byte {place}"
            raise statuses.bad_request(f"{_WRONG_PAGE}: {why}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise statuses.bad_request(f"{_WRONG_PAGE}: {error}") from error


def _path(stored: Stored) -> str:
    return "/".join(part for part in stored.key if part)


def list_objects(store: Store, resource: Resource, wanted: Filter, options: ListOptions) -> str:
    """Give a list as JSON, `items` in the order of their keys, at most `limit` of them.

    Raises:
        ApiError: 400 for a token that is none, 410 for one that is too old, 504 for a revision to come.
    """
    revision, after = _place(store, options)
    collection = store.collection(resource)
    try:
        state = collection.objects if revision == store.revision else collection.at(revision)
    except statuses.ApiError as error:
        raise _forgotten(options) from error
    seen = sorted((s for s in state.values() if wanted.matches(s)), key=_path)
    rest = [stored for stored in seen if _path(stored) > after] if after else seen
    page = rest[: options.limit] if options.limit else rest
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if len(page) < len(rest):
        metadata["continue"] = _Token(revision, _path(page[-1])).encode()
        if not wanted.labels and not wanted.fields:
            metadata["remainingItemCount"] = len(rest) - len(page)
    items = ",".join(wanted.text(stored) for stored in page)
    head = f'{{"kind":"{resource.kind}List","apiVersion":"{resource.group_version}"'
    return f'{head},"metadata":{json.dumps(metadata, separators=(",", ":"))},"items":[{items}]}}'


def _place(store: Store, options: ListOptions) -> tuple[int, str]:
    if options.token:
        token = _Token.decode(options.token)
        if options.revision and options.revision != "0":
            raise statuses.bad_request("specifying resource version is not allowed when using continue")
        return (store.revision if token.revision < 0 else token.revision), token.after
    try:
        asked = parse_revision(options.revision)
    except ValueError as error:
        raise statuses.bad_request(f"invalid resource version: {error}") from error
    if asked > store.revision:
        raise statuses.too_new(asked, store.revision)
    return (asked if options.match == "Exact" else store.revision), ""


def _forgotten(options: ListOptions) -> statuses.ApiError:
    """Say that a list cannot be shown as it was; for a page, a new token continues with what is there now."""
    if not options.token:
        return statuses.forgotten("list")
    refusal = statuses.expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a"
        " new list without the continue parameter, or use the continue token in this response to retrieve"
        " the remainder of the results. Continuing with the provided token results in an inconsistent list"
        " - objects that were created, modified, or deleted between the time the first chunk was returned"
        " and now may show up in the list."
    )
    refusal.metadata = {"continue": _Token(-1, _Token.decode(options.token).after).encode()}
    return refusal


def parse_revision(text: str) -> int:
    """Read a resourceVersion; 0 where none is given.

    Raises:
        ValueError: it is no number; the message is Kubernetes' own.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        shown = statuses.go_quote(text)
        why = f"strconv.ParseUint: parsing {shown}: invalid syntax"
        raise ValueError(str(statuses.invalid("resourceVersion", text, why)))
    return int(text)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What a watch was asked for."""

    revision: str = ""
    bookmarks: bool = False
    seconds: float = 1800.0
    """How long it lasts at most."""
    initial_events: bool = False
    """Whether the present objects come first and a bookmark says where they end (a watch-list)."""


class Watch:
    """One client's watch: lines of JSON until its time is over, the server stops, or history is gone."""

    def __init__(self, store: Store, resource: Resource, wanted: Filter, options: WatchOptions) -> None:
        """Find where to begin; a revision that is forgotten is told in the stream, as a real API server does.

        Raises:
            ApiError: 500 for a revision that is none: a real API server is no kinder.
        """
        self._store = store
        self._resource = resource
        self._wanted = wanted
        self._options = options
        self._collection: Collection = store.collection(resource)
        try:
            asked = parse_revision(options.revision)
        except ValueError as error:
            raise statuses.internal(str(error)) from error
        starts_now = options.initial_events or not asked
        self._first = store.all(resource, wanted.namespace) if starts_now else []
        self._at = store.revision if starts_now else asked
        self._is_of_events = resource.storage == kinds.EVENTS.storage

    async def lines(self) -> AsyncIterator[bytes]:
        """Give the events, each as a line of JSON; ends by itself."""
        for line in self._initial():
            yield line
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.seconds
        waiter = asyncio.Event()
        self._collection.wake(waiter)
        try:
            while not self._collection.is_closing:
                waiter.clear()
                try:
                    changes = self._collection.since(self._at)
                except statuses.ApiError as error:
                    # A real API server has no cache of events: etcd is asked, and says it in other words.
                    yield _error_line(statuses.forgotten("watch") if self._is_of_events else error)
                    return
                for line in self._shown(changes):
                    yield line
                if changes or await self._wait(waiter, end - loop.time()):
                    continue
                if loop.time() >= end:
                    return
                if self._options.bookmarks:
                    yield self._bookmark()
        finally:
            self._collection.forget(waiter)

    def _initial(self) -> Iterator[bytes]:
        for stored in self._first:
            if self._wanted.matches(stored):
                yield self._line("ADDED", stored)
        if self._options.initial_events and self._options.bookmarks:
            yield self._bookmark({"k8s.io/initial-events-end": "true"})

    def _shown(self, changes: list[Change]) -> Iterator[bytes]:
        for change in changes:
            self._at = change.revision
            line = self._event(change)
            if line is not None:
                yield line

    async def _wait(self, waiter: asyncio.Event, remaining: float) -> bool:
        """Wait for a change; False when there is none and it is time for a bookmark or for the end."""
        pause = remaining - _LAST_BOOKMARK_SECONDS if remaining > _LAST_BOOKMARK_SECONDS else remaining
        try:
            async with asyncio.timeout(max(0.0, min(pause, BOOKMARK_SECONDS))):
                await waiter.wait()
        except TimeoutError:
            return waiter.is_set()
        return True

    def _event(self, change: Change) -> bytes | None:
        before = self._wanted.matches(change.before)
        after = self._wanted.matches(change.after)
        if change.after is not None and after:
            return self._line("MODIFIED" if before else "ADDED", change.after)
        if before:
            return self._line("DELETED", self._last(change))
        return None

    def _last(self, change: Change) -> Stored:
        """Give what is shown of an object that left the client's sight: as it was last in it."""
        if change.after is None or change.before is None:
            return change.last
        metadata = change.before.body["metadata"] | {"resourceVersion": str(change.revision)}
        return type(change.last)(
            change.last.key, change.revision, change.before.body | {"metadata": metadata}
        )

    def _line(self, event: str, stored: Stored) -> bytes:
        text = with_type(self._wanted.text(stored), self._resource)
        return f'{{"type":"{event}","object":{text}}}\n'.encode()

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        self._at = max(self._at, self._store.revision)
        metadata: dict[str, Any] = {"resourceVersion": str(self._at), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        kind = {"kind": self._resource.kind, "apiVersion": self._resource.group_version}
        body = kind | {"metadata": metadata}
        return (json.dumps({"type": "BOOKMARK", "object": body}) + "\n").encode()


def _error_line(error: statuses.ApiError) -> bytes:
    return (json.dumps({"type": "ERROR", "object": error.body()}) + "\n").encode()
