"""Profiles as upstream's documentation spells them, from the file to the page and to a choice."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.servers.choices import Choice, OptionValue, option_overrides, parse_choice
from jupyterhub_knada.servers.offer import Offer, build_offer
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.servers.plan_inputs import HubSettings
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.snapshots import Snapshot
from jupyterhub_knada.web.spawn_page import render_spawn_page

TEAMS = Path(__file__).parents[1] / "data" / "choices" / "teams"


@pytest.fixture(scope="module")
def offer() -> Offer:
    """Load the file with KubeSpawner's own check, and offer it to its user."""
    files = load_files(TEAMS, None, check_override=check_override)
    errors = [str(problem) for problem in files.problems if problem.severity is Severity.ERROR]
    assert errors == []
    snapshot = Snapshot(1, files.platform, files.teams, files.closed, files.problems)
    return build_offer("e152435", None, snapshot, date(2026, 11, 21))


def test_stock_profiles_verbatim_are_offered_in_their_order(offer: Offer) -> None:
    """Slugs are those that KubeSpawner would make: saved choices of an older hub mean the same."""
    (team,) = offer.teams
    assert [profile.slug for profile in team.profiles] == [
        "minimal-environment",
        "datascience-environment",
        "spark-environment",
        "learning-data-science",
        "demo-1",
        "gpu",
    ]
    assert team.default_profile.slug == "minimal-environment"


def test_stock_profiles_verbatim_are_shown_with_what_their_overrides_give(offer: Offer) -> None:
    """An override's image and size are what the server gets, so they are what the page says."""
    html = render_spawn_page(offer, None, hub=HubSettings("jhub"), today=date(2026, 11, 21))
    for words in ("jupyter/all-spark-notebook:2343e33dec46", "16 GB", "Enter image manually", "Other image"):
        assert words in html


def test_stock_options_verbatim_take_a_text_that_matches_in_full(offer: Offer) -> None:
    """The text arrives in the image; one with a second line does not."""
    demo = offer.teams[0].find_profile("demo-1")
    assert demo is not None
    raw = {"profile": "demo-1", "image--unlisted-choice": "jupyter/datascience-notebook:latest"}
    choice = parse_choice(raw, offer)
    assert isinstance(choice, Choice)
    assert choice.options == {"image": OptionValue("jupyter/datascience-notebook:latest", is_unlisted=True)}
    assert option_overrides(demo, choice.options) == (
        ("image", {"image": "jupyter/datascience-notebook:latest"}),
    )
    assert not isinstance(parse_choice({**raw, "image--unlisted-choice": "jupyter/x:1\nevil"}, offer), Choice)
