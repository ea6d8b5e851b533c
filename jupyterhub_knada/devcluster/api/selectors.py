"""Label and field selectors, parsed and matched as the Kubernetes API does.

Source: `k8s.io/apimachinery/pkg/labels` and `pkg/fields` of 1.36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api.names import label_key_errors, label_value_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Labels = dict[str, str]


class SelectorError(ValueError):
    """A selector that cannot be read; the message is Kubernetes' own."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label."""

    key: str
    operator: str
    """`in`, `notin`, `exists`, `!`, `gt`, `lt`; `=` and `==` are `in` of one, `!=` is `notin` of one."""
    values: frozenset[str] = frozenset()

    def matches(self, labels: Labels) -> bool:
        """Tell whether the labels fulfil this; a missing label fulfils `notin` and `!`."""
        has = self.key in labels
        match self.operator:
            case "exists":
                return has
            case "!":
                return not has
            case "in":
                return has and labels[self.key] in self.values
            case "notin":
                return not has or labels[self.key] not in self.values
            case _:
                return has and self._compares(labels[self.key])

    def _compares(self, text: str) -> bool:
        (bound,) = self.values
        if not re.fullmatch(r"[+-]?\d+", text):
            return False
        return int(text) > int(bound) if self.operator == "gt" else int(text) < int(bound)


_TOKEN: Final = re.compile(r"\s*(?:(?P<sign>==|=|!=|!|,|\(|\)|>|<)|(?P<word>[^\s=!,()<>]+))")
_SIGNS: Final = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:  # pragma: no cover  every character is a sign, a word or space
            raise SelectorError(f"unable to parse requirement: {text[position:]!r}")
        found.append(match["sign"] or match["word"])
        position = match.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._rest = _tokens(text)

    def parse(self) -> tuple[Requirement, ...]:
        requirements: list[Requirement] = []
        while self._rest:
            try:
                requirements.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from error
            if not self._rest:
                break
            sign = self._next()
            if sign != ",":
                raise SelectorError(f"found '{sign}', expected: ',' or 'end of string'")
            if not self._rest:
                raise SelectorError("found '', expected: identifier after ','")
        return tuple(requirements)

    def _next(self) -> str:
        return self._rest.pop(0) if self._rest else ""

    def _requirement(self) -> Requirement:
        if self._rest[0] == "!":
            self._next()
            return _checked(Requirement(self._identifier(), "!"))
        key = self._identifier()
        if not self._rest or self._rest[0] == ",":
            return _checked(Requirement(key, "exists"))
        operator = self._next()
        if operator in ("in", "notin"):
            return _checked(Requirement(key, operator, self._values()))
        if operator not in _SIGNS:
            raise SelectorError(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")
        value = self._next() if self._rest and self._rest[0] != "," else ""
        return _checked(Requirement(key, _SIGNS[operator], frozenset({value})))

    def _identifier(self) -> str:
        word = self._next()
        if not word or word in "()=!,<>" or word in ("==", "!="):
            raise SelectorError(f"found '{word}', expected: !, identifier, or 'end of string'")
        return word

    def _values(self) -> frozenset[str]:
        sign = self._next()
        if sign != "(":
            raise SelectorError(f"found '{sign}' expected: '('")
        values: set[str] = set()
        expects_value = True
        while True:
            sign = self._next()
            if sign == ")":
                return frozenset(values | ({""} if expects_value else set()))
            if sign == ",":
                values |= {""} if expects_value else set()
                expects_value = True
            elif sign and expects_value:
                values.add(sign)
                expects_value = False
            else:
                raise SelectorError(f"found '{sign}', expected: ',', or ')'")


def _checked(requirement: Requirement) -> Requirement:
    errors = [
        f'key: Invalid value: "{requirement.key}": {text}' for text in label_key_errors(requirement.key)
    ]
    if requirement.operator in ("gt", "lt"):
        (bound,) = requirement.values
        if not re.fullmatch(r"[+-]?\d+", bound):
            errors.append(
                f"values[0]: Invalid value: \"{bound}\": for 'Gt', 'Lt' operators, the value must be an"
                " integer"
            )
    for index, value in enumerate(sorted(requirement.values)):
        place = f"values[{index}][{requirement.key}]"
        errors += [f'{place}: Invalid value: "{value}": {text}' for text in label_value_errors(value)]
    if errors:
        told = errors[0] if len(errors) == 1 else "[" + ", ".join(errors) + "]"
        raise SelectorError(told)
    return requirement


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Parse a `labelSelector`; an empty one matches everything.

    Raises:
        SelectorError: it cannot be read.
    """
    return _Parser(text).parse()


def from_label_selector(selector: dict[str, Any] | None) -> tuple[Requirement, ...]:
    """Read the `LabelSelector` of an object (`matchLabels`, `matchExpressions`)."""
    if selector is None:
        return ()
    found = [
        Requirement(key, "in", frozenset({value})) for key, value in selector.get("matchLabels", {}).items()
    ]
    operators = {
        "In": "in",
        "NotIn": "notin",
        "Exists": "exists",
        "DoesNotExist": "!",
        "Gt": "gt",
        "Lt": "lt",
    }
    found += [
        Requirement(item["key"], operators[item["operator"]], frozenset(item.get("values", [])))
        for item in selector.get("matchExpressions", [])
    ]
    return tuple(found)


def matches_labels(requirements: Iterable[Requirement], labels: Labels) -> bool:
    """Tell whether labels fulfil every requirement."""
    return all(requirement.matches(labels) for requirement in requirements)


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on one field."""

    path: str
    value: str
    is_equal: bool


def parse_fields(text: str) -> tuple[FieldRequirement, ...]:
    r"""Parse a `fieldSelector`: `path=value`, `path==value`, `path!=value`, with `\,`, `\=` and `\\` escaped.

    Raises:
        SelectorError: it cannot be read.
    """
    found = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.match(r"((?:[^=!\\]|\\.)*?)(!=|==|=)(.*)", part, re.DOTALL)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{part}'")
        if re.search(r"(?<!\\)=", match[3]):
            raise SelectorError(f"invalid field selector: unescaped character in value: {match[3]}")
        value = re.sub(r"\\([\\,=])", r"\1", match[3])
        found.append(FieldRequirement(match[1], value, match[2] != "!="))
    return tuple(found)


def matches_fields(requirements: Iterable[FieldRequirement], read: Callable[[str], str]) -> bool:
    """Tell whether an object's fields, as `read` gives them, fulfil every requirement."""
    return all((read(item.path) == item.value) == item.is_equal for item in requirements)


def read_field(obj: dict[str, Any], path: str) -> str:
    """Give the text of a field as selectors compare it; empty where it is not set, booleans in lower case."""
    value: Any = obj
    if path in ("source", "status.podIPs"):
        return _special(obj, path)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if path in ("spec.unschedulable", "spec.hostNetwork"):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _special(obj: dict[str, Any], path: str) -> str:
    """Read the two selectors that are no plain field: an event's source, a pod's first address."""
    if path == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    return ",".join(item.get("ip", "") for item in obj.get("status", {}).get("podIPs", []))
