"""Anchors, aliases and merge keys: what they stand for, where that stands, and how much it may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.yaml_aliases import MOST_REPEATED
from jupyterhub_knada.teams.yaml_nodes import DEEPEST, read_yaml
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.loading import LoadedFiles

TOP = "namespace: team-t\nusers: [e152435]\n"


def load(folder: Path, text: str) -> LoadedFiles:
    """Load one team's file as the hub does, with KubeSpawner's check of overrides."""
    return load_files(write_files(folder, t=text) / "teams", None, check_override=check_override)


def told(loaded: LoadedFiles) -> list[str]:
    """Give what is said of team files, without `teams/t.yaml`."""
    return [str(problem).partition(":")[2] for problem in loaded.problems if problem.file == "teams/t.yaml"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("a: &x {b: 1}\nc: *x\n", {"a": {"b": "1"}, "c": {"b": "1"}}, id="a mapping"),
        pytest.param("a: &x 3.10\nc: [*x, *x]\n", {"a": "3.10", "c": ["3.10", "3.10"]}, id="a text"),
        pytest.param("a: &x null\nc: *x\n", {"a": None, "c": None}, id="null"),
        pytest.param("&k a: 1\nc: *k\n", {"a": "1", "c": "a"}, id="a key"),
        pytest.param("a: &k b\n*k : 1\n", {"a": "b", "b": "1"}, id="an alias as a key"),
        pytest.param("a: &x 1\nb: &x 2\nc: *x\n", {"a": "1", "b": "2", "c": "2"}, id="a name used again"),
        pytest.param(
            "a: &x {k: 1, l: 1}\nb:\n  l: 2\n  <<: *x\n",
            {"a": {"k": "1", "l": "1"}, "b": {"k": "1", "l": "2"}},
            id="a merge: the mapping's own keys come before merged ones",
        ),
        pytest.param(
            "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc: {<<: [*x, *y]}\n",
            {"a": {"k": "1"}, "b": {"k": "2", "l": "2"}, "c": {"k": "1", "l": "2"}},
            id="a merge of several: the first has a key",
        ),
        pytest.param("a: {<<: {k: 1}}\n", {"a": {"k": "1"}}, id="a merge without an alias"),
        pytest.param(
            "a: &x {k: {m: 1}}\nb: {<<: *x, k: {n: 2}}\n",
            {"a": {"k": {"m": "1"}}, "b": {"k": {"n": "2"}}},
            id="a merge is not deep",
        ),
        pytest.param(
            "a: &x {k: 1}\nb: &y {<<: *x, l: 2}\nc: {<<: *y}\n",
            {"a": {"k": "1"}, "b": {"k": "1", "l": "2"}, "c": {"k": "1", "l": "2"}},
            id="a merge of what is merged itself",
        ),
        pytest.param('a: {"<<": x}\n', {"a": {"<<": "x"}}, id="in quotes it is a key like any other"),
    ],
)
def test_alias_is_what_it_stands_for(text: str, value: Any) -> None:
    """Anchors, aliases and merge keys mean what YAML says."""
    found = read_yaml(text)
    assert (found.value, found.faults, found.is_whole) == (value, (), True)


_SCALARS = st.integers(0, 9)
_MAPPINGS = st.dictionaries(st.sampled_from("klmn"), _SCALARS, max_size=3)


@given(_MAPPINGS, _MAPPINGS, _MAPPINGS, st.booleans())
def test_merge_gives_what_pyyaml_gives(one: Any, two: Any, own: Any, is_first: bool) -> None:  # noqa: FBT001 - drawn
    """Values and their order are those of the field's own parser."""
    lines = [f"{key}: {value}" for key, value in own.items()]
    lines.insert(0 if is_first else len(lines), "<<: [*one, *two]")
    text = f"one: &one {one}\ntwo: &two {two}\nall: {{{', '.join(lines)}}}\n".replace("'", "")
    expected = pyyaml.safe_load(text)["all"]
    found = read_yaml(text).value["all"]
    assert list(found.items()) == [(key, str(value)) for key, value in expected.items()]


def test_anchors_hide_nothing_of_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    """A list that repeats itself by aliases is judged as a whole, each mistake where it stands."""
    text = (
        TOP
        + """\
profils: []
profiles:
  - display_name: A
    kubespawner_override: &shared
      node_selector: {pool: big}
      mem_limt: 4G
  - display_name: B
    kubespawner_override:
      <<: *shared
      image: "quay.io/a/b:1"
"""
    )
    assert told(load(tmp_path, text)) == [
        "3:1: unknown key (got 'profils'); did you mean 'profiles'? [KNADA-C010]",
        *(
            f"8:7: profiles[{index}].kubespawner_override.mem_limt: no setting of KubeSpawner (got "
            "'mem_limt'); names are KubeSpawner's, in lower case with _; did you mean 'mem_limit'? "
            "[KNADA-C028]"
            for index in (0, 1)
        ),
    ]
    fixed = text.replace("profils: []\n", "").replace("mem_limt", "mem_limit")
    team = load(tmp_path, fixed).teams["t"].team
    override = team.profiles[1].kubespawner_override
    assert (override["mem_limit"], override["image"]) == ("4G", "quay.io/a/b:1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("contact: !x y", "3:10: contact: a tag: ", id="a tag"),
        pytest.param("contact: *x", "3:10: contact: an alias: ", id="an alias of nothing"),
        pytest.param("contact: &x", "3:10: contact: an anchor of nothing: ", id="an anchor of nothing"),
        pytest.param("labels: &x {a: *x}", "3:16: labels.a: an alias: ", id="an alias in itself"),
        pytest.param("labels: {<<: *x}", "3:14: labels.<<: an alias: ", id="a merge of nothing"),
        pytest.param("labels: {<<: [*x, {}]}", "3:15: labels.<<[0]: an alias: ", id="one of several"),
        pytest.param("labels: {<<: x}", "3:14: labels.<<: a merge key without a mapping; ", id="of a text"),
        pytest.param("labels: {<<: {}, <<: {}}", "3:18: labels: a key twice (got '<<'); ", id="two merges"),
        pytest.param("*x : 1", "3:1: a key that is no text; ", id="an alias of nothing as a key"),
        pytest.param('contact: "\\ud83d"', "3:10: contact: half of a character", id="half a character"),
        pytest.param('"\\ud83d": 1', "3:1: half of a character", id="half a character as a key"),
        pytest.param("users: []", "3:1: a key twice (got 'users'); ", id="a key twice"),
    ],
)
def test_what_is_refused_hides_nothing_else(line: str, expected: str, tmp_path: Path) -> None:
    """Beside something that YAML or this package refuses, a typo further down is found in the same run."""
    first, second = told(load(tmp_path, f"{TOP}{line}\nprofils: []\n"))
    assert first.startswith(expected)
    assert second == "4:1: unknown key (got 'profils'); did you mean 'profiles'? [KNADA-C010]"


def test_required_key_that_cannot_be_read_is_not_missing(tmp_path: Path) -> None:
    """Who wrote `users` is not asked to add it."""
    [message] = told(load(tmp_path, "namespace: t\nusers: *nobody\n"))
    assert message.startswith("2:8: users: an alias: ")


def test_anchor_that_nothing_uses_is_a_warning_without_its_text(tmp_path: Path) -> None:
    """A password that begins with & would lose its first half in silence."""
    loaded = load(tmp_path, TOP + "env: {SETTING: &s3 cret}\n")
    [problem] = [problem for problem in loaded.problems if problem.file == "teams/t.yaml"]
    assert (problem.code, problem.severity, problem.line) == (
        Code.YAML_REFUSED_FEATURE,
        Severity.WARNING,
        3,
    )
    assert "t" in loaded.teams
    assert "s3" not in str(problem)


def test_problem_in_a_repeated_value_points_to_where_the_text_stands() -> None:
    """Values and keys below an alias have the positions of what it stands for."""
    found = read_yaml("a: &x\n  k: {m: 1}\nb: *x\nc:\n  <<: *x\n  l: 2\n").positions
    assert found.at(("b", "k", "m")) == found.at(("a", "k", "m")) == (2, 10)
    assert found.key_at(("b", "k")) == found.key_at(("c", "k")) == (2, 3)
    assert (found.key_at(("b",)), found.key_at(("c", "l"))) == ((3, 1), (6, 3))


def bomb(levels: int, width: int, inner: str = "x") -> str:
    """Write aliases of aliases: `levels` lines that stand for `width ** levels` texts."""
    lines = [f"a0: &a0 {inner}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(bomb(9, 9), id="a billion laughs"),
        pytest.param(bomb(1, 1000, "x" * 1000), id="a long text a thousand times"),
        pytest.param(
            "a: &a {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\n"
            "b: [" + ", ".join(["{<<: *a}"] * 100) + "]\n",
            id="a large mapping, merged a hundred times",
        ),
    ],
)
def test_aliases_that_repeat_too_much_are_refused(text: str) -> None:
    """Nine short lines are not a billion values: neither built, nor counted one by one."""
    found = read_yaml(text)
    assert {placed.fault.code for placed in found.faults} == {Code.YAML_REFUSED_FEATURE}
    assert {placed.fault.message for placed in found.faults} == {
        "an alias or merge key that repeats too much"
    }
    assert len(found.positions.values) < 2 * MOST_REPEATED


def test_aliases_cannot_build_what_is_too_deep() -> None:
    """Depth is bounded for what stands for something as for what stands there."""
    text = f"a: &a {'[' * (DEEPEST - 2)}{']' * (DEEPEST - 2)}\nb: [[*a]]\nc: [*a]\n"
    found = read_yaml(text)
    [placed] = found.faults
    assert placed.fault.message == "mappings and lists too deep within each other"
    assert placed.position == (2, 6)
