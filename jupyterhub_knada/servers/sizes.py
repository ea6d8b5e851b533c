"""How big a server is: memory, CPU, GPUs, shared memory. Layers first, then the platform's bounds.

Whatever layer says a size, also an override or the hub's own configuration, no bound is passed and no
guarantee is above its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.layers import (
    BUILT_IN,
    CAPPED,
    HUB,
    Layers,
    refuse_hub_setting,
    refuse_override,
)
from jupyterhub_knada.servers.override_rules import BOUNDED_RESOURCES, SIZES, is_extended_resource
from jupyterhub_knada.teams.effective import Sourced
from jupyterhub_knada.teams.globs import matches_any
from jupyterhub_knada.teams.quantities import QuantityError, read_count

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


def decide_sizes(profile: EffectiveProfile, layers: Layers, bounds: Bounds) -> Sizes:
    """Decide the size of a server of this profile.

    Raises:
        RefusedError: BAD_OVERRIDE, see `Layers.pick`.
    """
    memory_limit = cap(_find("mem_limit", layers, profile.memory_limit) or _MEMORY, bounds.memory_limit)
    cpu_limit = cap(_find("cpu_limit", layers, profile.cpu_limit) or _CPU, bounds.cpu_limit)
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
    profile: EffectiveProfile, layers: Layers, bounds: Bounds
) -> tuple[Mapping[str, str | int], str | None]:
    """Lay the limits of other resources over each other; all devices together keep their bound."""
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
    return _cap_devices(limits, layers, bounds), source if limits else None


def _cap_devices(limits: dict[str, Any], layers: Layers, bounds: Bounds) -> Mapping[str, str | int]:
    """Lower the devices of all kinds together to the bound `gpu`; those that a platform calls harmless stay.

    No list of accelerators is whole (`nvidia.com/GA102GL_A10`, `amd.com/cpx_nps4`, `k8s.amazonaws.com/vgpu`):
    what nobody has called harmless counts.
    """
    left = bounds.gpu
    capped: dict[str, str | int] = {}
    for name in sorted(limits, key=_own_kind_first):
        if not is_extended_resource(name):
            capped[name] = limits[name]
            continue
        count = _read_count(name, limits[name], layers)
        if not matches_any(bounds.harmless_resources, name) and left is not None:
            count = min(count, left)
            left -= count
        if count:
            capped[name] = count
    return capped


def _own_kind_first(name: str) -> tuple[bool, str]:
    """Sort what the key `gpu` asks for before all else, so that it is not another device that is left."""
    return name != GPU_RESOURCE, name


def _read_count(name: str, value: Any, layers: Layers) -> int:
    """Read a number of devices.

    Raises:
        RefusedError: BAD_OVERRIDE or HUB_SETTING, it is none.
    """
    try:
        return read_count(value)
    except QuantityError:
        if name in (layers.overrides.values.get("extra_resource_limits") or {}):
            refuse_override("extra_resource_limits", value)
        refuse_hub_setting("extra_resource_limits", value)


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
