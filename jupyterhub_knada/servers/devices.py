"""The devices of a server, GPUs among them, and other extra resources: layers first, then the bound. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.adjustments import Adjustment, adjust
from jupyterhub_knada.servers.layers import HUB, Layers, refuse_hub_setting, refuse_override
from jupyterhub_knada.servers.override_rules import BOUNDED_RESOURCES, is_extended_resource
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.globs import matches_any
from jupyterhub_knada.teams.quantities import QuantityError, read_count
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.levels import Place
    from jupyterhub_knada.teams.model import Bounds

GPU_RESOURCE: Final = "nvidia.com/gpu"
"""What `gpu` in a team file asks Kubernetes for."""
_LIMITS: Final = "extra_resource_limits"
_GUARANTEES: Final = "extra_resource_guarantees"


@dataclass(frozen=True, slots=True)
class Devices:
    """Resources beside memory and CPU, by Kubernetes' names."""

    limits: Mapping[str, str | int]
    guarantees: Mapping[str, str | int]
    source: str | None
    """Who says `limits`, None where there are none."""
    bounded: tuple[Place | None, ...]
    """Where each device that counts to the bound is asked for; None: by the hub."""
    adjustments: tuple[Adjustment, ...]


def decide_devices(profile: EffectiveProfile, layers: Layers, bounds: Bounds) -> Devices:
    """Lay the limits of other resources over each other; all devices together keep their bound.

    Raises:
        RefusedError: BAD_OVERRIDE or HUB_SETTING, a number of devices that is none.
    """
    asked = dict(layers.hub.values.get(_LIMITS) or {})
    source = HUB if asked else None
    if profile.gpu is not None:
        asked[GPU_RESOURCE] = profile.gpu.value
        source = profile.gpu.source
    said = layers.overrides.values.get(_LIMITS) or {}
    if said:
        asked.update(said)
        source = layers.overrides.sources[_LIMITS]
    asked = {name: value for name, value in asked.items() if value is not None}
    asked = {name: value for name, value in asked.items() if name not in BOUNDED_RESOURCES}
    places = {name: _find_place(name, profile, layers) for name in asked}
    limits, adjustments = _cap(asked, places, layers, bounds)
    guarantees, more = _decide_guarantees(layers, limits, asked)
    return Devices(
        limits=limits,
        guarantees=guarantees,
        source=source if limits else None,
        bounded=tuple(places[name] for name in limits if _is_bounded(name, bounds)),
        adjustments=(*adjustments, *more),
    )


def _find_place(name: str, profile: EffectiveProfile, layers: Layers) -> Place | None:
    place = layers.overrides.find_place(_LIMITS, name)
    if place is None and name == GPU_RESOURCE and profile.gpu is not None:
        return profile.gpu.place
    return place


def _is_bounded(name: str, bounds: Bounds) -> bool:
    """Tell whether a resource counts to the bound `gpu`.

    No list of accelerators is whole (`nvidia.com/GA102GL_A10`, `amd.com/cpx_nps4`, `k8s.amazonaws.com/vgpu`):
    every device does that nobody has called harmless.
    """
    return is_extended_resource(name) and not matches_any(bounds.harmless_resources, name)


def _cap(
    asked: Mapping[str, Any], places: Mapping[str, Place | None], layers: Layers, bounds: Bounds
) -> tuple[dict[str, str | int], list[Adjustment]]:
    left = bounds.gpu
    capped: dict[str, str | int] = {}
    adjustments: list[Adjustment] = []
    # What the key `gpu` asks for before all else, so that it is not another device that is left.
    for name in sorted(asked, key=lambda name: (name != GPU_RESOURCE, name)):
        if not is_extended_resource(name):
            capped[name] = asked[name]
            continue
        count = wanted = _read_count(name, asked[name], layers)
        if left is not None and _is_bounded(name, bounds):
            count = min(wanted, left)
            left -= count
        if count < wanted:
            adjustments += _over_bound(places[name], wanted, count, bounds)
        if count:
            capped[name] = count
    return capped, adjustments


def _over_bound(place: Place | None, wanted: int, count: int, bounds: Bounds) -> list[Adjustment]:
    given = f"{count} is given" if count else "it is left out"
    rule = f"a server has at most {bounds.gpu} of all devices together (bounds.gpu of the platform); {given}"
    remedy = "ask for fewer, or have those that are none to compute on listed in bounds.harmlessResources"
    return adjust(place, Fault(Code.OVER_BOUND, f"over the bound {got(wanted)}", rule, remedy))


def _read_count(name: str, value: Any, layers: Layers) -> int:
    """Read a number of devices.

    Raises:
        RefusedError: BAD_OVERRIDE or HUB_SETTING, it is none.
    """
    try:
        return read_count(value)
    except QuantityError:
        if name in (layers.overrides.values.get(_LIMITS) or {}):
            refuse_override(_LIMITS, value)
        refuse_hub_setting(_LIMITS, value)


def _decide_guarantees(
    layers: Layers, limits: Mapping[str, str | int], asked: Mapping[str, Any]
) -> tuple[dict[str, str | int], list[Adjustment]]:
    """Give the requests of other resources; Kubernetes wants that of a device to equal its limit."""
    said = {
        **(layers.hub.values.get(_GUARANTEES) or {}),
        **(layers.overrides.values.get(_GUARANTEES) or {}),
    }
    guarantees: dict[str, str | int] = {}
    adjustments: list[Adjustment] = []
    for name, value in said.items():
        if value is None or name in BOUNDED_RESOURCES:
            continue
        if not is_extended_resource(name):
            guarantees[name] = value
        elif name in limits:
            guarantees[name] = limits[name]
        elif name not in asked:
            rule = "a device is asked for by its limit, which its guarantee equals; it is left out"
            fault = Fault(Code.OUT_OF_RANGE, f"a guarantee without a limit {got(value)}", rule, _ADD_LIMIT)
            adjustments += adjust(layers.overrides.find_place(_GUARANTEES, name), fault)
    return guarantees, adjustments


_ADD_LIMIT: Final = f"write it under {_LIMITS}"
