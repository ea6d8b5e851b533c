"""`jupyterhub-knada schema`: a schema that editors can use, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from jupyterhub_knada.cli import cli
from tests.support.team_files import SEED

if TYPE_CHECKING:
    from click.testing import Result


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["schema", *arguments], prog_name="jupyterhub-knada")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            [], "on top of teams/*.yaml: # yaml-language-server: $schema=../team.schema.json", id="nothing"
        ),
        pytest.param(
            ["team"], "on top of teams/*.yaml: # yaml-language-server: $schema=../team.schema.json", id="team"
        ),
        pytest.param(
            ["platform"],
            "on top of platform.yaml: # yaml-language-server: $schema=platform.schema.json",
            id="platform",
        ),
    ],
)
def test_schema_is_valid_and_says_how_an_editor_uses_it(arguments: list[str], line: str) -> None:
    """Standard output is a JSON Schema and nothing else; the line is in it and on standard error."""
    result = run(*arguments)

    schema = json.loads(result.stdout)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    assert result.exit_code == 0
    assert line in result.stderr
    assert line in schema["$comment"]


def test_schema_takes_the_oldest_file_and_marks_a_wrong_key() -> None:
    """What `check` takes the editor takes, and a misspelt key is marked there, too."""
    schema = json.loads(run("team").stdout)
    seed = YAML(typ="safe", pure=True).load(SEED)

    jsonschema.validate(seed, schema)
    with pytest.raises(jsonschema.ValidationError, match="memorylimit"):
        jsonschema.validate({**seed, "memorylimit": "2G"}, schema)


def test_schema_of_something_else_is_wrong_use() -> None:
    """There are two kinds of files."""
    result = run("user")

    assert result.exit_code == 2
    assert "'user' is not one of 'team', 'platform'" in result.stderr
