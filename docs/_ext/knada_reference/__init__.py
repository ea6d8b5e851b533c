"""A Sphinx extension that writes the reference pages from the code, so that they cannot drift from it.

Each module beside this one renders one page as MyST Markdown: a pure function without arguments, which the
tests call, too. The pages are written to `docs/reference/_generated/` when a build begins.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from knada_reference.codes import render_codes
from knada_reference.embedded_cluster import render_embedded_cluster
from knada_reference.entry_points import render_entry_points
from knada_reference.files import render_platform_file, render_team_file
from knada_reference.roles import render_roles
from knada_reference.traits import render_traits

if TYPE_CHECKING:
    from collections.abc import Callable

    from sphinx.application import Sphinx

PAGES: Final[dict[str, Callable[[], str]]] = {
    "team-file": render_team_file,
    "platform-file": render_platform_file,
    "settings": render_traits,
    "error-codes": render_codes,
    "roles": render_roles,
    "entry-points": render_entry_points,
    "embedded-cluster": render_embedded_cluster,
}


def write_pages(folder: Path) -> None:
    """Write every page to `folder`, which is made if need be; a page that did not change is left alone.

    Sphinx reads a page again when its file is newer than the last build: rewriting all would defeat that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in PAGES.items():
        page = folder / f"{name}.md"
        text = render()
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def escape_markup(_app: Sphinx, _context: object, lines: list[str]) -> None:
    """Show a command's description as it stands: text for a terminal, which sphinx-click reads as markup."""
    lines[:] = [re.sub(r"([*`])", r"\\\1", line) for line in lines]


def keep_columns(_app: Sphinx, _context: object, lines: list[str]) -> None:
    """Show a command's examples and exit codes as in the terminal: a literal block, without typography."""
    if any(lines):
        shown = ["    " + line.removeprefix("|").removeprefix(" ") for line in lines]
        lines[:] = [".. code-block:: text", "", *shown, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what is done at a build; to be listed after sphinx_click, which defines its events.

    Source: https://www.sphinx-doc.org/en/master/extdev/appapi.html.
    """
    app.connect("sphinx-click-process-description", escape_markup)
    app.connect("sphinx-click-process-epilog", keep_columns)
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "reference" / "_generated"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
