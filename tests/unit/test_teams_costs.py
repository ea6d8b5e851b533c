"""What a file can cost is bounded: work is counted here, so that no machine is too slow for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Code, Problem, Severity
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams import suggestions, yaml_nodes
from jupyterhub_knada.teams.faults import faults_of
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.salvage import judge_tree
from jupyterhub_knada.teams.single_file import NOWHERE
from jupyterhub_knada.teams.tally import MOST_FOUND, MOST_SHOWN, Tally, counted, shortened
from jupyterhub_knada.teams.yaml_nodes import read_yaml
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_knada.teams.suggestions import Meant

STAND_INS = {"namespace": "unsaid", "users": []}
TEAM = {"namespace": "t", "users": ["e1"]}
MOST_OF_ONE_LIST = 2 * 1000
"""Faults of the names and values of one mapping: what is found at most after there are too many."""


@pytest.fixture
def meant(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the keys that suggestions are made for."""
    keys: list[str] = []
    find = suggestions.find_meant

    def record(home: str, key: str, known: frozenset[str]) -> Meant | None:
        keys.append(key)
        return find(home, key, known)

    monkeypatch.setattr(suggestions, "find_meant", record)
    return keys


@pytest.fixture
def few_values(monkeypatch: pytest.MonkeyPatch) -> int:
    """Read no more values of a file than these: the parser is the slowest part of all."""
    few = 2000
    monkeypatch.setattr(yaml_nodes, "MOST_VALUES", few)
    return few


def wrong_keys(count: int, prefix: str = "k") -> dict[str, str]:
    """Give keys that nothing has."""
    return {f"{prefix}{index}": "1" for index in range(count)}


CHOICES = {f"c{index}": wrong_keys(1) for index in range(200)}
OPTIONS = {f"o{index}": {"choices": CHOICES} for index in range(50)}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        pytest.param({"profiles": [{"x": "1"}] * 5000}, "too many entries (got 5000)", id="profiles"),
        pytest.param({"profiles": ["a"] * 5000}, "too many entries (got 5000)", id="texts for profiles"),
        pytest.param({"tolerations": [{"x": "1"}] * 5000}, "too many entries (got 5000)", id="tolerations"),
        pytest.param(
            {"profiles": [{"displayName": "A", "options": wrong_keys(5000)}]},
            "too many entries (got 5000)",
            id="options",
        ),
        pytest.param(
            {"profiles": [{"displayName": "A", "profile_options": {"o": {"choices": wrong_keys(5000)}}}]},
            "too many entries (got 5000)",
            id="choices",
        ),
        pytest.param({"users": ["E 1"] * 5000}, "too many entries (got 5000)", id="users"),
        pytest.param({"env": wrong_keys(5000, "!")}, "too many entries (got 5000)", id="variables"),
    ],
)
def test_list_with_too_many_entries_says_their_number_and_judges_no_more_than_it_may_have(
    tree: dict[str, object], message: str, meant: list[str]
) -> None:
    """One problem has the number, and entries behind the bound are not judged."""
    found = judge_tree(TEAM | tree, TeamFile, STAND_INS, NOWHERE)
    told = [fault for fault in found.faults if fault.code is Code.OUT_OF_RANGE]
    assert [fault.message for fault in told] == [message]
    places = [step for fault in found.faults for step in fault.path if isinstance(step, int)]
    assert all(place < 1000 for place in places)
    assert len(found.faults) <= MOST_FOUND + 2
    assert len(meant) <= MOST_FOUND + 1


def test_too_many_images_of_the_platform_are_judged_as_far_as_it_may_have() -> None:
    """The list of images is bounded as those of teams are."""
    found = judge_tree({"images": [{"x": "1"}] * 5000}, PlatformFile, {}, NOWHERE)
    assert "too many entries (got 5000)" in [fault.message for fault in found.faults]
    assert {fault.path[1] for fault in found.faults if len(fault.path) > 1} == set(range(200))


def test_mistake_in_a_list_that_is_too_long_is_reported_beside_its_number() -> None:
    """Within the bound the entries are judged: both can be corrected at once."""
    profiles = [{"displayName": f"P {index}"} for index in range(101)]
    profiles[3] |= {"colour": "red"}
    found = judge_tree(TEAM | {"profiles": profiles}, TeamFile, STAND_INS, NOWHERE)
    assert sorted(fault.path for fault in found.faults) == [("profiles",), ("profiles", 3, "colour")]


@pytest.mark.parametrize(
    ("tree", "model"),
    [
        pytest.param(wrong_keys(20_000), TeamFile, id="top-level keys"),
        pytest.param({"profiles": [{"displayName": "A"} | wrong_keys(20_000)]}, TeamFile, id="profile"),
        pytest.param({"resources": wrong_keys(20_000)}, TeamFile, id="resources"),
        pytest.param(
            {"profiles": [{"displayName": f"P{n}", "options": OPTIONS} for n in range(20)]},
            TeamFile,
            id="choices",
        ),
        pytest.param(
            {"profiles": [{"displayName": f"P{n}"} | wrong_keys(200) for n in range(100)]},
            TeamFile,
            id="profiles",
        ),
        pytest.param(
            {key: wrong_keys(1000, "!") for key in ("env", "labels", "annotations", "nodeSelector")},
            TeamFile,
            id="mappings",
        ),
        pytest.param(
            {"profiles": [{"displayName": f"P{n}", "allowed_groups": ["a"] * 900} for n in range(20)]},
            TeamFile,
            id="groups of profiles",
        ),
        pytest.param(wrong_keys(20_000), PlatformFile, id="platform's keys"),
        pytest.param({"bounds": wrong_keys(20_000)}, PlatformFile, id="bounds"),
        pytest.param(
            {"images": [{"name": f"i{n}", "image": "a/b:1"} | wrong_keys(100) for n in range(200)]},
            PlatformFile,
            id="images",
        ),
    ],
)
def test_file_that_is_wrong_everywhere_is_judged_until_it_has_too_many_faults(
    tree: dict[str, object], model: type[TeamFile | PlatformFile], meant: list[str]
) -> None:
    """Faults and suggestions have a bound of their own, however the mistakes are spread over the file."""
    needed = TEAM if model is TeamFile else {}
    found = judge_tree(needed | tree, model, STAND_INS if needed else {}, NOWHERE)
    assert MOST_FOUND < len(found.faults) <= MOST_FOUND + MOST_OF_ONE_LIST
    assert len(meant) <= 3 * (MOST_FOUND + 1)
    assert found.model is None
    assert found.part is not None


def test_what_a_file_claims_is_known_though_too_much_of_it_is_wrong() -> None:
    """Where judging ends early the keys with mistakes are left out whole, and the others are read."""
    tree = TEAM | {"ingress": "kyrre", "profiles": [{"displayName": "A"} | wrong_keys(5000)]}
    found = judge_tree(tree | wrong_keys(900, "top"), TeamFile, STAND_INS, NOWHERE)
    assert found.part is not None
    assert (found.part.namespace, found.part.ingress, found.part.profiles) == ("t", "kyrre", ())
    assert {"profiles", "top0"} <= found.unsaid


def test_model_without_a_tally_is_judged_within_the_bound(meant: list[str]) -> None:
    """A mapping that is judged by itself has the same bound."""
    with pytest.raises(ValueError, match="TeamFile") as error:
        TeamFile.model_validate(TEAM | wrong_keys(5000))
    assert len(faults_of(error.value)) == MOST_FOUND + 1  # type: ignore[arg-type]
    assert len(meant) == MOST_FOUND + 1


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param("profiles: [" + "{x: 1}, " * 3000 + "]", ("profiles",), id="profiles"),
        pytest.param("profiles:\n" + "- a\n" * 3000, ("profiles",), id="texts"),
        pytest.param("users: [" + "~," * 3000 + "]", ("users",), id="nulls"),
        pytest.param("\n".join(f"k{n}: 1" for n in range(3000)), (), id="keys"),
    ],
)
def test_text_with_too_many_values_is_read_no_further(
    text: str, field: tuple[str, ...], few_values: int
) -> None:
    """Reading costs as well: the parser is stopped, and the list that has the most entries is named."""
    found = read_yaml(text)
    (placed,) = found.faults
    assert placed.fault.message.startswith("too many values in one file (got ")
    assert (placed.fault.path, placed.fault.code, found.is_cut) == (field, Code.OUT_OF_RANGE, True)
    assert len(found.positions.values) <= few_values


def test_text_with_as_many_values_as_a_file_may_have_is_read(few_values: int) -> None:
    """The bound itself is allowed: a mapping, its key, and the list with its entries."""
    entries = few_values - 3
    assert read_yaml(f"x: [{'a,' * entries}]").faults == ()
    assert read_yaml(f"x: [{'a,' * (entries + 1)}]").is_cut is True


def test_what_a_file_says_above_too_many_values_is_known(tmp_path: Path, few_values: int) -> None:
    """Its names and claims are; of keys that may stand below nothing is said, nor are they missed."""
    text = f"ingress: kyrre\ngroups: [g]\nx: [{'a,' * few_values}]\nusers: [e1]\nnamespace: t\n"
    write_files(tmp_path, "project: knada-gcp\n", a=text, b="namespace: b\nusers: [e2]\ningress: kyrre\n")
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    errors = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert [(problem.file, problem.message) for problem in errors] == [
        ("teams/a.yaml", "claimed twice (got 'kyrre')"),
        ("teams/a.yaml", "too many values in one file (got 1992 entries here)"),
        ("teams/b.yaml", "claimed twice (got 'kyrre')"),
    ]
    assert loaded.closed["a"].groups == {"g"}


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        pytest.param("users: a\n" * 9000, Severity.ERROR, id="keys twice"),
        pytest.param("x: [" + "*b, " * 9000 + "]", Severity.ERROR, id="aliases of nothing"),
        pytest.param("x: [" + "!a 1, " * 9000 + "]", Severity.ERROR, id="tags"),
        pytest.param("x: [" + "{<<: 1}, " * 5000 + "]", Severity.ERROR, id="merge keys"),
        pytest.param("\n".join(f"k{n}: #a" for n in range(9000)), Severity.WARNING, id="comments"),
        pytest.param(
            "x: [" + "".join(f"&a{n} 1, " for n in range(9000)) + "]", Severity.WARNING, id="unused anchors"
        ),
    ],
)
def test_text_with_countless_faults_keeps_the_first(text: str, severity: Severity) -> None:
    """What is wrong in the text itself is bounded as what is wrong with its values."""
    found = read_yaml(text)
    assert [placed.severity for placed in found.faults] == [severity] * (MOST_FOUND + 1)


def test_error_behind_countless_warnings_is_reported(tmp_path: Path) -> None:
    """A thousand warnings hide no error, neither in the text nor in what is shown of it."""
    lines = "".join(f"  k{n}: #a\n" for n in range(900))
    mappings = "".join(f"{key}:\n{lines}" for key in ("env", "labels", "annotations"))
    write_files(tmp_path, "project: knada-gcp\n", t=f"namespace: t\nusers: [e1]\n{mappings}users: []\n")
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    assert "a key twice (got 'users')" in [problem.message for problem in loaded.problems]
    assert list(loaded.teams) == []


def test_overrides_with_countless_mistakes_are_judged_until_there_are_too_many(
    tmp_path: Path, meant: list[str]
) -> None:
    """The checks of later steps end as well, and all problems of the file are one bounded list."""
    override = "{" + "".join(f"k{n}: 1, " for n in range(90)) + "}"
    profiles = "".join(f"- {{displayName: P{n}, kubespawner_override: {override}}}\n" for n in range(90))
    write_files(tmp_path, "project: knada-gcp\n", t=f"namespace: t\nusers: [e1]\nprofiles:\n{profiles}")
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", check_override=check_override)
    assert len(meant) <= MOST_FOUND + 90
    assert len(loaded.problems) == MOST_SHOWN + 1
    assert len(loaded.closed["t"].problems) == MOST_SHOWN + 1
    assert "(got more than 1000)" in loaded.problems[-1].message


def test_override_with_too_many_values_is_judged_by_their_number_only() -> None:
    """What is in it is not looked at."""
    (fault,) = check_override(wrong_keys(5000))
    assert fault.message == "an override of 5000 values, 1 of them in k0"


def problems(severity: Severity, count: int, file: str = "teams/t.yaml") -> list[Problem]:
    """Make problems, one in each line."""
    line = 1 if severity is Severity.WARNING else 10_000
    return [Problem(file, line + n, 1, "", Code.UNKNOWN_KEY, "wrong", "", "", severity) for n in range(count)]


def test_errors_are_shown_before_warnings_where_not_all_are() -> None:
    """Warnings need no correction; what is shown is in the order of the file, and each file has its own."""
    found = [
        *problems(Severity.WARNING, 300),
        *problems(Severity.ERROR, 2),
        *problems(Severity.WARNING, 5, "a"),
    ]
    shown = shortened(found)
    assert len(shown) == 5 + MOST_SHOWN + 1
    assert [problem.severity for problem in shown[-3:]] == [Severity.ERROR] * 3
    assert shown[-1].message == "too many problems in one file (got 302)"
    assert shown[-1].remedy == "correct these first, then see 102 more"


def test_step_goes_on_behind_countless_warnings_and_ends_with_countless_errors() -> None:
    """What would close a team is found wherever it stands."""
    asked = 0

    def step() -> Iterator[Problem]:
        nonlocal asked
        for problem in (*problems(Severity.WARNING, 5000), *problems(Severity.ERROR, 5000)):
            asked += 1
            yield problem

    found = list(counted(step()))
    assert len(found) == 2 * (MOST_FOUND + 1)
    assert asked == 5000 + MOST_FOUND + 1


def test_tally_is_full_one_behind_what_is_counted() -> None:
    """So it can be said that there are more."""
    assert [Tally(found).is_full for found in (0, MOST_FOUND, MOST_FOUND + 1, 5000)] == [
        False,
        False,
        True,
        True,
    ]
