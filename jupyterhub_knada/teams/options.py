"""What may be chosen within a profile, in our spelling and in the one of KubeSpawner's profile_options."""

# ruff: noqa: TC003 -- pydantic reads the annotations when the classes are made

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.fields import (
    EntryName,
    Flag,
    GroupNames,
    LongText,
    Override,
    Regex,
    ShortText,
    nothing,
)
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_CHOICES = 200


class OptionChoice(FileModel):
    """One entry of a profile option's list."""

    other_spellings: ClassVar[Mapping[str, str]] = {
        "display_name": "displayName",
        "allowed_groups": "allowedGroups",
        "kubespawner_override": "kubespawnerOverride",
    }

    display_name: ShortText | None = Field(
        default=None,
        description="What the spawn page shows; without it the choice's own name.",
        examples=["Two CPUs"],
    )
    description: LongText | None = Field(
        default=None,
        description="A sentence or two, shown below the list.",
        examples=["Enough for most notebooks."],
    )
    slug: EntryName | None = Field(
        default=None,
        description="A short name, shown with the description; what a start names is the choice's own name.",
        examples=["two"],
    )
    allowed_groups: GroupNames | None = Field(
        default=None,
        description="Whom the choice is offered to, by team slug, or group of the claim; absent: to all.",
        examples=[["gpu-users"]],
    )
    default: Flag = Field(
        default=False,
        description="Whether this choice is selected at first; without one the first is.",
        examples=[True],
    )
    kubespawner_override: Override = Field(
        default_factory=nothing,
        description="Settings of KubeSpawner for a server started with this choice.",
        examples=[{"cpu_limit": 2}],
    )


class UnlistedChoice(FileModel):
    """A field for a value that no choice lists."""

    other_spellings: ClassVar[Mapping[str, str]] = {
        "display_name": "displayName",
        "display_name_in_choices": "displayNameInChoices",
        "description_in_choices": "descriptionInChoices",
        "allowed_groups": "allowedGroups",
        "validation_regex": "validationRegex",
        "validation_message": "validationMessage",
        "kubespawner_override": "kubespawnerOverride",
    }

    enabled: Flag = Field(
        default=False,
        description="Whether the field is offered.",
        examples=[True],
    )
    display_name: ShortText | None = Field(
        default=None,
        description="The field's label.",
        examples=["Image"],
    )
    display_name_in_choices: ShortText | None = Field(
        default=None,
        description="The entry of the list that opens the field.",
        examples=["Other…"],
    )
    description_in_choices: LongText | None = Field(
        default=None,
        description="A sentence or two about that entry, shown with the descriptions of the choices.",
        examples=["Any image of a public registry."],
    )
    allowed_groups: GroupNames | None = Field(
        default=None,
        description="Whom the field is offered to, by team slug, or group of the claim; absent: to all.",
        examples=[["gpu-users"]],
    )
    validation_regex: Regex | None = Field(
        default=None,
        description="Regular expression that the whole value must match.",
        examples=[r"ghcr\.io/example/[a-z-]+:.+"],
    )
    validation_message: LongText | None = Field(
        default=None,
        description="What is said of a value that does not match.",
        examples=["An image of ghcr.io/example, with its tag."],
    )
    kubespawner_override: Override = Field(
        default_factory=nothing,
        description="Settings of KubeSpawner; `{value}` in their texts stands for what was typed.",
        examples=[{"image": "{value}"}],
    )


class ImageBuilding(FileModel):
    """A key of jupyterhub-fancy-profiles: its lists can be used as they are, but nothing is built here."""

    enabled: Flag = Field(
        default=False,
        description="No effect here; `check` warns where it is true.",
        examples=[False],
    )


class ProfileOption(FileModel):
    """Something that may be chosen within a profile."""

    other_spellings: ClassVar[Mapping[str, str]] = {
        "display_name": "displayName",
        "dynamic_image_building": "dynamicImageBuilding",
        "unlisted_choice": "unlistedChoice",
    }

    display_name: ShortText | None = Field(
        default=None,
        description="What the spawn page shows; without it the option's own name.",
        examples=["CPUs"],
    )
    choices: Annotated[
        Mapping[EntryName, OptionChoice],
        AfterValidator(MappingProxyType),
    ] = Field(
        default_factory=nothing,
        description="What may be chosen, in this order, by name.",
        examples=[{"two": {"displayName": "Two CPUs", "kubespawnerOverride": {"cpu_limit": 2}}}],
        max_length=MOST_CHOICES,
    )
    unlisted_choice: UnlistedChoice | None = Field(
        default=None,
        description="A field for a value that no choice lists.",
        examples=[{"enabled": True, "displayName": "Image", "kubespawnerOverride": {"image": "{value}"}}],
    )
    dynamic_image_building: ImageBuilding | None = Field(
        default=None,
        description="A key of jupyterhub-fancy-profiles, without effect here: no image is built.",
        examples=[{"enabled": False}],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find options with nothing to choose and options with two defaults."""
        yield from two_spellings(cls, data)
        choices = data.get("choices")
        if not choices and not _is_enabled(data.get("unlistedChoice", data.get("unlisted_choice"))):
            rule = "an option needs choices or an enabled unlistedChoice"
            yield Fault(
                Code.BAD_PROFILE, "nothing to choose", rule, "add choices, or remove the option", at_key=True
            )
        if isinstance(choices, dict):
            defaults = [key for key, choice in choices.items() if is_marked_default(choice)]
            for key in defaults[1:]:
                yield Fault(
                    Code.BAD_PROFILE,
                    f"a second default {got(key)}",
                    f"{defaults[0]!r} is the default already",
                    "keep one",
                    ("choices", key, "default"),
                )


def two_spellings(model: type[FileModel], data: Mapping[str, Any]) -> Iterable[Fault]:
    """Find keys that stand in one mapping in both spellings."""
    for other, ours in model.other_spellings.items():
        if other in data and ours in data:
            message, rule = f"written in two ways {got(other)}", f"{ours!r} says the same"
            yield Fault(Code.TWO_SPELLINGS, message, rule, "keep one", (other,), at_key=True)


def is_marked_default(data: Any) -> bool:
    """Tell whether a profile or choice, as the file writes it, says that it is the default."""
    return isinstance(data, dict) and str(data.get("default", "")).lower() == "true"


def _is_enabled(data: Any) -> bool:
    return isinstance(data, dict) and str(data.get("enabled", "")).lower() == "true"
