"""`jupyterhub-knada explain-code`: what a code means, an example of it and what to do, without a network."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from textwrap import fill
from typing import Final

import click

from jupyterhub_knada.cli.output import write_line, write_text
from jupyterhub_knada.errors import Code

EPILOG: Final = """\b
Examples:
  jupyterhub-knada explain-code KNADA-C023
  jupyterhub-knada explain-code c023 --format json
\b
Exit codes:
  0  written
  2  there is no such code
"""
_PREFIX: Final = "KNADA-"
_WIDTH: Final = 100
"""Characters of a line."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is said of a code, here and in the reference of the docs."""

    code: str
    """e.g. `KNADA-C023`."""
    title: str
    meaning: str
    example: str
    """A whole message with the code, as the package writes it."""
    remedy: str


@cache
def explain(code: Code) -> Explanation:
    """Give what is said of a code.

    Raises:
        KeyError: nothing is: a programming error.
    """
    return Explanation(str(code), code.title, **_read_texts()[str(code)])


@cache
def _read_texts() -> dict[str, dict[str, str]]:
    """Read `codes.toml`: code -> `meaning`, `example`, `remedy`."""
    text = files("jupyterhub_knada.cli").joinpath("codes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@click.command(name="explain-code", epilog=EPILOG, short_help="Show what a code means, and what to do.")
@click.argument("code", metavar="CODE")
@click.option(
    "output",
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)
def explain_code(code: str, output: str) -> None:
    """Show what CODE means, a message that has it, and what to do.

    CODE is what stands in brackets behind a message, such as KNADA-C023; capitals and `KNADA-` may be left
    out. Nothing is asked of a hub or a network.
    """
    found = explain(_find(code))
    if output == "json":
        write_line(json.dumps(asdict(found), indent=2))
    else:
        write_text(_render(found))


def _find(text: str) -> Code:
    """Find a code by what somebody wrote.

    Raises:
        click.BadParameter: there is none; with the nearest ones.
    """
    name = text.strip().strip("[]").upper()
    name = name if name.startswith(_PREFIX) else _PREFIX + name
    known = {str(code): code for code in Code}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=3, cutoff=0.8)
    meant = f" Did you mean {' or '.join(near)}?" if near else " A code is KNADA-, a letter and three digits."
    raise click.BadParameter(f"There is no code {name!r}.{meant}", param_hint="CODE")


def _render(found: Explanation) -> str:
    parts = [
        f"{found.code}: {found.title}.",
        fill(found.meaning, _WIDTH),
        "For example:",
        # Whole, so that it is found by whoever searches for a line of a log.
        f"  {found.example}",
        f"What to do:\n{fill(found.remedy, _WIDTH, initial_indent='  ', subsequent_indent='  ')}",
    ]
    return "\n\n".join(parts) + "\n"
