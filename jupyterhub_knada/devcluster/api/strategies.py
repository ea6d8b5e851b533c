"""What a kind does to its objects before they are checked: status and generation are not the caller's.

Source: the `strategy.go` of each kind in `pkg/registry` 1.36.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from jupyterhub_knada.devcluster.api import kinds, service_addresses
from jupyterhub_knada.devcluster.api.quality import quality_class
from jupyterhub_knada.devcluster.api.schema import fill, format_time

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names end in: no vowels, so that they spell nothing."""
_SERVER_OWNED: Final = (
    "creationTimestamp",
    "uid",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_LONGEST_BASE: Final = 58


def begin(request: Request, body: Json) -> None:
    """Make a decoded body a new object: name, uid, creation time, first status."""
    metadata = body["metadata"]
    for key in (*_SERVER_OWNED, "resourceVersion"):
        metadata.pop(key, None)
    if metadata.get("generateName") and not metadata.get("name"):
        metadata["name"] = metadata["generateName"][:_LONGEST_BASE] + "".join(
            secrets.choice(_ALPHABET) for _ in range(5)
        )
    if request.resource.namespaced:
        metadata["namespace"] = request.namespace
    metadata["uid"] = str(uuid4())
    metadata["creationTimestamp"] = format_time(request.now)
    if request.resource.counts_generations:
        metadata["generation"] = 1
    _first_status(request.resource, body)


def _first_status(resource: kinds.Resource, body: Json) -> None:
    match resource.kind:
        case "Pod":
            body["status"] = {"phase": "Pending", "qosClass": quality_class(body["spec"])}
            if body["spec"]["terminationGracePeriodSeconds"] < 0:
                body["spec"]["terminationGracePeriodSeconds"] = 1
            if body["spec"].get("schedulingGates"):
                body["status"]["conditions"] = [_gated(body["metadata"]["creationTimestamp"])]
        case "PersistentVolumeClaim":
            body["status"] = {"phase": "Pending"}
        case "PersistentVolume":
            body["status"] = {
                "phase": "Pending",
                "lastPhaseTransitionTime": body["metadata"]["creationTimestamp"],
            }
        case "Namespace":
            body["status"] = {"phase": "Active"}
            body["spec"]["finalizers"] = ["kubernetes"]
            body["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = body["metadata"].get(
                "name", ""
            )
        case "ResourceQuota":
            body["status"] = {}
        case "Service":
            body["status"] = {"loadBalancer": {}}
        case _:
            pass


def _gated(moment: str) -> Json:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": moment,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def carry_over(request: Request, new: Json, old: Json) -> None:
    """Put back into an updated object what its update may not touch, in place."""
    resource = request.resource
    given, kept = new["metadata"], old["metadata"]
    for key in _SERVER_OWNED:
        if key != "uid" or not given.get("uid"):
            given.pop(key, None)
            if key in kept:
                given[key] = kept[key]
    if resource.namespaced:
        given.setdefault("namespace", kept["namespace"])
    given.setdefault("name", kept["name"])
    if request.subresource == "status":
        _only_status(resource, new, old)
    elif "status" in resource.subresources and "status" in old:
        new["status"] = old["status"]
    if resource is kinds.NAMESPACES and request.subresource != "finalize":
        new["spec"] = old["spec"]
    if resource is kinds.SERVICES:
        service_addresses.keep(new["spec"], old["spec"])
    if resource.counts_generations and new.get("spec") != old.get("spec"):
        given["generation"] = kept.get("generation", 0) + 1


def _only_status(resource: kinds.Resource, new: Json, old: Json) -> None:
    for key in ("spec", "data", "provisioner"):
        if key in old:
            new[key] = old[key]
    if "ownerReferences" in old["metadata"]:
        new["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"]
    else:
        new["metadata"].pop("ownerReferences", None)
    if resource is kinds.VOLUMES and new["status"].get("phase") != old["status"].get("phase"):
        new["status"]["lastPhaseTransitionTime"] = touch()
    if resource is kinds.PODS:
        new["status"]["qosClass"] = old["status"].get("qosClass", "BestEffort")


def canonical(resource: kinds.Resource, body: Json) -> Json:
    """Give an object as Go's encoder would write it."""
    return fill(body, kinds.STORED[resource.storage].type)


def touch(now: datetime | None = None) -> str:
    """Give the present as Kubernetes writes it."""
    return format_time(now or datetime.now(UTC))
