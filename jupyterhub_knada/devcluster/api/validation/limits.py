"""The rules of limit ranges.

Source: `ValidateLimitRange` in `pkg/apis/core/validation` of 1.36.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    duplicate,
    forbidden_value,
    invalid,
    required,
)
from jupyterhub_knada.devcluster.api.validation.fields import (
    any_resource,
    container_resource,
    is_extended,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
_TYPES: Final = ("Pod", "Container", "PersistentVolumeClaim")
_PAIRS: Final = (
    ("min", "max", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    ("defaultRequest", "max", "defaultRequest", "default request value {0} is greater than max value {1}"),
    (
        "defaultRequest",
        "default",
        "defaultRequest",
        "default request value {0} is greater than default limit value {1}",
    ),
    ("min", "default", "default", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "default value {0} is greater than max value {1}"),
)
"""What may not be greater than what, which of them is named as wrong, and how."""
_SHOWN: Final = {
    ("min", "default"): "min",
    ("default", "max"): "max",
    ("min", "defaultRequest"): "defaultRequest",
}
"""The value that is shown, where it is not the first one: Kubernetes shows the other one at times."""


def check_limit_range(limit_range: Json) -> list[FieldError]:
    """Check the items of a limit range: one of a type, each of them possible to keep."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, item in enumerate(limit_range["spec"].get("limits") or []):
        path, kind = f"spec.limits[{index}]", item["type"]
        errors += _type(f"{path}.type", kind)
        if kind in seen:
            errors.append(duplicate(f"{path}.type", kind))
        seen.add(kind)
        errors += _names(path, item)
        if kind == "PersistentVolumeClaim" and not {"storage"} & {*item.get("min", {}), *item.get("max", {})}:
            text = "either minimum or maximum storage value is required, but neither was provided"
            errors.append(required(f"{path}.limits", text))
        errors += _amounts(path, item)
    return errors


def _type(path: str, kind: str) -> list[FieldError]:
    errors = told(path, kind, names.label_key_errors(kind))
    if not errors and "/" not in kind and kind not in _TYPES:
        errors.append(invalid(path, kind, "must be a standard limit type or fully qualified"))
    return errors


def _names(path: str, item: Json) -> Iterator[FieldError]:
    rule = container_resource if item["type"] in ("Pod", "Container") else any_resource
    for key in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        if item["type"] == "Pod" and key.startswith("default"):
            if item.get(key):
                yield forbidden_value(f"{path}.{key}", "may not be specified when `type` is 'Pod'")
            continue
        for name in item.get(key, {}):
            yield from rule(f"{path}.{key}[{name}]", name)


def _amounts(path: str, item: Json) -> Iterator[FieldError]:
    own = ("min", "max") if item["type"] == "Pod" else ("min", "max", "default", "defaultRequest")
    lists = {key: item.get(key, {}) for key in own}
    for name in dict.fromkeys(name for found in lists.values() for name in found):
        values = {key: found[name] for key, found in lists.items() if name in found}
        yield from _order(path, name, values)
        yield from _ratio(path, name, values, item.get("maxLimitRequestRatio", {}).get(name))


def _order(path: str, name: str, values: dict[str, str]) -> Iterator[FieldError]:
    for smaller, larger, blamed, text in _PAIRS:
        if not {smaller, larger} <= set(values):
            continue
        if parse_quantity(values[smaller]) > parse_quantity(values[larger]):
            shown = values[_SHOWN.get((smaller, larger), smaller)]
            yield invalid(f"{path}.{blamed}[{name}]", shown, text.format(values[smaller], values[larger]))
    if is_extended(name) and {"default", "defaultRequest"} <= set(values):
        limit, request = values["default"], values["defaultRequest"]
        if parse_quantity(limit) != parse_quantity(request):
            why = f"default value {limit} must equal to defaultRequest value {request} in {name}"
            yield invalid(f"{path}.defaultRequest[{name}]", request, why)


def _ratio(path: str, name: str, values: dict[str, str], ratio: str | None) -> Iterator[FieldError]:
    if ratio is None:
        return
    place = f"{path}.maxLimitRequestRatio[{name}]"
    if parse_quantity(ratio) < 1:
        yield invalid(place, ratio, f"ratio {ratio} is less than 1")
    if {"min", "max"} <= set(values) and parse_quantity(values["min"]):
        possible = parse_quantity(values["max"]) / parse_quantity(values["min"])
        if parse_quantity(ratio) > possible:
            why = f"ratio {ratio} is greater than max/min = {float(possible):.6f}"
            yield invalid(place, ratio, why)


RULES: Final[dict[str, Callable[[Json], list[FieldError]]]] = {"LimitRange": check_limit_range}
