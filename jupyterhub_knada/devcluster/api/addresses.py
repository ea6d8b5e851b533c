"""Addresses of the API: which resource, namespace, name and subresource a path means.

Source: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go` of 1.36.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.devcluster.api import kinds, statuses

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource

_ON_NAMESPACES: Final = frozenset({"status", "finalize"})
"""What stands behind a namespace's name without being a resource in it."""
UNSERVED: Final = frozenset(
    [
        "attach",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "finalize",
        "portforward",
        "proxy",
        "resize",
        "token",
    ]
)
"""Subresources that a real API server has: rights on them can be given, and nobody gets more than a 501."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a path means."""

    resource: Resource
    namespace: str
    name: str
    subresource: str

    @property
    def is_served(self) -> bool:
        """Tell whether there is more behind it than a right that one may have."""
        return self.subresource not in UNSERVED

    def verb(self, method: str, *, watch: bool) -> str:
        """Give the API's verb for an HTTP method.

        Raises:
            ApiError: 405 where the address does not take it.
        """
        named = bool(self.name)
        verbs = {
            "GET": "get" if named else ("watch" if watch else "list"),
            "HEAD": "get" if named else "list",
            "POST": "create",
            "PUT": "update",
            "PATCH": "patch",
            "DELETE": "delete" if named else "deletecollection",
        }
        verb = verbs.get(method, "")
        if not self._takes(verb):
            raise statuses.method_not_allowed()
        return verb

    def _takes(self, verb: str) -> bool:
        if not self.is_served:
            return bool(verb)
        if self.subresource:
            allowed = {"binding": {"create"}, "log": {"get"}}
            return verb in allowed.get(self.subresource, {"get", "update", "patch"})
        if verb not in self.resource.verbs:
            return False
        if verb == "create":
            return not self.name and bool(self.namespace or not self.resource.namespaced)
        needs_name = verb in ("get", "update", "patch", "delete")
        in_namespace = bool(self.namespace) or not self.resource.namespaced
        return bool(self.name) == needs_name and (in_namespace or verb in ("list", "watch"))


def parse_address(path: str) -> Address | None:
    """Read a path below `/api/v1` or `/apis/GROUP/v1`; None where it names no resource that is known."""
    match path.strip("/").split("/"):
        case ["api", "v1", first, *rest]:
            return _resource("", [first, *rest])
        case ["apis", group, "v1", first, *rest]:
            return _resource(group, [first, *rest])
        case _:
            return None


def _resource(group: str, parts: list[str]) -> Address | None:
    namespace = ""
    match parts:
        case ["namespaces", _, subresource] if not group and subresource in _ON_NAMESPACES:
            pass
        case ["namespaces", namespace, first, *rest]:
            parts = [first, *rest]
    plural, *more = parts
    resource = kinds.BY_PATH.get((group, plural))
    if resource is None or len(more) > len(("name", "subresource")):
        return None
    if namespace and not resource.namespaced:
        return None
    name, subresource = (*more, "", "")[:2]
    if subresource and subresource not in resource.subresources | UNSERVED:
        return None
    if resource.namespaced and name and not namespace:
        return None
    return Address(resource, namespace, name, subresource)
