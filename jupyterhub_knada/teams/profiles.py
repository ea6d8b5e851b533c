"""Profiles, in our spelling and in the one of KubeSpawner and zero-to-jupyterhub."""

# ruff: noqa: TC003 -- pydantic reads the annotations when the classes are made

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field
from slugify import slugify

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.fields import (
    CpuCount,
    EntryName,
    Flag,
    GpuCount,
    GroupNames,
    Image,
    Interface,
    LongText,
    MemorySize,
    Override,
    ShortText,
    nothing,
)
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.options import ProfileOption, is_marked_default, two_spellings
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.teams.faults import Path

_LONGEST_SLUG = 63
RESERVED_OPTIONS = frozenset({"team", "profile"})
"""Names that a start's options use themselves."""
UNLISTED_SUFFIX = "--unlisted-choice"
"""What an option's name has behind it where a start gives a value that no choice lists, as in KubeSpawner."""


class Resources(FileModel):
    """The size of a server. `memoryLimit` and `cpuLimit` may also stand directly in a team file."""

    memory_limit: MemorySize | None = Field(
        default=None,
        description="Memory a server may use. `10G`, `10GB` and `10Gi` are the same.",
        examples=["10G", "512M"],
    )
    memory_guarantee: MemorySize | None = Field(
        default=None,
        description="Memory kept free for a server on its node; at most the limit.",
        examples=["4G"],
    )
    cpu_limit: CpuCount | None = Field(
        default=None,
        description="CPUs a server may use; more is slowed down, not stopped.",
        examples=["0.5", "500m", "2"],
    )
    cpu_guarantee: CpuCount | None = Field(
        default=None,
        description="CPUs kept free for a server on its node; at most the limit.",
        examples=["0.2"],
    )
    gpu: GpuCount | None = Field(
        default=None,
        description="GPUs of a server.",
        examples=[1],
    )
    shared_memory: MemorySize | None = Field(
        default=None,
        description="Size of /dev/shm, which programs share data through; part of the memory limit.",
        examples=["1G"],
    )


class Profile(FileModel):
    """One kind of server that a person may choose."""

    other_spellings: ClassVar[Mapping[str, str]] = {
        "display_name": "displayName",
        "allowed_groups": "allowedGroups",
        "kubespawner_override": "kubespawnerOverride",
        "profile_options": "options",
    }

    slug: EntryName = Field(
        default="",
        description="Name in links, the REST API and saved choices; without it made from displayName.",
        examples=["big"],
    )
    display_name: ShortText = Field(
        description="What the spawn page shows. Untrusted text: shown as it is, never as HTML.",
        examples=["Big"],
    )
    description: LongText | None = Field(
        default=None,
        description="A sentence or two below the name.",
        examples=["For data that does not fit into the standard size."],
    )
    image: Image | None = Field(
        default=None,
        description="Image of the server: the name of a platform image, or a reference with tag or digest.",
        examples=["python-3.13", "ghcr.io/example/jupyter:2026-11-01"],
    )
    resources: Resources | None = Field(
        default=None,
        description="Size of the server; what it leaves out the team and the platform decide.",
        examples=[{"memoryLimit": "32G", "cpuLimit": "4"}],
    )
    interface: Interface | None = Field(
        default=None,
        description="What a started server opens with.",
        examples=["lab"],
    )
    default: Flag = Field(
        default=False,
        description="Whether this profile is selected at first; without one the first is.",
        examples=[True],
    )
    allowed_groups: GroupNames | None = Field(
        default=None,
        description="Whom the profile is offered to, by team slug, or group of the claim; absent: to all.",
        examples=[["gpu-users"]],
    )
    options: Annotated[
        Mapping[EntryName, ProfileOption],
        AfterValidator(MappingProxyType),
    ] = Field(
        default_factory=nothing,
        description="What may be chosen within the profile, by name.",
        examples=[{"cpus": {"choices": {"two": {"kubespawnerOverride": {"cpu_limit": 2}}}}}],
        max_length=50,
    )
    kubespawner_override: Override = Field(
        default_factory=nothing,
        description="Further settings of KubeSpawner, by trait name; checked when the file is loaded.",
        examples=[{"extra_resource_limits": {"nvidia.com/gpu": "1"}}],
    )

    @classmethod
    def completed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Add the slug where the file leaves it out, as KubeSpawner would make it."""
        name = data.get("displayName")
        slug = slugify(name, max_length=_LONGEST_SLUG) if isinstance(name, str) else ""
        return {"slug": slug} | data if slug else data

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find one setting in two spellings, and options whose names mean something else."""
        yield from two_spellings(cls, data)
        name = data.get("displayName", data.get("display_name"))
        if "slug" not in data and isinstance(name, str) and name.strip() and not slugify(name):
            message, rule = f"no slug can be made of the name {got(name)}", "a slug has letters or digits"
            yield Fault(Code.BAD_PROFILE, message, rule, "add 'slug: …'", ("displayName",))
        for key in ("options", "profile_options"):
            options = data.get(key)
            for name in options if isinstance(options, dict) else ():
                if name in RESERVED_OPTIONS or name.endswith(UNLISTED_SUFFIX):
                    message, rule = (
                        f"an option's name {got(name)}",
                        "a start itself has 'team', 'profile' and '…--unlisted-choice'",
                    )
                    yield Fault(Code.BAD_PROFILE, message, rule, "rename it", (key, name), at_key=True)

    def allowed_names(self) -> Iterable[str]:
        """Give every name under `allowedGroups` of the profile and of what may be chosen in it."""
        limits = [self.allowed_groups]
        for option in self.options.values():
            limits += [choice.allowed_groups for choice in option.choices.values()]
            limits += [option.unlisted_choice.allowed_groups] if option.unlisted_choice else []
        return (name for names in limits for name in names or ())

    def overrides(self) -> Iterable[tuple[Path, Mapping[str, Any]]]:
        """Give every `kubespawnerOverride` of the profile, its options and choices, with its path."""
        yield ("kubespawnerOverride",), self.kubespawner_override
        for name, option in self.options.items():
            for key, choice in option.choices.items():
                yield ("options", name, "choices", key, "kubespawnerOverride"), choice.kubespawner_override
            if option.unlisted_choice is not None:
                path = ("options", name, "unlistedChoice", "kubespawnerOverride")
                yield path, option.unlisted_choice.kubespawner_override


MOST_PROFILES = 100


def profile_contradictions(profiles: Any) -> Iterable[Fault]:
    """Find a slug twice and a second default among the profiles of one file; tells paths below `profiles`."""
    slugs: dict[str, int] = {}
    default: int | None = None
    for index, profile in enumerate(profiles if isinstance(profiles, list) else ()):
        if not isinstance(profile, dict):
            continue
        slug = profile.get("slug", profile.get("displayName", profile.get("display_name")))
        slug = (
            slug
            if "slug" in profile or not isinstance(slug, str)
            else slugify(slug, max_length=_LONGEST_SLUG)
        )
        if isinstance(slug, str) and slugs.setdefault(slug, index) != index:
            rule = f"profile {slugs[slug] + 1} of this file has it"
            yield Fault(
                Code.BAD_PROFILE, f"a slug twice {got(slug)}", rule, "write another slug", (index, "slug")
            )
        if is_marked_default(profile):
            if default is not None:
                rule = f"profile {default + 1} of this file is the default already"
                yield Fault(Code.BAD_PROFILE, "a second default", rule, "keep one", (index, "default"))
            default = index if default is None else default
