"""Whatever a file holds, it is judged: no exception, no crash, and each problem has a place in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.single_file import judge_text
from jupyterhub_knada.teams.yaml_nodes import read_yaml
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from pathlib import Path

KEYS = sorted(
    TeamFile.keys() | PlatformFile.keys() | {"size", "key", "displayName", "choices", "x", "<<", "yes"}
)
SCALARS = st.sampled_from(
    [
        "",
        "~",
        "true",
        "yes",
        "3.10",
        "1e5",
        "10GB",
        "0,5",
        "1h",
        "never",
        "kyrre",
        "E1",
        "*.x",
        "a/b",
        "a: b",
        "{}",
        "[]",
        "'",
        '"',
        "&a",
        "*a",
        "!t",
        "%",
        "@",
        "\t",
        "#",
        "é",
        "\u2028",
        "\x85",
    ],
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
STAND_INS = {"namespace": "unsaid", "users": []}


def flow(tree: object) -> str:
    """Write a tree as YAML, scalars as they are: often wrong, never tidy."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(flow(value) for value in tree) + "]"
    return str(tree)


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@example(b"\xff\xfe")
@example(b"a: &a [*a]")
@example(b"? [a]\n: b")
@example(b"!!python/object:os.system x")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_a_file_are_told_and_harm_nobody(tmp_path: Path, content: bytes) -> None:
    """A file of any bytes closes its own team at most."""
    write_files(tmp_path, other=SEED)
    (tmp_path / "teams" / "kyrre.yaml").write_bytes(content)
    (tmp_path / "platform.yaml").write_bytes(content)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    assert "other" in {**loaded.teams, **loaded.closed}
    assert ("kyrre" in loaded.teams) != ("kyrre" in loaded.closed)
    lines = content.decode("utf-8", "replace").splitlines() or [""]
    for problem in loaded.problems:
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
        str(problem).encode("utf-8")


@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=6))
@pytest.mark.parametrize("model", [TeamFile, PlatformFile])
def test_any_tree_of_known_keys_is_judged(
    model: type[TeamFile | PlatformFile], tree: dict[str, object]
) -> None:
    """Known keys with any values give a model or problems, and the right part of a broken file is found."""
    text = "".join(f"{key}: {flow(value)}\n" for key, value in tree.items())
    view = judge_text("f.yaml", text, model, STAND_INS)
    errors = [problem for problem in view.problems if problem.severity is Severity.ERROR]
    assert (view.model is None) == bool(errors)
    if view.model is not None:
        assert view.part is view.model


@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=6))
def test_any_tree_in_its_text_stays_text(tree: dict[str, object]) -> None:
    """Nothing of a file becomes a number or a truth value before a key says so."""
    pending = [read_yaml("".join(f"{key}: {flow(value)}\n" for key, value in tree.items())).value]
    while pending:
        value = pending.pop()
        assert value is None or isinstance(value, str | dict | list)
        pending.extend(
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
