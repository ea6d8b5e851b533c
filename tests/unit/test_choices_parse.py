"""What a person may choose by form, link, REST or an earlier start, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers import profile_options
from jupyterhub_knada.servers.choices import Choice, OptionValue, decode_form, decode_query, parse_choice
from jupyterhub_knada.servers.offer import Offer
from jupyterhub_knada.servers.profile_options import option_overrides
from tests.support.offers import make_offer, make_profile, make_team

SLOW_OPTION: dict[str, Any] = {
    "unlistedChoice": {"enabled": "true", "validationRegex": "reg/(a|aa)+:1"},
}
IMAGE_OPTION: dict[str, Any] = {
    "choices": {
        "python": {"kubespawnerOverride": {"image": "reg/python:1"}},
        "r": {"default": "true", "kubespawnerOverride": {"image": "reg/r:1"}},
    },
    "unlistedChoice": {
        "enabled": "true",
        "validationRegex": "^reg/.*",
        "validationMessage": "An image of our registry.",
        "kubespawnerOverride": {"image": "{value}"},
    },
}
LISTED_ONLY = {"choices": {"two": {"kubespawnerOverride": {"cpu_limit": "2"}}, "four": {}}}


def two_teams() -> Offer:
    """Give an offer of two teams; `alfa` with options, `brreg` with a profile of its own."""
    options = {"image": IMAGE_OPTION, "cpus": LISTED_ONLY}
    alfa = make_team("alfa", make_profile("small"), make_profile("big", is_default=True, options=options))
    brreg = make_team("brreg", make_profile("small"), make_profile("gpu"))
    return make_offer(alfa, brreg, platform={"bounds": {"images": ["reg/*"]}})


def chosen(raw: object, offer: Offer | None = None, last: Choice | None = None) -> Choice:
    """Parse what must be accepted."""
    choice = parse_choice(raw, offer or two_teams(), last)
    assert isinstance(choice, Choice), choice
    return choice


def refused(raw: object, offer: Offer | None = None, last: Choice | None = None) -> Refusal:
    """Parse what must be refused."""
    refusal = parse_choice(raw, offer or two_teams(), last)
    assert isinstance(refusal, Refusal), refusal
    return refusal


ALFA = {"team": "alfa", "profile": "big"}
FORBIDDEN: dict[str, tuple[Any, Code]] = {
    "a JSON list": (["alfa"], Code.BAD_OPTIONS),
    "a JSON text": ("alfa", Code.BAD_OPTIONS),
    "a JSON number": (5, Code.BAD_OPTIONS),
    "JSON true": (True, Code.BAD_OPTIONS),
    "bytes": (b"team=alfa", Code.BAD_OPTIONS),
    "the hub's marker for bytes": ({"__jupyterhub_bytes__": True, "data": "eA=="}, Code.BAD_OPTIONS),
    "the hub's marker inside": ({"team": {"__jupyterhub_bytes__": True, "data": "eA=="}}, Code.BAD_OPTIONS),
    "a list as a value": ({"team": ["alfa"]}, Code.BAD_OPTIONS),
    "a number as a value": ({**ALFA, "profile": 5}, Code.BAD_OPTIONS),
    "null as a value": ({"team": None}, Code.BAD_OPTIONS),
    "a mapping for an unknown name": ({"team": "alfa", "env": {"LD_PRELOAD": "x"}}, Code.BAD_OPTIONS),
    "bytes as a value": ({"team": b"alfa"}, Code.BAD_OPTIONS),
    "a number as a name": ({1: "alfa"}, Code.BAD_OPTIONS),
    "a megabyte as a value": ({"team": "a" * 2**20}, Code.BAD_OPTIONS),
    "a megabyte as an unknown name": ({"team": "alfa", "x" * 2**20: ""}, Code.BAD_OPTIONS),
    "too much in many options": ({f"{i}" * 90: "y" * 1024 for i in range(60)}, Code.BAD_OPTIONS),
    "a thousand options": ({f"x{i}": "y" for i in range(1000)}, Code.BAD_OPTIONS),
    "a control character": ({"team": "alfa\x00"}, Code.BAD_OPTIONS),
    "a newline": ({"team": "alfa\n"}, Code.BAD_OPTIONS),
    "half of a surrogate pair": ({"team": "\ud800"}, Code.BAD_OPTIONS),
    "text that runs backwards": ({"team": "\u202eafla"}, Code.BAD_OPTIONS),
    "an empty team": ({"team": ""}, Code.TEAM_NOT_YOURS),
    "an unknown team": ({"team": "nobody"}, Code.TEAM_NOT_YOURS),
    "another spelling of a team": ({"team": "Alfa"}, Code.TEAM_NOT_YOURS),
    "a team with a space": ({"team": "alfa "}, Code.TEAM_NOT_YOURS),
    "no team of two": ({}, Code.TEAM_UNDECIDED),
    "no team of two, no body": (None, Code.TEAM_UNDECIDED),
    "an unknown profile": ({"team": "alfa", "profile": "bigg"}, Code.UNKNOWN_PROFILE),
    "an empty profile": ({"team": "alfa", "profile": ""}, Code.UNKNOWN_PROFILE),
    "another team's profile": ({"team": "alfa", "profile": "gpu"}, Code.UNKNOWN_PROFILE),
    "an unknown choice": ({**ALFA, "image": "julia"}, Code.UNKNOWN_OPTION),
    "an own text where none is taken": ({**ALFA, "cpus--unlisted-choice": "64"}, Code.UNKNOWN_OPTION),
    "an own text without a profile": ({"team": "alfa", "cpus--unlisted-choice": "64"}, Code.UNKNOWN_OPTION),
    "an own text outside the pattern, without a profile": (
        {"team": "alfa", "image--unlisted-choice": "evil/img:1"},
        Code.UNKNOWN_OPTION,
    ),
    "an own text for no option": ({**ALFA, "uid--unlisted-choice": "0"}, Code.UNKNOWN_OPTION),
    "an own text of another profile": (
        {"team": "alfa", "profile": "small", "image--unlisted-choice": "reg/a:1"},
        Code.UNKNOWN_OPTION,
    ),
    "an own text with a second line": ({**ALFA, "image--unlisted-choice": "reg/a:1\nevil"}, Code.BAD_OPTIONS),
    "an own text that matches only at first": (
        {**ALFA, "image--unlisted-choice": "evil/reg/a"},
        Code.UNKNOWN_OPTION,
    ),
    "an empty own text": ({**ALFA, "image--unlisted-choice": ""}, Code.UNKNOWN_OPTION),
    "an own text of blanks": ({**ALFA, "image--unlisted-choice": "  "}, Code.UNKNOWN_OPTION),
    "own text chosen, none written": ({**ALFA, "image": "unlisted-choice"}, Code.UNKNOWN_OPTION),
    "a very long own text": ({**ALFA, "image--unlisted-choice": "reg/" + "a" * 600}, Code.UNKNOWN_OPTION),
    "an own image that is none": ({**ALFA, "image--unlisted-choice": "reg/$(id)"}, Code.BAD_IMAGE),
    "a choice and an own text": (
        {**ALFA, "image": "python", "image--unlisted-choice": "reg/a:1"},
        Code.BAD_OPTIONS,
    ),
    "a field of KubeSpawner's form": ({**ALFA, "profile-option-big--profile": "gpu"}, Code.BAD_OPTIONS),
    "a field of our form": ({**ALFA, "profile:brreg": "gpu"}, Code.BAD_OPTIONS),
}


@pytest.mark.parametrize(("raw", "code"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_parse_choice_of_what_is_not_offered_is_refused(raw: object, code: Code) -> None:
    """Each of these is a 4xx with a short sentence, whatever was sent."""
    refusal = refused(raw)
    assert refusal.code is code
    assert 400 <= refusal.status < 500
    assert refusal.message.endswith(".")
    assert refusal.remedy.endswith(".")
    assert len(str(refusal)) < 600
    assert str(refusal).isprintable()


def test_parse_choice_of_a_str_that_only_pretends_is_refused() -> None:
    """A subclass of str could compare as something else than it stores."""

    class Pretender(str):
        __slots__ = ()

    assert refused({"team": Pretender("alfa")}).code is Code.BAD_OPTIONS


def test_parse_choice_of_a_full_choice_gives_exactly_it() -> None:
    """Team, profile and options are taken; names that nobody knows are left out."""
    choice = chosen({**ALFA, "image": "python", "image--x": "y", "foo": "bar", "__proto__": "x"})
    assert choice == Choice("alfa", "big", {"image": OptionValue("python")})
    assert choice.notices == ()


def test_parse_choice_of_an_own_text_within_the_pattern_gives_it() -> None:
    """An unlisted choice that is switched on and matches in full is taken, also as stock's form writes it."""
    expected = Choice("alfa", "big", {"image": OptionValue("reg/a:1", is_unlisted=True)})
    assert chosen({**ALFA, "image--unlisted-choice": "reg/a:1"}) == expected
    assert chosen({**ALFA, "image": "unlisted-choice", "image--unlisted-choice": "reg/a:1"}) == expected


def test_parse_choice_of_an_own_text_that_makes_too_long_a_text_is_refused() -> None:
    """A short file with many places for one text does not make a pod of megabytes."""
    unlisted = {"enabled": "true", "kubespawnerOverride": {"args": ["{value}" * 2500]}}
    offer = make_offer(make_team("alfa", make_profile("own", options={"a": {"unlistedChoice": unlisted}})))
    refusal = refused({"a--unlisted-choice": "<" * 512}, offer)
    assert (refusal.code, refusal.status) == (Code.TEXT_TOO_LONG, 400)
    assert "1280000 characters; at most 32768" in refusal.message
    assert chosen({"a--unlisted-choice": "x" * 13}, offer).profile == "own"


def test_own_texts_that_are_too_much_together_are_refused_before_any_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each text of each option is short enough; all of them would be hundreds of megabytes."""
    unlisted = {"enabled": "true", "kubespawnerOverride": {"args": ["{value}" * 63] * 2}}
    options = {name: {"unlistedChoice": unlisted} for name in ("a", "b")}
    offer = make_offer(make_team("alfa", make_profile("own", options=options)))
    made: list[str] = []
    monkeypatch.setattr(profile_options, "_fill_in", lambda _, text: made.append(text))
    refusal = refused({f"{name}--unlisted-choice": "\U0001f600" * 512 for name in options}, offer)
    assert (refusal.code, refusal.status) == (Code.OUT_OF_RANGE, 400)
    assert "texts of 129032 characters; at most 65536" in refusal.message
    assert made == []


def test_option_overrides_make_an_own_text_literal_where_the_hub_reads_a_template() -> None:
    """The hub fills in the seconds of the author, and nothing of a person's own text."""
    unlisted = {"enabled": "true", "kubespawnerOverride": {"slow_spawn_message": "{value}: {seconds}"}}
    profile = make_profile("own", options={"a": {"unlistedChoice": unlisted}})
    ((_, override),) = option_overrides(profile, {"a": OptionValue("{seconds:>300000000}", is_unlisted=True)})
    assert override["slow_spawn_message"].format(seconds=5) == "{seconds:>300000000}: 5"


@pytest.mark.parametrize(
    ("bounds", "image", "code"),
    [
        ({"images": ["reg/team/*"]}, "reg/other:1", Code.IMAGE_NOT_ALLOWED),
        ({"images": []}, "reg/team/x:1", Code.IMAGE_NOT_ALLOWED),
        ({"requireImageTag": "true"}, "reg/team/x", Code.IMAGE_WITHOUT_TAG),
        ({"images": ["reg/team/*"], "requireImageTag": "true"}, "reg/team/x:1", None),
        ({}, "reg/team/x", None),
    ],
    ids=["outside", "none allowed", "without a tag", "inside with a tag", "no bounds"],
)
def test_parse_choice_of_an_own_image_is_held_against_the_bounds(
    bounds: dict[str, Any], image: str, code: Code | None
) -> None:
    """A pattern that lets an image through does not let it past the platform."""
    options = {"image": {"unlistedChoice": IMAGE_OPTION["unlistedChoice"]}}
    offer = make_offer(make_team("alfa", make_profile("own", options=options)), platform={"bounds": bounds})
    result = parse_choice({"image--unlisted-choice": image}, offer)
    assert (result.code if isinstance(result, Refusal) else None) is code


def test_parse_choice_without_an_offer_gives_its_refusal() -> None:
    """Someone in no team is told so, whatever they send."""
    no = Refusal(Code.NO_TEAM, "No team.", "Ask.")
    assert parse_choice(["x"], Offer("e1", (), no)) is no


def test_parse_choice_without_a_team_takes_the_only_one() -> None:
    """With one team nothing has to be named: VS Code posts no body."""
    assert chosen(None, make_offer(make_team("alfa"))) == Choice("alfa", "small")


def test_parse_choice_without_a_team_takes_the_last_accepted_one() -> None:
    """The last team comes before any order of names."""
    assert chosen({}, last=Choice("brreg", "gpu")) == Choice("brreg", "gpu")


def test_parse_choice_without_a_team_or_a_last_one_lists_them() -> None:
    """Which team pays must not depend on the order of names."""
    refusal = refused({})
    assert refusal.message == "e152435 is in several teams, and this start names none."
    assert refusal.remedy == "Name one as team. There are: 'alfa', 'brreg'."


def test_parse_choice_of_a_team_alone_takes_its_last_profile_or_its_default() -> None:
    """A team without a profile starts as it did last, else with its default."""
    assert chosen({"team": "alfa"}).profile == "big"
    assert chosen({"team": "alfa"}, last=Choice("alfa", "small")).profile == "small"
    assert chosen({"team": "alfa"}, last=Choice("brreg", "gpu")).profile == "big"
    assert chosen({"team": "brreg"}).profile == "small"


def test_parse_choice_of_a_profile_by_name_starts_without_the_last_options() -> None:
    """Who names a profile gets what it says, not what was chosen some time ago."""
    last = Choice("alfa", "big", {"image": OptionValue("python")})
    assert chosen(ALFA, last=last).options == {}
    assert chosen({"team": "alfa"}, last=last).options == last.options
    assert chosen({"team": "alfa", "image": "r"}, last=last).options == {"image": OptionValue("r")}


def test_parse_choice_of_a_near_miss_suggests_what_was_meant() -> None:
    """A refusal says what there is, the near miss first, and where a profile of that name would be."""
    assert (
        refused({"team": "alfa", "profile": "bigg"}).remedy
        == "Did you mean 'big'? There are: 'big', 'small'."
    )
    elsewhere = refused({"team": "alfa", "profile": "gpu"}).remedy
    assert elsewhere.endswith("A profile of this name belongs to team 'brreg': name that team, too.")


def test_parse_choice_of_a_team_that_is_not_yours_does_not_tell_whether_it_exists() -> None:
    """The same words for a team of others and for none."""
    assert refused({"team": "secret"}).message == "e152435 is in no team 'secret' that can start a server."


def test_parse_choice_of_an_earlier_choice_that_is_gone_falls_back_with_a_notice() -> None:
    """A changed team file locks nobody out who named nothing."""
    gone = Choice("alfa", "huge", {"image": OptionValue("python")})
    choice = chosen({}, last=gone)
    assert choice == Choice("alfa", "big")
    assert choice.notices == ("Profile 'huge' of the last start is gone; 'big' stands in.",)


def test_parse_choice_of_earlier_options_that_are_gone_falls_back_with_a_notice_each() -> None:
    """What of the last options still holds is kept; of the others the person is told."""
    options = {
        "image": OptionValue("evil/img", is_unlisted=True),
        "cpus": OptionValue("two"),
        "gone": OptionValue("x"),
    }
    choice = chosen({"team": "alfa"}, last=Choice("alfa", "big", options))
    assert choice.options == {"cpus": OptionValue("two")}
    assert choice.notices == (
        "'evil/img', chosen last time for 'image', is gone; the default is used.",
        "'x', chosen last time for 'gone', is gone; the default is used.",
    )


def test_parse_choice_of_a_last_team_that_was_left_takes_the_only_other_or_asks() -> None:
    """A team that somebody left is never started; one other stands in, several are listed."""
    choice = chosen({}, make_offer(make_team("alfa")), Choice("left", "small"))
    assert choice == Choice("alfa", "small")
    assert choice.notices == ("Team 'left', named as the last one, is not open to you.",)
    refusal = refused({}, last=Choice("left", "small"))
    assert refusal.code is Code.TEAM_UNDECIDED
    assert "Team 'left', named as the last one, is not open to you." in refusal.message


def test_parse_choice_of_a_closed_team_says_that_it_is_closed() -> None:
    """Named by form, link or REST, or as the last one: never that the person is not in it."""
    shut = Refusal(Code.TEAM_CLOSED, "Team shut is closed since yesterday.", "Ask #shut.")
    closed = {"shut": shut}
    both = replace(two_teams(), closed=closed)
    assert refused({"team": "shut"}, both) is shut
    assert refused({"team": "shut", "profile": "small"}, both) is shut
    assert refused({"team": "other"}, both).code is Code.TEAM_NOT_YOURS
    assert "Team shut is closed since yesterday." in refused({}, both, Choice("shut", "small")).message
    one = replace(make_offer(make_team("alfa")), closed=closed)
    assert chosen({}, one, Choice("shut", "small")).notices == ("Team shut is closed since yesterday.",)


def test_parse_choice_of_stored_options_falls_back_where_the_same_by_name_is_refused() -> None:
    """What this package stored is an earlier choice; the same words sent by a person are a wish."""
    stored = Choice("left", "small").to_options()
    offer = make_offer(make_team("alfa"))
    assert chosen(stored, offer).team == "alfa"
    assert refused({"team": "left", "profile": "small"}, offer).code is Code.TEAM_NOT_YOURS


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"image": OptionValue("python")},
        {"image": OptionValue("reg/a:1", is_unlisted=True), "cpus": OptionValue("four")},
    ],
)
def test_choice_to_options_and_back_is_the_same_choice(options: dict[str, OptionValue]) -> None:
    """What is stored is read as what it was, and starts the same again."""
    choice = Choice("alfa", "big", options)
    assert Choice.from_options(choice.to_options()) == choice
    again = chosen(choice.to_options())
    assert again == choice
    assert again.notices == ()


@pytest.mark.parametrize(
    "options", [None, {}, ["x"], {"team": "a"}, {"team": "a", "profile": "b"}, {"team": 1}, "x"]
)
def test_choice_from_options_of_anything_else_is_none(options: object) -> None:
    """What an older hub stored, or a person sent, is no earlier choice of ours."""
    assert Choice.from_options(options) is None


FORM = {
    "_xsrf": ["2|x"],
    "team": ["alfa"],
    "profile:alfa": ["big"],
    "profile:brreg": ["gpu"],
    "image:alfa:big": ["unlisted-choice"],
    "image--unlisted-choice:alfa:big": [" reg/a:1 "],
    "cpus:alfa:big": ["two"],
    "cpus--unlisted-choice:alfa:big": ["left over"],
    "image:alfa:small": ["nothing"],
}


def test_decode_form_of_our_page_takes_the_named_team_and_profile_only() -> None:
    """The page sends the fields of all teams; a list decides whether the text below it counts."""
    assert decode_form(FORM) == {
        "team": "alfa",
        "profile": "big",
        "image--unlisted-choice": "reg/a:1",
        "cpus": "two",
    }


INJECTED: dict[str, tuple[dict[str, list[Any]], Code]] = {
    "a team twice": ({"team": ["alfa", "brreg"]}, Code.BAD_OPTIONS),
    "a profile twice": ({"team": ["alfa"], "profile:alfa": ["big", "small"]}, Code.BAD_OPTIONS),
    "a team without a value": ({"team": []}, Code.BAD_OPTIONS),
    "a profile without its team": ({"profile:alfa": ["big"]}, Code.BAD_OPTIONS),
    "a profile of no team": ({"team": ["alfa"], "profile:": ["big"]}, Code.BAD_OPTIONS),
    "two profiles that differ": (
        {"team": ["alfa"], "profile": ["small"], "profile:alfa": ["big"]},
        Code.BAD_OPTIONS,
    ),
    "another team's profile": ({"team": ["alfa"], "profile:alfa": ["gpu"]}, Code.UNKNOWN_PROFILE),
    "a field of KubeSpawner's form": (
        {"team": ["alfa"], "profile:alfa": ["big"], "profile-option-a--profile": ["gpu"]},
        Code.BAD_OPTIONS,
    ),
    "an option that names the team": (
        {"team": ["alfa"], "profile:alfa": ["big"], "team:alfa:big": ["brreg"], "profile:alfa:big": ["gpu"]},
        Code.BAD_OPTIONS,
    ),
    "a file": ({"team": ["alfa"], "profile_file": [{"filename": "x", "body": b"x"}]}, Code.BAD_OPTIONS),
    "a second line in an own text": (
        {"team": ["alfa"], "profile:alfa": ["big"], "image--unlisted-choice:alfa:big": ["reg/a\nevil"]},
        Code.BAD_OPTIONS,
    ),
    "own text chosen, none written": (
        FORM | {"image--unlisted-choice:alfa:big": [""]},
        Code.UNKNOWN_OPTION,
    ),
}


@pytest.mark.parametrize(("form", "code"), INJECTED.values(), ids=INJECTED.keys())
def test_decode_form_of_what_our_page_never_sends_ends_in_a_refusal(
    form: dict[str, list[Any]], code: Code
) -> None:
    """A form that was tampered with starts nothing."""
    assert refused(decode_form(form)).code is code


@pytest.mark.parametrize(
    "query",
    [
        {"team": ["alfa"], "profile": ["big"], "cpus": ["two"]},
        {
            "opt-team": ["alfa"],
            "opt-profile": ["big"],
            "opt-cpus": ["two"],
            "team": ["brreg"],
            "_xsrf": ["x"],
        },
    ],
    ids=["without prefix", "with prefix"],
)
def test_decode_query_with_or_without_prefix_gives_the_options(query: dict[str, list[str]]) -> None:
    """Both spellings of JupyterHub 5 and 6 name the same."""
    assert decode_query(query) == {"team": "alfa", "profile": "big", "cpus": "two"}


def test_decode_query_of_the_pages_own_address_names_nothing() -> None:
    """A reload of the page after a refused form is no start."""
    assert decode_query({"_xsrf": ["2|x"]}) == {}


def test_own_text_that_takes_too_long_to_match_is_refused_with_a_sentence() -> None:
    """A team's expression that would stop the hub costs the one who meets it an answer, nobody else."""
    offer = make_offer(make_team("alfa", make_profile(is_default=True, options={"image": SLOW_OPTION})))
    refusal = refused({"image--unlisted-choice": "reg/" + "a" * 200 + "!:1"}, offer)
    assert refusal.code is Code.UNKNOWN_OPTION
    assert str(refusal).startswith("Comparing the text for option 'image'")
    assert "takes too long" in str(refusal)
    assert chosen({"image--unlisted-choice": "reg/aaa:1"}, offer).options["image"].is_unlisted
