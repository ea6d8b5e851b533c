"""One value from many layers: the first layer that says it decides, and is remembered as its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.servers.frozen import merge, without_nulls
from jupyterhub_knada.servers.override_contents import check_contents
from jupyterhub_knada.servers.override_lengths import check_lengths, check_values
from jupyterhub_knada.servers.override_rules import MERGED, PASSED
from jupyterhub_knada.servers.override_volumes import check_laid_volumes
from jupyterhub_knada.servers.profile_options import option_overrides, override_path
from jupyterhub_knada.servers.volumes import hub_mount_paths, hub_volume_names
from jupyterhub_knada.teams.effective import Sourced
from jupyterhub_knada.teams.levels import Place
from jupyterhub_knada.teams.override_bounds import find_override_faults, find_unlisted_names
from jupyterhub_knada.teams.pod_bounds import check_references, check_variables
from jupyterhub_knada.teams.quoting import got_kind, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.profile_options import OptionValue
    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam
    from jupyterhub_knada.teams.faults import Fault
    from jupyterhub_knada.teams.model import Bounds

T = TypeVar("T")

BUILT_IN = "built-in default"
HUB = "the hub's configuration"
CAPPED = ", capped by the platform's bounds"
"""Behind the source of a value that a bound lowered or raised."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The `kubespawnerOverride` of a profile and of its chosen options, laid over each other."""

    values: Mapping[str, Any]
    """KubeSpawner trait -> value as written. A None inside a mapping takes a key away."""
    sources: Mapping[str, str]
    """KubeSpawner trait -> who said it last."""
    said: tuple[tuple[Place, Mapping[str, Any]], ...] = ()
    """Each override as written and where it stands, the profile's own first; empty where no file has them."""

    def find_place(self, trait: str, key: str | None = None) -> Place | None:
        """Give where a trait was said last, or a key of it."""
        for place, override in reversed(self.said):
            if trait in override and (key is None or key in (override[trait] or ())):
                return Place(place.file, (*place.path, trait, *(() if key is None else (key,))))
        return None


def lay_overrides(profile: EffectiveProfile, options: Mapping[str, OptionValue]) -> Overrides:
    """Lay the overrides of the chosen options over the profile's own, as KubeSpawner does.

    Raises:
        RefusedError: OUT_OF_RANGE, too many values in all of them, or what `option_overrides` refuses.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    said: list[tuple[str, tuple[str, ...], Mapping[str, Any]]] = [
        ("", ("kubespawnerOverride",), profile.override)
    ]
    for name, override in option_overrides(profile, options):
        path = ("options", name, *override_path(profile.options[name], options.get(name)))
        said.append((f", option {name}", path, override))
    # First, as each layer copies what all before it have said.
    for fault in check_values(override for _, _, override in said):
        _refuse_fault("kubespawnerOverride", fault)
    for where, _, override in said:
        values = merge(values, override)
        sources.update(dict.fromkeys(override, f"{profile.source} kubespawnerOverride{where}"))
    at = profile.place
    if at is None:
        return Overrides(values, sources)
    places = tuple((Place(at.file, (*at.path, *path)), override) for _, path, override in said)
    return Overrides(values, sources, places)


def check_laid(overrides: Overrides, hub: HubSettings, bounds: Bounds) -> None:
    """Check overrides as they are at a start: a person's own text, which no file check saw, may be in them.

    What the hub mounts is known here, too, and what the platform's bounds are now.

    Raises:
        RefusedError: with the code of what was found.
    """
    for fault in check_lengths(overrides.values):
        _refuse_fault(str(fault.path[0]) if fault.path else "kubespawnerOverride", fault)
    for trait, value in overrides.values.items():
        if trait not in MERGED | PASSED:
            refuse_override(trait, value)
        for fault in check_contents(trait, value):
            _refuse_fault(trait, fault)
    for fault in find_override_faults(overrides.values, bounds):
        _refuse_fault(str(fault.path[0]), fault)
    for fault in check_laid_volumes(overrides.values, hub_volume_names(hub), hub_mount_paths(hub)):
        _refuse_fault(str(fault.path[0]), fault)


def check_team_names(team: EffectiveTeam, bounds: Bounds) -> None:
    """Check the labels and annotations of a team, served as it last was, against the bounds as they are now.

    Raises:
        RefusedError: OVER_BOUND.
    """
    for fault in find_unlisted_names(team.labels, team.annotations, bounds):
        message = f"Team {quoted(team.slug)} cannot start a server: {fault.message}; {fault.rule}."
        remedy = f"Ask {team.contact or 'whoever keeps the team file'} to remove it."
        raise RefusedError(Refusal(fault.code, message, remedy, status=409))


def check_environment(team: Mapping[str, str], overrides: Overrides, hub: HubSettings) -> None:
    """Check the variables that overrides and team bring together, and what refers to others, with the hub's.

    Raises:
        RefusedError: OUT_OF_RANGE.
    """
    brought = {**without_nulls(_variables(overrides.values)), **team}
    everything = {**_variables(hub.values), **brought}
    for fault in (*check_variables(brought), *check_references(everything.values())):
        _refuse_fault("environment", fault)


def _variables(traits: Mapping[str, Any]) -> Mapping[str, Any]:
    said = traits.get("environment")
    return said if isinstance(said, Mapping) else {}


def _refuse_fault(trait: str, fault: Fault) -> NoReturn:
    message = f"The profile with these options cannot be started: {trait}: {fault.message}; {fault.rule}."
    remedy = "Choose something else, or report this to whoever keeps the team's file."
    raise RefusedError(Refusal(fault.code, message, remedy, status=400))


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers that a single value may come from, the first one first."""

    overrides: Overrides
    hub: HubSettings

    def pick(
        self, trait: str, read: Callable[[Any], T | None], files: Sourced[T] | None, built_in: T
    ) -> Sourced[T]:
        """Give the first value that a layer says.

        Args:
            trait: The KubeSpawner trait that stands for it in overrides and in the hub's configuration.
            read: Turns such a trait's value into ours; None where it says nothing.
            files: What profile, team and platform file say.
            built_in: What holds if no layer says anything.

        Raises:
            RefusedError: BAD_OVERRIDE or HUB_SETTING, a value that `read` cannot read.
        """
        return self.find(trait, read, files) or Sourced(built_in, BUILT_IN)

    def find(
        self, trait: str, read: Callable[[Any], T | None], files: Sourced[T] | None
    ) -> Sourced[T] | None:
        """Give the first value that a layer says, None if none does; see `pick`."""
        try:
            overridden = read(self.overrides.values.get(trait))
        except (TypeError, ValueError):
            refuse_override(trait, self.overrides.values.get(trait))
        if overridden is not None:
            return Sourced(overridden, self.overrides.sources[trait], self.overrides.find_place(trait))
        if files is not None:
            return files
        return self._find_configured(trait, read)

    def _find_configured(self, trait: str, read: Callable[[Any], T | None]) -> Sourced[T] | None:
        try:
            configured = read(self.hub.said(trait))
        except (TypeError, ValueError):
            refuse_hub_setting(trait, self.hub.said(trait))
        return None if configured is None else Sourced(configured, HUB)


def refuse_hub_setting(trait: str, value: object) -> NoReturn:
    """Refuse a start for which the hub's own configuration says something that cannot be read.

    Raises:
        RefusedError: always.
    """
    message = f"The hub's own {trait} cannot be used {got_kind(value)}."
    raise RefusedError(
        Refusal(Code.HUB_SETTING, message, "Report this to whoever runs this hub.", status=409)
    )


def refuse_override(trait: str, value: object) -> NoReturn:
    """Refuse a start whose profile overrides a trait with something that cannot be read.

    Raises:
        RefusedError: always.
    """
    message = f"The profile's kubespawnerOverride of {trait} cannot be used {got_kind(value)}."
    remedy = "Choose another profile. Report this to whoever keeps the team's file."
    raise RefusedError(Refusal(Code.BAD_OVERRIDE, message, remedy, status=409))
