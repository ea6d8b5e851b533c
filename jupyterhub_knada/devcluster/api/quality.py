"""What a pod asks for, as the scheduler and quotas count it, and its quality-of-service class.

Source: `k8s.io/component-helpers/resource` and `pkg/apis/core/v1/helper/qos` of 1.36.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api.quantities import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]
Amounts = dict[str, Quantity]
NOTHING: Final = Quantity(Fraction(0))
ONE: Final = Quantity(Fraction(1))
_COMPUTE: Final = ("cpu", "memory")


def add(*sums: Amounts) -> Amounts:
    """Add amounts by resource, each sum in the notation of the first that is not zero."""
    total: Amounts = {}
    for amounts in sums:
        for name, value in amounts.items():
            total[name] = total.get(name, NOTHING) + value
    return total


def largest(*options: Amounts) -> Amounts:
    """Give the larger amount of each resource."""
    total: Amounts = {}
    for amounts in options:
        for name, value in amounts.items():
            total[name] = max(total.get(name, value), value)
    return total


def amounts(quantities: dict[str, str] | None) -> Amounts:
    """Read a resource list."""
    return {name: Quantity.parse(text) for name, text in (quantities or {}).items()}


def pod_amounts(spec: Json, kind: str) -> Amounts:
    """Give what a pod asks for: the sum of its containers, or more where an init container needs it.

    Args:
        spec: the pod's.
        kind: `requests` or `limits`.
    """
    running = add(*_containers(spec.get("containers") or [], kind))
    sidecars: Amounts = {}
    at_start: Amounts = {}
    for container in spec.get("initContainers", []):
        wanted = amounts(container["resources"].get(kind))
        if container.get("restartPolicy") == "Always":
            sidecars = add(sidecars, wanted)
            at_start = largest(at_start, sidecars)
        else:
            at_start = largest(at_start, add(wanted, sidecars))
    total = largest(add(running, sidecars), at_start)
    return add(total, amounts(spec.get("overhead")))


def _containers(containers: Iterable[Json], kind: str) -> list[Amounts]:
    return [amounts(container["resources"].get(kind)) for container in containers]


def quality_class(spec: Json) -> str:
    """Give `Guaranteed`, `Burstable` or `BestEffort`."""
    containers = [*(spec.get("containers") or []), *spec.get("initContainers", [])]
    asked = [amounts(c["resources"].get(kind)) for c in containers for kind in ("requests", "limits")]
    if not any(found.get(name) for found in asked for name in _COMPUTE):
        return "BestEffort"
    if all(_is_guaranteed(container["resources"]) for container in containers):
        return "Guaranteed"
    return "Burstable"


def _is_guaranteed(resources: Json) -> bool:
    limits, requests = amounts(resources.get("limits")), amounts(resources.get("requests"))
    return all(limits.get(name) and requests.get(name, limits[name]) == limits[name] for name in _COMPUTE)
