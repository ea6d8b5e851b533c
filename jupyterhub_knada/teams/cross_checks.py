"""What one file cannot know alone: bounds and images of the platform, sizes across layers, shared slugs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import quantities
from jupyterhub_knada.teams.faults import Fault, missing_key
from jupyterhub_knada.teams.image_checks import check_image, check_override_images, check_platform_images
from jupyterhub_knada.teams.layers import Layer, first_said
from jupyterhub_knada.teams.override_bounds import check_profile_names, check_settings_names
from jupyterhub_knada.teams.pod_bounds import check_carried, check_defaults
from jupyterhub_knada.teams.quoting import got, suggestion
from jupyterhub_knada.teams.single_file import describe_least
from jupyterhub_knada.teams.trees import thawed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.loaded import Circumstances
    from jupyterhub_knada.teams.model import Bounds, PlatformFile, Profile, Settings, TeamFile


class _Bound(NamedTuple):
    field: str
    bound: str
    show: Callable[[int], str]


_BOUNDS = (
    _Bound("memory_limit", "memory_limit", quantities.format_memory),
    _Bound("memory_guarantee", "memory_limit", quantities.format_memory),
    _Bound("shared_memory", "memory_limit", quantities.format_memory),
    _Bound("cpu_limit", "cpu_limit", quantities.format_cpu),
    _Bound("cpu_guarantee", "cpu_limit", quantities.format_cpu),
    _Bound("gpu", "gpu", str),
)
_PAIRS = (
    ("memory_guarantee", "memory_limit", quantities.format_memory),
    ("cpu_guarantee", "cpu_limit", quantities.format_cpu),
    ("shared_memory", "memory_limit", quantities.format_memory),
)
_ACCOUNTS_OF_THE_CHART = frozenset(
    {
        "autohttps",
        "continuous-image-puller",
        "hook-image-awaiter",
        "hook-image-puller",
        "hub",
        "user-scheduler",
    }
)
"""Source: zero-to-jupyterhub, its `serviceAccount` keys; the hub's may make pods and read secrets."""
_KEYS = {
    "memory_guarantee": "memoryGuarantee",
    "memory_limit": "memoryLimit",
    "cpu_guarantee": "cpuGuarantee",
    "cpu_limit": "cpuLimit",
    "shared_memory": "sharedMemory",
}


def check_platform(view: FileView[PlatformFile], given: Circumstances) -> Iterable[Problem]:
    """Check a platform file: its defaults and profiles within its own bounds, and its images."""
    platform = view.part
    if platform is None:
        return
    yield from _check_idle_bounds(view, platform.bounds)
    yield from check_platform_images(view, platform)
    defaults = Layer(view, ("defaults",), platform.defaults)
    yield from _check_settings(view, ("defaults",), platform.defaults, platform, given)
    yield from _check_layers(view, [defaults], platform.bounds)
    yield from check_settings_names(view, ("defaults",), platform.defaults, platform.bounds)
    yield from check_defaults(view, platform)
    for path, profile in _profiles(platform.profiles):
        yield from _check_profile(view, path, profile, platform, given)
        yield from _check_layers(view, [Layer(view, path, profile), defaults], platform.bounds)


def check_team(
    view: FileView[TeamFile],
    platform_view: FileView[PlatformFile],
    given: Circumstances,
) -> Iterable[Problem]:
    """Check a team file against a platform file that holds."""
    team, platform = view.part, platform_view.model
    if team is None or platform is None:
        return
    if platform.namespaces == "hub":
        yield from _check_shared_namespace(view, team)
    below = [Layer(view, (), team), Layer(platform_view, ("defaults",), platform.defaults)]
    yield from _check_settings(view, (), team, platform, given)
    yield from _check_layers(view, below, platform.bounds)
    yield from check_settings_names(view, (), team, platform.bounds)
    yield from check_carried(view, team, platform_view, platform)
    theirs = {profile.slug for profile in platform.profiles}
    for path, profile in _profiles(team.profiles):
        yield from _check_profile(view, path, profile, platform, given)
        yield from _check_layers(view, [Layer(view, path, profile), *below], platform.bounds)
        if profile.slug in theirs:
            rule = "a profile of the platform has it, and every team is offered both"
            remedy = "write another slug"
            fault = Fault(
                Code.BAD_PROFILE, f"a slug twice {got(profile.slug)}", rule, remedy, (*path, "slug")
            )
            yield view.tell(fault)


def check_namespace(view: FileView[TeamFile], platform: FileView[PlatformFile]) -> Iterable[Problem]:
    """Check that a team names its namespace where it has one of its own; the platform file may be invalid."""
    if view.part is None or platform.part is None or "namespaces" in platform.unsaid:
        return
    is_missing = view.part.namespace is None and "namespace" not in view.unsaid
    if is_missing and platform.part.namespaces == "team":
        yield view.tell(missing_key(("namespace",)))


def fit_needs(problems: Iterable[Problem], platform: FileView[PlatformFile]) -> Iterator[Problem]:
    """Leave the namespace out of what an empty team file needs, where no team has one of its own."""
    is_shared = platform.part is not None and platform.part.namespaces == "hub"
    for problem in problems:
        is_other = is_shared and problem.code is Code.FILE_EMPTY
        yield replace(problem, remedy=describe_least(["users"])) if is_other else problem


def _check_shared_namespace(view: FileView[TeamFile], team: TeamFile) -> Iterable[Problem]:
    """Check that a team in the hub's namespace takes neither the chart's identities nor others' secrets."""
    if team.service_account in _ACCOUNTS_OF_THE_CHART:
        message = f"a service account of zero-to-jupyterhub {got(team.service_account)}"
        rule = "with 'namespaces: hub' (platform.yaml) the hub and its parts have accounts beside the teams'"
        remedy = "name one that is the team's own"
        yield view.tell(Fault(Code.RESERVED_NAME, message, rule, remedy, ("serviceAccount",)))
    for path, profile in _profiles(team.profiles):
        for inner, override in profile.overrides():
            if "image_pull_secrets" in override:
                where = (*path, *inner, "image_pull_secrets")
                rule = "with 'namespaces: hub' (platform.yaml) each pull secret is one team's"
                remedy = "name the team's own under imagePullSecrets"
                fault = Fault(
                    Code.OWNED_OVERRIDE, "pull secrets of a profile", rule, remedy, where, at_key=True
                )
                yield view.tell(fault)


def check_inheritor(view: FileView[PlatformFile], slugs: Iterable[str]) -> Fault | None:
    """Say that the team which inherits an older hub's homes is not there, if so."""
    heir = view.model.homes_inherited_by if view.model else None
    known = sorted(slugs)
    if heir is None or heir in known:
        return None
    meant = suggestion(heir, known)
    rule = "its homes are found by nobody until that team's file is there"
    remedy = f"did you mean {meant!r}?" if meant else "add the team's file, or correct the slug"
    return Fault(Code.UNKNOWN_TEAM, f"no such team {got(heir)}", rule, remedy, ("homesInheritedBy",))


def _profiles(profiles: Iterable[Profile]) -> Iterable[tuple[Path, Profile]]:
    return ((("profiles", index), profile) for index, profile in enumerate(profiles))


def _check_settings(
    view: FileView[Any],
    path: Path,
    settings: Settings,
    platform: PlatformFile,
    given: Circumstances,
) -> Iterable[Problem]:
    bounds = platform.bounds
    if settings.image is not None:
        yield from check_image(view, (*path, "image"), settings.image, platform, given.today)
    size = settings.storage.size if settings.storage else None
    if size is not None and bounds.storage_size is not None and size > bounds.storage_size:
        where = (*path, "storage", "size")
        yield view.tell(_over(view, where, "storage", quantities.format_storage(bounds.storage_size)))
    idle, limits = settings.culling.idle_timeout if settings.culling else None, bounds.idle_timeout
    if idle is None or limits is None:
        return
    where = (*path, "culling", "idleTimeout")
    if limits.max is not None and (idle == "never" or idle > limits.max):
        yield view.tell(_over(view, where, "an idle timeout", quantities.format_duration(limits.max)))
    elif limits.min is not None and idle != "never" and idle < limits.min:
        rule = f"at least {quantities.format_duration(limits.min)} (bounds of the platform)"
        message = f"below the bound {got(view.text(where))}"
        yield view.tell(Fault(Code.OVER_BOUND, message, rule, "choose a longer one", where))


def _check_profile(
    view: FileView[Any],
    path: Path,
    profile: Profile,
    platform: PlatformFile,
    given: Circumstances,
) -> Iterable[Problem]:
    if profile.image is not None:
        yield from check_image(view, (*path, "image"), profile.image, platform, given.today)
    yield from check_override_images(view, (path, profile), platform)
    yield from check_profile_names(view, path, profile, platform.bounds)


def check_overrides(view: FileView[Any], given: Circumstances) -> Iterable[Problem]:
    """Hand every `kubespawnerOverride` of a file to the checker, if there is one."""
    if given.check_override is None or view.part is None:
        return
    for path, profile in _profiles(view.part.profiles):
        for inner, override in profile.overrides():
            if override:
                for fault in given.check_override(thawed(override)):
                    yield view.tell(fault.below((*path, *inner)))


def _check_layers(view: FileView[Any], layers: list[Layer], bounds: Bounds) -> Iterable[Problem]:
    """Check the sizes that the first layer says, and those that it makes contradict each other."""
    for field, bound, show in _BOUNDS:
        said, most = layers[0].says(field), getattr(bounds, bound)
        if said is not None and said.value is not None and most is not None and said.value > most:
            yield view.tell(_over(view, said.path, "a server", show(most)))
    for smaller, larger, show in _PAIRS:
        low, high = first_said(layers, smaller), first_said(layers, larger)
        if low is None or high is None or low.value <= high.value:
            continue
        if smaller != "shared_memory" and layers.index(high.layer) > layers.index(low.layer):
            continue  # A larger guarantee is the limit, where one is said further away only.
        where, other = (low, high) if low.layer.view is view else (high, low)
        relation = ("above", _KEYS[larger]) if where is low else ("below", _KEYS[smaller])
        place = other.layer.view.place(other.path)
        message = f"{relation[0]} {relation[1]} {got(view.text(where.path))}"
        rule = f"{relation[1]} is {show(other.value)} ({place})"
        remedy = "lower this or raise the other" if where is low else "raise this or lower the other"
        yield view.tell(Fault(Code.OUT_OF_RANGE, message, rule, remedy, where.path))


def _over(view: FileView[Any], path: Path, what: str, most: str) -> Fault:
    rule = f"{what} has at most {most} (bounds of the platform)"
    message = f"over the bound {got(view.text(path))}"
    return Fault(Code.OVER_BOUND, message, rule, f"write at most {most!r}", path)


def _check_idle_bounds(view: FileView[PlatformFile], bounds: Bounds) -> Iterable[Problem]:
    limits = bounds.idle_timeout
    if limits and limits.min is not None and limits.max is not None and limits.min > limits.max:
        rule = f"max is {quantities.format_duration(limits.max)}"
        path = ("bounds", "idleTimeout", "min")
        yield view.tell(
            Fault(Code.OUT_OF_RANGE, f"above max {got(view.text(path))}", rule, "swap them", path)
        )
