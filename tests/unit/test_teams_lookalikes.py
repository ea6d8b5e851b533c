"""Teams whose names look the same: told in each of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.teams.lookalikes import find_lookalikes, skeletons
from tests.support.team_files import load_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        pytest.param("Team Pensjon", "team pensjon", True, id="case"),
        pytest.param("Team Pensjon", "Team  Pensjon", True, id="blanks"),
        pytest.param("Pensjon", "Pens\u200bjon", True, id="a sign without width"),
        pytest.param("Pensjon", "\u0420\u0435nsj\u043en", True, id="Cyrillic letters"),
        pytest.param("KAPITAL", "\u039aAPITAL", True, id="a Greek letter"),
        pytest.param("Pensjon", "\uff30ensjon", True, id="a wide letter"),
        pytest.param("Stra\u00dfe", "STRASSE", True, id="letters that fold to two"),
        pytest.param("Pensjon", "\u202enojsneP", True, id="shown from right to left"),
        pytest.param("Pensjon", "\u200fPensjon", True, id="a mark of direction"),
        pytest.param("Lab 10", "Lab lO", True, id="digits and letters"),
        pytest.param("\u00c5s", "A\u030as", True, id="a letter in two parts"),
        pytest.param("\u00c5s", "As", False, id="another letter"),
        pytest.param("Lab 1", "Lab 2", False, id="another number"),
        pytest.param("Team A", "Team B", False, id="another name"),
        pytest.param("A-B", "AB", False, id="a sign that is seen"),
    ],
)
def test_names_look_the_same_or_not(one: str, other: str, *, is_alike: bool) -> None:
    """What nobody sees makes no difference; what everybody sees does."""
    assert bool(skeletons(one) & skeletons(other)) is is_alike


def test_slugs_are_names_too() -> None:
    """A team may not look like another by taking its slug as its name."""
    names = {"pensjon": ("pensjon", "NAV Pensjon"), "x": ("x", "Pensjon"), "y": ("y",)}
    assert find_lookalikes(names) == {"pensjon": ("x",), "x": ("pensjon",)}


def test_teams_that_look_the_same_are_told_in_each_file(tmp_path: Path) -> None:
    """A warning, as nobody can say which of the two is meant to have the name."""
    text = "namespace: {0}\nusers: [e1]\ndisplayName: {1}\n"
    loaded = load_folder(
        write_files(
            tmp_path,
            a=text.format("a", "Pensjon"),
            b=text.format("b", "P\u0435nsjon"),
            c=text.format("c", "Other") + "colour: red\n",
            d=text.format("d", "other"),
        )
    )
    assert set(loaded.teams) == {"a", "b", "d"}
    assert [(p.file, p.line, p.rule) for p in loaded.problems if str(p.code) == "KNADA-C050"] == [
        ("teams/a.yaml", 3, "people cannot distinguish it from teams/b.yaml:3"),
        ("teams/b.yaml", 3, "people cannot distinguish it from teams/a.yaml:3"),
        ("teams/c.yaml", 3, "people cannot distinguish it from teams/d.yaml:3"),
        ("teams/d.yaml", 3, "people cannot distinguish it from teams/c.yaml:3"),
    ]
