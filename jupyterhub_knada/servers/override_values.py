"""Find values of an override that Kubernetes itself would reject at the start: of `override_shapes`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_rules import EXPANDED
from jupyterhub_knada.servers.override_shapes import (
    SHAPES,
    Choice,
    Entries,
    ListOf,
    Model,
    Pairs,
    Quantity,
    Text,
    TextOr,
    Truth,
    Whole,
)
from jupyterhub_knada.servers.override_walk import camel, entries, field, items, keys, not_a_mapping
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.names import is_name
from jupyterhub_knada.teams.quoting import got, got_kind, listed, suggestion

_QUANTITY: Final = r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(m|n|u|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+)?"
"""An amount that is not below nothing. Source: Kubernetes, apimachinery pkg/api/resource/quantity.go."""
_OWN_TEXT: Final = "{value}"
"""What somebody's own text stands in for: judged at the start, when it is known."""


def check_values(name: str, value: Any) -> Iterable[Fault]:
    """Find what Kubernetes rejects of a trait's value; nothing of traits that it does not read as they are.

    A null takes a value away. What a list of zero-to-jupyterhub's may be merged with is not known here, so
    that what is missing is looked for in lists only.
    """
    shape = SHAPES.get(name)
    if shape is None or _is_traits_to_judge(shape, value):
        return ()
    return _Walk("{" if name in EXPANDED else _OWN_TEXT).find(shape, value, name, name == "lifecycle_hooks")


def _is_traits_to_judge(shape: Any, value: Any) -> bool:
    if isinstance(shape, Choice):
        return not isinstance(value, str)
    is_listed = isinstance(shape, Entries | ListOf) and isinstance(value, list | tuple)
    return not (is_listed or (isinstance(value, Mapping) and not isinstance(shape, ListOf)))


class _Walk:
    """One walk over a value and what is expected of it."""

    def __init__(self, filled_in: str) -> None:
        self._filled_in = filled_in
        """What makes a text one that nobody knows yet."""

    def find(self, shape: Any, value: Any, name: str, whole: bool) -> Iterable[Fault]:  # noqa: FBT001
        """Find faults.

        Args:
            shape: What is expected.
            value: What is said.
            name: The key that it stands under.
            whole: Whether nothing else is merged into it.
        """
        if value is None:
            return
        match shape:
            case Model():
                yield from self._model(shape, value, name, whole)
            case Entries():
                for place, entry in entries(value):
                    is_listed = not isinstance(value, Mapping)
                    found = self.find(shape.item, entry, f"an entry of {name}", is_listed)
                    yield from _below(found, place)
            case ListOf():
                yield from self._list(shape, value, name)
            case TextOr():
                inner = shape.model if isinstance(value, Mapping) else shape.text
                yield from self.find(inner, value, name, whole)
            case Pairs():
                yield from self._pairs(shape, value, name)
            case _:
                yield from self._single(shape, value)

    def _model(self, shape: Model, value: Any, name: str, whole: bool) -> Iterable[Fault]:  # noqa: FBT001
        if not isinstance(value, Mapping):
            yield not_a_mapping(value, name)
            return
        for key, content in items(value):
            if camel(key) in shape.fields:
                yield from _below(self.find(shape.fields[camel(key)], content, camel(key), whole), key)
        if shape.is_one:
            yield from _not_one(shape, value, name)
        missing = [key for key in shape.required if field(value, key) is None] if whole else []
        for key in missing:
            rule = f"Kubernetes rejects {name} without it"
            yield Fault(Code.BAD_OVERRIDE, f"{key} is missing", rule, "add it")
        if not missing:
            yield from shape.contradictions(value)

    def _list(self, shape: ListOf, value: Any, name: str) -> Iterable[Fault]:
        if not isinstance(value, list | tuple):
            rule = "Kubernetes expects a list here"
            remedy = "write '- ' before each entry, or [ ] around them"
            yield Fault(Code.BAD_OVERRIDE, f"not a list {got_kind(value)}", rule, remedy)
            return
        if len(value) < shape.least:
            yield Fault(Code.BAD_OVERRIDE, "an empty list", "at least one entry is needed", "add one")
        for place, item in enumerate(value):
            yield from _below(self.find(shape.item, item, f"an entry of {name}", whole=True), place)

    def _pairs(self, shape: Pairs, value: Any, name: str) -> Iterable[Fault]:
        if not isinstance(value, Mapping):
            yield not_a_mapping(value, name)
            return
        for key, content in items(value):
            if not shape.key.fits(key) and _OWN_TEXT not in key:
                message = f"not a key of {name} {got(key)}"
                yield Fault(Code.BAD_OVERRIDE, message, shape.key.rule, "choose another", (key,), at_key=True)
            else:
                yield from _below(self.find(shape.value, content, key, whole=True), key)

    def _single(self, shape: Any, value: Any) -> Iterable[Fault]:
        expects_text = isinstance(shape, Text | Choice | Quantity)
        if expects_text and isinstance(value, str) and self._filled_in in value:
            return
        if fault := _JUDGES[type(shape)](shape, value):
            yield fault


def _below(faults: Iterable[Fault], key: str | int) -> Iterable[Fault]:
    return (fault.below((key,)) for fault in faults)


def _not_one(shape: Model, value: Any, name: str) -> Iterable[Fault]:
    said = [key for key, content in items(value) if content is not None]
    if len(said) > 1 or not keys(value):
        message = f"{len(said)} handlers in {name}" if said else f"no handler in {name}"
        rule = f"it has one of {listed(sorted(shape.fields))}"
        yield Fault(Code.BAD_OVERRIDE, message, rule, "write one, or remove it")


def _wrong(what: str, value: Any, rule: str, remedy: str) -> Fault:
    return Fault(Code.BAD_OVERRIDE, f"not {what} {got_kind(value)}", rule, remedy)


def _not_a_text(value: Any) -> Fault | None:
    if isinstance(value, str):
        return None
    remedy = "write a text" if isinstance(value, Mapping | list | tuple) else "quote it"
    return _wrong("a text", value, "Kubernetes expects a text here", remedy)


def _text(shape: Text, value: Any) -> Fault | None:
    if fault := _not_a_text(value):
        return fault
    return None if shape.fits(value) else _wrong("a valid text", value, shape.rule, "correct it")


def _choice(shape: Choice, value: Any) -> Fault | None:
    if fault := _not_a_text(value):
        return fault
    if not value or value in shape.values:
        return None
    meant = suggestion(value, shape.values)
    remedy = f"did you mean {meant!r}?" if meant else "correct it"
    return _wrong("one of its values", value, f"one of {listed(shape.values)}", remedy)


def _whole(shape: Whole, value: Any) -> Fault | None:
    # The API reads 1.0 as 1.
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not is_whole or isinstance(value, bool):
        rule = "Kubernetes expects a whole number here"
        return _wrong("a whole number", value, rule, "write it in digits, without quotes")
    if shape.least <= value <= shape.most:
        return None
    bounds = f"from {shape.least} to {shape.most}"
    return _wrong("a number within its bounds", value, bounds, "correct it")


def _truth(_: Truth, value: Any) -> Fault | None:
    if isinstance(value, bool):
        return None
    return _wrong("true or false", value, "Kubernetes expects true or false here", "write it without quotes")


def _quantity(_: Quantity, value: Any) -> Fault | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_name(_QUANTITY, str(value)) and (is_number or isinstance(value, str)):
        return None
    rule = "a number with a unit of Kubernetes: k, M, G, T or Ki, Mi, Gi, Ti"
    return _wrong("an amount", value, rule, "write for example '2G'")


_JUDGES: Final[Mapping[type, Callable[[Any, Any], Fault | None]]] = {
    Text: _text,
    Choice: _choice,
    Whole: _whole,
    Truth: _truth,
    Quantity: _quantity,
}
