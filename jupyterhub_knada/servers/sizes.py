"""How big a server is: memory, CPU, shared memory. Layers first, then the platform's bounds. Pure.

Whatever layer says a size, also an override or the hub's own configuration, no bound is passed and no
guarantee is above its limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.servers.adjustments import Adjustment, above_limit, adjust, over_bound
from jupyterhub_knada.servers.devices import Devices, decide_devices
from jupyterhub_knada.servers.layers import BUILT_IN, CAPPED, HUB, Layers
from jupyterhub_knada.servers.override_rules import SIZES
from jupyterhub_knada.teams.effective import Sourced
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quantities import format_cpu, format_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.model import Bounds

MEMORY_LIMIT: Final = 2 * 1024**3
"""Bytes, where nothing is said; as the hubs before this one."""
CPU_LIMIT: Final = 500
"""Millicores, where nothing is said; as the hubs before this one."""
FOLLOWS: Final = ", to which the limit is raised"
"""Behind the source of a limit that a larger guarantee stands in for."""
_PROFILE, _TEAM, _DEFAULTS, _HUB, _BUILT_IN = range(5)
"""How far from the server something is said: with its profile or an override of it nearest."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The size of one server. Memory in bytes, CPU in millicores."""

    memory_limit: Sourced[int]
    memory_guarantee: Sourced[int] | None
    cpu_limit: Sourced[int]
    cpu_guarantee: Sourced[int] | None
    shared_memory: Sourced[int] | None
    devices: Devices
    adjustments: tuple[Adjustment, ...]
    """What of all this a file says otherwise."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Memory or CPU: the names of its traits, and how it is written."""

    limit: str
    guarantee: str
    what: str
    bound: str
    built_in: Sourced[int]
    show: Callable[[int], str]


_MEMORY: Final = _Kind(
    "mem_limit",
    "mem_guarantee",
    "memory limit",
    "memoryLimit",
    Sourced(MEMORY_LIMIT, BUILT_IN),
    format_memory,
)
_CPU: Final = _Kind(
    "cpu_limit", "cpu_guarantee", "CPU limit", "cpuLimit", Sourced(CPU_LIMIT, BUILT_IN), format_cpu
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A limit and its guarantee, as a server gets them."""

    limit: Sourced[int]
    guarantee: Sourced[int] | None
    distance: int
    """How far from the server the limit is said."""
    adjustments: tuple[Adjustment, ...]


def decide_sizes(profile: EffectiveProfile, layers: Layers, bounds: Bounds) -> Sizes:
    """Decide the size of a server of this profile.

    Raises:
        RefusedError: BAD_OVERRIDE, see `Layers.pick`.
    """
    memory = _decide_pair(
        _MEMORY, layers, (profile.memory_limit, profile.memory_guarantee), bounds.memory_limit
    )
    cpu = _decide_pair(_CPU, layers, (profile.cpu_limit, profile.cpu_guarantee), bounds.cpu_limit)
    devices = decide_devices(profile, layers, bounds)
    # /dev/shm counts as memory of the server: more than its limit only ends in an out-of-memory kill.
    shared = profile.shared_memory
    lowered = _at_most(shared, memory.limit.value)
    adjustments = [*memory.adjustments, *cpu.adjustments, *devices.adjustments]
    if shared is not None and lowered is not shared:
        adjustments += above_limit(shared, memory.limit, format_memory, _MEMORY.what)
    if cpu.distance >= _DEFAULTS:
        adjustments += _devices_without_cpu(devices, cpu.limit)
    return Sizes(
        memory_limit=memory.limit,
        memory_guarantee=memory.guarantee,
        cpu_limit=cpu.limit,
        cpu_guarantee=cpu.guarantee,
        shared_memory=lowered,
        devices=devices,
        adjustments=tuple(adjustments),
    )


def _decide_pair(
    kind: _Kind, layers: Layers, files: tuple[Sourced[int] | None, Sourced[int] | None], bound: int | None
) -> _Pair:
    """Decide a limit and its guarantee; a larger guarantee becomes the limit where none is said so near.

    A profile that guarantees 32 GB and says no limit means a server of 32 GB, whatever somebody further away
    gives to those who say nothing. With a limit that is said as near, the two contradict each other.
    """
    limit = _find(kind.limit, layers, files[0]) or kind.built_in
    guarantee = _find(kind.guarantee, layers, files[1])
    adjustments: list[Adjustment] = []
    follows = False
    if guarantee is not None and guarantee.value > limit.value:
        follows = _distance(limit) > _distance(guarantee)
        if follows:
            limit = replace(guarantee, source=guarantee.source + FOLLOWS)
        else:
            severity = Severity.ERROR if _distance(guarantee) == _PROFILE else Severity.WARNING
            adjustments += above_limit(guarantee, limit, kind.show, kind.what, severity)
    capped = cap(limit, bound)
    if bound is not None:
        if limit.value > bound:
            adjustments += over_bound(limit, bound, kind.show, kind.bound, as_limit=follows)
        if guarantee is not None and guarantee.value > bound and not follows:
            adjustments += over_bound(guarantee, bound, kind.show, kind.bound)
    return _Pair(capped, _at_most(guarantee, capped.value), _distance(limit), tuple(adjustments))


def _distance(said: Sourced[int]) -> int:
    if said.place is None:
        return {BUILT_IN: _BUILT_IN, HUB: _HUB}.get(said.source.removesuffix(FOLLOWS), _PROFILE)
    return {"profiles": _PROFILE, "defaults": _DEFAULTS}.get(str(said.place.path[0]), _TEAM)


def _devices_without_cpu(devices: Devices, limit: Sourced[int]) -> list[Adjustment]:
    """Say that a server with a GPU gets the CPUs of those who say nothing."""
    place = next((place for place in devices.bounded if place is not None), None)
    rule = f"neither the profile nor its team says a number, so that a server gets {format_cpu(limit.value)}"
    fault = Fault(
        Code.OUT_OF_RANGE, "a GPU without CPUs", f"{rule} ({limit.source})", "add a CPU limit to the profile"
    )
    return adjust(place, fault)


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
    return replace(value, value=bound, source=value.source + CAPPED)


def _at_most(value: Sourced[int] | None, limit: int) -> Sourced[int] | None:
    if value is None or value.value <= limit:
        return value
    return replace(value, value=limit, source=f"{value.source}, lowered to the limit")
