"""The models of `platform.yaml` and `teams/*.yaml`: every key, its type, bounds, default and meaning.

They take a file as the loader reads it, scalars as text (`fields`), and are where the JSON Schema and the
reference of the docs come from. Everything a file may hold is importable from here.
"""

# ruff: noqa: TC001, TC003 -- pydantic reads the annotations when the classes are made

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.fields import (
    ContactText,
    CpuCount,
    Day,
    Domain,
    Duration,
    Flag,
    GpuCount,
    GroupNames,
    HostLabel,
    ImageGlobs,
    ImageName,
    ImageReference,
    KeyGlobs,
    LongText,
    MemorySize,
    Namespace,
    NamespaceRule,
    ObjectNames,
    Project,
    PythonVersion,
    SecretId,
    ServiceAccount,
    ShortText,
    Slug,
    StartCount,
    StorageSize,
    TeamId,
    TeamNamespace,
    UserNames,
)
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.options import OptionChoice, ProfileOption, UnlistedChoice
from jupyterhub_knada.teams.profiles import MOST_PROFILES, Profile, Resources, profile_contradictions
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.settings import Culling, Leaving, Settings, Storage, Toleration
from jupyterhub_knada.teams.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Bounds",
    "Culling",
    "Defaults",
    "IdleTimeoutBounds",
    "Leaving",
    "MovedFrom",
    "OptionChoice",
    "PlatformFile",
    "PlatformImage",
    "Profile",
    "ProfileOption",
    "Resources",
    "Settings",
    "Storage",
    "TeamFile",
    "Toleration",
    "UnlistedChoice",
    "Variable",
]

MOST_IMAGES = 200
HARMLESS_RESOURCES = ("*/fuse",)
"""Device plugins offer /dev/fuse under many domains (`github.com/fuse`, `smarter-devices/fuse`,
`squat.ai/fuse`): any number of servers shares it, and nothing is computed on it. Of no other name is it sure:
`*/kvm` is a machine of one's own, `rdma/*` and `*/efa` are cards that a node has few of."""


class MovedFrom(FileModel):
    """Where the team's homes were made, after its namespace or id has changed."""

    namespace: Namespace | None = Field(
        default=None,
        description="The team's namespace before the move.",
        examples=["kyrre-havik-eriksen"],
    )
    id: TeamId | None = Field(
        default=None,
        description="The team's id before the move.",
        examples=["kyrre-1a2b"],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find a move from nowhere."""
        if data.get("namespace") is None and data.get("id") is None:
            rule = "it says what was before the move"
            yield Fault(
                Code.MISSING_KEY, "neither namespace nor id", rule, "add what has changed, or remove the key"
            )


class TeamFile(Settings):
    """One team: `teams/<slug>.yaml`. Only `users` is required, and `namespace` where teams have their own."""

    namespace: TeamNamespace | None = Field(
        default=None,
        description="Namespace of the team's servers and homes, unique. Required, unless the platform has "
        "`namespaces: hub`, which does not use it. A change is a move.",
        examples=["kyrre-havik-eriksen"],
    )
    users: UserNames = Field(
        description="Members, by user name as the provider has it, but for A-Z in lower case.",
        examples=[["e152435"]],
    )
    groups: GroupNames = Field(
        default=(),
        description="Groups whose members are in the team: names or ids, exactly as in the group claim.",
        examples=[["f2816319-7db0-4061-8d0c-5ddbe232d60c"]],
    )
    leads: UserNames = Field(
        default=(),
        description="Members who answer for the team.",
        examples=[["e152435"]],
    )
    ingress: HostLabel | None = Field(
        default=None,
        description="Host of the team's hub below the platform's `domain`; on a shared hub a link to the "
        "spawn page with this team. Unique among the teams.",
        examples=["kyrre"],
    )
    id: TeamId | None = Field(
        default=None,
        description="Immutable id, in labels and in the secret's name; without it the file's name.",
        examples=["kyrre-1a2b"],
    )
    display_name: ShortText | None = Field(
        default=None,
        description="What people see; without it the file's name.",
        examples=["Team Kyrre"],
    )
    description: LongText | None = Field(
        default=None,
        description="A sentence or two for the spawn page.",
        examples=["Analyses of the labour market."],
    )
    contact: ContactText | None = Field(
        default=None,
        description="Whom a person of the team asks; without it the platform's contact.",
        examples=["#team-kyrre"],
    )
    service_account: ServiceAccount | None = Field(
        default=None,
        description="Service account of the servers, made by the admin; unique where teams share a "
        "namespace. Its token is never mounted.",
        examples=["kyrre-1a2b"],
    )
    secret: SecretId | None = Field(
        default=None,
        description="Id of the team's secret in the platform's `project`; without it the team's id. Unique.",
        examples=["kyrre-secrets"],
    )
    profiles: tuple[Profile, ...] = Field(
        default=(),
        description="What members may choose; without any, one profile made of the team's settings.",
        examples=[[{"displayName": "Big", "resources": {"memoryLimit": "32G"}}]],
        max_length=MOST_PROFILES,
    )
    moved_from: MovedFrom | None = Field(
        default=None,
        description="Written by an admin after namespace or id has changed, so that homes are found again.",
        examples=[{"namespace": "kyrre-havik-eriksen"}],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find contradictions of the settings and among the profiles."""
        yield from super().contradictions(data)
        yield from (fault.below(("profiles",)) for fault in profile_contradictions(data.get("profiles")))


class PlatformImage(FileModel):
    """An image that teams refer to by name."""

    name: ImageName = Field(
        description="Name that `image` of a team or profile refers to; no slash and no colon.",
        examples=["python-3.13"],
    )
    image: ImageReference = Field(
        description="The image, with tag or digest.",
        examples=["ghcr.io/example/jupyter:2026-11-01"],
    )
    python: PythonVersion | None = Field(
        default=None,
        description="Python version in the image, for the spawn page.",
        examples=["3.13"],
    )
    end_of_life: Day | None = Field(
        default=None,
        description="Last day of its maintenance; later it is marked, or hidden (`hideEndOfLife`).",
        examples=["2029-10-31"],
    )
    default: Flag = Field(
        default=False,
        description="Whether servers get this image where neither team nor profile names one.",
        examples=[True],
    )


class IdleTimeoutBounds(FileModel):
    """Shortest and longest idle timeout that a team may choose."""

    min: Duration | None = Field(
        default=None,
        description="Shortest idle timeout. Activity is seen with a delay of up to five minutes.",
        examples=["10m"],
    )
    max: Duration | None = Field(
        default=None,
        description="Longest idle timeout; `never` is longer than any.",
        examples=["7d"],
    )


class Bounds(FileModel):
    """What nothing passes: no team, no profile, no choice. A key that is left out bounds nothing."""

    memory_limit: MemorySize | None = Field(
        default=None,
        description="Most memory of one server.",
        examples=["64GB"],
    )
    cpu_limit: CpuCount | None = Field(
        default=None,
        description="Most CPUs of one server.",
        examples=["16"],
    )
    gpu: GpuCount | None = Field(
        default=None,
        description="Most GPUs of one server, 0 for none; devices of all kinds together, but for "
        "`harmlessResources`.",
        examples=[1],
    )
    harmless_resources: KeyGlobs = Field(
        default=HARMLESS_RESOURCES,
        description="Devices that the bound `gpu` is not for, `*` standing for any text; replaces the "
        "default `*/fuse`.",
        examples=[["*/fuse", "rdma/*"]],
    )
    storage_size: StorageSize | None = Field(
        default=None,
        description="Largest home of one person.",
        examples=["100Gi"],
    )
    idle_timeout: IdleTimeoutBounds | None = Field(
        default=None,
        description="Shortest and longest idle timeout.",
        examples=[{"min": "10m", "max": "7d"}],
    )
    images: ImageGlobs | None = Field(
        default=None,
        description="Images that may be started, `*` standing for any text; platform images may always be.",
        examples=[["ghcr.io/example/*"]],
    )
    require_image_tag: Flag = Field(
        default=False,
        description="Whether an image must have a tag or digest.",
        examples=[True],
    )
    labels: KeyGlobs | None = Field(
        default=None,
        description="Labels that files may set, `*` standing for any text; the platform's own stay reserved.",
        examples=[["cost-center", "example.org/*"]],
    )
    annotations: KeyGlobs | None = Field(
        default=None,
        description="Annotations that files may set, `*` standing for any text; the platform's own stay "
        "reserved.",
        examples=[["example.org/*"]],
    )
    runtime_classes: ObjectNames = Field(
        default=(),
        description="Runtime classes that profiles may name in `extra_pod_config.runtimeClassName`.",
        examples=[["nvidia"]],
    )


class Defaults(Settings):
    """What holds for a team that does not say otherwise."""


class PlatformFile(FileModel):
    """What applies to all teams: `platform.yaml`. Every key is optional."""

    project: Project | None = Field(
        default=None,
        description="Google Cloud project of the teams' secrets; without it KNADA_TEAM_SECRET is unset.",
        examples=["knada-gcp"],
    )
    domain: Domain | None = Field(
        default=None,
        description="Domain of the teams' hubs; a team's `ingress` before it is its hub's address.",
        examples=["jupyter.example.org"],
    )
    contact: ContactText | None = Field(
        default=None,
        description="Whom a person asks who is refused.",
        examples=["#knada"],
    )
    namespaces: NamespaceRule = Field(
        default="team",
        description="`team`: each team's servers run in its namespace. `hub`: all in the hub's own.",
        examples=["team"],
    )
    images: tuple[PlatformImage, ...] = Field(
        default=(),
        description="Images that teams refer to by name.",
        examples=[[{"name": "python-3.13", "image": "ghcr.io/example/jupyter:2026-11-01", "default": True}]],
        max_length=MOST_IMAGES,
    )
    hide_end_of_life: Flag = Field(
        default=False,
        description="Whether profiles with an image past its end of life are hidden, not only marked.",
        examples=[True],
    )
    defaults: Defaults = Field(
        default_factory=Defaults,
        description="Settings for teams that do not say otherwise.",
        examples=[{"memoryLimit": "2GB", "culling": {"idleTimeout": "1h"}}],
    )
    bounds: Bounds = Field(
        default_factory=Bounds,
        description="What nothing passes.",
        examples=[{"memoryLimit": "64GB", "cpuLimit": "16"}],
    )
    profiles: tuple[Profile, ...] = Field(
        default=(),
        description="Profiles that every team is offered beside its own.",
        examples=[[{"displayName": "Standard"}]],
        max_length=MOST_PROFILES,
    )
    leaving: Leaving = Field(
        default_factory=Leaving,
        description="When servers of people who have left their team are stopped, and what counts as left.",
        examples=[{"grace": "15m", "claimAge": "7d"}],
    )
    one_team_at_a_time: Flag = Field(
        default=True,
        description="Whether a person's servers of two teams never run at once: they would share one address "
        "in the browser.",
        examples=[False],
    )
    concurrent_starts_per_team: StartCount | None = Field(
        default=None,
        description="How many servers of one team may start at once; without it half of the hub's "
        "`concurrent_spawn_limit`, at least one.",
        examples=[10],
    )
    homes_inherited_by: Slug | None = Field(
        default=None,
        description="Slug of the one team that inherits the homes of an older hub in this namespace.",
        examples=["kyrre"],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find profiles that contradict each other, and images with the same name or two defaults."""
        yield from (fault.below(("profiles",)) for fault in profile_contradictions(data.get("profiles")))
        names: dict[str, int] = {}
        default: int | None = None
        images = data.get("images")
        for index, image in enumerate(images if isinstance(images, list) else ()):
            if not isinstance(image, dict):
                continue
            name = image.get("name")
            if isinstance(name, str) and names.setdefault(name, index) != index:
                rule = f"image {names[name] + 1} of this list has it"
                yield Fault(
                    Code.LISTED_TWICE,
                    f"a name twice {got(name)}",
                    rule,
                    "rename one",
                    ("images", index, "name"),
                )
            if str(image.get("default", "")).lower() == "true":
                if default is not None:
                    rule = f"image {default + 1} of this list is the default already"
                    path = ("images", index, "default")
                    yield Fault(Code.BAD_IMAGE_LIST, "a second default", rule, "keep one", path)
                default = index if default is None else default
