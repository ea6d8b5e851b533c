"""What holds for a team and each of its profiles: platform file, team file and profile in one, with sources.

Each value comes from the first that says it: profile, team, the platform file's defaults. What none of them
says is None here; the hub's own configuration and the built-in defaults decide it later (`servers.plans`).

How the levels meet, key by key:

* A single value (memory, CPU, image, interface, class, idle timeout …) replaces the lower one; an explicit
  `null` ends the search, so that it unsets a platform default.
* A mapping (`env` with `extraEnvs`, `labels`, `annotations`, `nodeSelector`) is merged name by name onto the
  platform's; `null` for a name, or for the whole mapping, drops what the platform says.
* A list (`allowlist`, `imagePullSecrets`, `tolerations`) replaces the platform's: a team can shorten a list
  of hosts only if what it writes is what holds. An empty list is a list.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from jupyterhub_knada.teams.levels import Level, Place, Sourced, find, merge
from jupyterhub_knada.teams.secret_names import team_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jupyterhub_knada.teams.loading import LoadedPlatform, LoadedTeam
    from jupyterhub_knada.teams.model import PlatformImage, Profile, ProfileOption, TeamFile

__all__ = [
    "EffectiveProfile",
    "EffectiveTeam",
    "IdleTimeout",
    "Interface",
    "Sourced",
    "effective_team",
    "pin_images",
]

_SaysImage = TypeVar("_SaysImage", "TeamFile", "Profile")

IdleTimeout = int | Literal["never"]
"""Seconds, or `never`: the server is not stopped for being idle."""

Interface = Literal["lab", "notebook", "rstudio", "vscode"]


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
    allowed_groups: tuple[str, ...] | None = None
    """Whom it may be offered to; None: to all. Its options and their choices have their own."""
    place: Place | None = field(default=None, compare=False)
    """The same for programs."""


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


DEFAULT_PROFILE: Final = "default"
"""Slug of the one profile that is made of a team's settings where no file has profiles."""

_UNNAMED_PLATFORM: Final = "platform.yaml"


def effective_team(platform: LoadedPlatform, team: LoadedTeam) -> EffectiveTeam:
    """Join the platform's file and a team's file to what holds. Pure; equal input gives equal output.

    Args:
        platform: What `Snapshot.platform` holds; without a platform file it is one that says nothing.
        team: A team whose file holds.
    """
    own = Level(team.team, team.file, team.positions)
    levels = (own, _defaults(platform))
    facts = _facts(platform, team, own)
    return EffectiveTeam(
        slug=team.slug,
        id=facts["id"].value,
        namespace=facts["namespace"].value,
        display_name=facts["display_name"].value,
        description=team.team.description or "",
        contact=facts["contact"].value,
        ingress=facts["ingress"].value,
        service_account=facts["service_account"].value,
        secret_name=facts["secret_name"].value,
        env=merge(levels, "extra_envs", "env"),
        labels=merge(levels, "labels"),
        annotations=merge(levels, "annotations"),
        node_selector=merge(levels, "node_selector"),
        allowlist=find(levels, ("allowlist",)),
        image_pull_secrets=find(levels, ("image_pull_secrets",)),
        tolerations=_tolerations(levels),
        storage_size=find(levels, ("storage", "size")),
        storage_class=find(levels, ("storage", "class_")),
        storage_none=find(levels, ("storage", "none")),
        idle_timeout=find(levels, ("culling", "idle_timeout")),
        profiles=tuple(_profiles(platform, team, levels)),
        sources=MappingProxyType(
            {name: fact.source for name, fact in facts.items() if fact.value is not None}
        ),
    )


def _defaults(platform: LoadedPlatform) -> Level:
    """Give the lowest level: what the platform's file says for all teams."""
    file = platform.file or _UNNAMED_PLATFORM
    return Level(platform.platform.defaults, file, platform.positions, ("defaults",), " defaults")


def _facts(platform: LoadedPlatform, team: LoadedTeam, own: Level) -> Mapping[str, Sourced[Any]]:
    """Give the facts of a team that no profile changes; a value of None: no file says it."""
    top = Level(platform.platform, platform.file or _UNNAMED_PLATFORM, platform.positions)
    by_name = Sourced(team.slug, f"the name of {team.file}")
    in_hub = platform.platform.namespaces == "hub"
    team_id = find([own], ("id",)) or by_name
    secret = find([own], ("secret",)) or team_id
    said = {
        "id": team_id,
        "namespace": None if in_hub else find([own], ("namespace",)),
        "display_name": find([own], ("display_name",)) or by_name,
        "contact": find([own, top], ("contact",)),
        "ingress": find([own], ("ingress",)),
        "service_account": find([own], ("service_account",)),
        "secret_name": Sourced(team_secret_name(platform.platform.project, secret.value), secret.source),
    }
    return {name: fact or Sourced(None, "") for name, fact in said.items()}


def _tolerations(levels: Sequence[Level]) -> Sourced[tuple[Mapping[str, Any], ...]] | None:
    said = find(levels, ("tolerations",))
    return said and Sourced(tuple(toleration.to_kubernetes() for toleration in said.value), said.source)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A profile before its levels are joined."""

    slug: str
    display_name: str
    description: str
    options: Mapping[str, ProfileOption]
    override: Mapping[str, Any]
    source: str
    place: Place
    is_marked: bool
    """Whether its file says that it is the default."""
    levels: tuple[Level, ...]
    allowed_groups: tuple[str, ...] | None = None


def _profiles(
    platform: LoadedPlatform, team: LoadedTeam, levels: tuple[Level, ...]
) -> Iterator[EffectiveProfile]:
    """Give the team's own profiles, then those of the platform whose slugs are not taken."""
    file = platform.file or _UNNAMED_PLATFORM
    own = _drafts(team.team.profiles, Level(team.team, team.file, team.positions), levels)
    shared = _drafts(platform.platform.profiles, Level(platform.platform, file, platform.positions), levels)
    drafts: dict[str, _Draft] = {}
    for draft in (*own, *shared):
        drafts.setdefault(draft.slug, draft)
    if not drafts:
        drafts[DEFAULT_PROFILE] = _team_as_draft(team, levels)
    marked = next((draft.slug for draft in drafts.values() if draft.is_marked), next(iter(drafts)))
    for draft in drafts.values():
        yield _join(platform, draft, is_default=draft.slug == marked)


def _drafts(profiles: Iterable[Profile], file: Level, levels: tuple[Level, ...]) -> Iterator[_Draft]:
    for index, profile in enumerate(profiles):
        level = Level(profile, file.file, file.positions, ("profiles", index))
        yield _Draft(
            slug=profile.slug,
            display_name=profile.display_name,
            description=profile.description or "",
            options=profile.options,
            override=profile.kubespawner_override,
            source=level.place(),
            place=Place(level.file, level.path),
            is_marked=profile.default,
            levels=(level, *levels),
            allowed_groups=profile.allowed_groups,
        )


def _team_as_draft(team: LoadedTeam, levels: tuple[Level, ...]) -> _Draft:
    """Make the one profile of a team where no file has any."""
    return _Draft(
        slug=DEFAULT_PROFILE,
        display_name=team.team.display_name or team.slug,
        description=team.team.description or "",
        options=MappingProxyType({}),
        override=MappingProxyType({}),
        source=team.file,
        place=Place(team.file, ()),
        is_marked=True,
        levels=levels,
    )


def _join(platform: LoadedPlatform, draft: _Draft, *, is_default: bool) -> EffectiveProfile:
    levels = draft.levels
    image, image_info = _image(platform, levels)
    return EffectiveProfile(
        slug=draft.slug,
        display_name=draft.display_name,
        description=draft.description,
        is_default=is_default,
        image=image,
        image_info=image_info,
        memory_limit=find(levels, ("memory_limit",), ("resources", "memory_limit")),
        memory_guarantee=find(levels, ("resources", "memory_guarantee")),
        cpu_limit=find(levels, ("cpu_limit",), ("resources", "cpu_limit")),
        cpu_guarantee=find(levels, ("resources", "cpu_guarantee")),
        gpu=find(levels, ("resources", "gpu")),
        shared_memory=find(levels, ("resources", "shared_memory")),
        interface=_interface(levels),
        options=draft.options,
        override=draft.override,
        source=draft.source,
        allowed_groups=draft.allowed_groups,
        place=draft.place,
    )


def _interface(levels: Sequence[Level]) -> Sourced[Interface] | None:
    said = find(levels, ("interface",), ("jupyter_labs",))
    if said is None or not isinstance(said.value, bool):
        return said
    return Sourced("lab" if said.value else "notebook", said.source, said.place)


def _image(
    platform: LoadedPlatform, levels: Sequence[Level]
) -> tuple[Sourced[str] | None, PlatformImage | None]:
    """Give the image as a full reference, and the platform's image that it is, if it is one."""
    images = platform.platform.images
    default = next((Sourced(image.name, "") for image in images if image.default), None)
    said = find(levels, ("image",), otherwise=default)
    if said is None:
        return None, None
    for index, image in enumerate(images):
        if said.value in {image.name, image.image}:
            place = f"{platform.file or _UNNAMED_PLATFORM}:{platform.positions.at(('images', index))[0]}"
            named = f"image {image.name} of {place}"
            source = f"{said.source}, {named}" if said.source else named
            return Sourced(image.image, source, said.place), image
    return said, None


def pin_images(team: LoadedTeam, platform: LoadedPlatform) -> LoadedTeam:
    """Give the same team with full references in place of the names of platform images.

    For a team that is served as it last held while the platform's file moves on: a name that the platform has
    dropped since would be read as an image of somebody else's registry.
    """
    references = {image.name: image.image for image in platform.platform.images}
    profiles = tuple(_pinned(profile, references) for profile in team.team.profiles)
    pinned = _pinned(team.team, references)
    return replace(team, team=pinned.model_copy(update={"profiles": profiles}) if profiles else pinned)


def _pinned(says: _SaysImage, references: Mapping[str, str]) -> _SaysImage:
    if says.image is None or says.image not in references:
        return says
    return says.model_copy(update={"image": references[says.image]})
