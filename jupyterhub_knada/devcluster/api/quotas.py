"""Resource quotas: what the objects of a namespace use, and what a new one may not pass.

Source: `pkg/quota/v1/evaluator/core` and `apiserver/pkg/admission/plugin/resourcequota` of 1.36.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.quality import (
    NOTHING,
    ONE,
    Amounts,
    add,
    amounts,
    pod_amounts,
    quality_class,
)
from jupyterhub_knada.devcluster.api.quantities import Quantity

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]

COUNTED: Final = (
    kinds.PODS,
    kinds.CLAIMS,
    kinds.SECRETS,
    kinds.CONFIG_MAPS,
    kinds.SERVICES,
    kinds.QUOTAS,
    kinds.LIMIT_RANGES,
    kinds.SERVICE_ACCOUNTS,
    kinds.LEASES,
    kinds.ROLES,
    kinds.ROLE_BINDINGS,
    kinds.NETWORK_POLICIES,
)
"""The kinds that quotas can count."""
_SHORT_COUNTS: Final = frozenset(
    {"pods", "persistentvolumeclaims", "secrets", "configmaps", "services", "resourcequotas"}
)
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
SCOPES: Final = frozenset({"Terminating", "NotTerminating", "BestEffort", "NotBestEffort"})
"""The scopes that are served; `PriorityClass` and `CrossNamespacePodAffinity` are refused."""


def usage(resource: Resource, body: Json) -> Amounts:
    """Give what one object uses, by the names that quotas have for it."""
    found: Amounts = {f"count/{resource.qualified}": ONE}
    if resource is kinds.PODS:
        if _is_finished(body):
            return found
        return found | _pod_usage(body["spec"])
    if resource.plural in _SHORT_COUNTS:
        found[resource.plural] = ONE
    if resource is kinds.CLAIMS:
        found |= _claim_usage(body["spec"])
    if resource is kinds.SERVICES:
        found |= _service_usage(body["spec"])
    return found


def _is_finished(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _pod_usage(spec: Json) -> Amounts:
    found: Amounts = {"pods": ONE}
    for name, value in pod_amounts(spec, "requests").items():
        found[f"requests.{name}"] = value
        if name in _COMPUTE:
            found[name] = value
    for name, value in pod_amounts(spec, "limits").items():
        if name in _COMPUTE:
            found[f"limits.{name}"] = value
    return found


def _claim_usage(spec: Json) -> Amounts:
    asked = amounts(spec["resources"].get("requests")).get("storage", NOTHING)
    # A claim may ask for a part of a byte; a quota counts whole ones.
    storage = Quantity(Fraction(math.ceil(asked.value)), asked.style)
    found: Amounts = {"requests.storage": storage}
    if spec.get("storageClassName"):
        prefix = f"{spec['storageClassName']}.storageclass.storage.k8s.io"
        found |= {f"{prefix}/requests.storage": storage, f"{prefix}/persistentvolumeclaims": ONE}
    return found


def _service_usage(spec: Json) -> Amounts:
    ports = Quantity(Fraction(len(spec.get("ports", []))))
    match spec["type"]:
        case "NodePort":
            return {"services.nodeports": ports}
        case "LoadBalancer":
            return {"services.loadbalancers": ONE, "services.nodeports": ports}
        case _:
            return {}


def used(store: Store, quota: Json) -> Amounts:
    """Give what the namespace of a quota uses of what it limits.

    What was counted before keeps its notation while it grows, as admission only adds to it there. What has
    become less is counted anew; of several notations, the first by name is then taken (a real cluster takes
    any of them).
    """
    hard = quota["spec"].get("hard", {})
    total: Amounts = dict.fromkeys(hard, NOTHING)
    for resource in COUNTED:
        for stored in store.all(resource, quota["metadata"]["namespace"]):
            if _in_scope(resource, stored.body, quota):
                total = add(total, usage(resource, stored.body))
    before = amounts(quota.get("status", {}).get("used"))
    return {name: _continued(before.get(name, NOTHING), total[name]) for name in hard}


def _continued(before: Quantity, now: Quantity) -> Quantity:
    return before + (now - before) if now >= before else now


def _in_scope(resource: Resource, body: Json, quota: Json) -> bool:
    spec = quota["spec"]
    scopes = [*spec.get("scopes", [])]
    scopes += [item["scopeName"] for item in spec.get("scopeSelector", {}).get("matchExpressions", [])]
    if not scopes:
        return True
    return resource is kinds.PODS and all(_pod_in_scope(body["spec"], scope) for scope in scopes)


def _pod_in_scope(spec: Json, scope: str) -> bool:
    match scope:
        case "Terminating":
            return "activeDeadlineSeconds" in spec
        case "NotTerminating":
            return "activeDeadlineSeconds" not in spec
        case "BestEffort":
            return quality_class(spec) == "BestEffort"
        case _:
            return quality_class(spec) != "BestEffort"


def check(store: Store, request: Request, new: Json, old: Json | None) -> None:
    """Stop an object that would pass a quota of its namespace.

    Raises:
        ApiError: 403, naming what was asked for, what is used and what is allowed.
    """
    resource = request.resource
    if resource not in COUNTED or request.subresource or request.dry_run:
        return
    if old is not None and (resource not in (kinds.CLAIMS, kinds.PODS) or old["spec"] == new["spec"]):
        return
    before = usage(resource, old) if old is not None else {}
    wanted = usage(resource, new)
    delta = {name: value - before.get(name, NOTHING) for name, value in wanted.items()}
    for stored in store.all(kinds.QUOTAS, request.namespace):
        if _in_scope(resource, new, stored.body):
            _check_one(store, request, new, stored.body, delta)


def _check_one(store: Store, request: Request, new: Json, quota: Json, delta: Amounts) -> None:
    hard = quota["spec"].get("hard", {})
    name = quota["metadata"]["name"]
    if request.resource is kinds.PODS:
        _require_amounts(request, new, name, hard)
    taken, limits = used(store, quota), amounts(hard)
    over = sorted(
        key for key in hard if delta.get(key, NOTHING) > NOTHING and taken[key] + delta[key] > limits[key]
    )
    if over:
        told = [
            f"{word}: " + ",".join(f"{key}={value}" for key, value in shown.items())
            for word, shown in (
                ("requested", {key: delta[key] for key in over}),
                ("used", {key: taken[key] for key in over}),
                ("limited", {key: hard[key] for key in over}),
            )
        ]
        raise statuses.forbidden(
            request.resource, new["metadata"]["name"], f"exceeded quota: {name}, {', '.join(told)}"
        )


def _require_amounts(request: Request, pod: Json, quota: str, hard: dict[str, str]) -> None:
    """Stop a pod that does not say how much it wants of what is limited."""
    missing: dict[str, list[str]] = {}
    for container in pod["spec"].get("containers") or []:
        resources = container["resources"]
        given = {f"requests.{name}" for name in resources.get("requests", {})}
        given |= set(resources.get("requests", {}))
        given |= {f"limits.{name}" for name in resources.get("limits", {})}
        for name in hard:
            if _has_to_be_said(name) and name not in given:
                missing.setdefault(name, []).append(container["name"])
    if missing:
        told = "; ".join(f"{name} for: {','.join(owners)}" for name, owners in sorted(missing.items()))
        why = f"failed quota: {quota}: must specify {told}"
        raise statuses.forbidden(request.resource, pod["metadata"]["name"], why)


def _has_to_be_said(name: str) -> bool:
    return name.removeprefix("requests.").removeprefix("limits.") in ("cpu", "memory")
