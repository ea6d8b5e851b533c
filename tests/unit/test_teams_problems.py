"""What is said of files that are wrong: the whole message, for each kind of mistake."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).parents[1] / "data" / "teams" / "problems.txt"
TODAY = date(2026, 1, 1)


class Case(NamedTuple):
    """One section: `=== title`, a team's file, `--- platform` and its file, `==> message` lines."""

    title: str
    team: str
    platform: str | None
    told: list[str]

    def __str__(self) -> str:
        platform = "" if self.platform is None else f"--- platform\n{self.platform}"
        return f"=== {self.title}\n{self.team}{platform}" + "".join(f"==> {line}\n" for line in self.told)


def read_table() -> Iterator[Case]:
    """Read all sections."""
    for section in TABLE.read_text(encoding="utf-8").split("=== ")[1:]:
        title, _, rest = section.partition("\n")
        files, *told = rest.split("\n==> ")
        team, marker, platform = (files + "\n").partition("--- platform\n")
        yield Case(title, team, platform if marker else None, [line.rstrip("\n") for line in told])


def judge(folder: Path, case: Case) -> Case:
    """Load the files of a section and give the section with what is really said of them."""
    write_files(folder, case.platform)
    (folder / "teams" / "kyrre.yaml").write_text(case.team, encoding="utf-8")
    (folder / "teams" / "other.yaml").write_text(SEED, encoding="utf-8")
    platform = None if case.platform is None else folder / "platform.yaml"
    loaded = load_files(folder / "teams", platform, today=TODAY)
    told = [
        str(problem)
        for problem in loaded.problems
        # Told once in every folder without a project: not what these cases are about.
        if problem.code is not Code.NO_PROJECT and problem.file != "teams/other.yaml"
    ]
    assert "other" in loaded.teams
    assert any("warning: " not in line for line in told if line.startswith("teams/")) == (
        "kyrre" in loaded.closed
    )
    assert any("warning: " not in line for line in told if line.startswith("platform")) == (
        loaded.platform is None
    )
    return case._replace(told=told)


@pytest.mark.parametrize("case", tuple(read_table()), ids=lambda case: case.title)
def test_problem_is_told_in_full_at_its_place(
    case: Case,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Every mistake is told with place, rule and what to do; the other team is unharmed."""
    found = judge(tmp_path, case)
    if request.config.getoption("--update-test-data"):
        text = TABLE.read_text(encoding="utf-8")
        TABLE.write_text(text.replace(str(case), str(found)), encoding="utf-8")
    assert str(found) == str(case)


def test_table_shows_no_value_of_a_variable() -> None:
    """Values of environment variables may be secrets: no message of the table shows one."""
    assert not [line for case in read_table() for line in case.told if "s3cret" in line]


def test_table_says_nothing_in_the_words_of_a_library() -> None:
    """None of the words that pydantic and ruamel.yaml have reaches a person."""
    jargon = (
        "pydantic",
        "ruamel",
        "validation error",
        "Input should",
        "token",
        "<stream",
        "expected the node",
    )
    told = "\n".join(line for case in read_table() for line in case.told)
    assert not [word for word in jargon if word in told]
