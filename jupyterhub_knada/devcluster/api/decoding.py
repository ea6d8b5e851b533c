"""Bodies into objects: the kind must fit the address, unknown fields are warned of or refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import events, kinds, statuses
from jupyterhub_knada.devcluster.api.defaults import set_defaults
from jupyterhub_knada.devcluster.api.schema import DecodeError, Decoder, parse_json

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]


def read_body(body: bytes) -> Any:
    """Parse a request's JSON.

    Raises:
        ApiError: 400 for anything else.
    """
    try:
        return json.loads(body) if not body.strip() else parse_json(body)
    except (ValueError, DecodeError) as error:
        raise statuses.bad_request(str(error)) from error


def decode(request: Request, body: Any) -> Json:
    """Give the object of a body as it is stored: canonical, with defaults, without `apiVersion` and `kind`.

    Raises:
        ApiError: 400 for another kind than the address says, a wrong type, or (strict) an unknown field.
    """
    resource = request.resource
    if not isinstance(body, dict):
        raise statuses.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: json: cannot'
            " unmarshal the body into an object"
        )
    _check_kind(resource, body)
    return read_object(request, body, resource.type)


def read_object(request: Request, body: Json, type_name: str) -> Json:
    """Read a body as a given struct, with its defaults; as `decode`, for subresources that have another kind."""
    resource = request.resource
    kind = type_name.split(".", 1)[1]
    cannot = f'{kind} in version "{resource.version}" cannot be handled as a {kind}'
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
    api_version, kind = body.get("apiVersion"), body.get("kind")
    if api_version is not None and api_version != resource.group_version:
        raise statuses.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version"
            f" ({resource.group_version})"
        )
    if kind is not None and kind != resource.kind:
        raise statuses.bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {resource.kind}: no kind "{kind}" is'
            f" registered for the type that is expected here"
        )
