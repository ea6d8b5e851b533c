"""The rules of the API, kind by kind, in Kubernetes' own sentences.

Source: `pkg/apis/*/validation` of 1.36. A rule that is missing here lets an object pass that a real API
server refuses; the contract suite holds both to the same table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import statuses
from jupyterhub_knada.devcluster.api.validation import limits, metadata, pods, policies, simple, storage

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]

_RULES = pods.RULES | storage.RULES | simple.RULES | policies.RULES | limits.RULES
_UPDATE_RULES = pods.UPDATE_RULES | storage.UPDATE_RULES | simple.UPDATE_RULES | policies.UPDATE_RULES


def check_new(request: Request, body: Json) -> None:
    """Check an object that is about to be created.

    Raises:
        ApiError: 422 with every cause.
    """
    resource = request.resource
    errors = metadata.check(resource, body["metadata"])
    if resource.kind in _RULES:
        errors += _RULES[resource.kind](body)
    if errors:
        raise statuses.invalid_object(resource, body["metadata"].get("name", ""), errors)


def check_update(request: Request, new: Json, old: Json) -> None:
    """Check an object that is about to replace its last version.

    Raises:
        ApiError: 422 with every cause.
    """
    resource = request.resource
    errors = metadata.check_update(new["metadata"], old["metadata"]) + metadata.check(
        resource, new["metadata"]
    )
    if resource.kind in _RULES and request.subresource == "":
        errors += _RULES[resource.kind](new)
    if resource.kind in pods.STATUS_RULES and request.subresource == "status":
        errors += pods.STATUS_RULES[resource.kind](new, old)
    if resource.kind in _UPDATE_RULES and request.subresource == "":
        errors += _UPDATE_RULES[resource.kind](new, old)
    if errors:
        unique = list(dict.fromkeys(errors))
        raise statuses.invalid_object(resource, old["metadata"]["name"], unique)
