"""What is said of files that are wrong: the whole message, for each kind of mistake."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.pod_bounds import length_as_json
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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            f"displayName: {'x' * 101}",
            "displayName: a name of 101 characters; at most 100 characters; shorten it [KNADA-C032]",
            id="name",
        ),
        pytest.param(
            f"description: {'x' * 1001}",
            "description: a text of 1001 characters; at most 1000 characters; shorten it [KNADA-C032]",
            id="text",
        ),
        pytest.param(
            f"env: {{A: {'x' * 32769}}}",
            "env.A: a value of 32769 characters; at most 32768; "
            "put it in a file or in the team's secret [KNADA-C032]",
            id="variable",
        ),
        pytest.param(
            f"profiles: [{{displayName: A, options: {{a: {{unlistedChoice: "
            f"{{enabled: true, validationRegex: {'x' * 1001}}}}}}}}}]",
            "profiles[0].options.a.unlistedChoice.validationRegex: a regular expression of 1001 characters; "
            "at most 1000 characters; shorten it [KNADA-C030]",
            id="regular expression",
        ),
        pytest.param(
            f"groups: [{', '.join(f'g{n}' for n in range(1001))}]",
            "groups: too many entries (got 1001); at most 1000; remove some [KNADA-C014]",
            id="list",
        ),
        pytest.param(
            f"labels: {{{', '.join(f'l{n}: x' for n in range(1001))}}}",
            "labels: too many entries (got 1001); at most 1000; remove some [KNADA-C014]",
            id="mapping",
        ),
        pytest.param(
            f"tolerations: [{', '.join(['{key: x, operator: Exists}'] * 51)}]",
            "tolerations: too many entries (got 51); at most 50; remove some [KNADA-C014]",
            id="list of mappings",
        ),
        pytest.param(
            f"env: {{{', '.join(f'A{n}: $(A{n + 1})' for n in range(101))}}}",
            "env: 101 references '$(' in variables; a server has at most 100 of them; "
            "write out what they refer to, or use a file [KNADA-C014]",
            id="references",
        ),
        pytest.param(
            f"extraEnvs: ['A: {'$(' * 101}']",
            "extraEnvs: 101 references '$(' in variables; a server has at most 100 of them; "
            "write out what they refer to, or use a file [KNADA-C014]",
            id="references in the old list",
        ),
        pytest.param(
            f"env: {{A: {'<' * 11_000}}}",
            "settings of 66028 bytes as JSON in each pod, 66008 of them in env; at most 65536: everybody who "
            "follows the pods of the cluster is sent all of it; put it into a file, or into the image "
            "[KNADA-C014]",
            id="settings",
        ),
        pytest.param(
            f"annotations: {{{', '.join(f'a{n:02}: ' + 'x' * 990 for n in range(66))}}}",
            "settings of 65955 bytes as JSON in each pod, 65935 of them in annotations; at most 65536: "
            "everybody who follows the pods of the cluster is sent all of it; put it into a file, or "
            "into the image [KNADA-C014]",
            id="settings other than variables",
        ),
    ],
)
def test_what_is_too_long_is_told_shortly(line: str, expected: str, tmp_path: Path) -> None:
    """What is without end is counted, not shown."""
    write_files(tmp_path, kyrre=f"namespace: kyrre\nusers: [e1]\n{line}\n")
    [problem] = load_files(tmp_path / "teams", None).closed["kyrre"].problems
    assert problem.line == (3 if problem.field else 1)
    assert str(problem).partition(" ")[2] == expected


@pytest.mark.parametrize(
    ("sign", "size"),
    [
        pytest.param("x", 1, id="a letter"),
        pytest.param("\u00e5", 2, id="a letter of two bytes"),
        pytest.param("\U0001f600", 4, id="a sign of four bytes"),
        pytest.param("<", 6, id="what is written as six"),
        pytest.param("\u2028", 6, id="the end of a line, also written as six"),
        pytest.param("\ud800", 3, id="half a pair, which is no UTF-8"),
    ],
)
def test_length_as_json_is_what_kubernetes_writes(sign: str, size: int) -> None:
    """A text in another language is no larger than in the API server's answers."""
    assert length_as_json({"A": sign * 100}) == len('{"A":""}') + 100 * size


def test_settings_in_letters_of_two_bytes_hold(tmp_path: Path) -> None:
    """They are within the bound as Kubernetes writes them; Python would write six characters for each."""
    text = "\u00e5" * 12_000
    write_files(tmp_path, kyrre=f"namespace: kyrre\nusers: [e1]\nenv: {{A: {text}}}\n")
    assert load_files(tmp_path / "teams", None).closed == {}


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


VARIABLES = """\
namespace: kyrre
users: [e1]
env: {own}
profiles:
  - displayName: A
    kubespawnerOverride: {{environment: {profile}}}
"""


@pytest.mark.parametrize(
    ("own", "profile", "message"),
    [
        pytest.param("b: $(A)", "p: $(A)", "120 references '$(' in variables", id="references"),
        pytest.param("b: x", "p: x", "1200 variables", id="variables"),
    ],
)
def test_variables_of_a_profile_that_are_too_many_with_its_teams_are_told_at_the_profile(
    own: str, profile: str, message: str, tmp_path: Path
) -> None:
    """Each by itself would hold; what one server gets is known where the file is read."""
    times = 60 if "$" in own else 600

    def many(written: str) -> str:
        name, _, value = written.partition(": ")
        return f"{{{', '.join(f'{name}{n}: {value}' for n in range(times))}}}"

    text = VARIABLES.format(own=many(own), profile=many(profile))
    write_files(tmp_path, kyrre=text)
    [problem] = load_files(tmp_path / "teams", None).closed["kyrre"].problems
    assert (problem.field, problem.line) == ("profiles[0].kubespawnerOverride.environment", 6)
    assert (problem.code, problem.message) == (Code.OUT_OF_RANGE, message)
    write_files(tmp_path, kyrre=text.replace(many(profile), many(own)))
    assert "kyrre" in load_files(tmp_path / "teams", None).teams


def test_defaults_that_fill_every_pod_are_told_in_the_platforms_file(tmp_path: Path) -> None:
    """Teams are not told for what is not theirs."""
    env = ", ".join(f"A{n}: {'x' * 30_000}" for n in range(3))
    write_files(tmp_path, f"project: x-project\ndefaults: {{env: {{{env}}}}}\n", kyrre=SEED)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    [problem] = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert (problem.file, problem.line, problem.code) == ("platform.yaml", 2, Code.OUT_OF_RANGE)
    assert "settings of 90" in problem.message
