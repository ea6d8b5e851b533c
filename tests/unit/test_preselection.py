"""What the start page selects for a link: all of it that is offered, with a sentence for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.choices import Choice, OptionValue, decode_query, parse_choice
from jupyterhub_knada.servers.preselection import keep_offered, preselect
from tests.support.offers import make_offer, make_profile, make_team

if TYPE_CHECKING:
    from jupyterhub_knada.servers.offer import Offer

OPTIONS: dict[str, Any] = {
    "image": {
        "choices": {
            "python": {"kubespawnerOverride": {"image": "reg/python:1"}},
            "foreign": {"kubespawnerOverride": {"image": "evil/img:1"}},
        },
        "unlistedChoice": {
            "enabled": "true",
            "validationRegex": ".*/.*",
            "kubespawnerOverride": {"image": "{value}"},
        },
    },
    "cpus": {"choices": {"two": {"kubespawnerOverride": {"cpu_limit": "2"}}, "four": {}}},
}


def two_teams() -> Offer:
    """Give an offer of two teams; a profile of `alfa` has options."""
    alfa = make_team("alfa", make_profile("small", is_default=True), make_profile("big", options=OPTIONS))
    brreg = make_team("brreg", make_profile("small"), make_profile("gpu"))
    return make_offer(alfa, brreg, platform={"bounds": {"images": ["reg/*"]}})


def test_link_that_names_everything_selects_everything() -> None:
    """Team, profile, a listed choice and an own text; nothing is to be said."""
    named = {"team": "alfa", "profile": "big", "cpus": "two", "image--unlisted-choice": "reg/own:1"}
    selected = preselect(named, two_teams(), Choice("brreg", "gpu"))
    values = {"cpus": OptionValue("two"), "image": OptionValue("reg/own:1", is_unlisted=True)}
    assert selected.choice == Choice("alfa", "big", values)
    assert selected.notices == ()
    assert parse_choice(named, two_teams()) == selected.choice


BIG = {"team": "alfa", "profile": "big"}
NOT_OFFERED: dict[str, tuple[dict[str, Any], Choice | None, str]] = {
    "a team of others": ({**BIG, "team": "gamma"}, None, "is in no team 'gamma' that can start a server"),
    "a profile that is gone": (
        {"team": "brreg", "profile": "gone"},
        Choice("brreg", "small"),
        "Team 'brreg' has no profile 'gone'",
    ),
    "an unknown choice": (
        {**BIG, "image": "julia", "cpus": "two"},
        Choice("alfa", "big", {"cpus": OptionValue("two")}),
        "Option 'image' of profile 'big' has no choice 'julia'",
    ),
    "an option that no profile has": (
        {**BIG, "disk": "large", "cpus": "two"},
        Choice("alfa", "big", {"cpus": OptionValue("two")}),
        "Profile 'big' has no option 'disk'",
    ),
    "an own text where none is taken": (
        {**BIG, "cpus--unlisted-choice": "64", "image": "python"},
        Choice("alfa", "big", {"image": OptionValue("python")}),
        "Option 'cpus' of profile 'big' accepts no text",
    ),
    "an image outside the bounds": (
        {**BIG, "image--unlisted-choice": "evil/img:1", "cpus": "two"},
        Choice("alfa", "big", {"cpus": OptionValue("two")}),
        "cannot start its image: outside the bounds (got 'evil/img:1')",
    ),
    "a choice whose image is outside the bounds": (
        {**BIG, "image": "foreign", "cpus": "two"},
        Choice("alfa", "big", {"cpus": OptionValue("two")}),
        "cannot start its image: outside the bounds (got 'evil/img:1')",
    ),
    "a choice given twice": (
        {**BIG, "cpus": ["two", "four"], "image": "python"},
        Choice("alfa", "big", {"image": OptionValue("python")}),
        "Start option 'cpus' must be one text (got a list)",
    ),
    "a text that cannot be shown": (
        {**BIG, "cpus": "two\x1b[2J", "image": "python"},
        Choice("alfa", "big", {"image": OptionValue("python")}),
        "has characters that cannot be shown",
    ),
    "a profile without a team, of several": (
        {"profile": "big"},
        None,
        "is in several teams, and this start names none",
    ),
}


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_link_that_names_what_is_not_offered_selects_the_rest(name: str) -> None:
    """One sentence for what is not offered; everything else of the link is selected."""
    named, choice, words = NOT_OFFERED[name]
    selected = preselect(named, two_teams())
    assert selected.choice == choice
    assert len(selected.notices) == 1
    assert words in selected.notices[0]


def test_link_with_a_team_of_others_selects_the_rest_in_the_team_there_is() -> None:
    """Whoever has one team sees which profile the link meant, and that its team is not theirs."""
    offer = make_offer(make_team("alfa", make_profile("small", is_default=True), make_profile("big")))
    selected = preselect({"team": "gamma", "profile": "big"}, offer)
    assert selected.choice == Choice("alfa", "big")
    assert "is in no team 'gamma'" in selected.notices[0]


def test_link_with_too_many_options_reads_the_first_and_says_so() -> None:
    """As many as a start may have; of what is not offered a few, and how many more there are."""
    named = {**BIG, "cpus": "two", **{f"x{number}--unlisted-choice": "" for number in range(100)}}
    selected = preselect(named, two_teams())
    assert selected.choice == Choice("alfa", "big", {"cpus": OptionValue("two")})
    assert selected.notices[0] == "The link names 103 options; at most 64 are read."
    assert selected.notices[-1] == "56 more options of the link are not offered."
    assert len(selected.notices) == 7


@pytest.mark.parametrize(
    ("last", "choice", "notices"),
    [
        pytest.param(None, None, (), id="nothing, of two teams"),
        pytest.param(Choice("alfa", "big"), Choice("alfa", "big"), (), id="the last one"),
        pytest.param(
            Choice("alfa", "big", {"cpus": OptionValue("two")}),
            Choice("alfa", "big", {"cpus": OptionValue("two")}),
            (),
            id="with its options",
        ),
        pytest.param(
            Choice("alfa", "huge"),
            Choice("alfa", "small"),
            ("Profile 'huge' of the last start is gone; 'small' stands in.",),
            id="what stands in for it",
        ),
        pytest.param(Choice("gamma", "x"), None, (), id="nothing, as the last team is gone"),
    ],
)
def test_page_without_a_link_selects_the_last_choice(
    last: Choice | None, choice: Choice | None, notices: tuple[str, ...]
) -> None:
    """Nothing named means: as the last time."""
    selected = preselect({}, two_teams(), last)
    assert (selected.choice, selected.notices) == (choice, notices)


def test_link_of_a_team_alone_keeps_the_last_profile_there() -> None:
    """Somebody who comes back by their team's link finds what they used."""
    last = Choice("alfa", "big", {"cpus": OptionValue("two")})
    assert preselect({"team": "alfa"}, two_teams(), last).choice == last
    assert preselect({"team": "brreg"}, two_teams(), last).choice == Choice("brreg", "small")
    assert preselect({"team": "alfa", "cpus": "four"}, two_teams(), last).choice == Choice(
        "alfa", "big", {"cpus": OptionValue("four")}
    )


NAMES = st.sampled_from(
    [
        "team",
        "profile",
        "image",
        "cpus",
        "image--unlisted-choice",
        "cpus--unlisted-choice",
        "opt-team",
        "x",
        "",
    ]
)
VALUES = st.sampled_from(["alfa", "brreg", "big", "small", "two", "python", "unlisted-choice", "reg/a:1"])


@given(st.dictionaries(NAMES | st.text(), st.lists(VALUES | st.text(), max_size=2)))
def test_whatever_a_link_names_its_selection_is_within_the_offer(query: dict[str, list[str]]) -> None:
    """No link makes the page fail, or select what could not be started by its form."""
    selected = preselect(decode_query(query), two_teams(), Choice("alfa", "small"))
    assert selected.choice is not None
    assert parse_choice(selected.choice.to_options(), two_teams()) == selected.choice


def test_refused_form_comes_back_with_what_of_it_is_offered() -> None:
    """What is not offered is left out: the refusal says it; of a team of others nothing is kept."""
    sent = {
        "team": "alfa",
        "profile": "big",
        "cpus": "two",
        "image": "julia",
        "image--unlisted-choice": ["a", "b"],
    }
    kept = keep_offered(sent, two_teams(), Choice("brreg", "gpu"))
    assert kept == {"team": "alfa", "profile": "big", "cpus": "two"}
    assert preselect(kept, two_teams()).notices == ()
    assert keep_offered({"team": "brreg", "profile": "gone"}, two_teams())["team"] == "brreg"
    assert keep_offered({"team": "gamma", "profile": "big"}, two_teams()) == {}
    assert keep_offered({"team": ["alfa", "brreg"]}, two_teams()) == {}
