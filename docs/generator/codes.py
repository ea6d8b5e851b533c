"""The page of error codes, from `jupyterhub_knada.errors.Code`."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

from docs.generator.markdown import code as code_block
from docs.generator.markdown import page, section
from jupyterhub_knada.cli.explain_code import explain
from jupyterhub_knada.errors import Code

FAMILIES: Final = {
    "C": ("Team files", "In `jupyterhub-knada check` and in the hub's log, with file, line and column."),
    "A": ("Signing in", "Shown to the person who signs in; the hub's log has the full story."),
    "S": (
        "Starting a server",
        "Shown on the spawn page and in the answer of the REST API; never a failure of the hub.",
    ),
    "K": ("Kubernetes", "Shown on the progress page of a start."),
    "H": ("The hub's configuration", "Shown when the hub starts."),
}


def family_of(code: Code) -> str:
    """Give the letter behind `KNADA-`."""
    return str(code).removeprefix("KNADA-")[0]


def one_sentence_a_line(text: str) -> str:
    """Break a text as the docs are written."""
    return re.sub(r"(?<=[a-z)`]\.) (?=[A-Z`])", "\n", text)


def _render_code(code: Code) -> str:
    found = explain(code)
    return section(
        3,
        found.code,
        f"**{found.title}.**",
        one_sentence_a_line(found.meaning),
        code_block(found.example, "text"),
        one_sentence_a_line(found.remedy),
    )


def render_codes() -> str:
    """Render every code under its family; the heading is the code, so that a search for it lands here."""
    families = [
        section(
            2,
            FAMILIES[letter][0],
            FAMILIES[letter][1],
            *(_render_code(code) for code in codes),
        )
        for letter, codes in groupby(sorted(Code, key=str), key=family_of)
    ]
    return page(
        "Error codes",
        "Every problem and every refusal ends with its code in brackets.\n"
        "A code is never given a second meaning.\n"
        "Beside the code, a message says what is wrong, where, the rule, and what to do.\n"
        "`jupyterhub-knada explain-code CODE` shows what stands here, without a network.",
        *families,
    )
