"""Bodies into objects: the kind must fit the address, unknown fields are warned of or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import events, kinds, statuses
from jupyterhub_knada.devcluster.api.defaults import set_defaults
from jupyterhub_knada.devcluster.api.schema import DecodeError, Decoder, parse_json

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]
SCHEME: Final = '"pkg/runtime/scheme.go:111"'
"""Where a real API server keeps its kinds; part of its sentence."""


def read_body(body: bytes, kind: str) -> Any:
    """Parse a request's JSON.

    Args:
        body: what came.
        kind: what the address expects, for the sentence; empty: a patch.

    Raises:
        ApiError: 400 for anything else.
    """
    try:
        return parse_json(body)
    except DecodeError as error:
        expected = f"the object provided is unrecognized (must be of type {kind})"
        text = f"{expected if kind else 'error decoding patch'}: {error}"
        raise statuses.bad_request(text) from error


def decode(request: Request, body: Any) -> Json:
    """Give the object of a body as it is stored: canonical, with defaults, without `apiVersion` and `kind`.

    Raises:
        ApiError: 400 for another kind than the address says, a wrong type, or (strict) an unknown field.
    """
    resource = request.resource
    if not isinstance(body, dict):
        raise statuses.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get"
            " version/kind; json parse error: json: cannot unmarshal the body into an object"
        )
    _check_kind(resource, body)
    return read_object(request, body, resource.type)


def decode_patched(request: Request, body: Json) -> Json:
    """Give the object that a patch made, as `decode` does; what is wrong with it is the patch's fault.

    Raises:
        ApiError: 422 for what `decode` refuses with 400. The object itself is not shown: it may be a secret.
    """
    resource = request.resource
    try:
        return decode(request, body)
    except statuses.ApiError as refusal:
        why = refusal.message.removeprefix(f"{_cannot(resource.kind, resource.version, resource.kind)}: ")
        error = statuses.invalid("patch", "<patched object>", why)
        details = {"causes": [{"reason": error.reason, "message": error.body, "field": error.field}]}
        raise statuses.ApiError(422, "Invalid", f' "" is invalid: {error}', details) from refusal


def _cannot(kind: str, version: str, expected: str) -> str:
    return f'{kind} in version "{version}" cannot be handled as a {expected}'


def read_object(request: Request, body: Json, type_name: str) -> Json:
    """Read a body as a given struct, with its defaults; for subresources that have another kind."""
    resource = request.resource
    kind = type_name.split(".", 1)[1]
    cannot = _cannot(kind, resource.version, kind)
    decoder = Decoder()
    try:
        decoded = decoder.read(body, type_name)
    except DecodeError as error:
        raise statuses.bad_request(f"{cannot}: {error}") from error
    if decoder.problems and request.field_validation == "Strict":
        raise statuses.bad_request(f"{cannot}: strict decoding error: {', '.join(decoder.problems)}")
    if request.field_validation == "Warn":
        request.warnings.extend(decoder.problems)
    set_defaults(decoded, type_name)
    decoded.pop("kind", None)
    decoded.pop("apiVersion", None)
    decoded.get("metadata", {}).pop("managedFields", None)
    decoded.get("metadata", {}).pop("selfLink", None)
    return events.to_old(decoded) if resource is kinds.NEW_EVENTS else decoded


def _check_kind(resource: kinds.Resource, body: Json) -> None:
    api_version = body.get("apiVersion") or resource.group_version
    kind = body.get("kind") or resource.kind
    if (api_version, kind) == (resource.group_version, resource.kind):
        return
    other = kinds.resource_of(api_version, kind)
    version = api_version.rpartition("/")[2]
    cannot = _cannot(kind, version, resource.kind)
    if other is not None and other.storage != resource.storage:
        ours = f"{resource.type.split('.', maxsplit=1)[0]}.{resource.kind}"
        text = f"{cannot}: converting (v1.{kind}) to ({ours}): unknown conversion"
    elif other is not None:
        text = (
            f"the API version in the data ({api_version}) does not match the expected API version"
            f" ({resource.group_version})"
        )
    else:
        text = f'{cannot}: no kind "{kind}" is registered for version "{api_version}" in scheme {SCHEME}'
    raise statuses.bad_request(text)
