"""Profiles and choices that are for some groups only: what each person is offered, on every path."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import Choice, parse_choice
from jupyterhub_knada.servers.offer import Offer, build_offer
from jupyterhub_knada.servers.plan_inputs import HubSettings
from jupyterhub_knada.teams.hub_groups import only_named
from jupyterhub_knada.web.spawn_page import render_spawn_page
from tests.unit.test_offer_build import snapshot

if TYPE_CHECKING:
    from jupyterhub_knada.teams.snapshots import Snapshot

TODAY = date(2026, 11, 21)
GPU = {"display_name": "GPU", "allowed_groups": ["gpu-users", "modell"]}
STANDARD = {"display_name": "Standard"}


def files(*profiles: dict[str, Any], **teams: dict[str, Any]) -> Snapshot:
    """Give team `kyrre` with these profiles and e1 as its only member, and further teams."""
    return snapshot({"kyrre": {"profiles": list(profiles)}, **teams})


def offered(offer: Offer) -> list[str]:
    """Give the slugs of the profiles of team `kyrre`."""
    team = offer.find_team("kyrre")
    return [profile.slug for profile in team.profiles] if team else []


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param(None, ["standard"], id="an unknown claim"),
        pytest.param(set(), ["standard"], id="no group"),
        pytest.param({"others"}, ["standard"], id="another group"),
        pytest.param({"gpu-users"}, ["gpu", "standard"], id="one of the groups"),
        pytest.param({"GPU-users"}, ["standard"], id="a group in another spelling"),
    ],
)
def test_profile_with_allowed_groups_is_offered_to_them_only(
    groups: set[str] | None, expected: list[str]
) -> None:
    """Groups of the claim count as they are spelt; where the claim is unknown, none does."""
    assert offered(build_offer("e1", groups, files(GPU, STANDARD), TODAY)) == expected


@pytest.mark.parametrize(
    ("members", "groups", "expected"),
    [
        pytest.param(["e1"], None, ["gpu", "standard"], id="a member"),
        pytest.param(["e2"], {"modell"}, ["standard"], id="a group of the claim with the team's slug"),
    ],
)
def test_slug_of_a_team_counts_as_the_team_and_not_as_a_group_of_the_claim(
    members: list[str], groups: set[str] | None, expected: list[str]
) -> None:
    """Who may name groups at the identity provider does not get into a team by it."""
    snapshot = files(GPU, STANDARD, modell={"users": members})
    assert offered(build_offer("e1", groups, snapshot, TODAY)) == expected


def test_closed_team_admits_nobody_and_is_no_group_of_the_claim() -> None:
    """Whether somebody is in a closed team is not known; its slug stays the team's."""
    closed = snapshot({"kyrre": {"profiles": [GPU, STANDARD]}}, closed=("modell",))
    assert offered(build_offer("e1", {"modell"}, closed, TODAY)) == ["standard"]


OPTION: dict[str, Any] = {
    "choices": {
        "small": {"allowed_groups": ["nobody"], "kubespawner_override": {"cpu_limit": "1"}},
        "large": {"default": "true", "allowed_groups": ["gpu-users"]},
        "medium": {},
    },
    "unlisted_choice": {"enabled": "true", "allowed_groups": ["gpu-users"]},
}


def test_choices_and_own_text_are_offered_by_groups_too() -> None:
    """What is left of an option is offered, its first choice in place of a default that is not."""
    snapshot = files({**STANDARD, "profile_options": {"size": OPTION}})
    for groups, choices, has_text in (({"gpu-users"}, ["large", "medium"], True), (None, ["medium"], False)):
        offer = build_offer("e1", groups, snapshot, TODAY)
        option = offer.teams[0].profiles[0].options["size"]
        assert (list(option.choices), option.unlisted_choice is not None) == (choices, has_text)


def test_option_without_anything_left_takes_its_profile_along() -> None:
    """Nobody starts a profile without a choice that its author wanted to be made."""
    limited = {"choices": {"large": {"allowed_groups": ["gpu-users"]}}}
    snapshot = files({"display_name": "Big", "profile_options": {"size": limited}}, STANDARD)
    assert offered(build_offer("e1", None, snapshot, TODAY)) == ["standard"]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"team": "kyrre", "profile": "gpu"}, id="profile"),
        pytest.param({"team": "kyrre", "profile": "standard", "size": "large"}, id="choice"),
        pytest.param(
            {"team": "kyrre", "profile": "standard", "size--unlisted-choice": "x"}, id="a text of one's own"
        ),
    ],
)
def test_page_form_link_and_rest_agree_on_what_is_not_offered(options: dict[str, str]) -> None:
    """What the page does not show cannot be started by its name either; who may have it can."""
    snapshot = files(GPU, {**STANDARD, "profile_options": {"size": OPTION}})
    allowed = build_offer("e1", {"gpu-users"}, snapshot, TODAY)
    offer = build_offer("e1", {"others"}, snapshot, TODAY)
    assert isinstance(parse_choice(options, allowed), Choice)
    refused = parse_choice(options, offer)
    assert isinstance(refused, Refusal)
    assert refused.code in {Code.UNKNOWN_PROFILE, Code.UNKNOWN_OPTION}
    pages = [render_spawn_page(one, hub=HubSettings("jhub"), today=TODAY) for one in (allowed, offer)]
    for hidden in ('value="gpu"', '<option value="large"', 'name="size--unlisted-choice:'):
        assert [hidden in page for page in pages] == [True, False]


def test_earlier_choice_that_is_no_longer_offered_falls_back_with_a_notice() -> None:
    """Who has left a group is not locked out by what was started last."""
    offer = build_offer("e1", None, files(GPU, STANDARD), TODAY)
    choice = parse_choice(None, offer, Choice("kyrre", "gpu"))
    assert isinstance(choice, Choice)
    assert choice.profile == "standard"
    assert "is gone" in choice.notices[0]


def test_offer_without_any_profile_for_these_groups_says_so() -> None:
    """Never an empty list: the page says why there is nothing and whom to ask."""
    offer = build_offer("e1", None, files(GPU), TODAY)
    assert str(offer.refusal) == (
        "e1 is in 'kyrre', but no profile there is for one of e1's groups. Ask the admins of this hub which "
        "groups may start a server; after a change of groups, sign in again. [KNADA-S006]"
    )


def test_group_that_only_a_profile_names_is_remembered_at_sign_in() -> None:
    """The offer is decided without tokens: JupyterHub's groups keep every group that counts, no other."""
    own = {"choices": {"a": {"allowed_groups": ["b"]}}, "unlisted_choice": {"allowed_groups": ["c"]}}
    snapshot = files({**GPU, "profile_options": {"o": own}})
    claim = {"gpu-users", "b", "c", "others"}
    assert only_named(claim, snapshot) == {"b", "c", "gpu-users"}
