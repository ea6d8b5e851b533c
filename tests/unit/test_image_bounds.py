"""One rule for images: a file, a choice and a plan say the same of the same image, in the same words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import Choice, parse_choice
from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.servers.plans import HubSettings, ServerPlan, UserFacts, build_plan, resolve_choice
from jupyterhub_knada.teams.image_bounds import find_image_faults
from jupyterhub_knada.teams.model import PlatformFile
from jupyterhub_knada.teams.reloading import build_snapshot
from tests.support.team_files import load_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.loading import LoadedFiles

OWN = "registry.example/other/jupyter:1"
"""The platform's own image, outside every pattern below."""
IMAGES = f'images: [{{name: python-3.13, image: "{OWN}", default: true}}]'
TEAM = "namespace: team-alfa\nusers: [e152435]\n"


def files(folder: Path, bounds: str, said: str, images: str = IMAGES) -> LoadedFiles:
    """Write and load a platform with images of its own, and a team that says an image in some way."""
    platform = f"project: knada-gcp\n{images}\nbounds: {bounds}\n"
    return load_folder(write_files(folder, platform, alfa=TEAM + said))


BOUNDS = ['{images: ["registry.example/mine/*"]}', "{images: []}", "{images: [], requireImageTag: true}"]
SAID = {
    "by default": "",
    "by name": "image: python-3.13\n",
    "in full": f"image: {OWN}\n",
    "in an override": f"profiles: [{{displayName: A, kubespawnerOverride: {{image: {OWN}}}}}]\n",
}


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_image_of_the_platform_may_always_be_started(tmp_path: Path, bounds: str, said: str) -> None:
    """It is offered, chosen and planned, however a team says it and whatever else may be started."""
    loaded = files(tmp_path, bounds, said)
    assert [problem for problem in loaded.problems if problem.code is not Code.NO_IDENTITY] == []
    snapshot = build_snapshot(None, loaded)
    offer = build_offer("e152435", None, snapshot, datetime.now(UTC).date())
    choice = parse_choice(None, offer)
    assert isinstance(choice, Choice), choice
    plan = build_plan(resolve_choice(choice, offer, snapshot), UserFacts("e152435"), HubSettings("hub"))
    assert isinstance(plan, ServerPlan), plan
    assert plan.image == OWN


@pytest.mark.parametrize(
    ("bounds", "image", "code"),
    [
        ('{images: ["registry.example/mine/*"]}', "registry.example/theirs/x:1", Code.IMAGE_NOT_ALLOWED),
        ("{images: []}", "registry.example/mine/x:1", Code.IMAGE_NOT_ALLOWED),
        ("{requireImageTag: true}", "registry.example/mine/x", Code.IMAGE_WITHOUT_TAG),
        ('{images: ["registry.example/mine/*"], requireImageTag: true}', "other/x", Code.IMAGE_NOT_ALLOWED),
    ],
    ids=["outside", "own images only", "without a tag", "both"],
)
def test_image_out_of_bounds_is_refused_in_the_same_words_everywhere(
    tmp_path: Path, bounds: str, image: str, code: Code
) -> None:
    """`check`, a choice of one's own and the plan name one code, one fault, one rule and one status."""
    loaded = files(tmp_path / "said", bounds, f"image: {image}\n")
    told = [problem for problem in loaded.problems if problem.code is code]
    assert [(problem.file, problem.field) for problem in told] == [("teams/alfa.yaml", "image")]

    own = "{unlistedChoice: {enabled: true, kubespawnerOverride: {image: '{value}'}}}"
    profile = f"profiles: [{{slug: a, displayName: A, options: {{image: {own}}}}}]\n"
    snapshot = build_snapshot(None, files(tmp_path / "chosen", bounds, profile, images=""))
    offer = build_offer("e152435", None, snapshot, datetime.now(UTC).date())
    chosen = parse_choice({"image--unlisted-choice": image}, offer)
    default = parse_choice(None, offer)
    assert isinstance(chosen, Refusal)
    assert isinstance(default, Choice)
    hub = HubSettings("hub", {"image": image}, frozenset({"image"}))
    planned = build_plan(resolve_choice(default, offer, snapshot), UserFacts("e152435"), hub)

    assert planned == chosen
    assert (chosen.code, chosen.status) == (code, 400)
    assert told[0].message in chosen.message
    assert told[0].rule in chosen.message


def test_text_that_is_no_image_is_not_called_forbidden() -> None:
    """What cannot be read is said to be no reference, with and without bounds."""
    for platform in (None, PlatformFile.model_validate({"bounds": {"images": []}})):
        (fault,) = find_image_faults("reg/$(id)", platform)
        assert fault.code is Code.BAD_IMAGE


def test_long_list_of_patterns_is_cut_in_the_message() -> None:
    """A refusal stays a sentence, however many patterns the platform has."""
    globs = [f"registry.example/team-{number}/*" for number in range(1000)]
    (fault,) = find_image_faults("other/x:1", PlatformFile.model_validate({"bounds": {"images": globs}}))
    assert "and 990 more patterns" in fault.rule
    assert len(fault.rule) < 600
