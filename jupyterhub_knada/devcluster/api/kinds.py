"""The kinds of objects that the embedded API serves, and what each may be asked.

What is not in this table is refused. Source of each line: the storage and strategy of that kind in
`k8s.io/kubernetes/pkg/registry` 1.36, and the field label conversions in `pkg/apis/*/v1/conversion.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

_VERBS: Final = frozenset({"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"})


@dataclass(frozen=True)
class Resource:
    """One kind under one API group."""

    group: str
    """Empty for the core group."""
    plural: str
    kind: str
    type: str
    """Its struct in `schema.json`."""
    namespaced: bool = True
    version: str = "v1"
    short_names: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    verbs: frozenset[str] = _VERBS
    fields: tuple[str, ...] = ()
    """Field selectors beside metadata.name and metadata.namespace."""
    own_field_words: bool = False
    """Whether an unknown field selector is refused in this kind's own words or in the general ones."""
    returns_deleted: bool = False
    """Whether a deletion answers with the object, rather than with a Status."""
    unconditional_update: bool = True
    """Whether a PUT may leave out the resourceVersion."""
    create_on_update: bool = False
    counts_generations: bool = False
    stored_as: str = ""
    """The `plural` of the core kind whose objects these are; empty: its own."""

    @cached_property
    def group_version(self) -> str:
        """Give `v1` or `rbac.authorization.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @cached_property
    def qualified(self) -> str:
        """Give the resource as messages name it: `pods` or `roles.rbac.authorization.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @cached_property
    def storage(self) -> str:
        """Give the key under which its objects are kept."""
        return self.stored_as or self.qualified

    @property
    def singular(self) -> str:
        """Give what kubectl takes for one of them."""
        return self.kind.lower()


_STATUS: Final = frozenset({"status"})
_RBAC: Final = "rbac.authorization.k8s.io"
_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

NAMESPACES: Final = Resource(
    "",
    "namespaces",
    "Namespace",
    "core.Namespace",
    namespaced=False,
    short_names=("ns",),
    subresources=_STATUS,
    verbs=_VERBS - {"deletecollection"},
    fields=("status.phase",),
    own_field_words=True,
    returns_deleted=True,
)
NODES: Final = Resource(
    "",
    "nodes",
    "Node",
    "core.Node",
    namespaced=False,
    short_names=("no",),
    subresources=_STATUS,
    fields=("spec.unschedulable",),
    own_field_words=True,
)
PODS: Final = Resource(
    "",
    "pods",
    "Pod",
    "core.Pod",
    short_names=("po",),
    subresources=frozenset({"status", "binding", "log"}),
    fields=(
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    own_field_words=True,
    returns_deleted=True,
    counts_generations=True,
)
CLAIMS: Final = Resource(
    "",
    "persistentvolumeclaims",
    "PersistentVolumeClaim",
    "core.PersistentVolumeClaim",
    short_names=("pvc",),
    subresources=_STATUS,
    returns_deleted=True,
)
VOLUMES: Final = Resource(
    "",
    "persistentvolumes",
    "PersistentVolume",
    "core.PersistentVolume",
    namespaced=False,
    short_names=("pv",),
    subresources=_STATUS,
    returns_deleted=True,
)
SECRETS: Final = Resource("", "secrets", "Secret", "core.Secret", fields=("type",), own_field_words=True)
CONFIG_MAPS: Final = Resource("", "configmaps", "ConfigMap", "core.ConfigMap", short_names=("cm",))
SERVICES: Final = Resource(
    "",
    "services",
    "Service",
    "core.Service",
    short_names=("svc",),
    subresources=_STATUS,
    fields=("spec.clusterIP", "spec.type"),
    own_field_words=True,
    returns_deleted=True,
    create_on_update=True,
)
SERVICE_ACCOUNTS: Final = Resource(
    "",
    "serviceaccounts",
    "ServiceAccount",
    "core.ServiceAccount",
    short_names=("sa",),
    returns_deleted=True,
)
EVENTS: Final = Resource(
    "",
    "events",
    "Event",
    "core.Event",
    short_names=("ev",),
    fields=(
        *(f"involvedObject.{name}" for name in _INVOLVED),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    own_field_words=True,
    create_on_update=True,
)
NEW_EVENTS: Final = Resource(
    "events.k8s.io",
    "events",
    "Event",
    "events.Event",
    short_names=("ev",),
    fields=(*(f"regarding.{name}" for name in _INVOLVED), "reason", "reportingController", "type"),
    own_field_words=True,
    create_on_update=True,
    stored_as="events",
)
QUOTAS: Final = Resource(
    "",
    "resourcequotas",
    "ResourceQuota",
    "core.ResourceQuota",
    short_names=("quota",),
    subresources=_STATUS,
    returns_deleted=True,
)
LIMIT_RANGES: Final = Resource(
    "", "limitranges", "LimitRange", "core.LimitRange", short_names=("limits",), create_on_update=True
)
STORAGE_CLASSES: Final = Resource(
    "storage.k8s.io",
    "storageclasses",
    "StorageClass",
    "storage.StorageClass",
    namespaced=False,
    short_names=("sc",),
    returns_deleted=True,
)
LEASES: Final = Resource(
    "coordination.k8s.io",
    "leases",
    "Lease",
    "coordination.Lease",
    unconditional_update=False,
    create_on_update=True,
)
ROLES: Final = Resource(_RBAC, "roles", "Role", "rbac.Role", create_on_update=True)
ROLE_BINDINGS: Final = Resource(
    _RBAC, "rolebindings", "RoleBinding", "rbac.RoleBinding", create_on_update=True
)
CLUSTER_ROLES: Final = Resource(
    _RBAC, "clusterroles", "ClusterRole", "rbac.ClusterRole", namespaced=False, create_on_update=True
)
CLUSTER_ROLE_BINDINGS: Final = Resource(
    _RBAC,
    "clusterrolebindings",
    "ClusterRoleBinding",
    "rbac.ClusterRoleBinding",
    namespaced=False,
    create_on_update=True,
)
NETWORK_POLICIES: Final = Resource(
    "networking.k8s.io",
    "networkpolicies",
    "NetworkPolicy",
    "networking.NetworkPolicy",
    short_names=("netpol",),
    counts_generations=True,
)
ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    "authorization.SelfSubjectAccessReview",
    namespaced=False,
    verbs=frozenset({"create"}),
)

RESOURCES: Final = (
    NAMESPACES,
    NODES,
    PODS,
    CLAIMS,
    VOLUMES,
    SECRETS,
    CONFIG_MAPS,
    SERVICES,
    SERVICE_ACCOUNTS,
    EVENTS,
    NEW_EVENTS,
    QUOTAS,
    LIMIT_RANGES,
    STORAGE_CLASSES,
    LEASES,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    NETWORK_POLICIES,
    ACCESS_REVIEWS,
)
BY_PATH: Final = {(resource.group, resource.plural): resource for resource in RESOURCES}
STORED: Final = {
    resource.storage: resource for resource in RESOURCES if not resource.stored_as and "get" in resource.verbs
}
"""The kinds that have objects of their own, by storage key."""


def resource_of(api_version: str, kind: str) -> Resource | None:
    """Find a kind as owner references and bindings name it; None where it is not served."""
    found = (r for r in RESOURCES if r.group_version == api_version and r.kind == kind)
    return next(found, None)
