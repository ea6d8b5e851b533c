"""The start page: what it says, and what its form sends without any script."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import Choice, OptionValue, decode_form, parse_choice
from jupyterhub_knada.servers.offer import Offer
from jupyterhub_knada.servers.plan_inputs import HubSettings
from jupyterhub_knada.web import spawn_page
from jupyterhub_knada.web.spawn_page import render_spawn_page
from tests.support.offers import make_offer, make_profile, make_team, said
from tests.support.pages import Page

TODAY = date(2026, 11, 21)
IMAGE_OPTION: dict[str, Any] = {
    "displayName": "Image",
    "choices": {"std": {"displayName": "Standard"}, "r": {"kubespawnerOverride": {"image": "reg/r:1"}}},
    "unlistedChoice": {
        "enabled": "true",
        "displayName": "Image reference",
        "validationMessage": "One of reg/.",
        "kubespawnerOverride": {"image": "{value}"},
    },
}


def read(offer: Offer, last: Choice | None = None, **more: Any) -> Page:
    """Render a page and read it."""
    return Page(render_spawn_page(offer, last, **{"hub": HubSettings("jhub"), "today": TODAY, **more}))


def two_teams() -> Offer:
    """Give an offer of two teams, one with a profile with options."""
    big = make_profile("big", options={"image": IMAGE_OPTION}, image="reg/big:1")
    alfa = make_team("alfa", make_profile("small", is_default=True), big)
    return make_offer(alfa, make_team("brreg", make_profile("only")))


@pytest.mark.parametrize(
    "last",
    [
        Choice("alfa", "small"),
        Choice("alfa", "big"),
        Choice("alfa", "big", {"image": OptionValue("r")}),
        Choice("alfa", "big", {"image": OptionValue("reg/own:1", is_unlisted=True)}),
        Choice("brreg", "only"),
    ],
    ids=["plain", "with default options", "with an option", "with an own text", "another team"],
)
def test_spawn_page_sent_untouched_starts_the_last_choice_again(last: Choice) -> None:
    """The last choice is selected, down to its options; what the form sends is exactly it."""
    choice = parse_choice(decode_form(read(two_teams(), last).sent()), two_teams())
    assert isinstance(choice, Choice)
    assert (choice.team, choice.profile) == (last.team, last.profile)
    assert last.options.items() <= choice.options.items()


def test_spawn_page_says_which_team_is_closed_since_when_and_whom_to_ask() -> None:
    """Above the teams that are open, or beside the reason why none is; and only once."""
    shut = Refusal(Code.TEAM_CLOSED, "Team shut is closed since <b>.", "Ask #shut.")
    offer = replace(make_offer(make_team("alfa")), closed={"shut": shut})
    for last in (None, Choice("shut", "small")):
        assert read(offer, last).text.count("Team shut is closed since <b>.") == 1
        assert "Team shut is closed since <b>. Ask #shut." in read(offer, last).text
    assert read(offer, named={"team": "shut"}).text.count("Team shut is closed since <b>.") == 1
    nothing = Refusal(Code.NOTHING_TO_OFFER, "Every image is old.", "Ask #alfa.")
    page = read(replace(offer, teams=(), refusal=nothing))
    assert "Every image is old." in page.text
    assert "Team shut is closed since <b>." in page.text
    assert read(replace(offer, teams=(), refusal=shut)).text.count("Team shut") == 1


def test_spawn_page_of_two_teams_without_a_last_choice_selects_none() -> None:
    """Nobody starts for a team by accident: a team has to be picked, its default profile is."""
    page = read(two_teams())
    assert [radio.get("checked") for radio in page.find("input", name="team")] == [None, None]
    assert all("required" in radio for radio in page.find("input", name="team"))
    assert "Choose the team that this server is for." in page.text
    sent = page.sent()
    assert "team" not in sent
    assert sent["profile:alfa"] == ["small"]
    assert sent["profile:brreg"] == ["only"]
    assert isinstance(parse_choice(decode_form(sent), two_teams()), Refusal)


def test_spawn_page_of_one_team_with_one_profile_has_nothing_to_choose() -> None:
    """The oldest files' people press Start; the page says what they get."""
    page = read(make_offer(make_team("kyrre", make_profile("default", display_name="Kyrre"))))
    assert page.find("input", type="radio") == []
    assert page.sent() == {"team": ["kyrre"], "profile:kyrre": ["default"]}
    for words in ("Team kyrre", "Memory 2 GB", "CPU 0.5", "JupyterLab", "Stops when idle for 1 hour"):
        assert words in page.text


def test_spawn_page_says_what_a_profile_has() -> None:
    """Image, Python and its end of life, size, idle timeout and description are there before the start."""
    python = {"name": "p", "image": "reg/p:1", "python": "3.13", "endOfLife": "2029-10-31"}
    old = {"name": "o", "image": "reg/o:1", "python": "3.9", "endOfLife": "2025-10-31"}
    gib = 1024**3
    profiles = (
        make_profile(
            "big",
            description="For much data.",
            image="reg/p:1",
            image_info=python,
            memory_limit=32 * gib,
            cpu_limit=1500,
            gpu=1,
            interface="rstudio",
        ),
        make_profile("old", image="reg/o:1", image_info=old),
    )
    team = make_team("alfa", *profiles, contact="#alfa", description="Numbers.", idle_timeout=said(5400))
    text = read(make_offer(team)).text
    for words in (
        "Numbers.",
        "For much data.",
        "Memory 32 GB CPU 1.5 GPU 1 Python 3.13 until 31 Oct 2029 Opens with RStudio",
        "Image: reg/p:1",
        "Python 3.9 end of life 31 Oct 2025",
        "Stops when idle for 90 minutes",
        "Home 10 GiB kept between servers",
        "Questions? Ask #alfa",
    ):
        assert words in text


def test_spawn_page_shows_what_the_server_gets_not_what_the_file_says() -> None:
    """Bounds and the hub's own configuration are in the facts."""
    offer = make_offer(
        make_team("alfa", make_profile("big", memory_limit=64 * 1024**3), idle_timeout=said("never")),
        platform={"bounds": {"memoryLimit": "16G", "idleTimeout": {"max": "7d"}}},
    )
    hub = HubSettings("jhub", {"cpu_limit": 3.0, "image": "hub/image:1"}, frozenset({"cpu_limit", "image"}))
    text = read(offer, hub=hub).text
    for words in ("Memory 16 GB", "CPU 3 ", "Image: hub/image:1", "Stops when idle for 7 days"):
        assert words in text


def test_spawn_page_of_a_profile_that_cannot_start_says_why() -> None:
    """A profile beyond the bounds is marked before anybody presses Start."""
    offer = make_offer(
        make_team("alfa", make_profile("a", image="evil/a:1"), make_profile("b", image="reg/b:1")),
        platform={"bounds": {"images": ["reg/*"]}},
    )
    assert "its image: outside the bounds (got 'evil/a:1')" in read(offer).text


def test_spawn_page_of_an_image_that_is_chosen_below_says_so() -> None:
    """Python's version is told for the image that starts, and only for that one."""
    python = {"name": "p", "image": "reg/p:1", "python": "3.13"}
    profile = make_profile("p", image="reg/p:1", image_info=python, options={"image": IMAGE_OPTION})
    offer = make_offer(make_team("alfa", profile))
    assert "Python 3.13 or as chosen below" in read(offer).text
    assert "Python" not in read(offer, Choice("alfa", "p", {"image": OptionValue("r")})).text


def test_spawn_page_shows_devices_that_nobody_calls_a_gpu_by_their_names() -> None:
    """What the plan gives, after the bound: GPUs counted, anything else as Kubernetes has it."""
    devices = {"nvidia.com/GA102GL_A10": 3, "github.com/fuse": 1}
    profile = make_profile("p", gpu=1, override={"extra_resource_limits": devices})
    offer = make_offer(make_team("alfa", profile), platform={"bounds": {"gpu": 2}})
    assert "GPU 1 Devices github.com/fuse: 1, nvidia.com/GA102GL_A10: 1" in read(offer).text


def test_spawn_page_of_a_team_without_homes_warns_of_it() -> None:
    """Nobody loses work because the page did not say so."""
    team = make_team("alfa", storage_none=said(value=True))
    assert "Home none files are gone when the server stops" in read(make_offer(team)).text


NASTY = "</style></form><script>alert(1)</script>\"' onmouseover=x {{7*7}} {% raw %} &amp; \u0645\u0631"


def test_spawn_page_of_nasty_texts_shows_them_as_they_are() -> None:
    """Nothing that a team or person writes becomes an element, an attribute or a template."""
    option = {
        "displayName": NASTY,
        "choices": {"a": {"displayName": NASTY}},
        "unlistedChoice": {
            "enabled": "true",
            "displayName": NASTY,
            "displayNameInChoices": NASTY,
            "validationMessage": NASTY,
        },
    }
    profile = make_profile("p", display_name=NASTY, description=NASTY, options={"o": option})
    team = make_team("a", profile, make_profile("q"), display_name=NASTY, description=NASTY, contact=NASTY)
    plain = make_team("a", make_profile("p", options={"o": option}), make_profile("q"))
    last = Choice("a", "p", {"o": OptionValue(NASTY, is_unlisted=True)})
    page = read(make_offer(team, make_team("b")), last)
    tags = [tag for tag, _ in page.elements]
    assert "script" not in tags
    assert tags.count("style") == 1
    assert page.text.count(NASTY) >= 8
    harmless = {
        name for _, attributes in read(make_offer(plain, make_team("b"))).elements for name in attributes
    }
    assert {name for _, attributes in page.elements for name in attributes} <= harmless | {
        "aria-describedby",
        "checked",
    }
    assert page.find("input", type="text")[0]["value"] == NASTY


def test_spawn_page_names_every_field_for_people_who_hear_it() -> None:
    """Each field that can be seen has a label, groups have a legend, and no id stands twice."""
    page = read(two_teams(), Choice("alfa", "big"))
    labelled = {label["for"] for label in page.find("label")}
    fields = [
        field for tag in ("input", "select") for field in page.find(tag) if field.get("type") != "hidden"
    ]
    assert {field["id"] for field in fields} <= labelled
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    described = {
        attributes["aria-describedby"] for _, attributes in page.elements if "aria-describedby" in attributes
    }
    assert described <= set(ids)
    assert len(page.find("fieldset")) == len(page.find("legend")) == 3


def test_spawn_page_after_the_last_choice_is_gone_says_so() -> None:
    """The page opens with what stands in, and tells what is gone."""
    page = read(make_offer(make_team("alfa")), Choice("alfa", "huge"))
    assert "Profile 'huge' of the last start is gone; 'small' stands in." in page.text
    assert "Last used" not in page.text
    assert "Last used" in read(make_offer(make_team("alfa")), Choice("alfa", "small")).text


def test_spawn_page_of_a_teams_link_selects_that_team() -> None:
    """A link to a team's page comes before the last choice."""
    page = read(two_teams(), Choice("alfa", "big"), named={"team": "brreg"})
    (checked,) = [radio for radio in page.find("input", name="team") if "checked" in radio]
    assert checked["value"] == "brreg"


def test_spawn_page_of_a_teams_link_selects_it_also_where_its_default_cannot_start() -> None:
    """Who asked for the team sees which of its profiles are left."""
    bounds = {"bounds": {"images": ["reg/*"]}}
    alfa = make_team("alfa", make_profile("a", image="evil/a:1", is_default=True), make_profile("b"))
    page = read(make_offer(alfa, make_team("brreg"), platform=bounds), named={"team": "alfa"})
    (checked,) = [radio for radio in page.find("input", name="team") if "checked" in radio]
    assert checked["value"] == "alfa"


def test_spawn_page_of_a_refusal_says_why_and_hides_the_start() -> None:
    """Nobody meets an empty list with a button below."""
    html = render_spawn_page(
        Offer("e1", (), Refusal(Code.NO_TEAM, "No <team>.", "Ask #knada.")), hub=HubSettings("jhub")
    )
    page = Page(html)
    assert page.text == "No <team>. Ask #knada. [KNADA-A001]"
    assert page.find("input") == []
    assert "#spawn_form .feedback-container { display: none; }" in html


def test_spawn_page_compiles_its_template_once() -> None:
    """KubeSpawner compiles its own on every page; ours is kept."""
    environment = spawn_page._environment()
    read(two_teams())
    template = environment.get_template("spawn_options.html")
    read(two_teams())
    assert spawn_page._environment() is environment
    assert environment.get_template("spawn_options.html") is template


def test_page_shows_what_the_file_says_of_choices() -> None:
    """Description and slug stand below the list, as text; what the form sends is the choice's own name."""
    option = {
        "choices": {
            "pangeo": {"displayName": "Pangeo", "description": "For <geo>.", "slug": "pan"},
            "r": {"slug": "r"},
            "plain": {},
        },
        "unlistedChoice": {
            "enabled": "true",
            "displayNameInChoices": "Another image",
            "descriptionInChoices": "From a public registry.",
            "kubespawnerOverride": {"image": "{value}"},
        },
    }
    offer = make_offer(make_team("kyrre", make_profile(options={"image": option})))
    page = read(offer)
    assert "Pangeo pan For <geo>. r Another image From a public registry." in page.text
    [select] = page.find("select")
    assert [found["value"] for found in page.find("option")] == ["pangeo", "r", "plain", "unlisted-choice"]
    assert page.find("ul", id=str(select["aria-describedby"])) != []


def test_page_shows_the_slug_of_each_team_where_there_are_several() -> None:
    """Two names may look the same; two slugs never do."""
    assert [read(offer).html.count('knada-slug">') for offer in (make_offer(), two_teams())] == [0, 2]
