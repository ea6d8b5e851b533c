"""The reference pages, made from the code, so that they cannot drift from it.

Each module beside this one renders pages as plain Markdown, which a code host shows as well as the built
site: pure functions without arguments. `make references` writes them to `docs/reference/`, where they are
committed; a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from docs.generator.codes import render_codes
from docs.generator.commands import render_commands
from docs.generator.configure import render_configure
from docs.generator.embedded_cluster import render_embedded_cluster
from docs.generator.entry_points import render_entry_points
from docs.generator.files import render_platform_file, render_team_file
from docs.generator.measurements import render_measurements
from docs.generator.roles import render_roles
from docs.generator.traits import render_traits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES: Final[dict[str, Callable[[], str]]] = {
    "team-file": render_team_file,
    "platform-file": render_platform_file,
    "configure": render_configure,
    "settings": render_traits,
    "commands": render_commands,
    "error-codes": render_codes,
    "roles": render_roles,
    "entry-points": render_entry_points,
    "embedded-cluster": render_embedded_cluster,
    "measurements": render_measurements,
}

NOTE: Final = "<!-- Made from the code by `make references`, which rewrites this page. -->\n\n"


def render(name: str) -> str:
    """Give the whole text of one page, as it is committed."""
    return NOTE + PAGES[name]()


def write_pages(folder: Path) -> list[str]:
    """Write every page to `folder`; give the names of those that changed."""
    changed = []
    for name in PAGES:
        page = folder / f"{name}.md"
        text = render(name)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            changed.append(page.name)
    return changed
