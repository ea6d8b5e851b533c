"""How the API says no: Kubernetes' `Status` objects, word for word.

Source: `k8s.io/apimachinery/pkg/api/errors` and `.../util/validation/field` of 1.36.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyterhub_knada.devcluster.api.kinds import Resource


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong in one field of an object."""

    reason: str
    """Kubernetes' cause type, e.g. `FieldValueInvalid`."""
    field: str
    """Path, e.g. `spec.containers[0].name`."""
    body: str
    """What is wrong, as kubectl shows it behind the path."""

    def __str__(self) -> str:
        return f"{self.field}: {self.body}"


def go_quote(text: str) -> str:
    """Quote a string as Go's %q does for the text that names and labels consist of."""
    return json.dumps(text, ensure_ascii=False)


def go_value(value: Any) -> str:
    """Render a value as Go's field errors do: strings quoted, the rest as compact JSON."""
    if isinstance(value, str):
        return go_quote(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text


def required(field: str, detail: str = "") -> FieldError:
    """Say that a value is missing."""
    return FieldError("FieldValueRequired", field, _with_detail("Required value", detail))


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """Say that a value breaks a rule."""
    return FieldError("FieldValueInvalid", field, _with_detail(f"Invalid value: {go_value(value)}", detail))


def unsupported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    """Say that a value is none of those that exist."""
    detail = "supported values: " + ", ".join(go_quote(word) for word in supported)
    return FieldError("FieldValueNotSupported", field, f"Unsupported value: {go_value(value)}: {detail}")


def duplicate(field: str, value: Any) -> FieldError:
    """Say that a value that must be unique is there twice."""
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {go_value(value)}")


def not_found_value(field: str, value: Any) -> FieldError:
    """Say that a value refers to nothing."""
    return FieldError("FieldValueNotFound", field, f"Not found: {go_value(value)}")


def forbidden_value(field: str, detail: str) -> FieldError:
    """Say that a value may not be there now."""
    return FieldError("FieldValueForbidden", field, _with_detail("Forbidden", detail))


def too_long(field: str, limit: int) -> FieldError:
    """Say that a value has too many bytes."""
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


class ApiError(Exception):
    """A refusal; `body()` is the `Status` that goes over the wire."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata: dict[str, Any] = {}

    def body(self) -> dict[str, Any]:
        """Give the `v1` `Status`."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason or None,
            "details": self.details,
            "code": self.code,
        }
        return {key: value for key, value in status.items() if value is not None}


def _about(resource: Resource, name: str, **more: Any) -> dict[str, Any]:
    """Give `details`: the real server writes the plural where it says `kind`."""
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return {key: value for key, value in details.items() if value} | more


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for an object."""
    text = f"{resource.qualified} {go_quote(name)} not found"
    return ApiError(404, "NotFound", text, _about(resource, name))


def unknown_path() -> ApiError:
    """404 for an address that serves nothing."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> ApiError:
    """409 for a name that is taken."""
    text = f"{resource.qualified} {go_quote(name)} already exists"
    return ApiError(409, "AlreadyExists", text, _about(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """409 for an update or delete that expected another state."""
    text = f"Operation cannot be fulfilled on {resource.qualified} {go_quote(name)}: {why}"
    return ApiError(409, "Conflict", text, _about(resource, name))


MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def forbidden(
    resource: Resource, name: str, why: str, causes: Sequence[dict[str, str]] | None = None
) -> ApiError:
    """403, by rights or by admission."""
    named = f" {go_quote(name)}" if name else ""
    more = {"causes": list(causes)} if causes else {}
    return ApiError(
        403, "Forbidden", f"{resource.qualified}{named} is forbidden: {why}", _about(resource, name, **more)
    )


def invalid_object(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422 with every cause."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    texts = list(dict.fromkeys(str(error) for error in errors))
    told = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = {
        "name": name,
        "group": resource.group,
        "kind": resource.kind,
        "causes": [{"reason": error.reason, "message": error.body, "field": error.field} for error in errors],
    }
    details = {key: value for key, value in details.items() if value}
    return ApiError(422, "Invalid", f"{kind} {go_quote(name)} is invalid: {told}", details)


def invalid_options(kind: str, errors: Sequence[FieldError]) -> ApiError:
    """422 for options that do not exist or contradict each other; kind: as `ListOptions`."""
    texts = [str(error) for error in errors]
    told = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    causes = [{"reason": error.reason, "message": error.body, "field": error.field} for error in errors]
    details = {"group": "meta.k8s.io", "kind": kind, "causes": causes}
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {told}', details)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401 for a token that nobody has."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiError:
    """405 for a verb that this address does not serve."""
    return ApiError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def unsupported_patch() -> ApiError:
    """415 for a patch of a kind that is not served."""
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def unsupported_media(accepted: Iterable[str]) -> ApiError:
    """415 for a body that cannot be read."""
    types = ", ".join(accepted)
    text = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return ApiError(415, "UnsupportedMediaType", text)


def not_acceptable(accepted: Iterable[str]) -> ApiError:
    """406 for a client that takes nothing that we write."""
    text = f"only the following media types are accepted: {', '.join(accepted)}"
    return ApiError(406, "NotAcceptable", text)


def too_large(limit: int) -> ApiError:
    """413 for a body that is too large."""
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def expired(message: str) -> ApiError:
    """410 for history that is gone."""
    return ApiError(410, "Expired", message)


def too_old(asked: int, oldest: int) -> ApiError:
    """410 for a watch or list from a revision that is forgotten."""
    return expired(f"too old resource version: {asked} ({oldest})")


def forgotten(what: str) -> ApiError:
    """410 as etcd's side of a real API server says it; what: `list` or `watch`."""
    return expired(f"The resourceVersion for the provided {what} is too old.")


def too_new(asked: int, current: int) -> ApiError:
    """504 for a revision that has not been yet, e.g. of another cluster's life."""
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
    )


def internal(message: str) -> ApiError:
    """500 without a reason: where a real API server does not expect to be asked so."""
    return ApiError(500, "", message)


def not_served(what: str) -> ApiError:
    """501 for what a real API server does and this one does not: refused, never guessed."""
    return ApiError(501, "NotImplemented", f"the embedded API (DEV/DEMO only) does not serve {what}")


def success(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """Give the `Status` that answers a deletion."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": _about(resource, name, uid=uid),
    }
