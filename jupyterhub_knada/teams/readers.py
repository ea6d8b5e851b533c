"""How the text of a single value is read, and what is said where it cannot be.

A reader takes what the loader found in the file (a text, a list, a mapping or None for null) and gives
the value, or raises a `PydanticCustomError` that carries `Fault`s. `fields` joins readers to types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from pydantic_core import PydanticCustomError

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import images, names
from jupyterhub_knada.teams.allowlist import AllowlistError, parse_entry
from jupyterhub_knada.teams.faults import Fault, faults_in, told, too_many
from jupyterhub_knada.teams.patterns import PatternError, measure_pattern
from jupyterhub_knada.teams.quantities import QuantityError
from jupyterhub_knada.teams.quoting import LONGEST_SHOWN, got, listed, suggestion
from jupyterhub_knada.teams.trees import frozen, typed

T = TypeVar("T")
Reader = Callable[[object], T]

LONGEST_TEXT = 1000
"""Characters of a description or a regular expression."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def scalar(value: object) -> str:
    """Give the text of a scalar; a mapping, a list and null are refused."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    remedy = "write one, or leave the key out" if value is None else "write one value behind the key"
    raise told(Fault(Code.WRONG_TYPE, f"not a single value {got(value)}", "a text is expected here", remedy))


def mapping(value: object, *, secret: bool = False) -> Mapping[str, Any]:
    """Give a mapping; anything else is refused, without showing it where it may be a secret."""
    if isinstance(value, Mapping):
        return value
    message = "not a mapping" if secret else f"not a mapping {got(value)}"
    rule = "'name: value' lines are expected here"
    raise told(Fault(Code.WRONG_TYPE, message, rule, "write them, indented below the key"))


def text(longest: int, what: str, *, secret: bool = False) -> Reader[str]:
    """Make a reader of a text for people, in one or more lines; `secret`: no message may show it."""

    def read(value: object) -> str:
        found = scalar(value)
        if len(found) > longest:
            message = f"{what} of {len(found)} characters"
            raise told(Fault(Code.TEXT_TOO_LONG, message, f"at most {longest} characters", "shorten it"))
        if _CONTROL.search(found):
            message = f"{what} with control characters{'' if secret else f' {got(found)}'}"
            raise told(
                Fault(Code.WRONG_TYPE, message, "only printable text is shown to people", "remove them")
            )
        return found

    return read


def line(longest: int, what: str) -> Reader[str]:
    """Make a reader of a text for people, in one line and not empty; blanks are evened out."""
    read_text = text(longest, what)

    def read(value: object) -> str:
        found = " ".join(read_text(value).split())
        if not found:
            rule = "an empty text says nothing"
            raise told(Fault(Code.WRONG_TYPE, f"{what} is empty", rule, "write one, or leave the key out"))
        return found

    return read


def name(
    pattern: str,
    code: Code,
    what: str,
    rule: str,
    *,
    longest: int = 253,
    likely: Callable[[str], str] = str.strip,
) -> Reader[str]:
    """Make a reader of names; it suggests lower case where that is all that is wrong.

    Args:
        pattern: what a name must match in full (`names`).
        code: of the fault.
        what: the kind of name, with its article.
        rule: what the pattern says, in words.
        longest: characters.
        likely: makes what was probably meant of what is wrong.
    """

    def read(value: object) -> str:
        found = scalar(value)
        if names.is_name(pattern, found, longest=longest):
            return found
        guess = likely(found.strip())
        guesses = (guess, guess.lower())
        meant = next((guess for guess in guesses if names.is_name(pattern, guess, longest=longest)), None)
        raise told(
            Fault(code, f"not {what} {got(found)}", rule, f"write {meant!r}" if meant else "choose another")
        )

    return read


def unless(read: Reader[str], reserved: Callable[[str], Fault | None]) -> Reader[str]:
    """Make a reader of names that refuses those which are not to be had, though well-formed."""

    def read_free(value: object) -> str:
        found = read(value)
        fault = reserved(found)
        if fault is not None:
            raise told(fault)
        return found

    return read_free


def with_dashes(found: str) -> str:
    """Guess a name of a Kubernetes object: `-` for blanks and `_`."""
    return "-".join(found.replace("_", " ").split())


def last_part(found: str) -> str:
    """Guess a name that was written with what stands before it: a domain with its scheme, a secret's path."""
    return found.strip("/").rpartition("/")[2]


def one_of(*allowed: str) -> Reader[str]:
    """Make a reader of one of a few words."""

    def read(value: object) -> str:
        found = scalar(value)
        if found in allowed:
            return found
        meant = suggestion(found, allowed)
        remedy = f"did you mean {meant!r}?" if meant else f"write for example {allowed[0]!r}"
        raise told(Fault(Code.WRONG_TYPE, f"unknown value {got(found)}", f"one of {listed(allowed)}", remedy))

    return read


def flag(value: object) -> bool:
    """Read `true` or `false`; `yes`, `on` and their like are text in YAML 1.2, and refused."""
    found = scalar(value)
    if found in {"true", "True", "TRUE"}:
        return True
    if found in {"false", "False", "FALSE"}:
        return False
    folded = found.casefold()
    meant = "true" if folded in {"true", "yes", "y", "on", "1"} else "false"
    known = meant == "true" or folded in {"false", "no", "n", "off", "0"}
    remedy = f"write {meant}" if known else "write true or false"
    rule = "YAML 1.2 has only these two"
    raise told(Fault(Code.WRONG_TYPE, f"neither true nor false {got(found)}", rule, remedy))


def whole(lowest: int, highest: int, what: str) -> Reader[int]:
    """Make a reader of whole numbers."""

    def read(value: object) -> int:
        found = scalar(value)
        rule = f"a whole number from {lowest} to {highest}"
        if not re.fullmatch(r"[0-9]{1,9}", found):
            raise told(Fault(Code.WRONG_TYPE, f"not {what} {got(found)}", rule, "write for example 1"))
        if not lowest <= int(found) <= highest:
            raise told(
                Fault(Code.OUT_OF_RANGE, f"out of range {got(found)}", rule, "choose a number between")
            )
        return int(found)

    return read


def quantity(read_text: Callable[[str], int]) -> Reader[int]:
    """Make a reader of a quantity in its smallest unit, of one of the `read_` of `quantities`."""

    def read(value: object) -> int:
        try:
            return read_text(scalar(value))
        except QuantityError as error:
            raise told(Fault(error.code, error.message, error.rule, error.remedy)) from None

    return read


def or_never(read_duration: Reader[int]) -> Reader[int | Literal["never"]]:
    """Make a reader of a duration that may also be the word `never`."""

    def read(value: object) -> int | Literal["never"]:
        return "never" if value == "never" else read_duration(value)

    return read


def day(value: object) -> date:
    """Read a date, YYYY-MM-DD."""
    found = scalar(value)
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
        try:
            return date.fromisoformat(found)
        except ValueError:
            rule = "the month has no such day, or the year no such month"
            raise told(Fault(Code.WRONG_TYPE, f"not a date {got(found)}", rule, "correct it")) from None
    rule = "year, month and day as YYYY-MM-DD"
    raise told(Fault(Code.WRONG_TYPE, f"not a date {got(found)}", rule, "write for example 2029-10-31"))


def image(value: object) -> str:
    """Read an image reference or the name of a platform image; which names there are is judged later."""
    found = scalar(value).strip()
    if images.is_image_name(found) and names.is_name(names.IMAGE_NAME, found):
        return found
    return image_reference(found)


def override(value: object) -> Mapping[str, Any]:
    """Read a free-form override: its scalars as YAML 1.2 has them, its image as `image_reference` does."""
    found = typed(mapping(value, secret=True))
    if isinstance(found.get("image"), str):
        found["image"] = found["image"].strip()
    result: Mapping[str, Any] = frozen(found)
    return result


def image_reference(value: object) -> str:
    """Read an image reference; blanks around it, as copying leaves them, are no part of it."""
    found = scalar(value).strip()
    if images.parse_image(found) is not None:
        return found
    rule = "'registry/path:tag' or 'registry/path@sha256:…', the path in lower case"
    head, at, tail = found.strip().split("://", 1)[-1].rpartition(":")
    meant = head.lower() + at + (tail if at else tail.lower())
    fits = images.parse_image(meant) is not None
    remedy = f"write {meant!r}" if fits else "write for example 'ghcr.io/example/jupyter:2026-11-01'"
    raise told(Fault(Code.BAD_IMAGE, f"not an image {got(found)}", rule, remedy))


def allowlist_entry(value: object) -> str:
    """Read an allowlist entry, as written."""
    found = scalar(value)
    try:
        parse_entry(found)
    except AllowlistError as error:
        raise told(error.fault) from None
    return found


def regex(value: object) -> str:
    """Read a regular expression of Python that can be compiled in time; `pattern_checks` compiles it."""
    found = scalar(value)
    if len(found) > LONGEST_TEXT:
        message = f"a regular expression of {len(found)} characters"
        raise told(Fault(Code.BAD_REGEX, message, f"at most {LONGEST_TEXT} characters", "shorten it"))
    try:
        measure_pattern(found)
    except PatternError as error:
        message = f"not a regular expression {got(found)}"
        raise told(Fault(Code.BAD_REGEX, message, str(error), "correct it")) from None
    return found


def list_of(
    read_item: Reader[T],
    most: int,
    *,
    same: Callable[[T], object] | None = None,
    secret: bool = False,
) -> Reader[tuple[T, ...]]:
    """Make a reader of lists; it lists everything that is wrong with any entry, and entries written twice.

    Of a list that is too long only as many entries as it may have are read.

    Args:
        read_item: reads one entry.
        most: entries that a list may have.
        same: what two entries that mean the same have in common; the entry itself where None. A text is shown
            where they are told.
        secret: whether no message may show an entry.
    """

    def read(value: object) -> tuple[T, ...]:
        entries = _entries(value, secret=secret)
        first: dict[object, int] = {}
        found: list[T] = []
        faults = [too_many(len(entries), most)] if len(entries) > most else []
        for index, entry in enumerate(entries[:most]):
            try:
                item = read_item(entry)
            except PydanticCustomError as error:
                faults.extend(fault.below((index,)) for fault in faults_in(error))
                continue
            common = same(item) if same else item
            earlier = first.setdefault(common, index)
            if earlier != index:
                message = f"listed twice {got(common if isinstance(common, str) else entry)}"
                rule = f"already entry {earlier + 1} of this list"
                faults.append(Fault(Code.LISTED_TWICE, message, rule, "remove one", (index,)))
            found.append(item)
        if faults:
            raise told(*faults)
        return tuple(found)

    return read


def _entries(value: object, *, secret: bool) -> list[object]:
    if not isinstance(value, list | tuple):
        short = isinstance(value, str) and 0 < len(value) <= LONGEST_SHOWN and not secret
        remedy = f"write '- {value}'" if short else "write each entry behind '- ', or '[]' for none"
        message = "not a list" if secret else f"not a list {got(value)}"
        raise told(Fault(Code.WRONG_TYPE, message, "a list is expected here", remedy))
    return list(value)


def pairs(
    check: Callable[[str], Fault | None],
    read_value: Reader[str],
    most: int,
    *,
    secret: bool = False,
) -> Reader[Mapping[str, str | None]]:
    """Make a reader of a mapping of names to texts; null stands for "unset what the platform file says".

    Args:
        check: says what is wrong with a name, if anything.
        read_value: reads one value that is not null.
        most: names that the mapping may have.
        secret: whether no message may show what stands in the mapping's place.
    """

    def read(value: object) -> Mapping[str, str | None]:
        found = mapping(value, secret=secret)
        result: dict[str, str | None] = {}
        faults = [too_many(len(found), most)] if len(found) > most else []
        for key, inner in islice(found.items(), most):
            fault = check(key)
            if fault is not None:
                faults.append(fault.below((key,)))
            try:
                result[key] = None if inner is None else read_value(inner)
            except PydanticCustomError as error:
                faults.extend(fault.below((key,)) for fault in faults_in(error))
        if faults:
            raise told(*faults)
        return MappingProxyType(result)

    return cast("Reader[Mapping[str, str | None]]", read)
