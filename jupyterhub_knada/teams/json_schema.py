"""JSON Schema of the two kinds of files, for editors: made from the models, never written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_knada.teams.model import (
    OptionChoice,
    PlatformFile,
    Profile,
    ProfileOption,
    TeamFile,
    UnlistedChoice,
)

if TYPE_CHECKING:
    from jupyterhub_knada.teams.file_model import FileModel

_DIALECT = "http://json-schema.org/draft-07/schema#"
"""The newest that all common YAML editors know."""
_TWO_SPELLINGS: tuple[type[FileModel], ...] = (Profile, ProfileOption, OptionChoice, UnlistedChoice)


def team_schema() -> dict[str, Any]:
    """Give the JSON Schema of `teams/*.yaml`: camelCase keys, profiles in KubeSpawner's spelling, too."""
    return _schema(TeamFile, "A team of jupyterhub-knada: teams/<slug>.yaml")


def platform_schema() -> dict[str, Any]:
    """Give the JSON Schema of `platform.yaml`."""
    return _schema(PlatformFile, "The platform file of jupyterhub-knada: platform.yaml")


def _schema(model: type[FileModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    for spelt in _TWO_SPELLINGS:
        _add_spellings(definitions[spelt.__name__], spelt)
    required = schema.get("required", [])
    # What must be written comes first, as in the files.
    properties = {key: schema["properties"][key] for key in required} | schema["properties"]
    return {**schema, "$schema": _DIALECT, "title": title, "properties": properties}


def _add_spellings(definition: dict[str, Any], model: type[FileModel]) -> None:
    """Let a mapping have KubeSpawner's keys beside ours; a required key may be in either spelling."""
    properties = definition["properties"]
    for other, ours in model.other_spellings.items():
        properties[other] = properties[ours] | {"description": f"`{ours}`, as KubeSpawner spells it."}
        if ours in definition.get("required", ()):
            definition["required"].remove(ours)
            definition["oneOf"] = [{"required": [ours]}, {"required": [other]}]
