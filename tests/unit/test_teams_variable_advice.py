"""Variables that look like credentials, or take away what an image needs, are told; their values never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.variable_advice import is_credential
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

# Made up, and put together here so that no scanner takes this file for a leak.
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow"
GITHUB = "ghp_" + "a1B2" * 9
AMAZON = "AKIA" + "ABCDEFGH12345678"
JWT = ".".join(("eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiIxIn0", "c2lnbmF0dXJl"))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("DB_PASSWORD", "hunter2", True, id="password by name"),
        pytest.param("api_key", "x", True, id="key by name, in small letters"),
        pytest.param("GITHUB_TOKEN", "x", True, id="token by name"),
        pytest.param("SETTING", GITHUB, True, id="token by form"),
        pytest.param("SETTING", AMAZON, True, id="key by form"),
        pytest.param("SETTING", KEY, True, id="private key by form"),
        pytest.param("SETTING", JWT, True, id="JSON Web Token by form"),
        pytest.param("DB", "postgresql://anna:hunter2@db.example.org/x", True, id="address with a password"),
        pytest.param("DB", "postgresql://anna@db.example.org/x", False, id="address without a password"),
        pytest.param("PASSWORD_FILE", "/run/x", False, id="where a password is"),
        pytest.param("TOKEN_URL", "https://x.example.org", False, id="where tokens are made"),
        pytest.param("DB_PASSWORD", "$(OTHER)", False, id="a reference"),
        pytest.param("TOKENIZERS_PARALLELISM", "false", False, id="another word"),
        pytest.param("COMPASS", "north", False, id="a part of a word"),
        pytest.param("HELLO", "world", False, id="anything else"),
    ],
)
def test_variable_is_a_credential_by_name_or_form(name: str, value: str, *, expected: bool) -> None:
    """The last word of a name counts, and forms that only credentials have."""
    assert is_credential(name, value) is expected


FILE = """\
namespace: t
users: [e1]
extraEnvs: ["DB_PASSWORD: s3cret"]
env: {API_TOKEN: s3cret, PATH: /opt/s3cret/bin, EMPTY_TOKEN: "", HELLO: s3cret}
profiles:
  - displayName: A
    kubespawnerOverride: {environment: {LD_PRELOAD: s3cret.so}}
    options: {o: {choices: {c: {kubespawnerOverride: {environment: {HF_TOKEN: s3cret}}}}}}
"""


def test_variables_are_told_wherever_they_stand_and_without_their_values(tmp_path: Path) -> None:
    """Settings of the team and of the platform, profiles and choices: each is a warning at its place."""
    write_files(tmp_path, "project: knada-gcp\ndefaults: {env: {ADMIN_PASSWORD: s3cret}}\n", t=FILE)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    codes = {Code.CREDENTIAL_IN_FILE, Code.VARIABLE_OF_IMAGE}
    found = [problem for problem in loaded.problems if problem.code in codes]
    assert [(problem.line, problem.field) for problem in found] == [
        (2, "defaults.env.ADMIN_PASSWORD"),
        (3, "extraEnvs[0]"),
        (4, "env.API_TOKEN"),
        (4, "env.PATH"),
        (7, "profiles[0].kubespawnerOverride.environment.LD_PRELOAD"),
        (8, "profiles[0].options.o.choices.c.kubespawnerOverride.environment.HF_TOKEN"),
    ]
    assert not loaded.has_errors
    assert "s3cret" not in "".join(map(str, loaded.problems))
