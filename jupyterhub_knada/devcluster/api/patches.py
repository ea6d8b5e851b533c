"""The three kinds of patch that the API takes: merge, strategic merge and JSON patch.

Source: RFC 7386, RFC 6902, and `k8s.io/apimachinery/pkg/util/strategicpatch` of 1.36.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from jupyterhub_knada.devcluster.api import statuses
from jupyterhub_knada.devcluster.api.schema import Field, is_struct, struct

Json = dict[str, Any]

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
TYPES: Final = (JSON_PATCH, MERGE, STRATEGIC)
"""What is taken; server-side apply is not served: owners of fields are not kept."""
_LARGEST_JSON_PATCH: Final = 10000


def apply_patch(kind: str, current: Json, patch: Any, type_name: str) -> Json:
    """Give the object that a patch makes of the current one, which is left as it is.

    Raises:
        ApiError: 400 for a patch of the wrong shape, 422 for a JSON patch that does not fit the object.
    """
    if kind == JSON_PATCH:
        return _json_patch(copy.deepcopy(current), patch)
    if not isinstance(patch, dict):
        text = "json: cannot unmarshal array into Go value of type map[string]interface {}"
        raise statuses.bad_request(text)
    if kind == MERGE:
        return dict(merge(current, patch))
    return strategic_merge(current, patch, type_name)


def merge(current: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    base = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merge(base.get(key), value)
    return base


def strategic_merge(current: Json, patch: Json, type_name: str) -> Json:
    """Apply a strategic merge patch: as a merge patch, but lists that have a key are merged by it."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    fields = struct(type_name) if is_struct(type_name) else {}
    base = dict(current)
    for key, value in patch.items():
        if key.startswith("$"):
            _directive(base, key, value, fields)
        elif value is None:
            base.pop(key, None)
        else:
            base[key] = _merged(base.get(key), value, fields.get(key))
    if "$retainKeys" in patch:
        base = {key: value for key, value in base.items() if key in patch["$retainKeys"]}
    return base


def _merged(current: Any, value: Any, declared: Field | None) -> Any:
    type_name = declared.type if declared else ""
    if isinstance(value, dict):
        inner = type_name if is_struct(type_name) else ""
        return strategic_merge(current if isinstance(current, dict) else {}, value, inner)
    if isinstance(value, list) and declared is not None and declared.merge_key is not None:
        return _merge_list(current or [], value, declared)
    return value


def _directive(base: Json, key: str, value: Any, fields: dict[str, Field]) -> None:
    """Obey `$deleteFromPrimitiveList/x` and `$setElementOrder/x`; the rest is none of a map's."""
    name, _, target = key.partition("/")
    if name == "$deleteFromPrimitiveList":
        base[target] = [item for item in base.get(target, []) if item not in value]
    elif name == "$setElementOrder":
        declared = fields.get(target)
        base[target] = _ordered(base.get(target, []), value, declared.merge_key if declared else None)
    elif name not in ("$retainKeys", "$patch"):
        raise statuses.bad_request(f"unknown directive in a strategic merge patch: {key}")


def _ordered(items: list[Any], order: list[Any], merge_key: str | None) -> list[Any]:
    def place(item: Any) -> int:
        wanted = [entry.get(merge_key) for entry in order] if merge_key else order
        key = item.get(merge_key) if merge_key else item
        return wanted.index(key) if key in wanted else len(wanted)

    return sorted(items, key=place)


def _merge_list(current: list[Any], patch: list[Any], declared: Field) -> list[Any]:
    key, inner = declared.merge_key, declared.type.removeprefix("[]")
    if not key:
        return [*current, *(item for item in patch if item not in current)]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if item.get("$patch") != "replace"]
    result = list(current)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise statuses.bad_request(f"map: {item} does not contain declared merge key: {key}")
        index = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            result = [old for old in result if old.get(key) != item[key]]
        elif index is None:
            result.append(strategic_merge({}, item, inner))
        else:
            result[index] = strategic_merge(result[index], item, inner)
    return result


class _PathError(Exception):
    """A JSON patch's operation that is none, or whose path leads nowhere."""


def _json_patch(document: Json, patch: Any) -> Json:
    if not isinstance(patch, list):
        text = "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        raise statuses.bad_request(f"error decoding patch: {text}")
    if len(patch) > _LARGEST_JSON_PATCH:
        raise statuses.ApiError(
            413,
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {_LARGEST_JSON_PATCH}, got {len(patch)}",
        )
    for operation in patch:
        try:
            document = _operate(document, operation)
        except (_PathError, KeyError, TypeError, AttributeError) as error:
            text = "the server rejected our request due to an error in our request"
            raise statuses.ApiError(422, "Invalid", text, {}) from error
    return document


def _operate(document: Json, operation: Json) -> Json:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _set(document, path, operation["value"], must_exist=False)
        case "replace":
            return _set(document, path, operation["value"], must_exist=True)
        case "remove":
            _take(document, path)
        case "test":
            if _get(document, path) != operation.get("value"):
                raise _PathError
        case "copy":
            value = copy.deepcopy(_get(document, _pointer(operation["from"])))
            return _set(document, path, value, must_exist=False)
        case "move":
            return _set(document, path, _take(document, _pointer(operation["from"])), must_exist=False)
        case _:
            raise _PathError
    return document


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise _PathError
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(items: list[Any], part: str, *, grows: bool = False) -> int:
    if part == "-" and grows:
        return len(items)
    if not (part.isascii() and part.isdigit()) or int(part) > len(items) - (0 if grows else 1):
        raise _PathError
    return int(part)


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(document, part)] if isinstance(document, list) else document[part]
    return document


def _set(document: Json, path: list[str], value: Any, *, must_exist: bool) -> Json:
    if not path:
        return dict(value)
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        if must_exist:
            parent[_index(parent, last)] = value
        else:
            parent.insert(_index(parent, last, grows=True), value)
        return document
    if must_exist and last not in parent:
        raise _PathError
    parent[last] = value
    return document


def _take(document: Json, path: list[str]) -> Any:
    parent, last = _get(document, path[:-1]), path[-1]
    return parent.pop(_index(parent, last)) if isinstance(parent, list) else parent.pop(last)
