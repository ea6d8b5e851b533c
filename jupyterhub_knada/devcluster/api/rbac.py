"""Who may do what: RBAC over the stored roles, in Kubernetes' own words.

Source: `k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac` and `k8s.io/apiserver` of 1.36.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.identities import AUTHENTICATED, MASTERS, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]
_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do to a resource."""

    verb: str
    group: str
    resource: str
    """Plural, with its subresource: `pods/log`."""
    namespace: str = ""
    name: str = ""


def allows(store: Store, who: Identity, action: Action) -> bool:
    """Tell whether an identity may do something."""
    if MASTERS in who.groups:
        return True
    return any(rule_covers(rule, action) for rule in rules_for(store, who, action.namespace))


def allows_path(store: Store, who: Identity, verb: str, path: str) -> bool:
    """Tell whether an identity may read an address that is no resource, e.g. `/version`."""
    if MASTERS in who.groups:
        return True
    return any(
        _matches(verb, rule.get("verbs") or ())
        and any(_path_matches(path, pattern) for pattern in rule.get("nonResourceURLs", ()))
        for rule in rules_for(store, who, "")
    )


def check(store: Store, who: Identity, resource: kinds.Resource, action: Action) -> None:
    """Stop what an identity may not do.

    Raises:
        ApiError: 403 in Kubernetes' own words.
    """
    if allows(store, who, action):
        return
    scope = f'in the namespace "{action.namespace}"' if action.namespace else "at the cluster scope"
    what = f'resource "{action.resource}" in API group "{action.group}"'
    why = f'User "{who.user}" cannot {action.verb} {what} {scope}'
    raise statuses.forbidden(resource, action.name, why)


def rules_for(store: Store, who: Identity, namespace: str) -> Iterator[Json]:
    """Give the rules that hold for an identity: cluster-wide ones, and those of a namespace."""
    for binding in store.all(kinds.CLUSTER_ROLE_BINDINGS):
        if _binds(binding.body, who, ""):
            yield from _rules(store, binding.body["roleRef"], "")
    if not namespace:
        return
    for binding in store.all(kinds.ROLE_BINDINGS, namespace):
        if _binds(binding.body, who, namespace):
            yield from _rules(store, binding.body["roleRef"], namespace)


def _rules(store: Store, reference: Json, namespace: str) -> list[Json]:
    if reference["kind"] == "ClusterRole":
        role = store.get(kinds.CLUSTER_ROLES, "", reference["name"])
    else:
        role = store.get(kinds.ROLES, namespace, reference["name"])
    return (role.body.get("rules") or []) if role else []


def _binds(binding: Json, who: Identity, namespace: str) -> bool:
    return any(_is(subject, who, namespace) for subject in binding.get("subjects", []))


def _is(subject: Json, who: Identity, namespace: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == who.user)
        case "Group":
            return subject["name"] in who.groups
        case "ServiceAccount":
            owner = subject.get("namespace") or namespace
            return who.user == f"{_ACCOUNT}{owner}:{subject['name']}"
        case _:
            return False


def _matches(value: str, allowed: Any) -> bool:
    return "*" in allowed or value in allowed


def _path_matches(path: str, pattern: str) -> bool:
    return path == pattern or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def rule_covers(rule: Json, action: Action) -> bool:
    """Tell whether one rule allows one action."""
    subresource = action.resource.partition("/")[2]
    resources = rule.get("resources", [])
    fits = _matches(action.resource, resources) or (subresource and f"*/{subresource}" in resources)
    return bool(
        fits
        and _matches(action.verb, rule.get("verbs") or ())
        and _matches(action.group, rule.get("apiGroups", []))
        and (not rule.get("resourceNames") or action.name in rule["resourceNames"])
    )


def _role(name: str, rules: list[Json]) -> Json:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "rules": rules,
    }


def _binding(name: str, role: str, group: str) -> Json:
    api_group = "rbac.authorization.k8s.io"
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        "roleRef": {"apiGroup": api_group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": api_group, "kind": "Group", "name": group}],
    }


def _rule(group: str, resources: str, verbs: str) -> Json:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}


_READ: Final = "get list watch"
_DISCOVERY: Final = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
]
BOOTSTRAP: Final[tuple[tuple[kinds.Resource, Json], ...]] = (
    (
        kinds.CLUSTER_ROLES,
        _role(
            "cluster-admin",
            [
                {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["*"]},
            ],
        ),
    ),
    (kinds.CLUSTER_ROLES, _role("system:discovery", [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}])),
    (
        kinds.CLUSTER_ROLES,
        _role("system:basic-user", [_rule("authorization.k8s.io", "selfsubjectaccessreviews", "create")]),
    ),
    (
        kinds.CLUSTER_ROLES,
        _role(
            "system:node",
            [
                _rule("", "nodes nodes/status", "get list watch create update patch delete"),
                _rule("coordination.k8s.io", "leases", "get list watch create update patch delete"),
                _rule("", "pods", f"{_READ} delete"),
                _rule("", "pods/status", "get update patch"),
                _rule("", "events", "create update patch"),
                _rule("events.k8s.io", "events", "create update patch"),
                _rule("", "secrets configmaps serviceaccounts namespaces services", _READ),
                _rule("", "persistentvolumeclaims persistentvolumeclaims/status", f"{_READ} update patch"),
                _rule("", "persistentvolumes", f"{_READ} create update patch delete"),
                _rule("", "persistentvolumes/status", "get update patch"),
                _rule("storage.k8s.io", "storageclasses", f"{_READ} create"),
            ],
        ),
    ),
    (kinds.CLUSTER_ROLE_BINDINGS, _binding("cluster-admin", "cluster-admin", MASTERS)),
    (kinds.CLUSTER_ROLE_BINDINGS, _binding("system:discovery", "system:discovery", AUTHENTICATED)),
    (kinds.CLUSTER_ROLE_BINDINGS, _binding("system:basic-user", "system:basic-user", AUTHENTICATED)),
    # A real API server has a Node authorizer for this; here the group has what our node calls.
    (kinds.CLUSTER_ROLE_BINDINGS, _binding("system:node", "system:node", "system:nodes")),
)
"""What a new cluster holds; a real one has many more, which nobody here refers to."""
