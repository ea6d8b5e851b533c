"""Rules of choices that hold for any input."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Refusal
from jupyterhub_knada.servers.choices import (
    Choice,
    OptionValue,
    decode_form,
    decode_query,
    option_overrides,
    parse_choice,
)
from jupyterhub_knada.servers.offer import Offer
from tests.support.offers import make_offer, make_profile, make_team

OWN_TEXT = {
    "choices": {"a": {"kubespawnerOverride": {"image": "reg/a:1"}}, "b": {}},
    "unlistedChoice": {
        "enabled": "true",
        "validationRegex": "^(reg|evil)/.*",
        "kubespawnerOverride": {"image": "{value}", "environment": {"OWN": "<{value}>"}},
    },
}
LISTED = {"choices": {"x": {}, "y": {"default": "true"}}}
OFFER = make_offer(
    make_team(
        "alfa", make_profile("big", options={"image": OWN_TEXT, "cpus": LISTED}), make_profile("small")
    ),
    make_team("brreg", make_profile("small", options={"image": LISTED}), make_profile("gpu")),
    platform={"bounds": {"images": ["reg/*"]}},
)
ONE_TEAM = Offer("e1", OFFER.teams[:1], None, OFFER.platform)

KNOWN_NAMES = ["team", "profile", "image", "image--unlisted-choice", "cpus", "cpus--unlisted-choice"]
FIELDS = ["profile:alfa", "profile:brreg", "image:alfa:big", "image--unlisted-choice:alfa:big"]
FOREIGN = ["knada-saved", "profile-option-a--b", "_xsrf", "opt-team", "opt-profile", "opt-image"]
NAMES = st.sampled_from([*KNOWN_NAMES, *FIELDS, *FOREIGN, "__jupyterhub_bytes__"])
KNOWN_VALUES = ["alfa", "brreg", "big", "small", "gpu", "a", "b", "x", "y", "unlisted-choice", "reg/own:1"]
ODD_VALUES = [
    "",
    " ",
    "left",
    "evil/own:1",
    "reg/own:1\nevil",
    "reg/\x00",
    "\ud800",
    "reg/{username}",
    "a" * 2000,
]
TEXTS = st.sampled_from([*KNOWN_VALUES, *ODD_VALUES])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=4),
    max_leaves=12,
)
OPTIONS = st.dictionaries(NAMES | st.text(), TEXTS | st.text(), max_size=6)
FORMS = st.dictionaries(NAMES | st.text(), st.lists(TEXTS | st.text() | st.binary(), max_size=3), max_size=8)
LAST = st.none() | st.builds(
    Choice,
    TEXTS,
    TEXTS,
    st.dictionaries(st.sampled_from(["image", "cpus", "gone"]), st.builds(OptionValue, TEXTS, st.booleans())),
)


def holds_within(choice: Choice, offer: Offer) -> None:
    """Assert that a choice names nothing that the offer does not have."""
    team = offer.find_team(choice.team)
    assert team is not None
    profile = team.find_profile(choice.profile)
    assert profile is not None
    for name, value in choice.options.items():
        option = profile.options[name]
        assert type(value.value) is str
        if not value.is_unlisted:
            assert value.value in option.choices
            continue
        assert option.unlisted_choice is not None
        assert option.unlisted_choice.enabled
        assert re.fullmatch(option.unlisted_choice.validation_regex or ".*", value.value)
        assert value.value.startswith("reg/")
        assert value.value.isprintable()


@given(st.one_of(JSON, OPTIONS, FORMS.map(decode_form), FORMS.map(decode_query)), LAST)
@example({"team": "alfa", "profile": "big", "image--unlisted-choice": "reg/own:1"}, None)
def test_parse_choice_of_anything_is_within_the_offer_or_refused(raw: object, last: Choice | None) -> None:
    """Nothing raises, nothing is accepted that is not offered, and a refusal is always a short 4xx."""
    for offer in (OFFER, ONE_TEAM):
        result = parse_choice(raw, offer, last)
        if isinstance(result, Refusal):
            assert 400 <= result.status < 500
            assert len(str(result)) < 1000
            assert str(result).isprintable()
        else:
            holds_within(result, offer)


@given(st.one_of(OPTIONS, FORMS.map(decode_form)), LAST)
def test_parse_choice_of_what_it_accepted_is_the_same_without_notices(
    raw: object, last: Choice | None
) -> None:
    """What is stored starts the same again, by name or as an earlier choice."""
    for offer in (OFFER, ONE_TEAM):
        choice = parse_choice(raw, offer, last)
        if isinstance(choice, Refusal):
            continue
        stored = choice.to_options()
        by_name = {name: value for name, value in stored.items() if name != "knada-saved"}
        for again in (stored, by_name):
            repeated = parse_choice(again, offer)
            assert repeated == choice
            assert isinstance(repeated, Choice)
            assert repeated.notices == ()


@given(LAST)
def test_parse_choice_of_an_earlier_choice_locks_nobody_out_of_their_only_team(last: Choice | None) -> None:
    """Who names nothing and is in one team always starts, whatever was chosen before."""
    assert isinstance(parse_choice(None, ONE_TEAM, last), Choice)


@given(st.text(min_size=1).filter(str.isprintable))
def test_option_overrides_of_an_own_text_holds_it_literally(text: str) -> None:
    """No brace of a person's text is read as a field of a format."""
    profile = make_profile("big", options={"image": OWN_TEXT})
    ((name, override),) = option_overrides(profile, {"image": OptionValue(text, is_unlisted=True)})
    assert name == "image"
    assert override == {"image": text, "environment": {"OWN": f"<{text}>"}}


def test_option_overrides_of_an_own_text_fills_in_lists_and_leaves_numbers() -> None:
    """The text is put in wherever a template says so, however deep; nothing else changes."""
    template = {"args": ["--name={value}", "{other}"], "start_timeout": 5, "environment": {"{value}": None}}
    option = {"unlistedChoice": {"enabled": "true", "kubespawnerOverride": template}}
    profile = make_profile("p", options={"o": option})
    ((_, override),) = option_overrides(profile, {"o": OptionValue("x", is_unlisted=True)})
    assert override == {"args": ["--name=x", "{other}"], "start_timeout": 5, "environment": {"x": None}}


def test_option_overrides_without_a_choice_gives_the_defaults() -> None:
    """The marked default holds, else the first; an option with an own text only gives nothing."""
    options: dict[str, Any] = {
        "first": {"choices": {"a": {"kubespawnerOverride": {"image": "a"}}, "b": {}}},
        "marked": {"choices": {"a": {}, "b": {"default": "true", "kubespawnerOverride": {"cmd": "b"}}}},
        "own": {"unlistedChoice": {"enabled": "true", "kubespawnerOverride": {"image": "{value}"}}},
        "empty": {"choices": {"a": {}}},
    }
    overrides = option_overrides(make_profile("p", options=options), {})
    assert overrides == (("first", {"image": "a"}), ("marked", {"cmd": "b"}))
