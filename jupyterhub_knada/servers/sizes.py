"""How big a server is: memory, CPU, GPUs, shared memory. Layers first, then the platform's bounds.

Whatever layer says a size, also an override or the hub's own configuration, no bound is passed and no
guarantee is above its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.layers import BUILT_IN, CAPPED, HUB, Layers, refuse_override
from jupyterhub_knada.servers.override_rules import BOUNDED_RESOURCES, SIZES, is_extended_resource
from jupyterhub_knada.teams.effective import Sourced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.model import Bounds

MEMORY_LIMIT: Final = 2 * 1024**3
"""Bytes, where nothing is said; as the hubs before this one."""
CPU_LIMIT: Final = 500
"""Millicores, where nothing is said; as the hubs before this one."""
_MEMORY: Final = Sourced(MEMORY_LIMIT, BUILT_IN)
_CPU: Final = Sourced(CPU_LIMIT, BUILT_IN)
GPU_RESOURCE: Final = "nvidia.com/gpu"
"""What `gpu` in a team file asks Kubernetes for."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of one server. Memory in bytes, CPU in millicores."""

    memory_limit: Sourced[int]
    memory_guarantee: Sourced[int] | None
    cpu_limit: Sourced[int]
    cpu_guarantee: Sourced[int] | None
    shared_memory: Sourced[int] | None
    limits: Mapping[str, str | int]
    """Of other resources, by Kubernetes' names."""
    guarantees: Mapping[str, str | int]
    limits_source: str | None
    """Who says `limits`, None where there are none."""


def decide_sizes(profile: EffectiveProfile, layers: Layers, bounds: Bounds | None) -> Sizes:
    """Decide the size of a server of this profile.

    Raises:
        RefusedError: BAD_OVERRIDE, see `Layers.pick`.
    """
    memory_bound = bounds.memory_limit if bounds else None
    cpu_bound = bounds.cpu_limit if bounds else None
    memory_limit = cap(_find("mem_limit", layers, profile.memory_limit) or _MEMORY, memory_bound)
    cpu_limit = cap(_find("cpu_limit", layers, profile.cpu_limit) or _CPU, cpu_bound)
    memory_guarantee = _find("mem_guarantee", layers, profile.memory_guarantee)
    cpu_guarantee = _find("cpu_guarantee", layers, profile.cpu_guarantee)
    limits, source = _decide_other_limits(profile, layers, bounds)
    return Sizes(
        memory_limit=memory_limit,
        memory_guarantee=_at_most(memory_guarantee, memory_limit.value),
        cpu_limit=cpu_limit,
        cpu_guarantee=_at_most(cpu_guarantee, cpu_limit.value),
        # /dev/shm counts as memory of the server: more than its limit only ends in an out-of-memory kill.
        shared_memory=_at_most(profile.shared_memory, memory_limit.value),
        limits=limits,
        guarantees=_decide_other_guarantees(layers, limits),
        limits_source=source,
    )


def _find(trait: str, layers: Layers, files: Sourced[int] | None) -> Sourced[int] | None:
    """Give the first size that a layer says; None if none does."""

    def read(value: Any) -> int | None:
        # KubeSpawner takes 0 for "no limit"; there is always one here.
        return None if value is None or value == 0 else SIZES[trait](value)

    return layers.find(trait, read, files)


def cap(value: Sourced[int], bound: int | None) -> Sourced[int]:
    """Lower a value to a bound, and say so in its source."""
    if bound is None or value.value <= bound:
        return value
    return Sourced(bound, value.source + CAPPED)


def _at_most(value: Sourced[int] | None, limit: int) -> Sourced[int] | None:
    if value is None or value.value <= limit:
        return value
    return Sourced(limit, f"{value.source}, lowered to the limit")


def _decide_other_limits(
    profile: EffectiveProfile, layers: Layers, bounds: Bounds | None
) -> tuple[Mapping[str, str | int], str | None]:
    """Lay the limits of other resources over each other; the GPUs of all kinds together keep their bound."""
    limits = dict(layers.hub.values.get("extra_resource_limits") or {})
    source = HUB if limits else None
    if profile.gpu is not None:
        limits[GPU_RESOURCE] = profile.gpu.value
        source = profile.gpu.source
    said = layers.overrides.values.get("extra_resource_limits") or {}
    if said:
        limits.update(said)
        source = layers.overrides.sources["extra_resource_limits"]
    limits = {
        name: value for name, value in limits.items() if value is not None and name not in BOUNDED_RESOURCES
    }
    return _cap_gpus(limits, bounds.gpu if bounds else None), source if limits else None


def _cap_gpus(limits: dict[str, Any], bound: int | None) -> Mapping[str, str | int]:
    left = bound
    for name in sorted(limits):
        if not is_gpu(name):
            continue
        try:
            count = int(limits[name])
        except (TypeError, ValueError):
            refuse_override("extra_resource_limits", limits[name])
        count = max(0, count if left is None else min(count, left))
        left = None if left is None else left - count
        limits[name] = count
    return {name: value for name, value in limits.items() if not (is_gpu(name) and value == 0)}


def is_gpu(resource: str) -> bool:
    """Tell whether a resource of Kubernetes is what a bound of GPUs is for.

    A kind of GPU (`nvidia.com/gpu`, `nvidia.com/mig-1g.5gb`, `gpu.intel.com/i915`), or what stands in for one
    (`google.com/tpu`, `habana.ai/gaudi`).
    """
    vendor, _, kind = resource.lower().partition("/")
    return kind.startswith(("gpu", "mig-", "tpu", "gaudi")) or vendor.startswith("gpu.")


def _decide_other_guarantees(layers: Layers, limits: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Give the requests of other resources; Kubernetes wants that of a device to equal its limit."""
    said = {
        **(layers.hub.values.get("extra_resource_guarantees") or {}),
        **(layers.overrides.values.get("extra_resource_guarantees") or {}),
    }
    kept = {
        name: value for name, value in said.items() if value is not None and name not in BOUNDED_RESOURCES
    }
    return {
        name: limits[name] if is_extended_resource(name) else value
        for name, value in kept.items()
        if not is_extended_resource(name) or name in limits
    }
