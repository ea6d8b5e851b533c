"""The plan of one server: everything that shapes it, decided before anything is touched.

Each value comes from the first that says it: the chosen profile with its options, the team, the platform file,
the hub's own configuration (`c.KubeSpawner…`, zero-to-jupyterhub's `singleuser.*`), the built-in default. The
platform's bounds come last and hold for all of them. Pure: the same input gives the same plan and digest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.frozen import digest, freeze, merge
from jupyterhub_knada.servers.homes import HomePlan, MovedFrom, home_claim_name, label_value
from jupyterhub_knada.servers.homes import TEAM_KEY, USER_KEY
from jupyterhub_knada.servers.profile_options import option_overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.errors import Refusal
    from jupyterhub_knada.servers.choices import Choice
    from jupyterhub_knada.servers.offer import Offer
    from jupyterhub_knada.servers.profile_options import OptionValue
    from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam, IdleTimeout
    from jupyterhub_knada.teams.model import PlatformFile
    from jupyterhub_knada.teams.snapshots import Snapshot

BUILT_IN: Final = "built-in default"
HUB: Final = "the hub's configuration"
"""Sources that are no file; see `ServerPlan.sources`."""


@dataclass(frozen=True, slots=True)
class UserFacts:
    """The owner of the server, as far as a plan needs it."""

    name: str
    """As JupyterHub knows it: a lower-case ident."""
    server_name: str = ""
    """Empty: the default server."""
    older_claim_names: tuple[str, ...] = ()
    """What older hubs would have named this person's home, `claim-<ident>` first."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What the hub's own configuration says: the lowest layer."""

    namespace: str
    """The namespace that the hub's servers run in if no team has its own."""
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """KubeSpawner trait name -> value, of every trait in `traits.POD_TRAITS`."""
    explicit: frozenset[str] = frozenset()
    """The traits that the configuration, a group override or a hook sets; the others are upstream's defaults."""

    def said(self, trait: str) -> Any:
        """Give the value of a trait that is set, None of one that is not."""
        return self.values.get(trait) if trait in self.explicit else None


@dataclass(frozen=True, slots=True)
class ResolvedChoice:
    """A checked choice with what it names: the team and the profile as they hold now."""

    team: EffectiveTeam
    profile: EffectiveProfile
    options: Mapping[str, OptionValue]
    platform: PlatformFile | None
    moved_from: MovedFrom | None = None
    """What the team's file acknowledges."""
    inherits_homes: bool = False
    """True for the one team that `homesInheritedBy` names: it finds `claim-<ident>` in the hub's namespace."""


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
    image_pull_secrets: tuple[Any, ...]
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
    """Field, or `field.key` of a mapping -> where its value comes from: `teams/kyrre.yaml:7`, `platform.yaml:12
    defaults`, HUB or BUILT_IN."""

    @property
    def secret_name(self) -> str | None:
        """The resource name of the team's secret; None without a project."""
        return self.env.get("KNADA_TEAM_SECRET")

    @property
    def digest(self) -> str:
        """16 hexadecimal digits, equal for plans that make the same server."""
        return digest({item.name: _plain(getattr(self, item.name)) for item in fields(self) if item.compare})


def resolve_choice(choice: Choice, offer: Offer, snapshot: Snapshot) -> ResolvedChoice:
    """Look up what a choice names. The choice must be one that `parse_choice` made from this offer.

    Raises:
        LookupError: it is not.
    """
    raise NotImplementedError


def build_plan(chosen: ResolvedChoice, user: UserFacts, hub: HubSettings) -> ServerPlan | Refusal:
    """Decide everything about one server.

    Returns:
        The plan, or a refusal where a bound cannot be kept by lowering a value: an image that the platform does
        not allow, an override that cannot be read.
    """
    raise NotImplementedError


def _plain(value: Any) -> Any:
    """Turn the parts of a plan into what the digest takes."""
    if isinstance(value, HomePlan):
        return {
            item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.name != "contact"
        }
    if isinstance(value, MovedFrom):
        return [value.namespace, value.id]
    return value
