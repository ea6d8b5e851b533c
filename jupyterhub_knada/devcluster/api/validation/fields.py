"""Checks of single values that many kinds share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.statuses import FieldError, invalid, required, unsupported

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Json = dict[str, Any]
NOT_NEGATIVE: Final = "must be greater than or equal to 0"
STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
_MILLI: Final = 1000


def told(path: str, value: Any, messages: Iterable[str]) -> list[FieldError]:
    """Make an error of each sentence."""
    return [invalid(path, value, message) for message in messages]


def one_of(path: str, value: Any, supported: Collection[str]) -> list[FieldError]:
    """Check a value against those that exist; an empty one is missing."""
    if value in supported:
        return []
    return [unsupported(path, value, supported)] if value else [required(path)]


def not_negative(path: str, value: int | None) -> list[FieldError]:
    """Check a number that may be left out."""
    return [invalid(path, value, NOT_NEGATIVE)] if value is not None and value < 0 else []


def named(path: str, value: str, *, label: bool = True) -> list[FieldError]:
    """Check a name that must be there: a DNS label, or a subdomain."""
    if not value:
        return [required(path)]
    rule = names.dns_label_errors if label else names.dns_subdomain_errors
    return told(path, value, rule(value))


def quantity(path: str, name: str, value: str) -> list[FieldError]:
    """Check an amount of a resource: not negative, and whole where the resource comes in pieces."""
    amount = parse_quantity(value)
    if amount < 0:
        return [invalid(path, value, NOT_NEGATIVE)]
    if is_counted(name) and (amount * _MILLI) % _MILLI:
        return [invalid(path, value, "must be an integer")]
    return []


def is_counted(name: str) -> bool:
    """Tell whether a resource comes in pieces: devices, objects."""
    if name.startswith(("requests.", "limits.")):
        return False
    return "/" in name or name in ("pods", "services", "secrets", "configmaps", "persistentvolumeclaims")


def is_extended(name: str) -> bool:
    """Tell whether a resource is a device of some vendor, as `nvidia.com/gpu`."""
    return "/" in name and not name.startswith("requests.") and not _is_native(name)


def _is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def container_resource(path: str, name: str) -> list[FieldError]:
    """Check the name of a resource that a container asks for."""
    errors = told(path, name, names.label_key_errors(name))
    if errors:
        return errors
    if "/" in name:
        return []
    if name in STANDARD or name.startswith("hugepages-"):
        return []
    missing = [] if name in _STANDARD_ANYWHERE else ["must be a standard resource type or fully qualified"]
    return told(path, name, [*missing, "must be a standard resource for containers"])


def any_resource(path: str, name: str) -> list[FieldError]:
    """Check the name of a resource of any object, as a limit range has it for claims."""
    errors = told(path, name, names.label_key_errors(name))
    if errors or "/" in name or name in _STANDARD_ANYWHERE or name.startswith("hugepages-"):
        return errors
    return told(path, name, ["must be a standard resource type or fully qualified"])


_STANDARD_ANYWHERE: Final = frozenset(
    {
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "limits.cpu",
        "limits.memory",
        "pods",
        "services",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
    }
)


def label_selector(path: str, selector: Json | None) -> list[FieldError]:
    """Check the `LabelSelector` of an object."""
    errors: list[FieldError] = []
    for key, value in (selector or {}).get("matchLabels", {}).items():
        errors += told(f"{path}.matchLabels", key, names.label_key_errors(key))
        errors += told(f"{path}.matchLabels", value, names.label_value_errors(value))
    for index, item in enumerate((selector or {}).get("matchExpressions", [])):
        place = f"{path}.matchExpressions[{index}]"
        operator, values = item.get("operator"), item.get("values", [])
        if operator in ("In", "NotIn") and not values:
            errors.append(required(f"{place}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist") and values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(FieldError("FieldValueForbidden", f"{place}.values", f"Forbidden: {text}"))
        elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            errors.append(invalid(f"{place}.operator", operator, "not a valid selector operator"))
        errors += told(f"{place}.key", item.get("key"), names.label_key_errors(item.get("key", "")))
    return errors
