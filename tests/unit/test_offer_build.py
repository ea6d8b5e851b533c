"""What somebody may choose now, from team files as they hold now."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.teams.loaded import ClosedTeam, LoadedPlatform, LoadedTeam
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.positions import Positions
from jupyterhub_knada.teams.snapshots import Snapshot

TODAY = date(2026, 11, 21)
NO_POSITIONS = Positions({}, {})
IMAGES = [
    {"name": "old", "image": "reg/old:1", "endOfLife": "2026-11-20"},
    {"name": "last-day", "image": "reg/last:1", "endOfLife": "2026-11-21"},
    {"name": "new", "image": "reg/new:1", "endOfLife": "2029-10-31", "default": "true"},
]


def snapshot(
    teams: dict[str, dict[str, Any]], platform: dict[str, Any] | None = None, closed: tuple[str, ...] = ()
) -> Snapshot:
    """Make a snapshot of team files as the loader reads them; e1 is in each team that names nobody."""
    loaded = {}
    for slug, values in teams.items():
        file = TeamFile.model_validate({"namespace": f"ns-{slug}", "users": ["e1"], **values})
        loaded[slug] = LoadedTeam(slug, f"teams/{slug}.yaml", file, NO_POSITIONS, ())
    return Snapshot(
        version=1,
        platform=LoadedPlatform("platform.yaml", PlatformFile.model_validate(platform or {}), NO_POSITIONS),
        teams=loaded,
        closed={slug: ClosedTeam(slug, f"teams/{slug}.yaml", (), frozenset({"e1"})) for slug in closed},
        problems=(),
    )


def test_build_offer_of_a_member_has_only_the_teams_of_that_person() -> None:
    """Users and group claims decide; the teams of others are not there, not even by name."""
    files = snapshot(
        {"mine": {}, "group": {"users": ["e2"], "groups": ["analysts"]}, "others": {"users": ["e2"]}}
    )
    assert [team.slug for team in build_offer("e1", None, files, TODAY).teams] == ["mine"]
    offer = build_offer("e1", {"analysts"}, files, TODAY)
    assert [(team.slug, team.reason.split(",")[0]) for team in offer.teams] == [
        ("group", "in group analysts"),
        ("mine", "listed under users in teams/mine.yaml:1"),
    ]
    assert offer.refusal is None
    assert offer.find_team("others") is None


def test_build_offer_sorts_teams_by_what_the_page_shows() -> None:
    """Display names come first, whatever their case; slugs decide between equals."""
    files = snapshot(
        {"c": {"displayName": "alfa"}, "b": {"displayName": "Alfa"}, "a": {"displayName": "brreg"}}
    )
    assert [team.slug for team in build_offer("e1", None, files, TODAY).teams] == ["b", "c", "a"]


def test_build_offer_of_a_team_without_profiles_has_one() -> None:
    """The oldest files name no profile; their settings are one, and it is the default."""
    (team,) = build_offer("e1", None, snapshot({"kyrre": {}}), TODAY).teams
    assert [profile.slug for profile in team.profiles] == ["default"]
    assert team.default_profile is team.profiles[0]
    assert team.find_profile("default") is team.profiles[0]
    assert team.find_profile("Default") is None


def test_build_offer_keeps_the_order_of_profiles_and_the_marked_default() -> None:
    """A team's author orders profiles; the marked one is selected at first."""
    profiles = [{"displayName": "B"}, {"displayName": "A", "default": "true"}]
    (team,) = build_offer("e1", None, snapshot({"kyrre": {"profiles": profiles}}), TODAY).teams
    assert [profile.slug for profile in team.profiles] == ["b", "a"]
    assert team.default_profile.slug == "a"


OLD_DEFAULT = {
    "profiles": [
        {"displayName": "Old", "image": "old", "default": "true"},
        {"displayName": "Last day", "image": "last-day"},
        {"displayName": "New", "image": "new"},
        {"displayName": "Own", "image": "reg/own:1"},
    ]
}


@pytest.mark.parametrize(
    ("hide", "slugs", "default"),
    [("true", ["last-day", "new", "own"], "last-day"), ("false", ["old", "last-day", "new", "own"], "old")],
    ids=["hidden", "only marked"],
)
def test_build_offer_hides_images_past_their_end_of_life_where_the_platform_says(
    hide: str, slugs: list[str], default: str
) -> None:
    """The last day still counts; without the default profile the first stands in."""
    files = snapshot({"kyrre": OLD_DEFAULT}, {"images": IMAGES, "hideEndOfLife": hide})
    (team,) = build_offer("e1", None, files, TODAY).teams
    assert [profile.slug for profile in team.profiles] == slugs
    assert team.default_profile.slug == default


def test_build_offer_with_every_profile_hidden_is_a_refusal_never_an_empty_list() -> None:
    """A team with nothing to start is left out; if it was the only one, the person is told why."""
    platform = {"images": IMAGES, "hideEndOfLife": "true", "contact": "#knada"}
    old = {"image": "old"}
    offer = build_offer("e1", None, snapshot({"kyrre": old, "brreg": {}}, platform), TODAY)
    assert [team.slug for team in offer.teams] == ["brreg"]
    empty = build_offer("e1", None, snapshot({"kyrre": old}, platform), TODAY)
    assert empty.teams == ()
    assert empty.refusal is not None
    assert str(empty.refusal) == (
        "e1 is in 'kyrre', but every image that could be started is past its end of life. "
        "Ask #knada for a profile with a newer image. [KNADA-S006]"
    )


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (snapshot({}), Code.NO_TEAM),
        (snapshot({"others": {"users": ["e2"]}}), Code.NO_TEAM),
        (snapshot({"others": {"users": ["e2"], "groups": ["analysts"]}}), Code.CLAIM_MISSING),
        (snapshot({}, closed=("kyrre",)), Code.TEAM_CLOSED),
        (Snapshot(1, None, {}, {}, ()), Code.PLATFORM_CLOSED),
    ],
    ids=["no teams at all", "in no team", "groups unknown", "team closed", "platform closed"],
)
def test_build_offer_of_nothing_is_a_refusal_with_the_reason(files: Snapshot, code: Code) -> None:
    """Nobody meets an empty page: each has a reason and somebody to ask."""
    offer = build_offer("e1", None, files, TODAY)
    assert offer.teams == ()
    assert offer.refusal is not None
    assert offer.refusal.code is code


def test_build_offer_beside_a_closed_team_says_that_it_is_closed() -> None:
    """The team is missing from the page, and the person is not left to wonder where it is."""
    offer = build_offer("e1", None, snapshot({"open": {}}, closed=("kyrre", "x")), TODAY, ["kyrre"])
    assert [team.slug for team in offer.teams] == ["open"]
    assert offer.closed["kyrre"].message == "Team kyrre is closed: teams/kyrre.yaml has errors."
    assert set(offer.closed) == {"kyrre", "x"}
    assert build_offer("e9", None, snapshot({}, closed=("kyrre",)), TODAY).closed == {}
