"""What README and CONTRIBUTING point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_page_points_only_at_files_that_exist(page: str) -> None:
    """Each relative link and picture leads to a file of the checkout."""
    targets = re.findall(r"\]\((?!https?:|#)([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_commands_that_readme_names_are_in_the_makefile() -> None:
    """`make …` in README and CONTRIBUTING is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for command in re.findall(r"\bmake ((?:[a-z]+ ?)+)`", text) + re.findall(
            r"^\$ make ([a-z]+)", text, re.MULTILINE
        ):
            assert set(command.split()) <= targets, f"{page}: make {command}"
