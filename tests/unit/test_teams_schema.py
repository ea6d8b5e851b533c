"""JSON Schema and the completeness of the models that it comes from."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import model as models
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.json_schema import platform_schema, team_schema
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.trees import typed
from jupyterhub_knada.teams.yaml_nodes import read_yaml
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLATFORM = """\
project: knada-gcp
domain: jupyter.example.org
contact: "#knada"
namespaces: team
images:
  - name: python-3.13
    image: "ghcr.io/example/jupyter:2026-11-01"
    python: "3.13"
    endOfLife: 2029-10-31
    default: true
hideEndOfLife: true
defaults: {memoryLimit: 2GB, cpuLimit: 0.5, culling: {idleTimeout: 1h}, storage: {size: 10Gi}}
bounds:
  memoryLimit: 64GB
  cpuLimit: 16
  gpu: 1
  storageSize: 100Gi
  idleTimeout: {min: 10m, max: 7d}
  images: ["ghcr.io/example/*", "ghcr.io/navikt/*"]
  requireImageTag: false
profiles: []
leaving: {grace: 15m, claimAge: 7d}
homesInheritedBy: kyrre
oneTeamAtATime: false
concurrentStartsPerTeam: 10
"""
TEAM = """\
namespace: kyrre-havik-eriksen
ingress: kyrre
users: [e152435]
groups: [f2816319-7db0-4061-8d0c-5ddbe232d60c]
leads: [e152435]
id: kyrre-1a2b
displayName: Team Kyrre
description: Analyses
contact: "#team-kyrre"
cpuLimit: 1
resources: {memoryLimit: 10GB, memoryGuarantee: 4G, cpuGuarantee: 200m, gpu: 0, sharedMemory: 1G}
image: ghcr.io/navikt/mine:2026-11
imagePullSecrets: [ghcr]
interface: lab
extraEnvs: ["hello: world"]
env: {HELLO: world, PORT: 80, DEBUG: true, GONE: null}
allowlist: ["db.example.org:5432", "10.0.0.1:8000-8100", api.example.org]
storage: {size: 10Gi, class: null, none: false}
culling: {idleTimeout: 7d}
serviceAccount: null
secret: kyrre-secrets
labels: {cost-center: 4711}
annotations: {example.org/owner: kyrre}
nodeSelector: {pool: notebooks}
tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoExecute, tolerationSeconds: 300}]
movedFrom: {namespace: kyrre}
profiles:
  - slug: big
    displayName: Big
    description: Much memory
    image: python-3.13
    resources: {memoryLimit: 32GB}
    interface: vscode
    default: true
    options:
      size:
        displayName: Size
        choices: {a: {displayName: A, default: true, kubespawnerOverride: {cpu_limit: 2}}}
        unlistedChoice:
          enabled: true
          displayName: Other
          displayNameInChoices: Other…
          validationRegex: "[0-9]+"
          validationMessage: a number
          kubespawnerOverride: {cpu_limit: "{value}"}
    kubespawnerOverride: {extra_labels: {a: b}}
  - display_name: Small
    profile_options:
      size: {display_name: Size, choices: {a: {kubespawner_override: {cpu_limit: 1}}}}
    kubespawner_override: {cpu_guarantee: 0.1}
"""
ALL_MODELS = [
    model
    for name in models.__all__
    if isinstance(model := getattr(models, name), type) and issubclass(model, FileModel)
]
MODELS = pytest.mark.parametrize("model", [TeamFile, PlatformFile])


def in_json(text: str) -> Any:
    """Give a file as a YAML 1.2 editor sees it, for the schema."""
    return typed(read_yaml(text).value)


def fields_of(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every field of every mapping of a schema, as `TeamFile.users`."""
    for definition in [schema, *schema["$defs"].values()]:
        for key, field in definition["properties"].items():
            yield f"{definition['title']}.{key}", field


def leaves_of(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every part of a field's schema that takes one type."""
    if isinstance(schema, dict):
        if "type" in schema or "const" in schema or "$ref" in schema:
            yield schema
        parts = [*schema.get("anyOf", ()), *schema.get("patternProperties", {}).values()]
        parts += [schema.get("items"), schema.get("additionalProperties")]
        for part in parts:
            yield from leaves_of(part)


def is_bounded(leaf: dict[str, Any]) -> bool:
    """Tell whether a part of a schema says how large or long its value may be."""
    needed = {
        "string": {"maxLength", "enum", "pattern"},
        "integer": {"maximum"},
        "number": {"maximum"},
        "array": {"maxItems"},
        "object": {"maxProperties"},
    }.get(str(leaf.get("type")))
    return needed is None or bool(needed & leaf.keys())


@MODELS
def test_every_field_says_what_it_is_with_an_example_and_bounds(model: type[FileModel]) -> None:
    """No key may be added without its description, an example and its bounds."""
    schema = model.model_json_schema(by_alias=True)
    incomplete = {
        name
        for name, field in fields_of(schema)
        if not re.fullmatch(r"[A-Z`].{10,}\.", field.get("description", ""))
        or not field.get("examples")
        or not all(is_bounded(leaf) for leaf in leaves_of(field))
    }
    assert incomplete == set()


@MODELS
def test_every_default_is_said(model: type[FileModel]) -> None:
    """A key is required, has a default in the schema, or is a mapping or list that is empty."""
    schema = model.model_json_schema(by_alias=True)
    required = {
        f"{definition['title']}.{key}"
        for definition in [schema, *schema["$defs"].values()]
        for key in definition.get("required", ())
    }
    silent = {name for name, field in fields_of(schema) if "default" not in field and name not in required}
    assert silent <= {
        "OptionChoice.kubespawnerOverride",
        "UnlistedChoice.kubespawnerOverride",
        "ProfileOption.choices",
        "Profile.options",
        "Profile.kubespawnerOverride",
        "PlatformFile.defaults",
        "PlatformFile.bounds",
        "PlatformFile.leaving",
    }


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.__name__)
def test_every_example_is_taken_by_its_field(model: type[FileModel]) -> None:
    """An example that the model refuses would teach the mistake."""
    for field in model.model_fields.values():
        adapter = TypeAdapter(field.rebuild_annotation())
        for example in field.examples or ():
            adapter.validate_python(as_read(example))


def as_read(value: Any) -> Any:
    """Give a value of an example as the loader would read it from a file."""
    if isinstance(value, dict):
        return {key: as_read(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_read(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        pytest.param(team_schema(), TEAM, id="every key of a team"),
        pytest.param(team_schema(), SEED, id="the smallest team"),
        pytest.param(platform_schema(), PLATFORM, id="every key of the platform"),
        pytest.param(platform_schema(), "{}", id="an empty platform"),
    ],
)
def test_schema_takes_what_the_loader_takes(schema: dict[str, Any], text: str) -> None:
    """An editor that uses the schema marks nothing in a file that holds."""
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(in_json(text), schema, cls=jsonschema.Draft7Validator)


def test_files_with_every_key_hold_together(tmp_path: Path) -> None:
    """The files that the schema is tried with are taken by the loader, too."""
    write_files(tmp_path, PLATFORM, kyrre=TEAM)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", today=date(2026, 1, 1))
    assert [str(problem) for problem in loaded.problems if problem.code is not Code.NO_IDENTITY] == []
    assert loaded.teams["kyrre"].team.model_fields_set >= {"env", "moved_from", "profiles"}


def test_files_with_every_key_have_every_key() -> None:
    """A key that is added to the models is added to the files that the tests use."""
    assert set(in_json(PLATFORM)) == PlatformFile.keys()
    assert set(in_json(TEAM)) == TeamFile.keys() - {"memoryLimit", "jupyterLabs"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("namespace: k\nusers: [e1]\ncpulimit: 1\n", id="unknown key"),
        pytest.param("namespace: k\n", id="missing key"),
        pytest.param("namespace: K\nusers: [e1]\n", id="upper case"),
        pytest.param("namespace: k\nusers: [e1]\nmemoryLimit: 2\n", id="memory without a unit"),
        pytest.param('namespace: k\nusers: [e1]\ncpuLimit: "0,5"\n', id="decimal comma"),
        pytest.param("namespace: k\nusers: [e1]\ninterface: emacs\n", id="unknown interface"),
        pytest.param("namespace: k\nusers: [e1, e1]\n", id="listed twice"),
        pytest.param("namespace: k\nusers: [e1]\nallowlist: ['*.x.org']\n", id="wildcard"),
        pytest.param("namespace: k\nusers: [e1]\nprofiles: [{slug: a}]\n", id="profile without a name"),
        pytest.param(
            "namespace: k\nusers: [e1]\nprofiles: [{displayName: a, display_name: a}]\n",
            id="name in both spellings",
        ),
    ],
)
def test_schema_marks_what_the_loader_refuses(text: str, tmp_path: Path) -> None:
    """The commonest mistakes are seen in the editor already."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(in_json(text), team_schema(), cls=jsonschema.Draft7Validator)
    write_files(tmp_path, kyrre=text)
    assert "kyrre" in load_files(tmp_path / "teams", None).closed


def test_schema_begins_with_what_is_required() -> None:
    """An editor offers the required key first."""
    assert list(team_schema()["properties"])[:1] == ["users"] == team_schema()["required"]
