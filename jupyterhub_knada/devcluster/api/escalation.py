"""Nobody grants rights that they do not have.

Source: `pkg/registry/rbac/validation` and `pkg/registry/rbac/*/policybased` of 1.36.
"""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, rbac, statuses
from jupyterhub_knada.devcluster.api.identities import MASTERS

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]
_GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = ("Role", "ClusterRole")
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")


def check(store: Store, request: Request, new: Json, old: Json | None) -> None:
    """Stop a role or binding that gives more than its author has.

    Raises:
        ApiError: 403 with the rules that are missing.
    """
    if MASTERS in request.who.groups or request.resource.kind not in (*_ROLES, *_BINDINGS):
        return
    name = new["metadata"]["name"]
    if request.resource.kind in _ROLES:
        if old is not None and old.get("rules") == new.get("rules"):
            return
        verb, plural, rules, target = "escalate", request.resource.plural, new.get("rules") or [], name
    else:
        reference = new["roleRef"]
        if old is not None and old["roleRef"] == reference and old.get("subjects") == new.get("subjects"):
            return
        verb, target = "bind", reference["name"]
        plural = "clusterroles" if reference["kind"] == "ClusterRole" else "roles"
        rules = _referred(store, request, reference)
    action = rbac.Action(verb, _GROUP, plural, request.namespace, target)
    if rbac.allows(store, request.who, action):
        return
    missing = [part for rule in rules for part in _parts(rule) if not _held(store, request, part)]
    if missing:
        groups = " ".join(statuses.go_quote(group) for group in request.who.groups)
        told = "\n".join(_told(part) for part in missing)
        why = (
            f'user "{request.who.user}" (groups=[{groups}]) is attempting to grant RBAC permissions not'
            f" currently held:\n{told}"
        )
        raise statuses.forbidden(request.resource, name, why)


def _referred(store: Store, request: Request, reference: Json) -> list[Json]:
    if reference["kind"] == "ClusterRole":
        role, resource = store.get(kinds.CLUSTER_ROLES, "", reference["name"]), kinds.CLUSTER_ROLES
    else:
        role, resource = store.get(kinds.ROLES, request.namespace, reference["name"]), kinds.ROLES
    if role is None:
        raise statuses.not_found(resource, reference["name"])
    return role.body.get("rules") or []


def _parts(rule: Json) -> list[Json]:
    """Break a rule into rules of one verb and one resource or address each."""
    verbs = rule.get("verbs") or []
    names = rule.get("resourceNames", [])
    parts = [
        {
            "apiGroups": [group],
            "resources": [resource],
            "verbs": [verb],
            **({"resourceNames": [name]} if name else {}),
        }
        for group, resource, name, verb in product(
            rule.get("apiGroups", []), rule.get("resources", []), names or [""], verbs
        )
    ]
    return parts + [
        {"nonResourceURLs": [url], "verbs": [verb]}
        for url, verb in product(rule.get("nonResourceURLs", []), verbs)
    ]


def _held(store: Store, request: Request, part: Json) -> bool:
    if "nonResourceURLs" in part:
        return rbac.allows_path(store, request.who, part["verbs"][0], part["nonResourceURLs"][0])
    name = part.get("resourceNames", [""])[0]
    action = rbac.Action(
        part["verbs"][0], part["apiGroups"][0], part["resources"][0], request.namespace, name
    )
    return rbac.allows(store, request.who, action)


def _told(part: Json) -> str:
    names = {
        "apiGroups": "APIGroups",
        "resources": "Resources",
        "resourceNames": "ResourceNames",
        "nonResourceURLs": "NonResourceURLs",
        "verbs": "Verbs",
    }
    shown = [f"{go}:{json.dumps(part[key])}" for key, go in names.items() if key in part]
    return "{" + ", ".join(shown) + "}"
