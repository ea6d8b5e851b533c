"""Whether one server is stopped for being idle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.culling.policy import IdlePolicy, ServerActivity, decide

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = IdlePolicy(timedelta(hours=1), "kyrre")


def before(**ago: float) -> datetime:
    """Give a time before NOW."""
    return NOW - timedelta(**ago)


@pytest.mark.parametrize(
    ("activity", "policy", "is_culled", "reason"),
    [
        pytest.param(
            ServerActivity(before(minutes=61), before(hours=5)),
            HOUR,
            True,
            "idle for 3660 s, team kyrre allows 3600 s",
            id="over its timeout",
        ),
        pytest.param(
            ServerActivity(before(hours=1), before(hours=5)),
            HOUR,
            True,
            "idle for 3600 s, team kyrre allows 3600 s",
            id="at its timeout",
        ),
        pytest.param(
            ServerActivity(before(minutes=59), before(hours=5)),
            HOUR,
            False,
            "idle for 3540 s, team kyrre allows 3600 s",
            id="under its timeout",
        ),
        pytest.param(
            ServerActivity(None, before(hours=2)),
            HOUR,
            True,
            "idle for 7200 s, team kyrre allows 3600 s",
            id="never used, started long ago",
        ),
        pytest.param(
            ServerActivity(before(days=9), before(minutes=1)),
            HOUR,
            False,
            "idle for 60 s, team kyrre allows 3600 s",
            id="last used in an earlier run, just started",
        ),
        pytest.param(
            ServerActivity(None, None),
            HOUR,
            False,
            "the hub does not know when it was last used",
            id="no times at all",
        ),
        pytest.param(
            ServerActivity(before(days=90), before(days=90)),
            None,
            False,
            "the hub gives no policy for it",
            id="no policy",
        ),
        pytest.param(
            ServerActivity(before(days=90), before(days=90)),
            IdlePolicy(None, "kyrre"),
            False,
            "team kyrre lets it be idle for ever",
            id="never",
        ),
        pytest.param(
            ServerActivity(before(hours=-2), before(hours=5)),
            HOUR,
            False,
            "idle for -7200 s, team kyrre allows 3600 s",
            id="a clock that runs ahead",
        ),
        pytest.param(
            ServerActivity(before(hours=2), None),
            IdlePolicy(timedelta(hours=1)),
            True,
            "idle for 7200 s, no team allows 3600 s",
            id="a policy without a team",
        ),
    ],
)
def test_server_is_judged_by_its_own_policy(
    activity: ServerActivity, policy: IdlePolicy | None, *, is_culled: bool, reason: str
) -> None:
    """A server is stopped where it is known to have been idle for its timeout, else it runs on."""
    decision = decide(activity, policy, NOW)
    assert (decision.is_culled, decision.reason) == (is_culled, reason)


@given(
    idle=st.timedeltas(timedelta(0), timedelta(days=999)),
    timeout=st.timedeltas(timedelta(seconds=1), timedelta(days=999)),
    longer=st.timedeltas(timedelta(0), timedelta(days=99)),
)
def test_longer_timeout_never_stops_a_server_sooner(
    idle: timedelta, timeout: timedelta, longer: timedelta
) -> None:
    """A server that survives a timeout survives every longer one."""
    activity = ServerActivity(NOW - idle, None)
    if not decide(activity, IdlePolicy(timeout), NOW).is_culled:
        assert not decide(activity, IdlePolicy(timeout + longer), NOW).is_culled


@pytest.mark.parametrize(
    ("server", "activity"),
    [
        pytest.param(
            {"last_activity": "2026-11-21T11:00:00.000000Z", "started": "2026-11-21T10:00:00Z"},
            ServerActivity(before(hours=1), before(hours=2)),
            id="as JupyterHub writes them",
        ),
        pytest.param(
            {"last_activity": "2026-11-21T13:00:00+02:00"},
            ServerActivity(before(hours=1), None),
            id="another time zone",
        ),
        pytest.param(
            {"last_activity": "2026-11-21T11:00:00"},
            ServerActivity(before(hours=1), None),
            id="no time zone means UTC",
        ),
        pytest.param({"last_activity": None, "started": None}, ServerActivity(None, None), id="null"),
        pytest.param({}, ServerActivity(None, None), id="absent"),
        pytest.param(
            {"last_activity": "yesterday", "started": 7}, ServerActivity(None, None), id="no times at all"
        ),
        pytest.param(
            {"last_activity": "0001-01-01T00:00:00+14:00"},
            ServerActivity(None, None),
            id="a time before time",
        ),
    ],
)
def test_activity_is_read_from_the_server_model(server: dict[str, Any], activity: ServerActivity) -> None:
    """Times are read as UTC; what is no time is unknown."""
    assert ServerActivity.from_server(server) == activity


@pytest.mark.parametrize(
    ("told", "policy"),
    [
        pytest.param(
            {"team": "a", "idle_timeout": 600}, IdlePolicy(timedelta(minutes=10), "a"), id="seconds"
        ),
        pytest.param({"team": "a", "idle_timeout": None}, IdlePolicy(None, "a"), id="null is never"),
        pytest.param({"idle_timeout": 1.5}, IdlePolicy(timedelta(seconds=1.5)), id="no team"),
        pytest.param({"team": "a"}, None, id="no timeout"),
        pytest.param({"idle_timeout": 0}, None, id="zero would stop everything"),
        pytest.param({"idle_timeout": -5}, None, id="negative"),
        pytest.param({"idle_timeout": True}, None, id="a boolean"),
        pytest.param({"idle_timeout": "600"}, None, id="a text"),
        pytest.param({"idle_timeout": 1e300}, None, id="longer than time"),
        pytest.param({"idle_timeout": float("nan")}, None, id="not a number"),
        pytest.param(["team"], None, id="a list"),
        pytest.param(None, None, id="null for a policy"),
    ],
)
def test_policy_of_another_shape_is_unknown(told: Any, policy: IdlePolicy | None) -> None:
    """A policy that cannot be read is none, so that the server runs on."""
    assert IdlePolicy.from_dict(told) == policy


@given(seconds=st.none() | st.integers(1, 10**9), team=st.none() | st.text())
def test_policy_survives_its_json_form(seconds: int | None, team: str | None) -> None:
    """What the hub writes, the culler reads as the same policy."""
    policy = IdlePolicy(None if seconds is None else timedelta(seconds=seconds), team)
    assert IdlePolicy.from_dict(policy.to_dict()) == policy
