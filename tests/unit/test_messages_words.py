"""Texts for people use the words of CONTRIBUTING's table, and none that it replaces.

Read are the package's text literals (messages, log lines, help of settings and options), the help of its
commands, its pages and files for people, and the generated references. Docstrings are for developers.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest

import jupyterhub_knada
from jupyterhub_knada.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(jupyterhub_knada.__file__).parent
MODULES: Final = sorted(PACKAGE.rglob("*.py"))
FILES: Final = [
    *sorted((PACKAGE / "web/templates").iterdir()),
    *sorted(found for found in (PACKAGE / "cli/demo/files").rglob("*") if found.suffix in {".py", ".yaml"}),
    PACKAGE / "cli/codes.toml",
    *sorted((ROOT / "docs/reference").glob("*.md")),
]
ALLOWED: Final = {
    r"\bt(?:akes?|ook) (?:too |so )?long": "how long something takes",
    r"\btakes (?:a while|some minutes)": "how long something takes",
    r"\blooks? (?:like|the same)\b": "how something appears",
    r"\bnot currently held:": "Kubernetes' words for rights that would be escalated",
    r"\berror looking up service account ": "Kubernetes' words for a missing service account",
}
"""Patterns of what may be said all the same, with the reason."""


@cache
def replaced_words() -> tuple[str, ...]:
    """Give the words of the left column of CONTRIBUTING's table."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| not | but |\n|---|---|\n")
    rows = re.match(r"(?:\|.*\n)*", table)
    assert rows is not None
    return tuple(word.strip() for row in rows[0].splitlines() for word in row.split("|")[1].split(","))


def find_replaced(text: str) -> list[str]:
    """Give each replaced word of a text, with some of what stands around it."""
    words = re.compile(rf"\b(?:{'|'.join(replaced_words())})\b", re.IGNORECASE)
    rest = re.sub("|".join(ALLOWED), "", text)
    return [rest[max(0, found.start() - 40) : found.end() + 40] for found in words.finditer(rest)]


def literals(module: Path) -> Iterator[tuple[int, str]]:
    """Give the text literals of a module that are no docstrings, with their lines."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docstrings = {id(statement.value) for statement in ast.walk(tree) if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def commands(
    command: click.Command, name: str, above: click.Context | None = None
) -> Iterator[tuple[str, click.Context]]:
    """Give a command and all below it, each with its name and the context that its users have.

    A command keeps the option for its help as it was in the first context that asked.
    """
    context = click.Context(command, above, name, **command.context_settings)
    yield name, context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from commands(found, below, context)


def test_contributing_has_the_table_of_words() -> None:
    """The table is found, and its left column is words."""
    words = replaced_words()
    assert {"hold", "take", "tell", "look", "room"} <= set(words)
    assert all(word.isalpha() for word in words)


@pytest.mark.parametrize("module", MODULES, ids=lambda found: found.relative_to(PACKAGE).as_posix())
def test_literals_of_a_module_have_no_replaced_word(module: Path) -> None:
    """Whatever a module says to people, it says in our words."""
    assert [(line, found) for line, text in literals(module) for found in find_replaced(text)] == []


@pytest.mark.parametrize(
    "context", [pytest.param(context, id=name) for name, context in commands(cli, "jupyterhub-knada")]
)
def test_help_of_a_command_has_no_replaced_word(context: click.Context) -> None:
    """The help of a command is a docstring for people."""
    text = context.get_help()
    assert find_replaced(" ".join(text.split())) == []


@pytest.mark.parametrize("file", FILES, ids=lambda found: found.relative_to(ROOT).as_posix())
def test_file_for_people_has_no_replaced_word(file: Path) -> None:
    """Pages, explanations of codes, the demo's files and the references are read as they are."""
    assert find_replaced(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("pattern", ALLOWED, ids=ALLOWED.values())
def test_allowed_pattern_is_used(pattern: str) -> None:
    """What nobody says any more needs no exception."""
    said = (text for module in MODULES for _, text in literals(module))
    assert any(re.search(pattern, text) for text in said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("KubeSpawner does not take the plan's image", 1),
        ("Rooms are told; it last held.", 3),
        ("The start takes too long, and looks like a slip.", 0),
        ("a household mistakes a bedroom for an outlook, take_over", 0),
    ],
)
def test_replaced_words_are_found_as_words(text: str, found: int) -> None:
    """A word counts in each of its forms, but not within another word."""
    assert len(find_replaced(text)) == found
