"""Deletes what nobody owns any more, and events that are old.

Source: `pkg/controller/garbagecollector` of 1.36. An owner of a kind that is not served here counts as there.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub_knada.devcluster.api import deletion, kinds
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.requests import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]
_ALL: Final = tuple(kinds.STORED.values())
_EVENT_LIFE: Final = timedelta(hours=1)


class Garbage(Controller):
    """Follows `ownerReferences` and the two finalizers of deletion policies."""

    watches: ClassVar = tuple(resource for resource in _ALL if resource not in (kinds.EVENTS, kinds.LEASES))

    def sync(self) -> None:
        """Delete orphans; let go of owners whose dependents are done."""
        for resource, stored in self._everything():
            metadata = stored.body["metadata"]
            if metadata.get("ownerReferences"):
                self._collect(resource, stored)
            if "deletionTimestamp" in metadata and metadata.get("finalizers"):
                self._release(resource, stored)

    def _everything(self) -> Iterator[tuple[Resource, Stored]]:
        for resource in self.watches:
            for stored in self.store.all(resource):
                yield resource, stored

    def _collect(self, resource: Resource, stored: Stored) -> None:
        metadata = stored.body["metadata"]
        if "deletionTimestamp" in metadata:
            return
        owners = [self._owner(stored, reference) for reference in metadata["ownerReferences"]]
        if any(owner is not None and not _takes_along(owner) for owner in owners):
            return
        request = Request(resource, *stored.key)
        deletion.delete(self.objects, request, deletion.DeleteOptions(policy="Background"))

    def _owner(self, dependent: Stored, reference: Json) -> Json | None:
        """Give an owner, or None where it is gone."""
        resource = kinds.resource_of(reference["apiVersion"], reference["kind"])
        if resource is None:
            return {"metadata": {}}
        namespace = dependent.key[0] if resource.namespaced else ""
        found = self.store.get(resource, namespace, reference["name"])
        if found is None or found.body["metadata"]["uid"] != reference["uid"]:
            return None
        return found.body

    def _release(self, resource: Resource, owner: Stored) -> None:
        finalizers = owner.body["metadata"]["finalizers"]
        dependents = list(self._dependents(owner.body["metadata"]["uid"]))
        if deletion.ORPHAN in finalizers:
            for kind, stored in dependents:
                self._cut_loose(kind, stored, owner.body["metadata"]["uid"])
            self._drop(resource, owner, deletion.ORPHAN)
        elif deletion.FOREGROUND in finalizers and not dependents:
            self._drop(resource, owner, deletion.FOREGROUND)

    def _dependents(self, uid: str) -> Iterator[tuple[Resource, Stored]]:
        for resource, stored in self._everything():
            if any(owner["uid"] == uid for owner in stored.body["metadata"].get("ownerReferences", [])):
                yield resource, stored

    def _cut_loose(self, resource: Resource, stored: Stored, uid: str) -> None:
        body = copy.deepcopy(stored.body)
        owners = body["metadata"]["ownerReferences"]
        body["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
        self.objects.edit(resource, stored, body)

    def _drop(self, resource: Resource, stored: Stored, finalizer: str) -> None:
        body = copy.deepcopy(stored.body)
        body["metadata"]["finalizers"].remove(finalizer)
        self.objects.edit(resource, stored, body)


def _takes_along(owner: Json) -> bool:
    """Tell whether an owner waits for its dependents to go first."""
    metadata = owner["metadata"]
    return "deletionTimestamp" in metadata and deletion.FOREGROUND in metadata.get("finalizers", [])


class Expiry(Controller):
    """Forgets events after an hour, as kube-apiserver's `--event-ttl` does."""

    watches: ClassVar = ()
    every_seconds: ClassVar = 60.0

    def sync(self) -> None:
        """Remove the old ones."""
        now = datetime.now(UTC)
        for stored in self.store.all(kinds.EVENTS):
            if now - _last_seen(stored.body) > _EVENT_LIFE:
                self.store.remove(kinds.EVENTS, stored.key)


def _last_seen(event: Json) -> datetime:
    series = event.get("series", {}).get("lastObservedTime")
    created = event["metadata"]["creationTimestamp"]
    return datetime.fromisoformat(series or event.get("lastTimestamp") or created)
