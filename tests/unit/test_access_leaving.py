"""Who has left a team, by what can be read; and when their servers are stopped for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.access.leaving import (
    Person,
    Standing,
    decide_departure,
    decide_stop,
    find_reason,
    is_in_no_team,
    judge_person,
)
from jupyterhub_knada.teams.departures import Departure, read_departures
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.reloading import build_snapshot
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.snapshots import Snapshot

NOW = datetime(2026, 12, 1, 8, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALFA = "namespace: alfa\nusers: [anna]\ngroups: [g-alfa]\n"
BETA = "namespace: beta\nusers: [bo]\n"
SAID = "claim-said:2026-12-01T08:00Z"
OLD = "claim-said:2026-11-20T08:00Z"


def snapshot_of(
    folder: Path, platform: str | None = None, before: Snapshot | None = None, **teams: str | None
) -> Snapshot:
    """Give the snapshot of files, and of nothing else in the folder."""
    for file in folder.glob("teams/*.yaml"):
        file.unlink()
    write_files(folder, platform, **{slug: text for slug, text in teams.items() if text})
    file = folder / "platform.yaml"
    loaded = load_files(folder / "teams", file if file.exists() else None)
    return build_snapshot(before, loaded, now=NOW)


def stand(snapshot: Snapshot, name: str = "anna", *groups: str, is_admin: bool = False) -> Standing:
    """Judge somebody who was in alfa."""
    return judge_person(Person(name, frozenset({"alfa", *groups}), is_admin), snapshot, NOW)


@pytest.mark.parametrize(
    ("alfa", "groups", "reason"),
    [
        pytest.param(ALFA, (), None, id="listed"),
        pytest.param(ALFA.replace("users: [anna]", "users: []\nleads: [anna]"), (), None, id="a lead"),
        pytest.param(
            ALFA.replace("anna", "other"),
            (SAID,),
            "teams/alfa.yaml lists anna neither by name nor by a group of the sign-in",
            id="taken out of users",
        ),
        pytest.param(
            ALFA.replace("anna", "other"),
            (),
            "teams/alfa.yaml lists anna neither by name nor by a group of the sign-in",
            id="taken out of users where the provider says no groups",
        ),
        pytest.param(ALFA.replace("anna", "other"), (SAID, "claim:g-alfa"), None, id="by group"),
        pytest.param(
            ALFA.replace("anna", "other").replace("g-alfa", "g-other"),
            (SAID, "claim:g-alfa"),
            "teams/alfa.yaml lists anna neither by name nor by a group of the sign-in",
            id="the group taken out of the file",
        ),
        pytest.param(
            ALFA.replace("anna", "other"),
            (OLD, "claim:g-alfa"),
            "it is too long ago that a sign-in of anna named a group of teams/alfa.yaml",
            id="by group, said too long ago",
        ),
        pytest.param(ALFA, (OLD, "claim:g-alfa"), None, id="by group too long ago, and listed"),
        pytest.param(None, (), "the team's file was removed", id="the file removed, others there"),
        pytest.param("namespace: [\n", (), None, id="closed"),
        pytest.param(
            ALFA.replace("anna", "other") + "memoryLimit: 2\n", (), None, id="closed, and not listed there"
        ),
    ],
)
def test_owner_of_a_server_has_left_only_by_what_can_be_read(
    tmp_path: Path, alfa: str | None, groups: tuple[str, ...], reason: str | None
) -> None:
    """A list, a group and a file that is gone say so; a closed team says nothing."""
    snapshot = snapshot_of(tmp_path, alfa=alfa, beta=BETA)
    assert find_reason(stand(snapshot, "anna", *groups), "alfa", snapshot, {}) == reason


def nothing_is_there(folder: Path) -> Snapshot:
    """An empty folder."""
    return snapshot_of(folder, "{}")


def folder_is_gone(folder: Path) -> Snapshot:
    """A folder that cannot be listed, before anything was served."""
    snapshot_of(folder, "{}")
    (folder / "teams").rmdir()
    loaded = load_files(folder / "teams", folder / "platform.yaml")
    return build_snapshot(None, loaded, is_listed=False, now=NOW)


def folder_has_gone(folder: Path) -> Snapshot:
    """A folder that cannot be listed any more."""
    before = snapshot_of(folder, "{}", alfa=ALFA.replace("anna", "other"), beta=BETA)
    loaded = load_files(folder / "nowhere", folder / "platform.yaml")
    return build_snapshot(before, loaded, is_listed=False, now=NOW)


def platform_is_broken(folder: Path) -> Snapshot:
    """A platform file that was never valid."""
    return snapshot_of(folder, "domain: [\n", alfa=ALFA.replace("anna", "other"), beta=BETA)


def platform_broke(folder: Path) -> Snapshot:
    """A platform file that is invalid now, while team files change."""
    before = snapshot_of(folder, "{}", alfa=ALFA, beta=BETA)
    return snapshot_of(folder, "domain: [\n", before=before, beta=BETA)


def every_team_is_closed(folder: Path) -> Snapshot:
    """Files of which none holds, and the server's is not among them."""
    return snapshot_of(folder, "{}", beta="namespace: [\n")


@pytest.mark.parametrize(
    "spoil",
    [
        nothing_is_there,
        folder_is_gone,
        folder_has_gone,
        platform_is_broken,
        platform_broke,
        every_team_is_closed,
    ],
)
def test_state_that_cannot_be_read_stops_no_server(tmp_path: Path, spoil: Any) -> None:
    """Nobody loses a running server to a typo, a full disk or a folder that is being swapped."""
    snapshot = spoil(tmp_path)
    standing = stand(snapshot, "anna", SAID)
    assert find_reason(standing, "alfa", snapshot, {}) is None
    if spoil is not every_team_is_closed:
        assert not is_in_no_team(standing, snapshot, {})


@pytest.mark.parametrize(
    ("named", "is_known"),
    [
        pytest.param({"g-alfa": NOW - HOUR}, True, id="named before the claim was said"),
        pytest.param({"g-alfa": NOW}, False, id="named since"),
        pytest.param({}, True, id="named always"),
    ],
)
def test_group_that_a_file_names_since_the_claim_was_said_is_unknown(
    tmp_path: Path, named: dict[str, datetime], *, is_known: bool
) -> None:
    """A team that goes over from names to a group loses nobody of whom the group is not known yet."""
    snapshot = snapshot_of(tmp_path, alfa=ALFA.replace("anna", "other"), beta=BETA)
    standing = stand(snapshot, "anna", SAID)
    assert (find_reason(standing, "alfa", snapshot, named) is not None) is is_known
    assert is_in_no_team(standing, snapshot, named) is is_known


def test_hub_of_one_team_knows_nothing_of_other_teams(tmp_path: Path) -> None:
    """A server that was started for another team is none of its business."""
    snapshot = snapshot_of(tmp_path, beta=BETA)
    standing = stand(snapshot)
    assert find_reason(standing, "alfa", snapshot, {}, only_team="beta") is None
    assert find_reason(standing, "alfa", snapshot, {}) is not None


@pytest.mark.parametrize(
    ("name", "is_admin", "is_out"),
    [
        pytest.param("ola", False, True, id="in no team"),
        pytest.param("ola", True, False, id="a hub admin"),
        pytest.param("bo", False, False, id="in another team"),
        pytest.param("shut", False, False, id="in a closed team"),
    ],
)
def test_sessions_end_of_whoever_is_in_no_team(
    tmp_path: Path, name: str, *, is_admin: bool, is_out: bool
) -> None:
    """Not of admins, and not of people in a team that cannot be read."""
    snapshot = snapshot_of(tmp_path, beta=BETA, shut="namespace: shut\nusers: [shut]\nmemoryLimit: 2\n")
    assert is_in_no_team(stand(snapshot, name, is_admin=is_admin), snapshot, {}) is is_out


def test_grace_begins_when_it_was_first_seen_and_ends_when_somebody_comes_back() -> None:
    """Neither the next sweep nor a restart of the hub begins it anew; another leave does."""
    first = decide_departure(None, "alfa", "gone", NOW)
    assert first == Departure("alfa", "gone", NOW)
    assert decide_departure(first, "alfa", "gone for another reason", NOW + HOUR) == first
    assert decide_departure(first, "alfa", None, NOW + HOUR) is None
    assert decide_departure(first, "beta", "gone", NOW + HOUR) == Departure("beta", "gone", NOW + HOUR)
    assert read_departures([{"knada": {"departure": first.to_state()}}]) == (first,)


@pytest.mark.parametrize(
    ("grace", "after", "left"),
    [
        pytest.param(900, timedelta(0), timedelta(minutes=15), id="just seen"),
        pytest.param(900, timedelta(minutes=14), timedelta(minutes=1), id="a minute left"),
        pytest.param(900, HOUR, timedelta(minutes=-45), id="over while the hub was away"),
        pytest.param(0, timedelta(0), timedelta(0), id="at once"),
        pytest.param("never", 365 * 24 * HOUR, None, id="never"),
    ],
)
def test_server_is_stopped_when_the_grace_is_over(
    grace: Any, after: timedelta, left: timedelta | None
) -> None:
    """Counted from when it was first seen."""
    assert decide_stop(Departure("alfa", "gone", NOW), grace, NOW + after) == left


@pytest.mark.parametrize(
    "state",
    [
        None,
        5,
        {},
        {"knada": None},
        {"knada": {"departure": None}},
        {"knada": {"departure": {"team": "alfa"}}},
    ],
    ids=str,
)
def test_states_of_any_shape_tell_of_no_departure(state: object) -> None:
    """A database may hold what an older version wrote, or another spawner."""
    assert read_departures([state]) == ()


def test_departure_that_ended_in_a_stop_says_so() -> None:
    """The person reads the reason, when, and that the home is kept."""
    departure = Departure("alfa", "the team's file was removed", NOW, NOW + HOUR)
    assert read_departures([{"knada": {"departure": departure.to_state()}}] * 2) == (departure,)
    assert str(departure) == (
        "You are no longer in team alfa: the team's file was removed. "
        "Your server there was stopped at 2026-12-01 09:20 UTC, and its home is kept."
    )
