"""One mistake hides no other: what is found beside it, in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "bounds: {memoryLimit: 8G, images: [ghcr.io/*]}\nproject: knada-gcp\n"
REST = """\
  - display_name: B
    kubespawner_override: {mem_limt: 4G}
  - displayName: C
    resources: {memoryLimit: 9G}
  - displayName: D
    image: docker.io/x/y:1
"""
"""Profiles whose mistakes only the later checks find: of overrides, bounds and images."""


def fields(folder: Path, profile: str) -> list[str]:
    """Load a file with one more profile, the first, and give the fields of all problems."""
    text = f"namespace: t\nusers: [e1]\nserviceAccount: t\nprofiles:\n  - {profile}\n{REST}"
    write_files(folder, PLATFORM, t=text)
    loaded = load_files(folder / "teams", folder / "platform.yaml", check_override=check_override)
    return [problem.field for problem in loaded.problems if problem.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        pytest.param("{displayName: A, colour: red}", "profiles[0]", id="an unknown key"),
        pytest.param("{description: x}", "profiles[0].displayName", id="a name that is missing"),
        pytest.param("{displayName: ''}", "profiles[0].displayName", id="a name that is empty"),
        pytest.param("{display_name: [x]}", "profiles[0].display_name", id="in the other spelling"),
        pytest.param("{displayName: '!?'}", "profiles[0].displayName", id="a name without a slug"),
        pytest.param("{displayName: B}", "profiles[1].slug", id="a slug twice"),
        pytest.param("{display_name: A, displayName: A}", "profiles[0].display_name", id="two spellings"),
        pytest.param("big", "profiles[0]", id="a text"),
        pytest.param("null", "profiles[0]", id="nothing"),
        pytest.param("*nothing", "profiles[0]", id="an alias of nothing"),
        pytest.param(
            "{displayName: A, profile_options: {a: {choices: {b: {kubespawner_override: x}}}}}",
            "profiles[0].profile_options.a.choices.b.kubespawner_override",
            id="deep inside",
        ),
        pytest.param(
            "{displayName: A, profile_options: {a: {}}}",
            "profiles[0].profile_options.a",
            id="an option without choices",
        ),
    ],
)
def test_invalid_profile_hides_no_problem_of_another(profile: str, field: str, tmp_path: Path) -> None:
    """Overrides, bounds and images of the others are checked in the same run."""
    assert sorted(fields(tmp_path, profile)) == sorted(
        [
            field,
            "profiles[1].kubespawner_override.mem_limt",
            "profiles[2].resources.memoryLimit",
            "profiles[3].image",
        ]
    )


def test_invalid_image_of_the_platform_hides_no_problem_of_another(tmp_path: Path) -> None:
    """An image without a name, and beside it one without the tag that the platform asks for."""
    images = "images:\n  - {image: x/y:1}\n  - {name: b, image: x/y}\nbounds: {requireImageTag: true}\n"
    write_files(tmp_path, images)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    errors = [problem.field for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert errors == ["images[0].name", "images[1].image"]
