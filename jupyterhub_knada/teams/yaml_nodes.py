"""YAML 1.2 as team files use it: mappings, lists and the source text of scalars, each with its position.

Nothing is resolved: `yes`, `3.10` and `1e5` are texts, only a plain `null`, `~` or nothing is null. Anchors,
aliases and merge keys are what they stand for (`yaml_aliases`). Refused are tags, directives, a second
document and duplicate keys; what is refused in one place hides nothing of what stands in another.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

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

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.positions import Positions
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.tally import MOST_FOUND
from jupyterhub_knada.teams.trees import PlainText
from jupyterhub_knada.teams.yaml_aliases import Anchor, Places, bad_alias, extent_of, merge_into
from jupyterhub_knada.teams.yaml_syntax import PlacedFault, at_mark, bad_escape, syntax_error, unprintable

if TYPE_CHECKING:
    from jupyterhub_knada.teams.faults import Path

DEEPEST = 40
"""Mappings and lists within each other; the deepest sensible override has about fifteen."""

MOST_VALUES = 30_000
"""Keys, values, lists and mappings of one file; written one below the other they are 256 KiB.

Reading one costs about 15 microseconds, and judging it as much again.
"""

_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT_AS_COMMENT = re.compile(r"[\"']?\s*:\s+#[^\s#]")
"""What ends a key, and a comment that no blank begins: as people write the name of a channel."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class YamlText:
    """One file's text, read as YAML."""

    value: Any
    """Dicts, lists, None, and scalars as text: `PlainText` without quotes, `str` with."""
    positions: Positions
    faults: tuple[PlacedFault, ...]
    is_whole: bool
    """Whether `value` has all that the text says; if not, only the faults are worth a message."""
    unread: tuple[Path, ...] = ()
    """Where `value` has None, or less than the text says, in place of what could not be read."""
    is_cut: bool = False
    """Whether the text goes on, but has too many values: further keys of the file are not known."""


def read_yaml(text: str) -> YamlText:
    """Read a text as one YAML document. Never raises: what is wrong is among the faults.

    Source: YAML 1.2.2; ruamel.yaml's event parser, which does not recurse, so that depth is no danger.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    builder = _Builder(text.split("\n"))
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not builder.take(event):
                break
    except ReaderError as error:
        builder.stop(unprintable(text, error))
    except MarkedYAMLError as error:
        builder.stop(syntax_error(text, error))
    except (ValueError, OverflowError):
        # What ruamel.yaml lets through of Python's own: `chr` of an escape that is no character.
        builder.stop(bad_escape(text))
    return builder.result()


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: Anchor | None = None
    key: str | None = None
    dropped: int | None = None
    """The line of `key` if its value goes nowhere: the mapping has the key already, or it is no text."""
    is_merge: bool = False
    """Whether `key` is a merge key."""
    merges: Any = None
    """What stands behind the merge key."""
    has_merge: bool = False


@dataclass(slots=True)
class _Builder:
    """Turns events into values and positions, collecting what is refused."""

    lines: list[str]
    faults: list[PlacedFault] = field(default_factory=list)
    places: Places = field(default_factory=Places)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    root: Any = None
    documents: int = 0
    values: int = 0
    counts: Counter[Severity] = field(default_factory=Counter)
    is_whole: bool = True
    is_cut: bool = False

    def take(self, event: Any) -> bool:
        """Take the next event; False: the rest of the text is not looked at."""
        if isinstance(event, DocumentStartEvent):
            return self._start_document(event)
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
        elif isinstance(event, NodeEvent):
            self.values += 1
            if self.values > MOST_VALUES:
                self.faults.append(PlacedFault(at_mark(event.start_mark), self._too_many()))
                self.unread.extend(one.path[:1] for one in self.open[1:2])
                self.is_cut = True
                return False
            return self._take_node(event)
        return True

    def note(self, placed: PlacedFault) -> None:
        """Keep something that is wrong in one place, as long as there are not too many of its kind.

        Errors and warnings are counted by themselves: a file with a thousand warnings may be valid.
        """
        self.counts[placed.severity] += 1
        if self.counts[placed.severity] <= MOST_FOUND + 1:
            self.faults.append(placed)

    def _too_many(self) -> Fault:
        """Say that the file has too many values, and which list or mapping around this place has the most."""
        longest = max(self.open, key=lambda one: len(one.value), default=None)
        here = f" (got {len(longest.value)} entries here)" if longest else ""
        rule = (
            f"a file has at most {MOST_VALUES} keys, values, lists and mappings, and is read as far as these"
        )
        path = longest.path if longest else ()
        return Fault(Code.OUT_OF_RANGE, f"too many values in one file{here}", rule, "shorten it", path)

    def stop(self, placed: PlacedFault) -> None:
        """Keep something after which the text cannot be understood."""
        self.faults.append(placed)
        self.is_whole = False

    def result(self) -> YamlText:
        """Give everything that was read."""
        self._warn_of_unused_anchors()
        positions = Positions(MappingProxyType(self.places.values), MappingProxyType(self.places.keys))
        return YamlText(
            self.root, positions, tuple(self.faults), self.is_whole, tuple(self.unread), self.is_cut
        )

    def _warn_of_unused_anchors(self) -> None:
        """Warn of texts that begin with `&` as an unquoted password may, and say less than they show."""
        rule = "nothing refers to it, so that it may be a part of the text"
        for anchor in self.anchors.values() if self.is_whole else ():
            if anchor.is_scalar and not anchor.is_used:
                message = "an anchor without use: a value that begins with '&'"
                remedy = "remove it, or quote the value"
                fault = Fault(Code.YAML_REFUSED_FEATURE, message, rule, remedy, anchor.path)
                self.note(PlacedFault(anchor.position, fault, Severity.WARNING))

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
        self._add(event, Fault(Code.YAML_REFUSED_FEATURE, message, rule, remedy, path))

    def _add(self, event: Any, fault: Fault) -> None:
        self.note(PlacedFault(at_mark(event.start_mark), fault))

    def _take_node(self, event: NodeEvent) -> bool:
        inside = self.open[-1] if self.open else None
        if inside is not None and isinstance(inside.value, dict) and inside.key is None:
            return self._take_key(inside, event)
        path = self._next_path(inside)
        # Nothing behind a key is found where the next thing stands: the key is the better place.
        is_nothing = isinstance(event, ScalarEvent) and not event.value and not event.style
        place = at_mark(event.start_mark)
        self.places.values[path] = self.places.keys.get(path, place) if is_nothing else place
        if is_nothing and inside is not None and inside.key is not None:
            self._warn_of_comment(inside.key, path)
        anchor = self._anchor(event, path)
        self._refuse_tag(event, path)
        value = self._value_of(event, path)
        self._put(inside, value)
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            return self._open(event, value, path, anchor)
        if anchor is not None:
            anchor.value, anchor.extent = value, extent_of(value)
        return True

    def _warn_of_comment(self, key: str, path: Path) -> None:
        """Warn of a key with `#team-a` behind it, without showing that: it may be a password."""
        place = self.places.keys.get(path)
        rest = self.lines[place.line - 1][place.column - 1 :] if place is not None else ""
        if place is not None and _TEXT_AS_COMMENT.match(rest, len(key)):
            message, rule = "an empty value", "what stands behind a blank and '#' is a comment"
            fault = Fault(Code.COMMENT_AS_VALUE, message, rule, "put the value in quotes if it is one", path)
            self.note(PlacedFault(place, fault, Severity.WARNING))

    def _next_path(self, inside: _Open | None) -> Path:
        if inside is None:
            return ()
        if inside.key is None:
            return (*inside.path, len(inside.value))
        again = () if inside.dropped is None else (-inside.dropped,)
        return (*inside.path, inside.key, *again)

    def _anchor(self, event: Any, path: Path) -> Anchor | None:
        """Remember a value under its name; a later one of the same name takes its place (YAML 1.2)."""
        name = None if isinstance(event, AliasEvent) else event.anchor
        if name is None:
            return None
        is_scalar = isinstance(event, ScalarEvent)
        is_nothing = is_scalar and not event.value and not event.style
        if is_nothing:
            message = "an anchor of nothing: a value that begins with '&'"
            rule = "an anchor names the value behind it"
            self._refuse(event, message, rule, "remove it, or quote the value", path=path)
            self.unread.append(path)
        anchor = Anchor(path, self.places.values[path], is_scalar, is_used=is_nothing)
        self.anchors[name] = anchor
        return anchor

    def _refuse_tag(self, event: NodeEvent, path: Path) -> None:
        """Refuse what gives a value a second meaning, without showing it: it may be an unquoted password."""
        if getattr(event, "tag", None) is not None:  # An alias has none.
            message, rule = "a tag: a value that begins with '!'", "the key decides how a value is read"
            self._refuse(event, message, rule, "remove it, or quote the value", path=path)

    def _value_of(self, event: Any, path: Path) -> Any:
        if isinstance(event, MappingStartEvent):
            return {}
        if isinstance(event, SequenceStartEvent):
            return []
        if isinstance(event, AliasEvent):
            return self._repeated(event, path)
        if _SURROGATE.search(event.value):
            self._add(event, _half_a_character(path))
            self.unread.append(path)
            return None
        if event.style:
            return str(event.value)
        return None if event.value in _NULLS else PlainText(event.value)

    def _repeated(self, event: AliasEvent, path: Path) -> Any:
        """Give what an alias stands for; where it stands for nothing, None."""
        anchor = self.anchors.get(event.anchor)
        fault = bad_alias(anchor)
        if fault is None and anchor is not None and anchor.extent is not None:
            anchor.is_used = True
            fault = self.places.repeat(anchor.extent)
            if len(self.open) + anchor.extent.height > DEEPEST:
                fault = _TOO_DEEP
            if fault is None:
                self.places.copy(anchor.value, anchor.path, path)
                return anchor.value
        if fault is not None:
            self._add(event, fault.below(path))
        if _MERGE in path:
            return {}  # What is not merged leaves no gap in the mapping.
        self.unread.append(path)
        return None

    def _put(self, inside: _Open | None, value: Any) -> None:
        if inside is None:
            self.root = value
        elif isinstance(inside.value, list):
            inside.value.append(value)
        else:
            if inside.is_merge and inside.dropped is None:
                inside.merges, inside.has_merge = value, True
            elif inside.dropped is None:
                inside.value[str(inside.key)] = value
            inside.key = inside.dropped = None

    def _open(self, event: NodeEvent, value: Any, path: Path, anchor: Anchor | None) -> bool:
        self.open.append(_Open(value, path, anchor))
        if len(self.open) > DEEPEST:
            self.stop(PlacedFault(at_mark(event.start_mark), _TOO_DEEP))
            return False
        return True

    def _close(self) -> None:
        closed = self.open.pop()
        if closed.has_merge and isinstance(closed.value, dict):
            for path, fault in merge_into(closed.value, closed.merges, closed.path, self.places):
                self.note(PlacedFault(self.places.values[path], fault.below(path)))
        if closed.anchor is not None:
            closed.anchor.value, closed.anchor.extent = closed.value, extent_of(closed.value)

    def _take_key(self, inside: _Open, event: NodeEvent) -> bool:
        where = at_mark(event.start_mark)
        if not isinstance(event, ScalarEvent | AliasEvent):
            self.stop(PlacedFault(where, _no_text(inside.path)))
            return False
        text = self._key_text(event)
        inside.key = key = f"*{event.anchor}" if text is None else text
        self._refuse_tag(event, inside.path)
        fault = _no_text(inside.path) if text is None else self._wrong_key(inside, key)
        if fault is not None:
            inside.dropped = where.line
            self.note(PlacedFault(where, fault))
        else:
            self.places.keys[*inside.path, key] = where
        if isinstance(event, ScalarEvent) and event.anchor:
            # A place of its own: the path of the key is the one of its value.
            path = (*inside.path, key, "&")
            self.places.values[path] = where
            self.anchors[event.anchor] = Anchor(path, where, is_scalar=True, value=key, extent=extent_of(key))
        inside.is_merge = key == _MERGE and not getattr(event, "style", None)
        return True

    def _key_text(self, event: ScalarEvent | AliasEvent) -> str | None:
        """Give the text of a key; None of an alias that stands for no text."""
        if isinstance(event, ScalarEvent):
            return str(event.value)
        anchor = self.anchors.get(event.anchor)
        if anchor is None or not isinstance(anchor.value, str):
            return None
        anchor.is_used = True
        return str(anchor.value)

    def _wrong_key(self, inside: _Open, key: str) -> Fault | None:
        """Say why a key's value goes nowhere, if it does."""
        if _SURROGATE.search(key):
            return _half_a_character(inside.path)
        if key not in inside.value and not (key == _MERGE and inside.has_merge):
            return None
        rule = f"it stands in line {self.places.keys[*inside.path, key].line} already"
        remedy = "keep one, with a list of mappings" if key == _MERGE else "keep one"
        return Fault(Code.YAML_DUPLICATE_KEY, f"a key twice {got(key)}", rule, remedy, inside.path)


_TOO_DEEP = Fault(
    Code.YAML_SYNTAX,
    "mappings and lists too deep within each other",
    f"at most {DEEPEST} levels",
    "correct the brackets or the indentation",
)


def _no_text(path: Path) -> Fault:
    message, rule = "a key that is no text", "a key is one word"
    return Fault(Code.YAML_SYNTAX, message, rule, "quote it, or correct the line", path)


def _half_a_character(path: Path) -> Fault:
    """Refuse the halves of a character that JSON writes as two escapes: such a text cannot be stored."""
    message, rule = "half of a character, as an escape", "YAML has one escape for each character"
    return Fault(Code.YAML_SYNTAX, message, rule, "write the character itself", path)
