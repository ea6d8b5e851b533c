"""The hub image's Dockerfile: what can be told of it without building it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_dockerfile_last_user_is_not_root_and_a_number() -> None:
    """The hub does not run as root, and Kubernetes can tell so from the image alone."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "1000"


def test_dockerfile_copies_only_what_dockerignore_lets_through() -> None:
    """The build's context holds everything that the image is made of."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == let_through


def test_dockerfile_wheel_is_made_of_what_the_project_needs() -> None:
    """Whatever pyproject.toml names for the build of the wheel is copied before it."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r'^(?:readme|license-files) = \[?"([^"]+)"', project, re.MULTILINE)
    assert named
    assert [name for name in named if name not in DOCKERFILE] == []
