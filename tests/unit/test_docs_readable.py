"""The documentation can be read where no build has been: on a code host, or in an editor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.generator import PAGES, render

ROOT = Path(__file__).parents[2]
PAGES_OF_THE_REPOSITORY = [
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    *sorted(ROOT.glob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
# Blocks and inline code hold no links and no roles; what they show may look like both.
CODE = re.compile(r"^(`{3,}).*?^\1$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def every_page() -> pytest.MarkDecorator:
    """Parametrize over all pages, written and generated ones."""
    return pytest.mark.parametrize(
        "page", PAGES_OF_THE_REPOSITORY, ids=lambda page: page.relative_to(ROOT).as_posix()
    )


def anchors(page: Path) -> set[str]:
    """Give what a page's headings can be linked by, as code hosts and MyST make it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_generated_page_is_what_the_code_gives(name: str) -> None:
    """What is committed is current; where this fails, `make references` writes the page anew."""
    page = ROOT / f"docs/reference/{name}.md"
    assert page.read_text(encoding="utf-8") == render(name), "stale: run `make references` and commit"


@every_page()
def test_page_has_no_markup_that_only_the_build_reads(page: Path) -> None:
    """Links are plain, and so are pictures; of MyST there are captions of blocks, and lists of pages."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"\{[a-z:-]+\}", CODE.sub("", text)) == []
    assert set(re.findall(r"^(?:`{3,}|:{3,})\{([a-z-]+)\}", text, re.MULTILINE)) <= {"code-block", "toctree"}


@every_page()
def test_relative_link_of_a_page_leads_to_a_file_and_its_heading(page: Path) -> None:
    """Whoever follows a link gets somewhere."""
    for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"no {target}"
        assert found.is_relative_to(ROOT), f"{target} leads out of the repository"
        assert not anchor or anchor in anchors(found), f"no heading #{anchor} in {target or page.name}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Following links is enough; no page is known by the built site's own list alone."""
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for target, _ in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
            found = (page.parent / target).resolve()
            if found.suffix == ".md" and found not in seen:
                waiting.append(found)
    assert sorted(page.relative_to(ROOT).as_posix() for page in set(PAGES_OF_THE_REPOSITORY) - seen) == []
