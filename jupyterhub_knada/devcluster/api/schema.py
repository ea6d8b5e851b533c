"""Reads and writes objects by the shapes of the Kubernetes API: what a kube-apiserver's decoder does.

Unknown fields are dropped and told, wrong types refused, quantities and times brought into their canonical
form, zero values left out or written as Go's encoder would. `schema.json` is made by `schema_source.py`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from jupyterhub_knada.devcluster.api.quantities import QuantityError, canonical_quantity

Json = dict[str, Any]

_DECLARED = re.compile(r"(?P<type>[^@?!]*)(?:@(?P<key>\w*))?(?P<retain>@retainKeys)?(?P<presence>[?!]?)")
_ZEROS: Final[dict[str, Any]] = {"string": "", "bool": False, "int32": 0, "int64": 0, "quantity": "0"}
_SECONDS: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE: Final = r"(Z|[+-]\d\d:\d\d)"
_MOMENT: Final = {
    False: re.compile(rf"{_SECONDS}(\.\d+)?{_ZONE}", re.ASCII),
    True: re.compile(rf"{_SECONDS}\.\d{{6}}{_ZONE}", re.ASCII),
}
"""How `time` (False) and `microtime` (True) are written."""
_INT32: Final = 2**31
_INT64: Final = 2**63


class DecodeError(ValueError):
    """A body that cannot be read as its kind; the message is Go's."""


class RepeatedKeys(dict[str, Any]):
    """A JSON object that named a key twice; the last one counts, as in Go."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """How one field of a struct is read and written."""

    type: str
    """`string`, `core.Pod`, `[]core.Container`, `{}quantity`, …"""
    merge_key: str | None
    """Of a list that patches merge: the key of its items, empty for plain values; else None."""
    presence: str
    """What is written for a zero value: `` what was set, `?` nothing, `!` always something."""


@cache
def struct(name: str) -> dict[str, Field]:
    """Give a struct's fields, e.g. of `core.Pod`; built once."""
    fields: dict[str, Field] = {}
    for key, text in _schema()[name].items():
        match = _DECLARED.fullmatch(text)
        if match is None:  # pragma: no cover  only a broken schema.json
            raise ValueError(f"schema.json: {name}.{key}: {text!r}")
        fields[key] = Field(match["type"], match["key"], match["presence"])
    return fields


@cache
def _schema() -> dict[str, dict[str, str]]:
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, str]] = json.loads(text)["types"]
    return types


def is_struct(type_name: str) -> bool:
    """Tell whether a type's values are objects with known fields."""
    return type_name in _schema()


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked = RepeatedKeys(found)
    keys = [key for key, _ in pairs]
    marked.repeated = tuple(key for index, key in enumerate(keys) if key in keys[:index])
    return marked


def parse_json(body: bytes) -> Any:
    """Parse a body, remembering keys that stand twice.

    Raises:
        DecodeError: not JSON.
    """
    try:
        return json.loads(body, object_pairs_hook=_reject_duplicates)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"couldn't get version/kind; json parse error: {error}") from error


@dataclass
class Decoder:
    """Reads one body; `problems` are what a strict reader refuses and a lenient one warns of."""

    problems: list[str] = field(default_factory=list)

    def read(self, value: Any, type_name: str) -> Json:
        """Give the object in its canonical form.

        Raises:
            DecodeError: a value of the wrong type.
        """
        if not isinstance(value, dict):
            raise DecodeError(
                f"json: cannot unmarshal {_json_word(value)} into Go value of type {_go(type_name)}"
            )
        return self._struct(value, type_name, "")

    def _struct(self, value: dict[str, Any], type_name: str, path: str) -> Json:
        fields = struct(type_name)
        clean: Json = {}
        if isinstance(value, RepeatedKeys):
            self.problems += [f'duplicate field "{_join(path, key)}"' for key in value.repeated]
        for key, inner in value.items():
            declared = fields.get(key)
            if declared is None:
                self.problems.append(f'unknown field "{_join(path, key)}"')
            elif inner is not None:
                where = _Where(type_name, _join(path, key))
                clean[key] = self._value(inner, declared.type, where)
        return _written(clean, fields)

    def _value(self, value: Any, type_name: str, where: _Where) -> Any:
        if type_name.startswith("[]"):
            if not isinstance(value, list):
                raise where.mismatch(value, type_name)
            return [self._value(item, type_name[2:], where.item(index)) for index, item in enumerate(value)]
        if type_name.startswith("{}"):
            if not isinstance(value, dict):
                raise where.mismatch(value, type_name)
            return {key: self._value(item, type_name[2:], where) for key, item in value.items()}
        if is_struct(type_name):
            if value is None:
                return self._struct({}, type_name, where.path)
            if not isinstance(value, dict):
                raise where.mismatch(value, type_name)
            return self._struct(value, type_name, where.path)
        return _scalar(value, type_name, where)


def _written(clean: Json, fields: dict[str, Field]) -> Json:
    """Leave out and fill in what Go's encoder would."""
    written: Json = {}
    for key, declared in fields.items():
        value = clean.get(key)
        if declared.presence == "?" and not value:
            continue
        if key in clean:
            written[key] = value
        elif declared.presence == "!":
            written[key] = _zero(declared.type)
    return written


def _zero(type_name: str) -> Any:
    if is_struct(type_name):
        return _written({}, struct(type_name))
    return _ZEROS.get(type_name)


def fill(value: Json, type_name: str) -> Json:
    """Give an object that this program made the same canonical form as a decoded one."""
    return Decoder().read(value, type_name)


@dataclass(frozen=True, slots=True)
class _Where:
    """The place of a value, for Go's words about it."""

    struct: str
    path: str

    def item(self, index: int) -> _Where:
        return _Where(self.struct, f"{self.path}[{index}]")

    def mismatch(self, value: Any, type_name: str, word: str = "") -> DecodeError:
        plain = re.sub(r"\[\d+\]", "", self.path)
        into = f"{_go(self.struct).split('.')[-1]}.{plain}"
        return DecodeError(
            f"json: cannot unmarshal {word or _json_word(value)} into Go struct field {into}"
            f" of type {_go(type_name)}"
        )


def _scalar(value: Any, type_name: str, where: _Where) -> Any:  # noqa: PLR0911  one line a type
    match type_name:
        case "string":
            return _expect(value, str, type_name, where)
        case "bool":
            return _expect(value, bool, type_name, where)
        case "int32" | "int64":
            return _integer(value, type_name, where)
        case "quantity":
            return _quantity(value)
        case "time" | "microtime":
            return _time(_expect(value, str, type_name, where), type_name)
        case "bytes":
            return _base64(_expect(value, str, "[]uint8", where))
        case "intOrString":
            if isinstance(value, bool) or not isinstance(value, int | str):
                raise where.mismatch(value, type_name)
            return value
        case _:
            return value


def _expect(value: Any, python_type: type, type_name: str, where: _Where) -> Any:
    if value is None:
        return _ZEROS.get(type_name, "")
    if not isinstance(value, python_type):
        raise where.mismatch(value, type_name)
    return value


def _integer(value: Any, type_name: str, where: _Where) -> int:
    bound = _INT32 if type_name == "int32" else _INT64
    if isinstance(value, float) and value.is_integer() and abs(value) < bound:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -bound <= value < bound:
        whole = isinstance(value, int) and not isinstance(value, bool)
        raise where.mismatch(value, type_name, f"number {value}" if whole else "")
    return value


def _quantity(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        return canonical_quantity(text.strip())
    except QuantityError as error:
        raise DecodeError(str(error)) from error


def _time(text: str, type_name: str) -> str:
    is_micro = type_name == "microtime"
    moment = _moment(text) if _MOMENT[is_micro].fullmatch(text) else None
    if moment is None:
        layout = f"2006-01-02T15:04:05{'.000000' if is_micro else ''}Z07:00"
        raise DecodeError(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"')
    return format_microtime(moment) if is_micro else format_time(moment)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        place = next((i for i, char in enumerate(text) if not re.match(r"[A-Za-z0-9+/=]", char)), len(text))
        raise DecodeError(f"illegal base64 data at input byte {place}") from error
    return text


def format_time(moment: datetime) -> str:
    """Write a moment as `metav1.Time`: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_microtime(moment: datetime) -> str:
    """Write a moment as `metav1.MicroTime`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _json_word(value: Any) -> str:
    """Name a JSON value as Go's decoder does."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float):
        return f"number {value!r}"
    if isinstance(value, int):
        return "number"
    words: tuple[tuple[type, str], ...] = ((str, "string"), (list, "array"), (dict, "object"))
    return next((word for kind, word in words if isinstance(value, kind)), "null")


def _go(type_name: str) -> str:
    """Name a type as Go prints it."""
    if type_name.startswith("[]"):
        return "[]" + _go(type_name[2:])
    if type_name.startswith("{}"):
        return "map[string]" + _go(type_name[2:])
    if is_struct(type_name):
        return "v1." + type_name.split(".", 1)[1]
    return {"time": "time.Time", "microtime": "time.Time"}.get(type_name, type_name)
