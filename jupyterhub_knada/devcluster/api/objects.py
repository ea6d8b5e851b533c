"""Creates, reads and changes objects: the one way to the store, for clients and controllers alike.

Each step is synchronous: nothing comes between the check of an object and its storage.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import admission, kinds, patches, statuses, strategies, validation
from jupyterhub_knada.devcluster.api.decoding import decode, decode_patched
from jupyterhub_knada.devcluster.api.events import to_new
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.store import Stored

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]


class Objects:
    """Objects by name, with everything that an API server does on their way in."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, request: Request) -> Stored:
        """Give an object.

        Raises:
            ApiError: 404.
        """
        found = self.store.get(request.resource, request.namespace, request.name)
        if found is None:
            raise statuses.not_found(request.resource, request.name)
        return found

    def create(self, request: Request, body: Any) -> Stored:
        """Create an object.

        Raises:
            ApiError: 400 for a body that does not fit, 403 by admission, 404 for a missing namespace, 409
            for a
                name that is taken, 422 for one that breaks a rule.
        """
        resource = request.resource
        decoded = decode(request, body)
        _check_namespace(request, decoded)
        if decoded["metadata"].get("resourceVersion"):
            raise statuses.internal("resourceVersion should not be set on objects to be created")
        strategies.begin(request, decoded)
        admission.prepare(self.store, request, decoded)
        new = strategies.canonical(resource, decoded)
        validation.check_new(request, new)
        admission.check(self.store, request, new, None)
        name = new["metadata"]["name"]
        if self.store.get(resource, request.namespace, name) is not None:
            raise statuses.already_exists(resource, name)
        return self._put(request.named(name), new)

    def update(self, request: Request, body: Any) -> tuple[Stored, bool]:
        """Replace an object, or its status; give it, and whether it is new.

        Raises:
            ApiError: as `create`; 409 when the object has changed meanwhile, or is another with that name.
        """
        resource = request.resource
        decoded = decode(request, body)
        _check_namespace(request, decoded)
        if not decoded["metadata"].get("name"):
            name = f"{request.name} based on URL"
            raise statuses.bad_request(
                f"the name of the object ({name}) was undeterminable: name must be provided"
            )
        _check_name(request, decoded)
        current = self.store.get(resource, request.namespace, request.name)
        if current is None:
            if (
                not resource.create_on_update
                or request.subresource
                or decoded["metadata"].get("resourceVersion")
            ):
                raise statuses.not_found(resource, request.name)
            return self.create(request, body), True
        uid = decoded["metadata"].get("uid")
        if uid and uid != current.body["metadata"]["uid"]:
            raise statuses.conflict(resource, request.name, _uid_mismatch(resource, uid, current))
        return self._replace(request, current, decoded), False

    def patch(self, request: Request, kind: str, patch: Any) -> Stored:
        """Change an object, or its status, by a patch.

        Raises:
            ApiError: as `update`; 400 or 422 for a patch that does not fit.
        """
        resource = request.resource
        current = self.get(request)
        shown = view(resource, current.body)
        typed = {"kind": resource.kind, "apiVersion": resource.group_version} | shown
        patched = patches.apply_patch(kind, typed, patch, resource.type)
        decoded = decode_patched(request, patched)
        _check_namespace(request, decoded)
        _check_name(request, decoded)
        return self._replace(request, current, decoded)

    def _replace(self, request: Request, current: Stored, decoded: Json) -> Stored:
        resource = request.resource
        version = decoded["metadata"].get("resourceVersion")
        if not version and not resource.unconditional_update:
            text = "must be specified for an update"
            error = statuses.invalid("metadata.resourceVersion", "", text)
            raise statuses.invalid_object(resource, request.name, [error])
        if version and not (version.isascii() and version.isdigit()):
            shown = statuses.go_quote(version)
            raise statuses.internal(f"strconv.ParseUint: parsing {shown}: invalid syntax")
        if version and version != str(current.revision):
            raise statuses.conflict(resource, request.name, statuses.MODIFIED)
        decoded["metadata"]["resourceVersion"] = str(current.revision)
        strategies.carry_over(request, decoded, current.body)
        if not request.subresource:
            admission.complete(resource, decoded)
        new = strategies.canonical(resource, decoded)
        validation.check_update(request, new, current.body)
        if not request.subresource:
            admission.check(self.store, request, new, current.body)
        if new == current.body:
            return current
        return self._put(request, new)

    def _put(self, request: Request, body: Json) -> Stored:
        """Store an object; one whose deletion waited for its last finalizer goes instead."""
        key = (request.namespace, body["metadata"]["name"])
        if request.dry_run:
            return Stored(key, 0, body)
        metadata = body["metadata"]
        stored = self.store.put(request.resource, key, body)
        waits = metadata.get("finalizers") or body.get("spec", {}).get("finalizers")
        grace = metadata.get("deletionGracePeriodSeconds", 0)
        if "deletionTimestamp" in metadata and not waits and not grace:
            self.store.remove(request.resource, key)
        return stored

    def edit(self, resource: Resource, stored: Stored, body: Json, subresource: str = "") -> Stored:
        """Let a controller write a changed copy of an object, by the same rules as everybody.

        Raises:
            ApiError: as `update`.
        """
        request = Request(resource, stored.key[0], stored.key[1], subresource)
        typed = copy.deepcopy(body) | {"kind": resource.kind, "apiVersion": resource.group_version}
        return self.update(request, typed)[0]


def view(resource: Resource, body: Json) -> Json:
    """Give a stored object as a resource shows it."""
    return to_new(body) if resource is kinds.NEW_EVENTS else body


def _uid_mismatch(resource: Resource, uid: str, current: Stored) -> str:
    """Say that an update is meant for another object, as etcd's side of a real API server does."""
    key = "/".join(part for part in ("/registry", resource.plural, *current.key) if part)
    found = current.body["metadata"]["uid"]
    return (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg:"
        f" Precondition failed: UID in precondition: {uid}, UID in object meta: {found}"
    )


def _check_namespace(request: Request, body: Json) -> None:
    if not request.resource.namespaced:
        body["metadata"].pop("namespace", None)
    given = body["metadata"].get("namespace", "")
    if given and given != request.namespace:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def _check_name(request: Request, body: Json) -> None:
    given = body["metadata"].get("name", "")
    if given and given != request.name:
        raise statuses.bad_request(
            f"the name of the object ({given}) does not match the name on the URL ({request.name})"
        )
