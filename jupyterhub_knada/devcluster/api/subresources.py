"""Calls that are no plain objects: binding a pod, asking for rights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import kinds, rbac, statuses
from jupyterhub_knada.devcluster.api.decoding import decode, read_object
from jupyterhub_knada.devcluster.api.schema import fill, format_time

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.objects import Objects
    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]


def bind(objects: Objects, request: Request, body: Any) -> Json:
    """Put a pod on a node, as the scheduler asks.

    Raises:
        ApiError: 404 without such a pod, 409 for one that has a node or is ending, 500 without a target.
    """
    binding = read_object(request, dict(body) if isinstance(body, dict) else {}, "core.Binding")
    target = binding["target"]
    errors = []
    if target.get("kind", "") not in ("", "Node"):
        errors.append(statuses.unsupported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        errors.append(statuses.required("target.name"))
    if errors:
        raise statuses.internal(", ".join(map(str, errors)))
    current = objects.get(request)
    _check_bindable(request, current, target["name"])
    if not request.dry_run:
        objects.store.put(kinds.PODS, current.key, _bound(request, current, target["name"], binding))
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _check_bindable(request: Request, current: Stored, node: str) -> None:
    body, name = current.body, request.name
    why = ""
    if "deletionTimestamp" in body["metadata"]:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif body["spec"].get("nodeName"):
        why = f'pod {name} is already assigned to node "{body["spec"]["nodeName"]}"'
    elif body["spec"].get("schedulingGates"):
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        error = statuses.conflict(request.resource, name, why)
        error.message = error.message.replace("on pods ", "on pods/binding ", 1)
        raise error
    if not node:  # pragma: no cover  checked before
        raise statuses.bad_request("no node")


def _bound(request: Request, current: Stored, node: str, binding: Json) -> Json:
    body = copy.deepcopy(current.body)
    body["spec"]["nodeName"] = node
    if binding["metadata"].get("annotations"):
        body["metadata"]["annotations"] = (
            body["metadata"].get("annotations", {}) | binding["metadata"]["annotations"]
        )
    conditions = [c for c in body["status"].get("conditions", []) if c["type"] != "PodScheduled"]
    conditions.append(
        {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": format_time(request.now),
            "observedGeneration": body["metadata"].get("generation", 1),
        }
    )
    body["status"]["conditions"] = conditions
    return fill(body, "core.Pod")


def review_access(objects: Objects, request: Request, body: Any) -> Json:
    """Tell the caller whether they may do something (SelfSubjectAccessReview)."""
    review = decode(request, body)
    spec = review["spec"]
    wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (wanted is None) == (path is None):
        detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        error = statuses.invalid("spec.resourceAttributes", path, detail)
        raise statuses.invalid_object(request.resource, "", [error])
    if wanted is not None:
        named = "/".join(part for part in (wanted.get("resource", ""), wanted.get("subresource", "")) if part)
        action = rbac.Action(
            wanted.get("verb", ""),
            wanted.get("group", ""),
            named,
            wanted.get("namespace", ""),
            wanted.get("name", ""),
        )
        allowed = rbac.allows(objects.store, request.who, action)
    else:
        allowed = rbac.allows_path(objects.store, request.who, path.get("verb", ""), path.get("path", ""))
    kind = {"kind": request.resource.kind, "apiVersion": request.resource.group_version}
    return kind | review | {"status": {"allowed": allowed}}
