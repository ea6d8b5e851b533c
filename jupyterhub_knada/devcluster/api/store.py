"""The objects, their one revision counter, and the history that watches resume from.

Everything here is synchronous and runs on one event loop: a read, a check and a write without an `await`
between them are one atomic step. Objects that were stored are never changed, only replaced.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import statuses
from jupyterhub_knada.devcluster.api.storage import StateError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.storage import Key, Storage

Json = dict[str, Any]
HISTORY: Final = 1000
"""Changes that are remembered per kind; a watch that is further behind gets 410 Gone and lists again."""


@dataclass(frozen=True)
class Stored:
    """One version of one object, without `apiVersion` and `kind`."""

    key: Key
    revision: int
    body: Json

    @cached_property
    def text(self) -> str:
        """Give the object as compact JSON, made once for all who list or watch it."""
        return write_json(self.body)


def write_json(body: Json) -> str:
    """Give compact JSON as a real API server writes it.

    Source: Go's `encoding/json`, which escapes what a browser could take for HTML, so that a pod may be six
    times as long on the wire. None of these signs stands outside of JSON's strings.
    """
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@dataclass(frozen=True, slots=True)
class Change:
    """One step in a kind's history."""

    revision: int
    before: Stored | None
    after: Stored | None
    """None: it was removed; a removed object's last version carries the revision of its removal in `last`."""
    last: Stored
    """What a watch shows for it."""


class Collection:
    """The objects of one kind, and their history."""

    def __init__(self, oldest: int) -> None:
        self.objects: dict[Key, Stored] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self.oldest = oldest
        """The revision that a watch may resume from at the earliest."""
        self._waiting: set[asyncio.Event] = set()
        self.is_closing = False
        """Whether watches have to end: the server stops."""

    def end_watches(self) -> None:
        """Wake all watches for the last time."""
        self.is_closing = True
        for event in self._waiting:
            event.set()

    def apply(self, change: Change) -> None:
        """Take a change over, and wake those who wait for one."""
        if change.after is None:
            del self.objects[change.last.key]
        else:
            self.objects[change.after.key] = change.after
        if len(self._history) == HISTORY:
            self.oldest = self._history[0].revision
        self._history.append(change)
        for event in self._waiting:
            event.set()

    def since(self, revision: int) -> list[Change]:
        """Give the changes after a revision.

        Raises:
            ApiError: 410 when they are forgotten.
        """
        if revision < self.oldest:
            raise statuses.too_old(revision, self.oldest)
        start = bisect_right(self._history, revision, key=lambda change: change.revision)
        return [self._history[index] for index in range(start, len(self._history))]

    def at(self, revision: int) -> dict[Key, Stored]:
        """Give the objects as they were at a revision.

        Raises:
            ApiError: 410 when that is forgotten.
        """
        state = dict(self.objects)
        for change in reversed(self.since(revision)):
            if change.before is None:
                del state[change.last.key]
            else:
                state[change.last.key] = change.before
        return state

    def wake(self, event: asyncio.Event) -> None:
        """Set an event at each change, until `forget`."""
        self._waiting.add(event)

    def forget(self, event: asyncio.Event) -> None:
        """Stop waking an event."""
        self._waiting.discard(event)


class Store:
    """All collections over one file."""

    def __init__(self, storage: Storage, kinds: Iterable[str]) -> None:
        """Load what an earlier run left; its history is gone, as after a compaction of etcd.

        Raises:
            StateError: it left objects of a kind that is not served any more.
        """
        self._storage = storage
        self.revision = storage.revision() or 1
        self._collections = {kind: Collection(self.revision) for kind in kinds}
        for kind, key, revision, body in storage.load():
            if kind not in self._collections:
                raise StateError(f"the state folder contains {kind}, which is not served; choose another one")
            self._collections[kind].objects[key] = Stored(key, revision, body)

    def end_watches(self) -> None:
        """Let every watch end by itself."""
        for collection in self._collections.values():
            collection.end_watches()

    def collection(self, resource: Resource) -> Collection:
        """Give the collection that holds a resource's objects."""
        return self._collections[resource.storage]

    def get(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """Give an object, or None."""
        return self.collection(resource).objects.get((namespace, name))

    def all(self, resource: Resource, namespace: str = "") -> list[Stored]:
        """Give the objects of a namespace, or of all, in the order of their keys."""
        objects = self.collection(resource).objects
        keys = sorted(key for key in objects if not namespace or key[0] == namespace)
        return [objects[key] for key in keys]

    def put(self, resource: Resource, key: Key, body: Json) -> Stored:
        """Store an object under the next revision, which is written into its metadata."""
        before = self.collection(resource).objects.get(key)
        after = self._stamped(key, body)
        self._storage.write(resource.storage, key, after.revision, after.text)
        self._apply(resource, Change(after.revision, before, after, after))
        return after

    def remove(self, resource: Resource, key: Key) -> Stored:
        """Remove an object; give its last version, stamped with the revision of the removal."""
        before = self.collection(resource).objects[key]
        last = self._stamped(key, before.body)
        self._storage.write(resource.storage, key, last.revision, None)
        self._apply(resource, Change(last.revision, before, None, last))
        return last

    def _stamped(self, key: Key, body: Json) -> Stored:
        revision = self.revision + 1
        metadata = body["metadata"] | {"resourceVersion": str(revision)}
        return Stored(key, revision, body | {"metadata": metadata})

    def _apply(self, resource: Resource, change: Change) -> None:
        self.revision = change.revision
        self.collection(resource).apply(change)
