"""The pages of the team file and the platform file, from the JSON Schema of their models.

Every key has a heading with its whole path, as `check` writes it in a problem; entries of lists are `[]`
there and names of the file's own choice are `<name>`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML

from docs.generator.markdown import code, fields, literal, page, section
from jupyterhub_knada.teams.model import PlatformFile, Settings, TeamFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

JsonSchema = dict[str, Any]

ELSEWHERE: Final = {"defaults": "Any of the keys under *Settings* of a team file."}
"""Keys whose own keys another page has."""


@dataclass(frozen=True)
class Key:
    """One key of a file."""

    path: str
    schema: JsonSchema
    is_required: bool


def schema_of(model: type[BaseModel]) -> JsonSchema:
    """Give the JSON Schema of a file."""
    return model.model_json_schema(by_alias=True)


def keys_of(model: type[BaseModel]) -> list[Key]:
    """Give every key of a file, nested ones behind the key that holds them."""
    schema = schema_of(model)
    return list(_walk(schema, schema["$defs"], ""))


def _walk(mapping: JsonSchema, definitions: JsonSchema, above: str) -> Iterator[Key]:
    for name, schema in mapping.get("properties", {}).items():
        path = f"{above}.{name}" if above else name
        yield Key(path, schema, name in mapping.get("required", ()))
        if name not in ELSEWHERE:
            for suffix, reference in _held(schema):
                yield from _walk(definitions[reference.removeprefix("#/$defs/")], definitions, path + suffix)


def _held(schema: JsonSchema) -> Iterator[tuple[str, str]]:
    """Give the mappings that a key's value holds, each with what stands between the key's path and theirs."""
    if "$ref" in schema:
        yield "", schema["$ref"]
    for variant in schema.get("anyOf", ()):
        yield from _held(variant)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".<name>")):
        if isinstance(schema.get(key), dict):
            yield from ((suffix + more, reference) for more, reference in _held(schema[key]))


def render_team_file() -> str:
    """Render the page of `teams/<slug>.yaml`."""
    settings = {field.alias or name for name, field in Settings.model_fields.items()}
    keys = keys_of(TeamFile)
    own = [key for key in keys if top_of(key) not in settings]
    shared = [key for key in keys if top_of(key) in settings]
    return page(
        "Team file",
        "One YAML file for each team: `teams/<slug>.yaml`.\n"
        "The file's name, without `.yaml`, is the team's slug.\n"
        "Only `users` is required, and `namespace` where each team has its own.",
        section(2, "The team", *(_key(key) for key in own)),
        section(
            2,
            "Settings",
            "These may stand under `defaults` of the platform file, too.\n"
            "A single value and a list replace the platform's; a mapping is laid over it, name by name.\n"
            "`null` removes the platform's value.",
            *(_key(key) for key in shared),
        ),
        _json_schema("team"),
    )


def render_platform_file() -> str:
    """Render the page of `platform.yaml`."""
    return page(
        "Platform file",
        "What applies to all teams: `platform.yaml`.\nThe file is optional, and so is every key.",
        section(2, "Keys", *(_key(key) for key in keys_of(PlatformFile))),
        _json_schema("platform"),
    )


def top_of(key: Key) -> str:
    """Give the first part of a key's path."""
    return key.path.partition(".")[0].partition("[")[0]


def _key(key: Key) -> str:
    facts = fields(
        [
            ("Type", kind_of(key.schema)),
            ("Required", "yes" if key.is_required else ""),
            ("Default", _default(key.schema)),
            ("Pattern", _pattern(key.schema)),
        ]
    )
    name = key.path.rpartition(".")[2].removesuffix("[]")
    examples = [code(dump_yaml({name: value}), "yaml") for value in key.schema.get("examples", ())]
    return section(
        3, literal(key.path), key.schema.get("description", ""), ELSEWHERE.get(key.path, ""), facts, *examples
    )


def kind_of(schema: JsonSchema) -> str:
    """Give the shape of a value in words, e.g. `list of text` or `number or text or null`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(variant) for variant in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(literal(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return "mapping of names to " + kind_of(schema["additionalProperties"])
    if "$ref" in schema or schema.get("type") == "object":
        return "mapping"
    words = {"string": "text", "integer": "whole number"}
    kinds = schema.get("type", "anything")
    return " or ".join(words.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _default(schema: JsonSchema) -> str:
    default = schema.get("default")
    return "" if default in (None, [], {}) else literal(json.dumps(default))


def _pattern(schema: JsonSchema) -> str:
    variants = schema.get("anyOf", [schema])
    found = [variant["pattern"] for variant in variants if "pattern" in variant]
    return literal(found[0]) if found else ""


def dump_yaml(value: object) -> str:
    """Write a value as it would stand in a file."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _json_schema(name: str) -> str:
    return section(
        2,
        "JSON Schema",
        f"`jupyterhub-knada schema {name}` prints it, and how to make an editor use it.",
    )
