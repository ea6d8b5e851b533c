"""How many servers of one team may start at once, and what the next one reads."""

from __future__ import annotations

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.start_limits import refuse_start, team_start_limit


@pytest.mark.parametrize(
    ("said", "hub_limit", "limit"),
    [
        pytest.param(None, 100, 50, id="half of JupyterHub's default"),
        pytest.param(None, 3, 1, id="half, rounded down"),
        pytest.param(None, 1, 1, id="at least one"),
        pytest.param(None, 0, None, id="none where the hub has none"),
        pytest.param(4, 100, 4, id="what the platform says"),
        pytest.param(4, 0, 4, id="what the platform says, where the hub has none"),
        pytest.param(400, 100, 400, id="more than the hub lets start, which has its own words"),
    ],
)
def test_limit_of_a_team_is_what_the_platform_says_or_half_the_hubs(
    said: int | None, hub_limit: int, limit: int | None
) -> None:
    """No team takes more than half of the places, and each has one."""
    assert team_start_limit(said, hub_limit) == limit


@pytest.mark.parametrize(
    ("starting", "limit"),
    [
        pytest.param(0, 1, id="the first"),
        pytest.param(1, 2, id="the last that may"),
        pytest.param(500, None, id="without a limit"),
    ],
)
def test_start_within_the_limit_is_not_refused(starting: int, limit: int | None) -> None:
    """Whoever comes while there is a place starts."""
    assert refuse_start("kyrre", starting, limit) is None


@pytest.mark.parametrize(
    ("starting", "message"),
    [
        (1, "In team 'kyrre' one server starts already, as many as may at once."),
        (2, "In team 'kyrre' 2 servers start already, as many as may at once."),
    ],
)
def test_start_over_the_limit_is_refused_with_429(starting: int, message: str) -> None:
    """It says why, and that it is a matter of waiting."""
    refusal = refuse_start("kyrre", starting, starting)
    assert refusal is not None
    assert (refusal.code, refusal.status) == (Code.TEAM_STARTS_ENOUGH, 429)
    assert (refusal.message, refusal.remedy) == (message, "Try again when one of them is ready.")
