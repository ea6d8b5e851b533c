"""YAML 1.2 as team files use it: mappings, lists and the source text of scalars, each with its position.

Nothing is resolved: `yes`, `3.10` and `1e5` are texts, only a plain `null`, `~` or nothing is null. What
makes a file mean more than it shows is refused: anchors, aliases, merge keys, tags, directives, a second
document, duplicate keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.positions import TOP, Position, Positions
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.trees import PlainText

if TYPE_CHECKING:
    from jupyterhub_knada.teams.faults import Path

DEEPEST = 40
"""Mappings and lists within each other; the deepest sensible override has about fifteen."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_CHARACTER = re.compile(r"\\U(?!00(?:0[0-9A-Fa-f]|10))[0-9A-Fa-f]{8}")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
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


@dataclass(frozen=True, slots=True)
class YamlText:
    """One file's text, read as YAML."""

    value: Any
    """Dicts, lists, None, and scalars as text: `PlainText` without quotes, `str` with."""
    positions: Positions
    faults: tuple[PlacedFault, ...]
    is_whole: bool
    """Whether `value` holds all that the text says; if not, only the faults are worth telling."""


def read_yaml(text: str) -> YamlText:
    """Read a text as one YAML document. Never raises: what is wrong is told.

    Source: YAML 1.2.2; ruamel.yaml's event parser, which does not recurse, so that depth is no danger.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    builder = _Builder()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not builder.take(event):
                break
    except ReaderError as error:
        builder.stop(_unprintable(text, error))
    except MarkedYAMLError as error:
        builder.stop(_syntax(text, error))
    except (ValueError, OverflowError):
        # What ruamel.yaml lets through of Python's own: `chr` of an escape that is no character.
        builder.stop(_escape(text))
    return builder.result()


def _at(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _unprintable(text: str, error: ReaderError) -> PlacedFault:
    position = _place_in(text, error.position)
    message = f"a character that is not printable (U+{ord(text[error.position]):04X})"
    return PlacedFault(position, Fault(Code.YAML_SYNTAX, message, "YAML is printable text", "remove it"))


def _escape(text: str) -> PlacedFault:
    match = _NO_CHARACTER.search(text)
    message, rule = "an escape that is no character", "the last character is \\U0010FFFF"
    position = _place_in(text, match.start() if match else 0)
    return PlacedFault(position, Fault(Code.YAML_SYNTAX, message, rule, "write the character itself"))


def _place_in(text: str, index: int) -> Position:
    before = text[:index]
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _syntax(text: str, error: MarkedYAMLError) -> PlacedFault:
    problem = error.problem or error.context or "not readable as YAML"
    position = _at(mark) if (mark := error.problem_mark or error.context_mark) else TOP
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


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    repeated: int | None = None
    """The line of `key` if the mapping has it already; then its value goes nowhere."""


@dataclass(slots=True)
class _Builder:
    """Turns events into values and positions, collecting what is refused."""

    faults: list[PlacedFault] = field(default_factory=list)
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)
    root: Any = None
    documents: int = 0
    is_whole: bool = True

    def take(self, event: Any) -> bool:
        """Take the next event; False: the rest of the text is not looked at."""
        if isinstance(event, DocumentStartEvent):
            return self._start_document(event)
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self.open.pop()
        elif isinstance(event, NodeEvent):
            return self._take_node(event)
        return True

    def stop(self, placed: PlacedFault) -> None:
        """Tell something after which the text cannot be understood."""
        self.faults.append(placed)
        self.is_whole = False

    def result(self) -> YamlText:
        """Give everything that was read."""
        positions = Positions(values=MappingProxyType(self.values), keys=MappingProxyType(self.keys))
        return YamlText(self.root, positions, tuple(self.faults), self.is_whole)

    def _start_document(self, event: DocumentStartEvent) -> bool:
        self.documents += 1
        if self.documents > 1:
            rule = "one file is one document"
            self._refuse(event, "a second document", rule, "remove the '---' line, or make two files")
        if event.version not in {None, (1, 2)} or event.tags:
            message, rule = "a directive above '---'", "a file is plain YAML 1.2"
            self._refuse(event, message, rule, "remove the line that begins with '%'")
        return self.documents == 1

    def _refuse(self, event: Any, message: str, rule: str, remedy: str, *, path: Path = ()) -> None:
        fault = Fault(Code.YAML_REFUSED_FEATURE, message, rule, remedy, path)
        self.faults.append(PlacedFault(_at(event.start_mark), fault))

    def _take_node(self, event: NodeEvent) -> bool:
        inside = self.open[-1] if self.open else None
        if inside is not None and isinstance(inside.value, dict) and inside.key is None:
            return self._take_key(inside, event)
        path = self._next_path(inside)
        self._refuse_features(event, path)
        self._refuse_halves(event, path)
        value = self._value_of(event)
        # Nothing behind a key is found where the next thing stands: the key is the better place.
        is_nothing = isinstance(event, ScalarEvent) and not event.value and not event.style
        place = _at(event.start_mark)
        self.values[path] = self.keys.get(path, place) if is_nothing else place
        self._put(inside, value)
        if isinstance(value, dict | list):
            return self._open(event, value, path)
        return True

    def _next_path(self, inside: _Open | None) -> Path:
        if inside is None:
            return ()
        if inside.key is None:
            return (*inside.path, len(inside.value))
        again = () if inside.repeated is None else (-inside.repeated,)
        return (*inside.path, inside.key, *again)

    def _refuse_features(self, event: NodeEvent, path: Path) -> None:
        """Refuse what gives a value a second meaning, without showing it: it may be an unquoted password."""
        rule = "each line says by itself what it means"
        if isinstance(event, AliasEvent):
            message, remedy = "an alias: a value that begins with '*'", "write the value again, or quote it"
            self._refuse(event, message, rule, remedy, path=path)
            self.is_whole = False
        elif event.anchor:
            message = "an anchor: a value that begins with '&'"
            self._refuse(event, message, rule, "remove it, or quote the value", path=path)
        if getattr(event, "tag", None) is not None:  # An alias has none.
            message, rule = "a tag: a value that begins with '!'", "the key decides how a value is read"
            self._refuse(event, message, rule, "remove it, or quote the value", path=path)

    def _refuse_halves(self, event: NodeEvent, path: Path) -> None:
        """Refuse the halves of a character that JSON writes as two escapes: such a text cannot be stored."""
        if isinstance(event, ScalarEvent) and _SURROGATE.search(event.value):
            message, rule = "half of a character, as an escape", "YAML has one escape for each character"
            fault = Fault(Code.YAML_SYNTAX, message, rule, "write the character itself", path)
            self.stop(PlacedFault(_at(event.start_mark), fault))

    @staticmethod
    def _value_of(event: NodeEvent) -> Any:
        if isinstance(event, MappingStartEvent):
            return {}
        if isinstance(event, SequenceStartEvent):
            return []
        if isinstance(event, ScalarEvent):
            if event.style:
                return str(event.value)
            return None if event.value in _NULLS else PlainText(event.value)
        return None

    def _put(self, inside: _Open | None, value: Any) -> None:
        if inside is None:
            self.root = value
        elif isinstance(inside.value, list):
            inside.value.append(value)
        else:
            if inside.repeated is None:
                inside.value[str(inside.key)] = value
            inside.key = inside.repeated = None

    def _open(self, event: NodeEvent, value: Any, path: Path) -> bool:
        self.open.append(_Open(value, path))
        if len(self.open) > DEEPEST:
            message, rule = "mappings and lists too deep within each other", f"at most {DEEPEST} levels"
            fault = Fault(Code.YAML_SYNTAX, message, rule, "correct the brackets or the indentation")
            self.stop(PlacedFault(_at(event.start_mark), fault))
            return False
        return True

    def _take_key(self, inside: _Open, event: NodeEvent) -> bool:
        where = _at(event.start_mark)
        if not isinstance(event, ScalarEvent):
            message, rule = "a key that is no text", "a key is one word"
            fault = Fault(Code.YAML_SYNTAX, message, rule, "quote it, or correct the line", inside.path)
            self.stop(PlacedFault(where, fault))
            return False
        key = str(event.value)
        path = (*inside.path, key)
        self._refuse_features(event, inside.path)
        self._refuse_halves(event, inside.path)
        if key == "<<" and not event.style:
            rule = "each line says by itself what it means"
            self._refuse(event, "a merge key (got '<<')", rule, "write the keys themselves", path=inside.path)
            self.is_whole = False
        if key in inside.value:
            inside.repeated = where.line
            rule = f"it stands in line {self.keys[path].line} already"
            fault = Fault(Code.YAML_DUPLICATE_KEY, f"a key twice {got(key)}", rule, "keep one", inside.path)
            self.faults.append(PlacedFault(where, fault))
        else:
            self.keys[path] = where
        inside.key = key
        return True
