"""What `check` asks the plan: whatever a start would refuse, lower or leave out stands at its line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers import plans
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.servers.plan_checks import MOST_CHOICES, check_plans
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.registry import Registry
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_knada.teams.loading import LoadedFiles

TABLE = Path(__file__).parents[1] / "data" / "teams" / "plans.txt"
HEAD = "namespace: team-t\nusers: [e152435]\nserviceAccount: t\n"
BOUNDS = "bounds: {gpu: 1, memoryLimit: 64G, cpuLimit: 16}\n"


def judge(folder: Path) -> LoadedFiles:
    """Judge files as `check` does."""
    return load_files(
        folder / "teams", folder / "platform.yaml", check_override=check_override, check_plans=check_plans
    )


def check(folder: Path, platform: str, **teams: str) -> LoadedFiles:
    """Write a platform file and teams of a few lines, and judge them."""
    texts = {name: HEAD.replace("team-t", f"team-{name}") + text for name, text in teams.items()}
    return judge(write_files(folder, f"project: knada-gcp\n{platform}", **texts))


class Case(NamedTuple):
    """One section: `=== title`, a team's file, `--- platform` and its file, `==> message` lines."""

    title: str
    team: str
    platform: str
    told: tuple[str, ...]

    def __str__(self) -> str:
        told = "".join(f"==> {line}\n" for line in self.told)
        return f"=== {self.title}\n{self.team}--- platform\n{self.platform}{told}"


def read_table() -> Iterator[Case]:
    """Read all sections."""
    for section in TABLE.read_text(encoding="utf-8").split("=== ")[1:]:
        title, _, rest = section.partition("\n")
        team, _, rest = rest.partition("--- platform\n")
        platform, *told = rest.split("==> ")
        yield Case(title, team, platform, tuple(line.rstrip("\n") for line in told))


@pytest.mark.parametrize("case", tuple(read_table()), ids=lambda case: case.title)
def test_check_reports_what_the_plan_changes(
    case: Case, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The whole message, at the line of the value; nothing where a start gets what the files say."""
    loaded = judge(write_files(tmp_path, case.platform, t=case.team))
    found = case._replace(told=tuple(map(str, loaded.problems)))
    if request.config.getoption("--update-test-data"):
        text = TABLE.read_text(encoding="utf-8")
        TABLE.write_text(text.replace(str(case), str(found)), encoding="utf-8")
    assert str(found) == str(case)


def test_problem_of_a_plan_closes_no_team(tmp_path: Path) -> None:
    """The hub serves the file: a start gets what the bounds let it have, or is refused by itself."""
    team = "profiles: [{displayName: A, kubespawnerOverride: {mem_guarantee: 8G, mem_limit: 4G}}]\n"
    loaded = check(tmp_path, "", t=team)
    assert loaded.has_errors
    assert (set(loaded.teams), set(loaded.closed)) == ({"t"}, set())


def test_file_with_other_problems_is_planned_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    """Everything is told at once."""
    team = "colour: red\nprofiles: [{displayName: A, kubespawnerOverride: {mem_limit: 900G}}]\n"
    codes = [problem.code for problem in check(tmp_path, BOUNDS, t=team).problems]
    assert codes == [Code.UNKNOWN_KEY, Code.OVER_BOUND]


def test_profile_of_the_platform_is_told_of_once_for_all_teams(tmp_path: Path) -> None:
    """At its own line; a thousand teams make no thousand warnings of it."""
    shared = f"{BOUNDS}profiles: [{{displayName: Big, kubespawnerOverride: {{mem_limit: 900G}}}}]\n"
    loaded = check(tmp_path, shared, a="", b="", c="")
    places = [(problem.file, problem.line, problem.code) for problem in loaded.problems]
    assert places == [("platform.yaml", 3, Code.OVER_BOUND)]


def test_choices_beyond_the_bound_of_a_team_are_said_to_be_unchecked(tmp_path: Path) -> None:
    """The last one is over the bound, which nobody looked at: so that is said."""

    def team(choices: int) -> str:
        listed = "".join(f"c{n}: {{kubespawnerOverride: {{cpu_limit: 1}}}}, " for n in range(choices - 1))
        option = f"{{choices: {{{listed}last: {{kubespawnerOverride: {{mem_limit: 900G}}}}}}}}"
        options = f"{{options: {{a: {option}, b: {option}}}, displayName: A}}"
        return f"profiles: [{options}]\n"

    half = MOST_CHOICES // 2
    # The first choice of each option is its default, which is planned with the profile.
    assert [problem.code for problem in check(tmp_path / "all", BOUNDS, t=team(half + 1)).problems] == [
        Code.OVER_BOUND,
        Code.OVER_BOUND,
    ]
    told = check(tmp_path / "more", BOUNDS, t=team(half + 2)).problems
    assert [problem.code for problem in told] == [Code.OUT_OF_RANGE, Code.OVER_BOUND]
    assert "the first 200 are planned" in told[0].rule


def test_hub_that_loads_files_plans_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its load costs what it cost: the same files are planned by `check` only."""
    team = "profiles: [{displayName: A, kubespawnerOverride: {mem_limit: 900G}}]\n"
    assert check(tmp_path, BOUNDS, t=team).problems
    monkeypatch.setattr(plans, "_build", lambda *_: pytest.fail("planned"))
    registry = Registry(tmp_path / "teams", tmp_path / "platform.yaml", check_override=check_override)
    assert set(registry.snapshot.teams) == {"t"}
    assert registry.snapshot.problems == ()
