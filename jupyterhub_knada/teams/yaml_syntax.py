"""What a parser says of a text that is no YAML, in our words and with its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.positions import TOP, Position

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.reader import ReaderError

_NO_CHARACTER = re.compile(r"\\U(?!00(?:0[0-9A-Fa-f]|10))[0-9A-Fa-f]{8}")
# What people meet in a scanner's or parser's words, in ours; the first that is found in the text counts.
_IN_OUR_WORDS = (
    ("found character '\\t'", "a tab character", "YAML is indented with blanks only", "replace it by blanks"),
    (
        "mapping values are not allowed",
        "a second colon, or a line indented too far",
        "one 'key: value' a line",
        "",
    ),
    ("could not find expected ':'", "a key without a colon", "one 'key: value' a line", "add ': '"),
    (
        "unknown escape character",
        "an unknown escape",
        "in double quotes a backslash has a meaning",
        "use single quotes",
    ),
    ("unexpected end of stream", "a quote that is never closed", "each quote has its partner", "close it"),
    ("but got '<stream end>'", "a bracket that is never closed", "each bracket has its partner", "close it"),
    (
        "expected <block end>",
        "a line that does not fit the indentation above it",
        "entries of one list or mapping begin in one column",
        "",
    ),
    (
        "expected the node content",
        "a sign that cannot begin a value",
        "such values stand in quotes",
        "quote the value",
    ),
    (
        "cannot start any token",
        "a character that cannot begin a value",
        "such values stand in quotes",
        "quote the value",
    ),
)


class PlacedFault(NamedTuple):
    """A fault of the text itself, with its place."""

    position: Position
    fault: Fault
    severity: Severity = Severity.ERROR


def at_mark(mark: Any) -> Position:
    """Give the place of a mark of ruamel.yaml, which counts from 0."""
    return Position(mark.line + 1, mark.column + 1)


def unprintable(text: str, error: ReaderError) -> PlacedFault:
    """Say which character stops the reader."""
    position = _place_in(text, error.position)
    message = f"a character that is not printable (U+{ord(text[error.position]):04X})"
    return PlacedFault(position, Fault(Code.YAML_SYNTAX, message, "YAML is printable text", "remove it"))


def bad_escape(text: str) -> PlacedFault:
    """Say where an escape stands that is no character."""
    match = _NO_CHARACTER.search(text)
    message, rule = "an escape that is no character", "the last character is \\U0010FFFF"
    position = _place_in(text, match.start() if match else 0)
    return PlacedFault(position, Fault(Code.YAML_SYNTAX, message, rule, "write the character itself"))


def _place_in(text: str, index: int) -> Position:
    before = text[:index]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def syntax_error(text: str, error: MarkedYAMLError) -> PlacedFault:
    """Say what the scanner or parser stumbled over, and where the mistake probably is."""
    problem = error.problem or error.context or "not readable as YAML"
    position = at_mark(mark) if (mark := error.problem_mark or error.context_mark) else TOP
    for index, line in enumerate(text.split("\n")[: position.line + 1]):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent:
            # A tab in an indentation is what confuses a scanner, often only some lines later.
            position = Position(index + 1, indent.index("\t") + 1)
            problem = _IN_OUR_WORDS[0][0]
            break
    for theirs, message, rule, remedy in _IN_OUR_WORDS:
        if theirs in problem:
            return PlacedFault(position, Fault(Code.YAML_SYNTAX, message, rule, remedy or "correct the line"))
    return PlacedFault(position, Fault(Code.YAML_SYNTAX, f"not YAML: {problem}", "", "correct the line"))
