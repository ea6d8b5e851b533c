"""The hub's own settings of a spawner: kept as configured, read before each plan, put back after it.

Group overrides and hooks of the hub change the spawner itself, between `clear_state` and the plan; what they
say belongs to the hub's layer for that one start.
"""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.servers.plan_inputs import HubSettings
from jupyterhub_knada.servers.traits import POD_TRAITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traitlets.config import Configurable

_told: set[str] = set()
"""Settings of the hub that were said to be overruled: once in the life of the hub, not at each start."""


class HubLayer:
    """The pod-shaping traits of one spawner, as its configuration has them."""

    def __init__(self, spawner: Configurable) -> None:
        self._configured = _configured_traits(spawner)
        self._values = {
            trait: copy.deepcopy(getattr(spawner, trait)) for trait in POD_TRAITS if spawner.has_trait(trait)
        }

    def restore(self, spawner: Configurable) -> None:
        """Give every trait its configured value again, so that nothing of the last start is left."""
        for trait, value in self._values.items():
            if getattr(spawner, trait) != value:
                setattr(spawner, trait, copy.deepcopy(value))

    def read(self, spawner: Configurable) -> HubSettings:
        """Read the hub's layer as it is now: configuration, and what hooks have changed since `restore`."""
        values = {trait: getattr(spawner, trait) for trait in self._values}
        changed = {trait for trait, value in values.items() if value != self._values[trait]}
        return self._settings(values, changed)

    @property
    def configured(self) -> HubSettings:
        """The hub's layer as it is configured, without what hooks say for one start."""
        return self._settings(self._values, set())

    def _settings(self, values: Mapping[str, Any], changed: set[str]) -> HubSettings:
        return HubSettings(
            namespace=values["namespace"],
            values=MappingProxyType(copy.deepcopy(dict(values))),
            explicit=frozenset(self._configured | changed),
        )


def newly_overruled(hub: HubSettings, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the hub's settings that these values overrule and that nobody was told of yet; they count as told.

    Mappings are not among them: a team's labels, say, are laid over the hub's, which stay.
    """
    overruled = {
        trait
        for trait in hub.explicit
        if trait in values and not isinstance(values[trait], dict) and values[trait] != hub.values.get(trait)
    }
    new = tuple(sorted(overruled - _told))
    _told.update(new)
    return new


def _configured_traits(spawner: Configurable) -> set[str]:
    """Find the traits that the configuration sets, for the spawner's class or any that it is made from."""
    sections = [cls.__name__ for cls in type(spawner).mro()]
    return {trait for section in sections for trait in spawner.config.get(section, {})}
