"""Overrides of KubeSpawner in profiles: how their values are read, and how a checker is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.loading import OverrideFault, load_files
from jupyterhub_knada.teams.trees import PlainText, frozen, thawed, typed
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TEAM = """\
namespace: kyrre
users: [e1]
profiles:
  - display_name: Big
    kubespawner_override: {privileged: true, uid: 1000, cpu_limit: 0.5, args: ["--x", 2], image: "x/y:1"}
    profile_options:
      size:
        choices:
          a: {kubespawner_override: {mem_limt: 4G}}
          b: {}
        unlisted_choice: {enabled: true, kubespawner_override: {image: "x/{value}:1"}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("False", False),
        ("1000", 1000),
        ("-1", -1),
        ("0.5", 0.5),
        ("3.10", "3.10"),
        ("010", "010"),
        ("1e5", "1e5"),
        ("yes", "yes"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        (".inf", ".inf"),
        ("9" * 30, "9" * 30),
    ],
)
def test_plain_scalar_of_an_override_loses_no_digit(text: str, expected: object) -> None:
    """A number is one only where Python writes it the same way; a tag 3.10 stays 3.10."""
    found = typed(PlainText(text))
    assert (found, type(found)) == (expected, type(expected))


def test_quoted_scalar_of_an_override_stays_text() -> None:
    """Quotes say that a text is meant."""
    assert typed({"a": ["1000", None, PlainText("1")]}) == {"a": ["1000", None, 1]}


def test_tree_that_is_frozen_and_thawed_is_the_same_and_another() -> None:
    """A profile's override cannot be changed by who reads it; a copy can."""
    tree = {"a": [{"b": 1}], "c": None}
    held = frozen(tree)
    with pytest.raises(TypeError):
        held["a"] = 1
    assert held["a"][0]["b"] == 1
    copy = thawed(held)
    assert copy == tree
    copy["a"].append(2)
    assert tree == {"a": [{"b": 1}], "c": None}


def test_checker_gets_every_override_as_plain_values_and_its_faults_are_placed(tmp_path: Path) -> None:
    """The checker is asked for profile, choice and unlisted choice, with dicts and lists of real types."""
    asked: list[Mapping[str, object]] = []

    def check(override: Mapping[str, object]) -> Iterable[OverrideFault]:
        asked.append(override)
        if "mem_limt" in override:
            path = ("mem_limt",)
            yield OverrideFault(
                Code.BAD_OVERRIDE, "no such setting", "see KubeSpawner", "drop it", path, at_key=True
            )
        if "args" in override:
            yield OverrideFault(Code.BAD_OVERRIDE, "no text", "texts only", "quote it", ("args", 1))

    write_files(tmp_path, kyrre=TEAM)
    loaded = load_files(tmp_path / "teams", None, check_override=check)
    assert asked == [
        {"privileged": True, "uid": 1000, "cpu_limit": 0.5, "args": ["--x", 2], "image": "x/y:1"},
        {"mem_limt": "4G"},
        {"image": "x/{value}:1"},
    ]
    assert [str(problem) for problem in loaded.closed["kyrre"].problems] == [
        (
            "teams/kyrre.yaml:5:87: profiles[0].kubespawner_override.args[1]: no text; texts only; "
            "quote it [KNADA-C028]"
        ),
        (
            "teams/kyrre.yaml:9:38: "
            "profiles[0].profile_options.size.choices.a.kubespawner_override.mem_limt: "
            "no such setting; see KubeSpawner; drop it [KNADA-C028]"
        ),
    ]


def test_checker_is_asked_for_the_platform_too(tmp_path: Path) -> None:
    """A profile of the platform file with a wrong override starts nothing."""

    def check(_override: Mapping[str, Any]) -> Iterable[OverrideFault]:
        return [OverrideFault(Code.OWNED_OVERRIDE, "owned", "the platform decides it", "drop it")]

    write_files(tmp_path, "profiles: [{displayName: A, kubespawnerOverride: {namespace: x}}]\n")
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", check_override=check)
    assert loaded.platform is None
    assert str(loaded.problems[0]) == (
        "platform.yaml:1:50: profiles[0].kubespawnerOverride: owned; the platform decides it; "
        "drop it [KNADA-C029]"
    )
