"""Blanks around an image reference, as copying leaves them: no part of it, wherever it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.servers.choices import Choice, parse_choice
from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.servers.plan_inputs import HubSettings, UserFacts, resolve_choice
from jupyterhub_knada.servers.plans import ServerPlan, build_plan
from tests.unit.test_offer_build import TODAY, snapshot

if TYPE_CHECKING:
    from jupyterhub_knada.teams.snapshots import Snapshot

IMAGE = "ghcr.io/example/a:1"
BLANKS = f" \t{IMAGE}\u00a0\n"
BOUNDS = {"bounds": {"images": ["ghcr.io/example/*"]}}


def profile(**more: Any) -> dict[str, Any]:
    """Give a team with one profile."""
    return {"profiles": [{"displayName": "A", **more}]}


def start(files: Snapshot, options: dict[str, str], hub: HubSettings) -> ServerPlan:
    """Plan what a start with these options would make."""
    offer = build_offer("e1", None, files, TODAY)
    choice = parse_choice(options, offer)
    assert isinstance(choice, Choice), str(choice)
    plan = build_plan(resolve_choice(choice, offer, files), UserFacts("e1"), hub)
    assert isinstance(plan, ServerPlan), str(plan)
    return plan


OWN_TEXT = {
    "enabled": "true",
    "validationRegex": r"ghcr\.io/[^ ]+",
    "kubespawnerOverride": {"image": "{value}"},
}


@pytest.mark.parametrize(
    ("team", "platform", "options"),
    [
        pytest.param({"image": BLANKS}, {}, {}, id="team"),
        pytest.param({}, {"defaults": {"image": BLANKS}}, {}, id="defaults of the platform"),
        pytest.param({}, {"images": [{"name": "a", "image": BLANKS, "default": "true"}]}, {}, id="platform"),
        pytest.param(
            {"image": " a "}, {"images": [{"name": "a", "image": IMAGE}]}, {}, id="name of a platform image"
        ),
        pytest.param(profile(image=BLANKS), {}, {}, id="profile"),
        pytest.param(profile(kubespawnerOverride={"image": BLANKS}), {}, {}, id="override"),
        pytest.param(
            profile(options={"o": {"choices": {"c": {"kubespawnerOverride": {"image": BLANKS}}}}}),
            {},
            {"o": "c"},
            id="choice",
        ),
        pytest.param(
            profile(options={"o": {"unlistedChoice": OWN_TEXT}}),
            {},
            {"o--unlisted-choice": f"  {IMAGE} "},
            id="a text of one's own",
        ),
    ],
)
def test_blanks_around_an_image_are_no_part_of_it(
    team: dict[str, Any], platform: dict[str, Any], options: dict[str, str]
) -> None:
    """A copied reference starts the image that it names, and is judged by the bounds as that."""
    plan = start(snapshot({"kyrre": team}, {**BOUNDS, **platform}), options, HubSettings("jhub"))
    assert plan.image == IMAGE


def test_blanks_around_the_hubs_own_image_are_no_part_of_it() -> None:
    """The hub's configuration is written by hand, too."""
    hub = HubSettings("jhub", values={"image": BLANKS}, explicit=frozenset({"image"}))
    assert start(snapshot({"kyrre": {}}, BOUNDS), {}, hub).image == IMAGE
