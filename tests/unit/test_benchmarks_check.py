"""The benchmark of `check`: it measures what it says, and says whether the goal is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import check
from benchmarks.check import Cost, main, measure, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.loaded import LoadedPlatform, LoadedTeam


def test_measure_plans_every_profile_and_choice_of_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the judgements plan all teams, the other half none."""
    planned: list[str] = []

    def plan(_: LoadedPlatform, team: LoadedTeam) -> tuple[()]:
        planned.append(team.slug)
        return ()

    monkeypatch.setattr(check, "check_plans", plan)
    write_folder(tmp_path, 3)
    costs = measure(tmp_path, runs=2)
    assert len(costs) == 2
    assert planned == ["team-0", "team-1", "team-2"] * 3


@pytest.mark.parametrize(("with_plans", "code"), [(1.5, 0), (2.5, 1)])
def test_main_says_whether_the_goal_is_reached(
    with_plans: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is for whoever runs it in a script, the table for people."""
    monkeypatch.setattr(check, "measure", lambda *_: [Cost(1.0, with_plans)])
    assert main(["--files", "1", "--runs", "1"]) == code
    assert f"ratio                 {with_plans:.2f}" in capsys.readouterr().out
