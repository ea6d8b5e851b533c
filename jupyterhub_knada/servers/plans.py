"""The plan of one server: everything that shapes it, decided before anything is touched.

Each value comes from the first that says it: the chosen profile with its options, the team, the platform
file, the hub's own configuration (`c.KubeSpawner…`, zero-to-jupyterhub's `singleuser.*`), the built-in
default. The platform's bounds come last and hold for all of them. Pure: the same input gives the same plan
and digest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.servers.frozen import digest, freeze
from jupyterhub_knada.servers.home_plans import decide_home
from jupyterhub_knada.servers.homes import HomePlan, MovedFrom
from jupyterhub_knada.servers.identity import (
    SECRET_VARIABLE,
    decide_annotations,
    decide_env,
    decide_labels,
    sources_of_team,
)
from jupyterhub_knada.servers.layers import (
    BUILT_IN,
    CAPPED,
    Layers,
    check_environment,
    check_laid,
    check_team_names,
    lay_overrides,
)
from jupyterhub_knada.servers.plan_inputs import HubSettings, ResolvedChoice, UserFacts, resolve_choice
from jupyterhub_knada.servers.sizes import decide_sizes
from jupyterhub_knada.teams.effective import Sourced
from jupyterhub_knada.teams.image_bounds import refuse_image
from jupyterhub_knada.teams.model import Bounds
from jupyterhub_knada.teams.names import reserved_annotation, reserved_label
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.servers.adjustments import Adjustment
    from jupyterhub_knada.servers.profile_options import OptionValue
    from jupyterhub_knada.servers.sizes import Sizes
    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam, IdleTimeout, Interface

__all__ = [
    "HubSettings",
    "ResolvedChoice",
    "ServerPlan",
    "UserFacts",
    "build_plan",
    "decide_idle_timeout",
    "resolve_choice",
]

IDLE_TIMEOUT: Final = 3600
"""Seconds, where nothing is said; as the hubs before this one."""
INTERFACE_URLS: Final[Mapping[Interface, str]] = {
    "lab": "/lab",
    "notebook": "/tree",
    "rstudio": "/rstudio",
    "vscode": "/vscode",
}
"""Where each interface is found in an image that has it."""

LONGEST_SERVER_NAME: Final = 253
"""Bytes in UTF-8 of what a member names a server, as many as a name has in Kubernetes.

JupyterHub 6 makes no name longer than 30; JupyterHub 5 takes any length, in any letters, and KubeSpawner
works it out anew for each text that it fills in.
"""

_IN_FIELDS: Final = frozenset(
    {
        "image",
        "mem_limit",
        "mem_guarantee",
        "cpu_limit",
        "cpu_guarantee",
        "extra_resource_limits",
        "extra_resource_guarantees",
        "default_url",
    }
)
"""What an override may say and a field of the plan stands for; the rest stays in `ServerPlan.override`."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Everything that shapes one server. Nothing in it can be changed."""

    user: str
    server_name: str
    team: str
    """The team's slug."""
    team_id: str
    profile: str
    """The profile's slug."""
    options: Mapping[str, str]
    """What was chosen for the profile's options; an own text as `<option>--unlisted-choice`."""
    namespace: str
    image: str | None
    """None: neither a file nor the hub says one; KubeSpawner's default image starts."""
    image_pull_secrets: tuple[str, ...] | None
    """None: the hub's own."""
    memory_limit: int
    """Bytes, as are `memory_guarantee` and `shared_memory`."""
    memory_guarantee: int | None
    cpu_limit: int
    """Millicores, as is `cpu_guarantee`."""
    cpu_guarantee: int | None
    resource_limits: Mapping[str, str | int]
    """Limits of other resources, GPUs among them, by Kubernetes' names."""
    resource_guarantees: Mapping[str, str | int]
    shared_memory: int | None
    """Size of /dev/shm; None: the container runtime's own."""
    default_url: str
    idle_timeout: IdleTimeout
    """Seconds; what the culler uses where the team's file is gone."""
    env: Mapping[str, str]
    """The team's variables and KNADA_TEAM_SECRET, exactly as the server gets them."""
    labels: Mapping[str, str]
    """The labels that the platform relies on; nothing overrides them."""
    annotations: Mapping[str, str]
    """The annotations that the platform relies on; nothing overrides them."""
    team_labels: Mapping[str, str]
    team_annotations: Mapping[str, str]
    service_account: str | None
    node_selector: Mapping[str, str]
    """The team's; laid over the hub's."""
    tolerations: tuple[Mapping[str, Any], ...]
    """The team's; beside the hub's."""
    home: HomePlan | None
    """None: no home is mounted."""
    override: Mapping[str, Any]
    """What is left of `kubespawnerOverride`: KubeSpawner traits that no field above stands for."""
    sources: Mapping[str, str] = field(compare=False)
    """Field, or `field.key` of a mapping, or trait of the override -> where its value comes from:
    `teams/kyrre.yaml:7`, `platform.yaml:12 defaults`, HUB or BUILT_IN."""
    adjustments: tuple[Adjustment, ...] = field(default=(), compare=False)
    """What a file says of the size and this server gets otherwise, for `check` to report."""

    @property
    def secret_name(self) -> str | None:
        """The resource name of the team's secret; None without a project."""
        return self.env.get(SECRET_VARIABLE)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, equal for plans that make the same server."""
        return digest({item.name: _plain(getattr(self, item.name)) for item in fields(self) if item.compare})


def build_plan(chosen: ResolvedChoice, user: UserFacts, hub: HubSettings) -> ServerPlan | Refusal:
    """Decide everything about one server.

    Returns:
        The plan, or a refusal where a bound cannot be kept by lowering a value: an image that the platform
        does not allow, an override that cannot be read.
    """
    try:
        return _build(chosen, user, hub)
    except RefusedError as refused:
        return refused.refusal


def _build(chosen: ResolvedChoice, user: UserFacts, hub: HubSettings) -> ServerPlan:
    _check_server_name(user.server_name)
    _check_namespace(chosen.team, hub)
    bounds = chosen.platform.bounds if chosen.platform is not None else Bounds()
    check_team_names(chosen.team, bounds)
    overrides = lay_overrides(chosen.profile, chosen.options)
    check_laid(overrides, hub, bounds)
    check_environment(decide_env(chosen.team), overrides, hub)
    layers = Layers(overrides, hub)
    sizes = decide_sizes(chosen.profile, layers, bounds)
    image = _decide_image(chosen, layers)
    default_url = _decide_default_url(chosen.profile, layers)
    idle_timeout = decide_idle_timeout(chosen.team, bounds)
    home, home_sources = decide_home(chosen, user, hub, bounds)
    left = {trait: value for trait, value in overrides.values.items() if trait not in _IN_FIELDS}
    sources = {
        **sources_of_team(chosen.team),
        **_sources_of_sizes(sizes),
        **home_sources,
        **{trait: overrides.sources[trait] for trait in left},
        **({"image": image.source} if image else {}),
        "default_url": default_url.source,
        "idle_timeout": idle_timeout.source,
    }
    return ServerPlan(
        user=user.name,
        server_name=user.server_name,
        profile=chosen.profile.slug,
        options=freeze(_stored_options(chosen.options)),
        image=image.value if image else None,
        default_url=default_url.value,
        idle_timeout=idle_timeout.value,
        home=home,
        override=freeze(left),
        sources=freeze(sources),
        adjustments=sizes.adjustments,
        **_fields_of_sizes(sizes),
        **_fields_of_team(chosen.team, user, hub),
    )


def _check_server_name(name: str) -> None:
    """Keep a name out that is a text of its own.

    Raises:
        RefusedError: TEXT_TOO_LONG.
    """
    length = len(name.encode(errors="surrogatepass"))
    if length <= LONGEST_SERVER_NAME:
        return
    message = f"The name of this server has {length} bytes; at most {LONGEST_SERVER_NAME} are allowed."
    raise RefusedError(Refusal(Code.TEXT_TOO_LONG, message, "Give it a shorter name.", status=400))


def _check_namespace(team: EffectiveTeam, hub: HubSettings) -> None:
    """Keep a team of many out of the hub's own namespace, where the hub's secrets and identities are.

    Raises:
        RefusedError: NAMESPACE_OF_HUB.
    """
    if team.namespace is None or team.namespace != hub.namespace or hub.only_team == team.slug:
        return
    message = (
        f"Team {quoted(team.slug)} names the namespace {quoted(team.namespace)}, which is the hub's own; "
        "where each team has its own, no team runs in the hub's."
    )
    whom = team.contact or "whoever keeps the team's file"
    remedy = f"Ask {whom} to name the team's own namespace."
    raise RefusedError(Refusal(Code.NAMESPACE_OF_HUB, message, remedy, status=409))


def _fields_of_sizes(sizes: Sizes) -> dict[str, Any]:
    return {
        "memory_limit": sizes.memory_limit.value,
        "memory_guarantee": _value(sizes.memory_guarantee),
        "cpu_limit": sizes.cpu_limit.value,
        "cpu_guarantee": _value(sizes.cpu_guarantee),
        "resource_limits": freeze(sizes.devices.limits),
        "resource_guarantees": freeze(sizes.devices.guarantees),
        "shared_memory": _value(sizes.shared_memory),
    }


def _fields_of_team(team: EffectiveTeam, user: UserFacts, hub: HubSettings) -> dict[str, Any]:
    labels = {key: label.value for key, label in team.labels.items() if not reserved_label(key)}
    notes = {key: note.value for key, note in team.annotations.items() if not reserved_annotation(key)}
    return {
        "team": team.slug,
        "team_id": team.id,
        "namespace": team.namespace if team.namespace is not None else hub.namespace,
        "image_pull_secrets": team.image_pull_secrets.value if team.image_pull_secrets else None,
        "env": freeze(decide_env(team)),
        "labels": freeze(decide_labels(team, user)),
        "annotations": freeze(decide_annotations(team, user)),
        "team_labels": freeze(labels),
        "team_annotations": freeze(notes),
        "service_account": team.service_account,
        "node_selector": freeze({key: label.value for key, label in team.node_selector.items()}),
        "tolerations": freeze(team.tolerations.value) if team.tolerations else (),
    }


def _decide_image(chosen: ResolvedChoice, layers: Layers) -> Sourced[str] | None:
    """Decide the image, which must be within the bounds whoever says it: it cannot be lowered.

    Raises:
        RefusedError: BAD_IMAGE, IMAGE_NOT_ALLOWED or IMAGE_WITHOUT_TAG.
    """
    image = layers.find("image", _read_image, chosen.profile.image)
    if image is None and (default := layers.hub.values.get("image")):
        image = Sourced(default, BUILT_IN)
    if image is None:
        return None
    refusal = refuse_image(image.value, chosen.platform, chosen.profile.slug, chosen.team.contact)
    if refusal is not None:
        raise RefusedError(refusal)
    return image


def _decide_default_url(profile: EffectiveProfile, layers: Layers) -> Sourced[str]:
    interface = profile.interface
    url = Sourced(INTERFACE_URLS[interface.value], interface.source) if interface is not None else None
    return layers.pick("default_url", _read_text, url, INTERFACE_URLS["lab"])


def decide_idle_timeout(team: EffectiveTeam, bounds: Bounds | None) -> Sourced[IdleTimeout]:
    """Decide when an idle server of a team is stopped; `never` counts as longer than any bound."""
    timeout: Sourced[IdleTimeout] = team.idle_timeout or Sourced(IDLE_TIMEOUT, BUILT_IN)
    least = bounds.idle_timeout.min if bounds and bounds.idle_timeout else None
    most = bounds.idle_timeout.max if bounds and bounds.idle_timeout else None
    if most is not None and (timeout.value == "never" or timeout.value > most):
        return Sourced(most, timeout.source + CAPPED)
    if least is not None and timeout.value != "never" and timeout.value < least:
        return Sourced(least, timeout.source + CAPPED)
    return timeout


def _stored_options(options: Mapping[str, OptionValue]) -> dict[str, str]:
    return {
        f"{name}--unlisted-choice" if chosen.is_unlisted else name: chosen.value
        for name, chosen in options.items()
    }


def _sources_of_sizes(sizes: Sizes) -> dict[str, str]:
    names = ("memory_limit", "memory_guarantee", "cpu_limit", "cpu_guarantee", "shared_memory")
    sources = {name: value.source for name in names if (value := getattr(sizes, name)) is not None}
    return sources | ({"resource_limits": sizes.devices.source} if sizes.devices.source else {})


def _value(value: Sourced[int] | None) -> int | None:
    return None if value is None else value.value


def _read_text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _read_image(value: Any) -> str | None:
    found = _read_text(value)
    return found.strip() or None if found is not None else None


def _plain(value: Any) -> Any:
    """Turn the parts of a plan into what the digest takes."""
    if isinstance(value, HomePlan):
        return {
            item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.name != "contact"
        }
    if isinstance(value, MovedFrom):
        return [value.namespace, value.id]
    return value
