"""What holds for a team and each of its profiles: platform file, team file and profile made one, with sources.

Each value comes from the first that says it: profile, team, the platform file's defaults. What none of them says
is None here; the hub's own configuration and the built-in defaults decide it later (`servers.plans`).

How the levels meet, key by key:

* A single value (memory, CPU, image, interface, class, idle timeout …) replaces the lower one; an explicit `null`
  ends the search, so that it unsets a platform default.
* A mapping (`env` with `extraEnvs`, `labels`, `annotations`, `nodeSelector`) is merged name by name onto the
  platform's; `null` for the whole mapping drops the platform's.
* A list (`allowlist`, `imagePullSecrets`, `tolerations`) replaces the platform's: a team can only shorten a list
  of hosts if what it writes is what holds. An empty list is a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.loading import LoadedPlatform, LoadedTeam
    from jupyterhub_knada.teams.model import PlatformImage, ProfileOption

T = TypeVar("T", covariant=True)

IdleTimeout = int | Literal["never"]
"""Seconds, or `never`: the server is not stopped for being idle."""

Interface = Literal["lab", "notebook", "rstudio", "vscode"]


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A value and the place that says it."""

    value: T
    source: str
    """For people: `teams/kyrre.yaml:7`, `platform.yaml:12 defaults`."""


@dataclass(frozen=True, slots=True)
class EffectiveProfile:
    """One profile of one team, with everything that its team and the platform add. None: no file says it."""

    slug: str
    display_name: str
    description: str
    is_default: bool
    """True for exactly one profile of a team."""
    image: Sourced[str] | None
    """A full image reference, never the name of a platform image."""
    image_info: PlatformImage | None
    """The platform image that `image` was named by or equals: its Python version and end of life."""
    memory_limit: Sourced[int] | None
    """Bytes, as are `memory_guarantee` and `shared_memory`."""
    memory_guarantee: Sourced[int] | None
    cpu_limit: Sourced[int] | None
    """Millicores, as is `cpu_guarantee`."""
    cpu_guarantee: Sourced[int] | None
    gpu: Sourced[int] | None
    shared_memory: Sourced[int] | None
    interface: Sourced[Interface] | None
    options: Mapping[str, ProfileOption]
    override: Mapping[str, Any]
    """The profile's `kubespawnerOverride`, as written."""
    source: str
    """Where the profile stands; of a profile made of the team's settings: the team's file."""


@dataclass(frozen=True, slots=True)
class EffectiveTeam:
    """One team as the platform serves it. None: no file says it."""

    slug: str
    id: str
    namespace: str | None
    """None: the hub's own namespace."""
    display_name: str
    description: str
    contact: str | None
    """The team's contact, else the platform's."""
    ingress: str | None
    service_account: str | None
    secret_name: str | None
    """`projects/<project>/secrets/<secret or id>`, the value of KNADA_TEAM_SECRET; None without a project."""
    env: Mapping[str, Sourced[str]]
    labels: Mapping[str, Sourced[str]]
    annotations: Mapping[str, Sourced[str]]
    node_selector: Mapping[str, Sourced[str]]
    allowlist: Sourced[tuple[str, ...]] | None
    image_pull_secrets: Sourced[tuple[str, ...]] | None
    tolerations: Sourced[tuple[Mapping[str, Any], ...]] | None
    storage_size: Sourced[int] | None
    """Bytes."""
    storage_class: Sourced[str] | None
    storage_none: Sourced[bool] | None
    """True: no home is mounted."""
    idle_timeout: Sourced[IdleTimeout] | None
    profiles: tuple[EffectiveProfile, ...]
    """At least one; the team's own first, then the platform's."""
    sources: Mapping[str, str]
    """Where the plain fields above come from: field name -> place; a field that no file says is absent."""


def effective_team(platform: LoadedPlatform | None, team: LoadedTeam) -> EffectiveTeam:
    """Join a platform file and a team file to what holds. Pure; equal input gives equal output.

    Args:
        platform: None where there is no platform file: nothing is defaulted or named by it.
        team: A team whose file holds.
    """
    raise NotImplementedError
