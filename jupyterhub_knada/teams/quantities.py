"""Sizes, numbers of CPUs and durations: text to whole numbers and back, without a float on the way.

Each `read_` is the one reader of its quantity wherever that is written: in a team or platform file, in a
profile's override, in the hub's own configuration. It takes what `parse_` reads from a text, the plain
numbers that KubeSpawner's settings may be, and nothing outside what any server can have.

Memory is read as JupyterHub and zero-to-jupyterhub have always read it: `10G` is 10 * 1024**3 bytes.
Storage is read as Kubernetes reads it: `10G` is 10 * 1000**3 bytes, `10Gi` is 10 * 1024**3.
Each `format_` gives a text that its `parse_` reads back as the same number.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MEMORY_UNITS: Mapping[str, int] = MappingProxyType(
    {"T": 1024**4, "G": 1024**3, "M": 1024**2, "K": 1024, "B": 1},
)
_STORAGE_UNITS: Mapping[str, int] = MappingProxyType(
    {
        "Pi": 1024**5,
        "Ti": 1024**4,
        "Gi": 1024**3,
        "Mi": 1024**2,
        "Ki": 1024,
        "P": 1000**5,
        "T": 1000**4,
        "G": 1000**3,
        "M": 1000**2,
        "k": 1000,
        "": 1,
    },
)
_DURATION_UNITS: Mapping[str, int] = MappingProxyType({"d": 86400, "h": 3600, "m": 60, "s": 1})

_NUMBER = r"(?P<number>[0-9]{1,20}(?:\.[0-9]{1,20})?)"
MEMORY_PATTERN = r"^[0-9]{1,20}(\.[0-9]{1,20})? ?([KMGT](i?B)?|[KMGT]i|B)$"
"""What `parse_memory` takes, as a regular expression for JSON Schema."""
STORAGE_PATTERN = r"^[0-9]{1,20}(\.[0-9]{1,20})?([kMGTP]|[KMGTP]i)?$"
"""What `parse_storage` takes, as a regular expression for JSON Schema."""
CPU_PATTERN = r"^([0-9]{1,20}m|([0-9]{1,20})?\.[0-9]{1,20}|[0-9]{1,20})$"
"""What `parse_cpu` takes, as a regular expression for JSON Schema."""
DURATION_PATTERN = r"^[0-9]{1,20}[smhd]?$"
"""What `parse_duration` takes, as a regular expression for JSON Schema."""

_MEMORY = re.compile(_NUMBER + r" ?(?P<unit>[KMGT]|B)(?:(?<!B)(?:i?B|i))?")
_STORAGE = re.compile(_NUMBER + r"(?P<unit>[kMGTP]|[KMGTP]i|)")
_CPU = re.compile(r"(?P<number>(?:[0-9]{1,20})?\.[0-9]{1,20}|[0-9]{1,20})(?P<unit>m?)")
_COUNT = re.compile(r"[0-9]{1,9}")
_DURATION = re.compile(r"(?P<number>[0-9]{1,20})(?P<unit>[smhd]?)")
# What a hurried person writes: a comma for the point, spaces, any case, the unit spelt out.
_LOOSE = re.compile(r"\s*\+?(?P<number>[0-9]{1,20}(?:[.,][0-9]{1,20})?)\s*(?P<word>[A-Za-z]{0,12})\.?\s*")

_MEMORY_RULE = "a number with K, M, G or T, also as GB or Gi (1 G = 1024 M)"
_STORAGE_RULE = "a number with Mi, Gi or Ti (or k, M, G, T for powers of 1000), as Kubernetes writes it"
_CPU_RULE = "a number of CPUs such as 0.5, or thousandths of one such as 500m"
_DURATION_RULE = "a whole number with s, m, h or d, or seconds without a unit"


class QuantityError(ValueError):
    """Raised by each `parse_` and `read_` for what is not its quantity; says what to write instead."""

    def __init__(self, message: str, rule: str, remedy: str, code: Code = Code.BAD_QUANTITY) -> None:
        super().__init__(f"{message}; {rule}; {remedy}")
        self.message = message
        self.rule = rule
        self.remedy = remedy
        self.code = code


class _Range(NamedTuple):
    """The least and the most of a quantity that any server can have, and how it is written."""

    least: int
    most: int
    show: Callable[[int], str]

    def check(self, number: int, value: object) -> int:
        """Give the number if it is within.

        Raises:
            QuantityError: it is not, with the code OUT_OF_RANGE.
        """
        if self.least <= number <= self.most:
            return number
        rule = f"from {self.show(self.least)} to {self.show(self.most)}"
        message = f"out of range {got(value)}"
        raise QuantityError(message, rule, "choose a value between", Code.OUT_OF_RANGE)


def read_memory(value: object) -> int:
    """Read a memory size as bytes: a text as `parse_memory` does, or a number of bytes.

    Raises:
        QuantityError: it is neither, or out of range. A number below the least is a forgotten unit.
    """
    if isinstance(value, str):
        return _MEMORY_RANGE.check(parse_memory(value), value)
    number = _number(value)
    if number is None or number < _MEMORY_RANGE.least:
        # Kubernetes takes a limit of 0 as no limit.
        meant = "for example '2G'" if number is None else _memory_meant(str(value))
        raise QuantityError(f"not a memory size {got(value)}", _MEMORY_RULE, f"write {meant}")
    return _MEMORY_RANGE.check(int(number), value)


def read_cpu(value: object) -> int:
    """Read a number of CPUs as thousandths of one: a text as `parse_cpu` does, or a number of CPUs.

    Raises:
        QuantityError: it is neither, or out of range.
    """
    if isinstance(value, str):
        return _CPU_RANGE.check(parse_cpu(value), value)
    number = _number(value)
    if number is None:
        raise QuantityError(f"not a number of CPUs {got(value)}", _CPU_RULE, "write for example '0.5'")
    return _CPU_RANGE.check(ceil(number * 1000), value)


def read_storage(value: object) -> int:
    """Read the size of a volume as bytes, see `parse_storage`.

    Raises:
        QuantityError: it is no such text, or out of range.
    """
    return _STORAGE_RANGE.check(parse_storage(str(value)), value)


def read_duration(value: object) -> int:
    """Read a duration as seconds, see `parse_duration`.

    Raises:
        QuantityError: it is no such text, or out of range.
    """
    return _DURATION_RANGE.check(parse_duration(str(value)), value)


def read_count(value: object) -> int:
    """Read a number of devices: a whole number, or its digits as a text.

    Raises:
        QuantityError: it is no such number: devices are not shared.
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not (is_number or isinstance(value, str)) or not _COUNT.fullmatch(str(value)):
        rule = "a whole number: devices are not shared"
        raise QuantityError(f"not an amount {got(value)}", rule, "write for example '1'")
    return int(str(value))


def _number(value: object) -> Fraction | None:
    """Give a number as it is written, not as a float holds it; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Fraction(repr(value))
    except ValueError:  # not a number, or infinite
        return None


def parse_memory(text: str) -> int:
    """Read a memory size as bytes: `10G`, `10GB`, `10 GB`, `10Gi` and `10GiB` are all 10 * 1024**3.

    A fraction of a byte is cut off, as JupyterHub does. A number without a unit is refused: `2` is more
    often a forgotten `G` than two bytes.

    Raises:
        QuantityError: the text is no memory size.

    Source: `ByteSpecification`, jupyterhub/traitlets.py: K, M, G, T are powers of 1024.
    """
    match = _MEMORY.fullmatch(text)
    if match is None:
        wrong = f"not a memory size {got(text)}"
        raise QuantityError(wrong, _MEMORY_RULE, f"write {_memory_meant(text)}")
    return int(Fraction(match["number"]) * _MEMORY_UNITS[match["unit"]])


def format_memory(value: int) -> str:
    """Write bytes with the largest unit that holds them exactly: `2G`, `1536M`, `107374182B`."""
    unit, size = _largest_exact(value, _MEMORY_UNITS)
    return f"{value // size}{unit}"


def parse_storage(text: str) -> int:
    """Read the size of a volume as bytes: `10G` is 10 * 1000**3, `10Gi` is 10 * 1024**3, `1024` is bytes.

    A fraction of a byte is rounded up, as Kubernetes does.

    Raises:
        QuantityError: the text is no storage size.

    Source: Kubernetes' `resource.Quantity`, without exponents and milli-bytes.
    """
    match = _STORAGE.fullmatch(text)
    if match is None:
        wrong = f"not a storage size {got(text)}"
        raise QuantityError(wrong, _STORAGE_RULE, f"write {_storage_meant(text)}")
    exact = Fraction(match["number"]) * _STORAGE_UNITS[match["unit"]]
    return ceil(exact)


def format_storage(value: int) -> str:
    """Write bytes with the largest unit that holds them exactly, powers of 1024 first: `10Gi`, `10G`."""
    unit, size = _largest_exact(value, _STORAGE_UNITS)
    return f"{value // size}{unit}"


def parse_cpu(text: str) -> int:
    """Read a number of CPUs as thousandths of one: `0.5` and `500m` are both 500.

    What is finer is rounded up, as Kubernetes does: `3.6505` is 3651.

    Raises:
        QuantityError: the text is no number of CPUs.

    Source: apimachinery, pkg/api/resource `Quantity.MilliValue`, which rounds up.
    """
    match = _CPU.fullmatch(text)
    if match is None:
        wrong = f"not a number of CPUs {got(text)}"
        raise QuantityError(wrong, _CPU_RULE, f"write {_cpu_meant(text)}")
    return ceil(Fraction(match["number"]) * (1 if match["unit"] else 1000))


def format_cpu(value: int) -> str:
    """Write thousandths of a CPU as a decimal number: `1`, `0.5`, `0.125`."""
    whole, rest = divmod(value, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def parse_duration(text: str) -> int:
    """Read a duration as seconds: `90m` is 5400, `1h` and `3600` are the same.

    Raises:
        QuantityError: the text is no duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        wrong = f"not a duration {got(text)}"
        raise QuantityError(wrong, _DURATION_RULE, f"write {_duration_meant(text)}")
    return int(match["number"]) * _DURATION_UNITS[match["unit"] or "s"]


def format_duration(value: int) -> str:
    """Write seconds with the largest unit that holds them exactly: `1h`, `90m`, `7d`."""
    unit, size = _largest_exact(value, _DURATION_UNITS)
    return f"{value // size}{unit}"


_MEMORY_RANGE = _Range(16 * 1024**2, 1024**5, format_memory)
_STORAGE_RANGE = _Range(1024**2, 64 * 1024**5, format_storage)
_CPU_RANGE = _Range(1, 1024 * 1000, format_cpu)
_DURATION_RANGE = _Range(1, 365 * 86400, format_duration)


def _largest_exact(value: int, units: Mapping[str, int]) -> tuple[str, int]:
    """Choose the first unit that divides the value; zero is given in the smallest one."""
    exact = ((unit, size) for unit, size in units.items() if value and value % size == 0)
    return next(exact, min(units.items(), key=lambda item: item[1]))


def _loose(text: str) -> tuple[str, str] | None:
    match = _LOOSE.fullmatch(text)
    return (match["number"].replace(",", "."), match["word"].casefold()) if match else None


def _memory_meant(text: str) -> str:
    """Guess the right spelling; a bare number is bytes where that can be, else G, as people mean it."""
    loose = _loose(text)
    if loose is None:
        return "for example '2G'"
    number, word = loose
    if not word and Fraction(number) >= _MEMORY_RANGE.least:
        return f"'{number}B'"
    if not Fraction(number):
        return "for example '2G'"
    # A small m is Kubernetes' thousandth of a byte; whoever writes 512m means megabytes.
    letter = word[:1].upper() or "G"
    return f"'{number}{letter}'" if letter in tuple("KMGT") else "for example '2G'"


def _storage_meant(text: str) -> str:
    loose = _loose(text)
    letter = loose[1][:1].upper() if loose else ""
    if loose is None or letter not in tuple("KMGTP"):
        return "for example '10Gi'"
    return f"'{loose[0]}{letter}i'"


def _cpu_meant(text: str) -> str:
    loose = _loose(text)
    if loose is None or (loose[1] and loose[1] not in _CPU_WORDS):
        return "for example '0.5'"
    number, word = loose
    return f"'{number}m'" if word.startswith("m") and "." not in number else f"'{number}'"


_CPU_WORDS = frozenset({"c", "cpu", "cpus", "core", "cores", "vcpu", "vcpus", "m", "milli", "millicores"})


def _duration_meant(text: str) -> str:
    loose = _loose(text)
    unit = loose[1][:1] if loose else ""
    if loose is None or (unit and unit not in _DURATION_UNITS):
        return "for example '1h'"
    exact = Fraction(loose[0]) * _DURATION_UNITS[unit or "s"]
    return f"'{format_duration(exact.numerator)}'" if exact.denominator == 1 and exact else "for example '1h'"
