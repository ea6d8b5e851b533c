"""What can be a user name, and when two of them are one person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.teams.user_names import find_user_name_fault, is_listable, normalize_user_name
from tests.support.provider_names import PROVIDER_NAMES
from tests.support.team_files import load_folder as load
from tests.support.team_files import load_texts, write_files

if TYPE_CHECKING:
    from pathlib import Path


@given(first=st.text(), second=st.text())
def test_two_names_are_one_only_by_the_case_of_a_to_z(first: str, second: str) -> None:
    """Whatever else two names differ in, they stay two."""
    is_one = normalize_user_name(first) == normalize_user_name(second)
    same = len(first) == len(second) and all(
        a == b or (a.isascii() and b.isascii() and a.lower() == b.lower())
        for a, b in zip(first, second, strict=True)
    )
    assert is_one == same


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(" \u00a0", "is empty", id="blanks"),
        pytest.param("kari\u00a0", "has characters that cannot be printed", id="a blank that is no space"),
        pytest.param("ka\u200bri", "has characters that cannot be printed", id="zero width"),
        pytest.param("\u202eirak", "has characters that cannot be printed", id="right to left"),
        pytest.param("kari\x00", "has characters that cannot be printed", id="NUL"),
        pytest.param("kari\n", "has characters that cannot be printed", id="a line break"),
        pytest.param(json.loads('"kari\\ud800"'), "has characters that cannot be printed", id="a surrogate"),
        pytest.param("x" * 256, "is longer than 255 bytes", id="256 bytes"),
        pytest.param("ø" * 128, "is longer than 255 bytes", id="256 bytes in 128 characters"),
        pytest.param(" kari", "begins or ends with a blank", id="a blank at an end"),
        pytest.param("../kari", "has a slash", id="a slash"),
        pytest.param("..", "is made of points only", id="points"),
        pytest.param("%2e%2E", "is made of points only", id="points, as addresses escape them"),
        pytest.param("kari nordmann", None, id="a blank inside"),
        pytest.param("\u212aari", None, id="a Kelvin sign: somebody else than kari"),
        *(pytest.param(name, None, id=name[:20]) for name in PROVIDER_NAMES),
    ],
)
def test_name_is_refused_for_what_hides_or_breaks_it(name: str, fault: str | None) -> None:
    """A name is printable text that a database, an address and a person can tell from every other."""
    assert find_user_name_fault(name) == fault


@given(name=st.text(max_size=300))
def test_name_that_can_be_listed_can_sign_in_under_it(name: str) -> None:
    """What a file may list is a name that the hub gives, as it gives it."""
    if is_listable(name):
        assert find_user_name_fault(name) is None
        assert normalize_user_name(name) == name


def test_names_that_providers_give_can_be_listed(tmp_path: Path) -> None:
    """A person cannot choose another name at the provider."""
    names = json.dumps(PROVIDER_NAMES, ensure_ascii=False)
    loaded = load_texts(tmp_path, kyrre=f"namespace: kyrre\nusers: {names}\nleads: {names}\n")
    assert loaded.teams["kyrre"].team.users == loaded.teams["kyrre"].team.leads == PROVIDER_NAMES


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        pytest.param('"*"', "write one name in each entry", id="a wildcard"),
        pytest.param('"e1, e2"', "write one name in each entry", id="two names"),
        pytest.param('" O\'Neil@example.org"', 'write "o\'neil@example.org"', id="capitals and a blank"),
        pytest.param('"kari\\u00a0"', "write 'kari'", id="a blank that is no space"),
        pytest.param('"ka\\u200bri"', "people with other names come in by 'groups'", id="zero width"),
    ],
)
def test_entry_that_is_no_name_is_refused_with_what_to_write(tmp_path: Path, entry: str, told: str) -> None:
    """A slip in a list of people is told, and never a person of that name."""
    loaded = load(write_files(tmp_path, kyrre=f"namespace: kyrre\nusers: [{entry}]\n"))
    [problem] = loaded.closed["kyrre"].problems
    assert str(problem.code) == "KNADA-C017"
    assert told in problem.remedy


@pytest.mark.parametrize("group", ["Data\u00a0Team", "Data  Team", " Data Team", "Data Team", "Ærlig"])
def test_group_is_read_exactly_as_it_is_written(tmp_path: Path, group: str) -> None:
    """Groups are compared exactly, so that nothing about one is evened out."""
    entry = json.dumps([group], ensure_ascii=False)
    loaded = load_texts(tmp_path, kyrre=f"namespace: kyrre\nusers: []\ngroups: {entry}\n")
    assert loaded.teams["kyrre"].team.groups == (group,)


@pytest.mark.parametrize("group", ["", " \u00a0", "a\\nb", "a\\tb"])
def test_group_that_is_no_line_is_refused(tmp_path: Path, group: str) -> None:
    """A group of blanks or of two lines is none of any claim."""
    loaded = load(write_files(tmp_path, kyrre=f'namespace: kyrre\nusers: []\ngroups: ["{group}"]\n'))
    assert "a group is one line" in str(loaded.closed["kyrre"].problems[0])
