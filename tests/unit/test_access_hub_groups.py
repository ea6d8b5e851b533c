"""The JupyterHub groups that stand for teams and claims."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyterhub_knada.teams.hub_groups import (
    KnownClaim,
    build_hub_groups,
    only_named,
    read_known_claim,
    said_at,
)
from jupyterhub_knada.teams.membership import decide_memberships
from jupyterhub_knada.teams.registry import Registry

if TYPE_CHECKING:
    from jupyterhub_knada.teams.snapshots import Snapshot


NOW = datetime(2026, 12, 1, 8, 20, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Three teams: by list, by group, by both."""
    teams = tmp_path_factory.mktemp("teams")
    (teams / "a.yaml").write_text("namespace: a\nusers: [kim]\n")
    (teams / "b.yaml").write_text("namespace: b\nusers: []\ngroups: [g1, G2]\n")
    (teams / "c.yaml").write_text("namespace: c\nusers: [kim]\ngroups: [g1]\n")
    return Registry(teams, None).snapshot


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    user=st.sampled_from(["kim", "ola"]),
    claim=st.frozensets(st.sampled_from(["g1", "G2", "g2", "a", "claim:g1", ":", ""]) | st.text()),
    said=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_groups_decide_the_same_teams_again(
    snapshot: Snapshot, user: str, claim: frozenset[str], said: datetime | None
) -> None:
    """From the groups alone, without the claim, the same teams follow: that is what they are kept for."""
    decision = decide_memberships(user, claim, snapshot)
    groups = build_hub_groups(decision, KnownClaim(only_named(claim, snapshot), said))
    known = read_known_claim(groups)
    again = decide_memberships(user, known.groups if known else (), snapshot)
    assert again.memberships == decision.memberships
    assert {group for group in groups if ":" not in group} == set(decision.teams)


def test_groups_that_no_team_names_are_left_out(snapshot: Snapshot) -> None:
    """Somebody may be in hundreds; JupyterHub keeps only those that decide something."""
    claim = only_named({"g1", *(f"other-{number}" for number in range(300))}, snapshot)
    decision = decide_memberships("ola", claim, snapshot)
    assert build_hub_groups(decision, KnownClaim(claim)) == ("b", "c", "claim:g1")


def test_moment_of_a_claim_is_read_back_to_the_step(snapshot: Snapshot) -> None:
    """What is written down is the last full step: a person's groups change hourly, not with each refresh."""
    moments = {said_at(NOW + timedelta(minutes=minutes), WEEK) for minutes in range(24 * 60)}
    assert len(moments) <= 25
    groups = build_hub_groups(
        decide_memberships("ola", (), snapshot), KnownClaim(frozenset(), said_at(NOW, WEEK))
    )
    assert groups == ("claim-said:2026-12-01T08:00Z",)
    assert read_known_claim(groups) == KnownClaim(frozenset(), NOW.replace(minute=0))
    assert read_known_claim(["kyrre", "others"]) is None
    assert read_known_claim(["claim-said:once"]) == KnownClaim(frozenset())


@given(
    said=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    age=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=365)),
    later=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=800)),
)
def test_claim_is_never_outdated_before_its_age(said: datetime, age: timedelta, later: timedelta) -> None:
    """It counts for the whole age, and for at most a step longer."""
    known = KnownClaim(frozenset({"g"}), said_at(said, age))
    is_outdated = known.is_outdated(said + later, age)
    if later < age:
        assert not is_outdated
    if later >= age + max(age / 168, timedelta(minutes=1)):
        assert is_outdated
    assert known.groups_at(said + later, age) == (None if is_outdated else {"g"})
    assert not known.is_outdated(said + later, None)
    assert not KnownClaim(known.groups).is_outdated(said + later, age)
