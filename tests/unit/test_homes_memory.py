"""What a spawner remembers: by team, through the database, and whatever stands there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.homes import RememberedHome
from jupyterhub_knada.servers.memory import ServerMemory
from jupyterhub_knada.teams.departures import Departure

HOME = {"team_id": "alfa-1a2b", "namespace": "team-alfa", "claim_name": "home-x"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_memory_comes_back_from_the_database_as_it_was() -> None:
    """State is JSON; what goes in comes out."""
    server = {"team": "alfa", "idle_timeout": "never", "host": "anna--alfa-1a2b"}
    left = {"team": "alfa", "reason": "gone", "since": "2026-12-01T08:20:00+00:00", "stopped": None}
    kept = {"token_id": 7, "departure": left}
    state = {**server, "homes": {"alfa": HOME}, "accepted": {"team": "alfa"}, **kept}
    memory = ServerMemory.from_state(json.loads(json.dumps(state)))
    assert memory.homes == {"alfa": RememberedHome("alfa-1a2b", "team-alfa", "home-x")}
    assert memory.accepted == {"team": "alfa"}
    assert memory.departure == Departure("alfa", "gone", datetime(2026, 12, 1, 8, 20, tzinfo=UTC))
    assert memory.to_state() == state


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {"homes": []},
        {"homes": {"alfa": "home-x"}},
        {"homes": {"alfa": {**HOME, "claim_name": ""}}},
        {"homes": {"alfa": {**HOME, "namespace": 5}}},
        {"accepted": ["team"]},
        {"accepted": {"team": 5}},
    ],
)
def test_memory_of_another_shape_is_none(state: Any) -> None:
    """What an older version or somebody's hand wrote is as if it were not there."""
    memory = ServerMemory.from_state(state)
    assert (dict(memory.homes), memory.accepted) == ({}, None)


@given(st.dictionaries(st.sampled_from(["homes", "accepted", "team"]) | st.text(), JSON))
def test_memory_of_any_state_is_read_and_written(state: Any) -> None:
    """No state in the database keeps a spawner from being made."""
    assert json.dumps(ServerMemory.from_state(state).to_state())
