"""A namespace that is deleted takes everything in it along, and goes last.

Source: `pkg/controller/namespace/deletion/namespaced_resources_deleter.go` of 1.36.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar

from jupyterhub_knada.devcluster.api import deletion, kinds
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.requests import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.store import Stored

_INSIDE = tuple(resource for resource in kinds.STORED.values() if resource.namespaced)


class Namespaces(Controller):
    """Empties namespaces that are ending."""

    watches: ClassVar = (kinds.NAMESPACES, *_INSIDE)

    def sync(self) -> None:
        """Delete what is in them; let go of those that are empty."""
        for stored in self.store.all(kinds.NAMESPACES):
            if "deletionTimestamp" in stored.body["metadata"]:
                self._empty(stored)

    def _empty(self, namespace: Stored) -> None:
        name = namespace.key[1]
        # Pods first and alone: what they use, a network policy for one, is there for as long as they are.
        self._delete_all(name, (kinds.PODS,))
        if self.store.all(kinds.PODS, name):
            return
        self._delete_all(name, _INSIDE)
        if any(self.store.all(resource, name) for resource in _INSIDE):
            return
        body = copy.deepcopy(namespace.body)
        body["spec"].pop("finalizers", None)
        self.objects.edit(kinds.NAMESPACES, namespace, body, "finalize")

    def _delete_all(self, name: str, resources: Iterable[Resource]) -> None:
        for resource in resources:
            for stored in self.store.all(resource, name):
                if "deletionTimestamp" not in stored.body["metadata"]:
                    request = Request(resource, name, stored.key[1])
                    deletion.delete(self.objects, request, deletion.DeleteOptions(policy="Background"))
