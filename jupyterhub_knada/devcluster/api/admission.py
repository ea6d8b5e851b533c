"""What an API server adds to an object and asks of its surroundings before it is stored.

Source: the admission plugins NamespaceLifecycle, LimitRanger, ServiceAccount, DefaultTolerationSeconds,
Priority, DefaultStorageClass, StorageObjectInUseProtection, TaintNodesByCondition, PodSecurity and
ResourceQuota of 1.36; RBAC's check that nobody grants more than they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import (
    escalation,
    kinds,
    limit_ranges,
    pod_security,
    quotas,
    service_addresses,
    statuses,
    unserved,
)
from jupyterhub_knada.devcluster.api.quality import quality_class

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]

CLAIM_PROTECTION: Final = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION: Final = "kubernetes.io/pv-protection"
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
IMMORTAL_NAMESPACES: Final = frozenset({"default", "kube-system", "kube-public"})
_TOLERATION_SECONDS: Final = 300


def prepare(store: Store, request: Request, body: Json) -> None:
    """Complete a new object by what the cluster knows, in place.

    Raises:
        ApiError: 403 or 404 for a namespace that is ending or missing, 403 for a missing service account.
    """
    _require_namespace(store, request, body)
    unserved.refuse(request.resource, body)
    match request.resource.kind:
        case "Pod":
            _prepare_pod(store, request, body)
        case "PersistentVolumeClaim":
            _finalizer(body, CLAIM_PROTECTION)
            _default_class(store, body["spec"])
        case "PersistentVolume":
            _finalizer(body, VOLUME_PROTECTION)
        case "Node":
            _taint_new_node(body)
        case "Service":
            service_addresses.allocate(store, body["spec"])
        case "ClusterRole" if body.get("aggregationRule"):
            raise statuses.not_served("cluster roles that aggregate others")
        case _:
            pass


def complete(resource: kinds.Resource, body: Json) -> None:
    """Put back into an updated object what no object of its kind is without, in place."""
    if resource is kinds.PODS:
        _tolerate_outages(body["spec"])


def check(store: Store, request: Request, new: Json, old: Json | None) -> None:
    """Let the cluster's own limits speak last.

    Raises:
        ApiError: 403 for limits that it does not keep, what the namespace's Pod Security forbids, a quota
            that would be exceeded, or rights that the caller does not have.
    """
    limit_ranges.check(store, request, new, old)
    pod_security.check(store, request, new, old)
    quotas.check(store, request, new, old)
    escalation.check(store, request, new, old)


def _require_namespace(store: Store, request: Request, body: Json) -> None:
    resource, namespace = request.resource, request.namespace
    if not resource.namespaced:
        return
    found = store.get(kinds.NAMESPACES, "", namespace)
    if found is None:
        raise statuses.not_found(kinds.NAMESPACES, namespace)
    if "deletionTimestamp" in found.body["metadata"]:
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
        raise statuses.forbidden(resource, body["metadata"].get("name", ""), why, [cause])


def _prepare_pod(store: Store, request: Request, pod: Json) -> None:
    spec = pod["spec"]
    _refuse_unserved(spec)
    limit_ranges.complete(store, request.namespace, pod)
    pod["status"]["qosClass"] = quality_class(spec)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    found = store.get(kinds.SERVICE_ACCOUNTS, request.namespace, account)
    if found is None:
        why = (
            f"error looking up service account {request.namespace}/{account}: serviceaccount"
            f" {statuses.go_quote(account)} not found"
        )
        raise statuses.forbidden(request.resource, pod["metadata"].get("name", ""), why)
    if not spec.get("imagePullSecrets") and found.body.get("imagePullSecrets"):
        spec["imagePullSecrets"] = found.body["imagePullSecrets"]
    _prioritize(request, pod)
    if spec.get("runtimeClassName"):
        named = statuses.go_quote(spec["runtimeClassName"])
        why = f"pod rejected: RuntimeClass {named} not found"
        raise statuses.forbidden(request.resource, pod["metadata"].get("name", ""), why)
    _tolerate_outages(spec)


def _tolerate_outages(spec: Json) -> None:
    """Give a pod some minutes on a node that is not heard of."""
    tolerations = spec.setdefault("tolerations", [])
    for key in (NOT_READY, UNREACHABLE):
        if not any(_tolerates_eviction(item, key) for item in tolerations):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _TOLERATION_SECONDS,
                }
            )


def _refuse_unserved(spec: Json) -> None:
    """Refuse what the scheduler here would have to honour and does not know."""
    affinity = spec.get("affinity", {})
    for kind in ("podAffinity", "podAntiAffinity"):
        if affinity.get(kind, {}).get("requiredDuringSchedulingIgnoredDuringExecution"):
            raise statuses.not_served(f"required {kind}")
    constraints = spec.get("topologySpreadConstraints", [])
    if any(item.get("whenUnsatisfiable") == "DoNotSchedule" for item in constraints):
        raise statuses.not_served("required topology spread constraints")


_PREEMPTS: Final = "PreemptLowerPriority"
_PRIORITIES: Final = {"": 0, "system-cluster-critical": 2000000000, "system-node-critical": 2000001000}


def _prioritize(request: Request, pod: Json) -> None:
    """Resolve the priority class; only the two built-in ones exist here."""
    spec = pod["spec"]
    wanted = spec.get("priorityClassName", "")
    if wanted not in _PRIORITIES:
        name = pod["metadata"].get("name", "")
        raise statuses.forbidden(request.resource, name, f"no PriorityClass with name {wanted} was found")
    name, priority = pod["metadata"].get("name", ""), _PRIORITIES[wanted]
    for key, told, computed in (
        ("priority", "integer value of priority", priority),
        ("preemptionPolicy", "string value of PreemptionPolicy", _PREEMPTS),
    ):
        given = spec.get(key, computed)
        if given != computed:
            why = f"the {told} ({given}) must not be provided in pod spec; priority admission controller"
            why += f" computed {computed} from the given PriorityClass name"
            raise statuses.forbidden(request.resource, name, why)
    spec["priority"], spec["preemptionPolicy"] = priority, _PREEMPTS


def _tolerates_eviction(toleration: Json, key: str) -> bool:
    fits_key = toleration.get("key", "") in ("", key)
    return fits_key and toleration.get("effect", "") in ("", "NoExecute")


def _finalizer(body: Json, name: str) -> None:
    finalizers = body["metadata"].setdefault("finalizers", [])
    if name not in finalizers:
        finalizers.append(name)


def _default_class(store: Store, spec: Json) -> None:
    """Give a claim that names no class the newest default one; `""` means that it wants none."""
    if "storageClassName" in spec:
        return
    found = [
        stored.body["metadata"]
        for stored in store.all(kinds.STORAGE_CLASSES)
        if stored.body["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"
    ]
    if found:
        newest = max(found, key=lambda metadata: (metadata["creationTimestamp"], metadata["name"]))
        spec["storageClassName"] = newest["name"]


def _taint_new_node(node: Json) -> None:
    taints = node["spec"].setdefault("taints", [])
    if not any(taint.get("key") == NOT_READY for taint in taints):
        taints.append({"key": NOT_READY, "effect": "NoSchedule"})
