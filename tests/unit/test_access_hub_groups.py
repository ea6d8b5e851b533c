"""The JupyterHub groups that stand for teams and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyterhub_knada.teams.hub_groups import build_hub_groups, read_claim_groups
from jupyterhub_knada.teams.membership import decide_memberships
from jupyterhub_knada.teams.registry import Registry

if TYPE_CHECKING:
    from jupyterhub_knada.teams.snapshots import Snapshot


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
)
def test_groups_decide_the_same_teams_again(snapshot: Snapshot, user: str, claim: frozenset[str]) -> None:
    """From the groups alone, without the claim, the same teams follow: that is what they are kept for."""
    decision = decide_memberships(user, claim, snapshot)
    groups = build_hub_groups(decision, claim, snapshot)
    again = decide_memberships(user, read_claim_groups(groups), snapshot)
    assert again.memberships == decision.memberships
    assert {group for group in groups if ":" not in group} == set(decision.teams)


def test_groups_that_no_team_names_are_left_out(snapshot: Snapshot) -> None:
    """Somebody may be in hundreds; JupyterHub keeps only those that decide something."""
    claim = {"g1", *(f"other-{number}" for number in range(300))}
    decision = decide_memberships("ola", claim, snapshot)
    assert build_hub_groups(decision, claim, snapshot) == ("b", "c", "claim:g1")
