"""One team at a time: which servers keep a person from starting another one."""

from __future__ import annotations

import pytest

from jupyterhub_knada.servers.origins import TeamServer, find_other_teams, refuse_second_team

ALFA = TeamServer("", "alfa", "alfa-1a")
STOP_IT = "Stop that one on this page or on the hub's home page, then start this one."
BETA = TeamServer("second", "beta", "beta-1a")


def test_servers_of_the_same_team_are_never_in_the_way() -> None:
    """However many they are, and whatever the team is called now."""
    renamed = TeamServer("third", "alfa-old", "alfa-1a")
    assert find_other_teams("alfa-1a", [ALFA, renamed, BETA]) == (BETA,)
    assert refuse_second_team("anna", find_other_teams("alfa-1a", [ALFA, renamed])) is None


@pytest.mark.parametrize(
    ("server", "described", "remedy"),
    [
        pytest.param(ALFA, "default server, of team 'alfa', of anna runs", STOP_IT, id="default server"),
        pytest.param(
            TeamServer("second", "beta", "beta-1a", is_stopping=True),
            "server 'second', of team 'beta', of anna is being stopped",
            "Start this one when that one has ended.",
            id="one that is being stopped",
        ),
        pytest.param(
            TeamServer("old", "", ""),
            "server 'old', of an unknown team, of anna runs",
            STOP_IT,
            id="one of an unknown team",
        ),
    ],
)
def test_server_of_another_team_refuses_the_start(server: TeamServer, described: str, remedy: str) -> None:
    """The sentence says which one, whose, why, and what to do."""
    refusal = refuse_second_team("anna", find_other_teams("gamma", [server]))
    assert refusal is not None
    why = "and servers of two teams never run at once here: they would share one address in the browser."
    assert str(refusal) == f"The {described}, {why} {remedy} [KNADA-S013]"
    assert refusal.status == 409
    to_the_person = refuse_second_team(None, find_other_teams("gamma", [server]))
    own = described.replace(" of anna", "")
    assert str(to_the_person) == f"Your {own}, {why} {remedy} [KNADA-S013]"
