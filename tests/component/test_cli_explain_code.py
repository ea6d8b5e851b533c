"""`jupyterhub-knada explain-code`: every code is explained, by a message that the package really writes."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import jupyterhub_knada
from jupyterhub_knada.cli import cli
from jupyterhub_knada.cli.explain_code import _read_texts, explain
from jupyterhub_knada.errors import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

PACKAGE = Path(jupyterhub_knada.__file__).parent
PLACE = re.compile(r"[\w./-]+:\d+:\d+: (?:warning: )?(?:[\w.\[\]]+: )?")
_FILLED_IN = "\0"
LEAST_SHARE, FEWEST_LETTERS = 0.15, 5
"""Of a sentence that is the source's own, and not filled in: less would fit anything."""

PUT_TOGETHER = {
    "Entra ID did not confirm who you are.": ("did not confirm who you are",),
    "Team kyrre is closed since 2026-11-21 12:00 UTC: teams/kyrre.yaml has errors (line 2: Not a name that "
    "Kubernetes accepts).": (" is closed", " since ", " has errors (", "Not a name that Kubernetes accepts"),
    "not an image (got 'https://ghcr.io/example/jupyter:1')": ("not an image",),
    "not an image's name (got 'b:c')": ("an image's name",),
}
"""Sentences of examples that no single text of the source is -> the texts that they are made of."""


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, ["explain-code", *arguments], prog_name="jupyterhub-knada")


def test_no_text_is_without_its_code() -> None:
    """A code that goes takes its text with it."""
    assert set(_read_texts()) == {str(code) for code in Code}


@pytest.mark.parametrize("code", Code, ids=str)
def test_code_is_explained_in_whole_sentences(code: Code) -> None:
    """Meaning, an example that ends with the code, and what to do."""
    found = explain(code)
    for text in (f"{found.title}.", found.meaning, found.remedy):
        assert re.fullmatch(r"[A-Z`].*[.]", text), text
    assert found.example.endswith(f" [{code}]")


@cache
def templates() -> tuple[tuple[re.Pattern[str], int], ...]:
    """Give each text of the package as a pattern: what it fills in may be anything; and its own letters."""
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            own = _FILLED_IN.join(_parts(node)).strip()
            found[own] = len(own.replace(_FILLED_IN, ""))
    return tuple(
        (re.compile(".*".join(map(re.escape, own.split(_FILLED_IN)))), letters)
        for own, letters in found.items()
        if letters
    )


def _parts(node: ast.AST) -> Iterator[str]:
    """Give the pieces of a text between which something is filled in."""
    piece = ""
    for value in node.values if isinstance(node, ast.JoinedStr) else [node]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            piece += value.value
        elif isinstance(value, ast.FormattedValue):
            yield piece
            piece = ""
    yield piece


def is_written(text: str) -> bool:
    """Say whether the package has a text, or texts one after the other, of this form."""
    fewest = max(LEAST_SHARE * len(text), FEWEST_LETTERS)
    return any(letters >= fewest and pattern.fullmatch(text) for pattern, letters in templates())


@pytest.mark.parametrize("code", Code, ids=str)
def test_example_is_a_message_that_the_package_writes(code: Code) -> None:
    """Each of its sentences is one of the source, so that an example cannot outlive its message."""
    message = explain(code).example.removesuffix(f" [{code}]")
    text = PLACE.sub("", message, count=1) if PLACE.match(message) else message
    sentences = re.split(r"; |(?<=[.?]) (?=[A-Z])", text)
    sentences = [sentence for sentence in sentences if sentence not in PUT_TOGETHER]
    unknown = [
        sentence
        for number, sentence in enumerate(sentences)
        if not any(
            is_written("; ".join(sentences[start:end])) or is_written(" ".join(sentences[start:end]))
            for start in range(number + 1)
            for end in range(number + 1, len(sentences) + 1)
        )
    ]
    assert unknown == []


@pytest.mark.parametrize("pieces", PUT_TOGETHER.values(), ids=PUT_TOGETHER)
def test_sentence_that_is_put_together_has_pieces_of_the_source(pieces: tuple[str, ...]) -> None:
    """A sentence of short pieces is compared by them."""
    source = [pattern.pattern for pattern, _ in templates()]
    assert [piece for piece in pieces if not any(re.escape(piece) in one for one in source)] == []


def test_code_is_written_for_people() -> None:
    """Title, meaning, example and what to do, in this order; the example on one line."""
    result = run("KNADA-C023")
    found = explain(Code.IMAGE_NOT_ALLOWED)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "KNADA-C023: An image outside the platform's bounds."
    places = [result.stdout.index(text) for text in (found.title, found.meaning[:40], found.example)]
    assert [*places, result.stdout.index("What to do:")] == sorted(
        [*places, result.stdout.index("What to do:")]
    )


@pytest.mark.parametrize("written", ["KNADA-C023", "knada-c023", "c023", "[KNADA-C023]", " C023 "])
def test_code_may_be_written_in_short(written: str) -> None:
    """As it stands in a message, or as somebody types it."""
    assert run(written).stdout.startswith("KNADA-C023: ")


def test_code_is_written_as_json() -> None:
    """For a program: the same texts, by name."""
    result = run("C023", "--format", "json")
    found = json.loads(result.stdout)
    assert list(found) == ["code", "title", "meaning", "example", "remedy"]
    assert found["code"] == "KNADA-C023"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param("KNADA-C099", "There is no code 'KNADA-C099'. Did you mean KNADA-C0", id="near"),
        pytest.param("brreg", "There is no code 'KNADA-BRREG'. A code is KNADA-, a letter", id="far"),
    ],
)
def test_code_that_is_not_there_is_wrong_use(written: str, told: str) -> None:
    """The nearest ones are named."""
    result = run(written)
    assert result.exit_code == 2
    assert told in result.stderr
