"""Deletes objects: with grace, preconditions, finalizers and a policy for what they own.

Source: `k8s.io/apiserver/pkg/registry/generic/registry/store.go` and `pkg/registry/core/pod/strategy.go` of
1.36.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import admission, kinds, statuses
from jupyterhub_knada.devcluster.api.decoding import SCHEME
from jupyterhub_knada.devcluster.api.schema import DecodeError, Decoder, format_time
from jupyterhub_knada.devcluster.api.store import Stored

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.objects import Objects
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]
FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
_A_LIST: Final = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct {"
    ' APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
_POLICIES: Final = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How an object is to be deleted."""

    grace: int | None = None
    """Seconds; None: what the pod says."""
    policy: str = ""
    uid: str = ""
    revision: str = ""
    dry_run: bool = False


def read_options(body: Any, query: dict[str, str]) -> DeleteOptions:
    """Read the options of a body, or of the query where there is no body.

    Raises:
        ApiError: 400 for a wrong type, 422 for a value that does not exist.
    """
    if isinstance(body, list):
        raise statuses.bad_request(_A_LIST)
    given: Json = dict(body) if isinstance(body, dict) else {}
    if not given:
        given = {key: query[key] for key in ("propagationPolicy",) if key in query}
        if "gracePeriodSeconds" in query:
            given["gracePeriodSeconds"] = _integer(query["gracePeriodSeconds"])
        if "orphanDependents" in query:
            given["orphanDependents"] = query["orphanDependents"] == "true"
        if "dryRun" in query:
            given["dryRun"] = [query["dryRun"]]
    kind = given.get("kind") or "DeleteOptions"
    if kind != "DeleteOptions":
        raise statuses.bad_request(
            f'no kind "{kind}" is registered for version "{given.get("apiVersion", "")}" in scheme {SCHEME}'
        )
    try:
        options = Decoder().read(given, "meta.DeleteOptions")
    except DecodeError as error:
        raise statuses.bad_request(str(error)) from error
    errors = _check(options)
    if errors:
        raise statuses.invalid_options("DeleteOptions", errors)
    preconditions = options.get("preconditions", {})
    orphan = ""
    if "orphanDependents" in options:
        orphan = "Orphan" if options["orphanDependents"] else "Background"
    return DeleteOptions(
        grace=options.get("gracePeriodSeconds"),
        policy=options.get("propagationPolicy", orphan),
        uid=preconditions.get("uid", ""),
        revision=preconditions.get("resourceVersion", ""),
        dry_run=bool(options.get("dryRun")),
    )


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _check(options: Json) -> list[statuses.FieldError]:
    errors = []
    policy = options.get("propagationPolicy")
    if policy is not None and "orphanDependents" in options:
        told = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(statuses.invalid("propagationPolicy", policy, told))
    if policy is not None and policy not in _POLICIES:
        errors.append(statuses.unsupported("propagationPolicy", policy, (*_POLICIES, "nil")))
    if any(value != "All" for value in options.get("dryRun", [])):
        errors.append(statuses.unsupported("dryRun", options["dryRun"], ("All",)))
    return errors


def delete(objects: Objects, request: Request, options: DeleteOptions) -> Stored | Json:
    """Delete an object, or begin to; give what the answer shows.

    Raises:
        ApiError: 404; 403 for a namespace that cannot go; 409 for a precondition that does not hold.
    """
    current = objects.get(request)
    _check_preconditions(request, current, options)
    if request.resource is kinds.NAMESPACES and request.name in admission.IMMORTAL_NAMESPACES:
        raise statuses.forbidden(request.resource, request.name, "this namespace may not be deleted")
    marked = _mark(request, current, options)
    if options.dry_run or request.dry_run:
        found = Stored(current.key, current.revision, marked or current.body)
    elif marked is None:
        found = objects.store.remove(request.resource, current.key)
    elif marked is current.body:
        found = current
    else:
        found = objects.store.put(request.resource, current.key, marked)
    if marked is None and not request.resource.returns_deleted:
        metadata = found.body["metadata"]
        return statuses.success(request.resource, metadata["name"], metadata["uid"])
    return found


def _check_preconditions(request: Request, current: Stored, options: DeleteOptions) -> None:
    uid = current.body["metadata"]["uid"]
    if options.uid and options.uid != uid:
        told = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). The"
            " object might have been deleted and then recreated"
        )
        raise _conflict(request, told)
    if options.revision and options.revision != str(current.revision):
        told = (
            f"the ResourceVersion in the precondition ({options.revision}) does not match the"
            f" ResourceVersion in record ({current.revision}). The object might have been modified"
        )
        raise _conflict(request, told)


def _conflict(request: Request, why: str) -> statuses.ApiError:
    """Give a conflict that names the kind where others name the resource, as a real API server does here."""
    kind = replace(request.resource, plural=request.resource.kind)
    return statuses.conflict(kind, request.name, why)


def _mark(request: Request, current: Stored, options: DeleteOptions) -> Json | None:
    """Give the object with the beginning of its deletion written in; None where it goes at once."""
    body = copy.deepcopy(current.body)
    metadata = body["metadata"]
    grace = _grace(request, body, options)
    _add_finalizer(metadata, options.policy)
    waits = bool(metadata.get("finalizers") or body.get("spec", {}).get("finalizers"))
    began = "deletionTimestamp" in metadata
    if not waits and not grace:
        return None
    sooner = grace < metadata.get("deletionGracePeriodSeconds", 0)
    if began and not sooner and not _adds(current, metadata):
        return current.body
    if not began and metadata.get("generation"):
        metadata["generation"] += 1
    if not began or sooner:
        metadata["deletionTimestamp"] = format_time(request.now + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
    if request.resource is kinds.NAMESPACES:
        body["status"]["phase"] = "Terminating"
    return body


def _adds(current: Stored, metadata: Json) -> bool:
    return bool(metadata.get("finalizers", []) != current.body["metadata"].get("finalizers", []))


def _grace(request: Request, body: Json, options: DeleteOptions) -> int:
    """Give the seconds that a pod still has; none where nothing runs, and for every other kind."""
    if request.resource is not kinds.PODS:
        return 0
    if not body["spec"].get("nodeName") or body["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    wanted = options.grace
    if wanted is None:
        if "deletionTimestamp" in body["metadata"]:
            return int(body["metadata"]["deletionGracePeriodSeconds"])
        wanted = body["spec"].get("terminationGracePeriodSeconds", 30)
    return max(int(wanted), 1) if wanted < 0 else int(wanted)


def _add_finalizer(metadata: Json, policy: str) -> None:
    wanted = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(policy)
    if wanted and wanted not in metadata.get("finalizers", []):
        metadata["finalizers"] = [*metadata.get("finalizers", []), wanted]
