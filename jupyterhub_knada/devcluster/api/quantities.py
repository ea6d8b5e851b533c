"""Kubernetes quantities (`500m`, `10Gi`, `1e3`): exact numbers and their canonical text.

Source: `k8s.io/apimachinery/pkg/api/resource.Quantity`. The package's own team files have another grammar
(`10G` there means 10 x 1024^3); this one is the API's, and the two must not meet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final

_PATTERN: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([A-Za-z]*|[eE][+-]?\d+)", re.ASCII)
_BINARY: Final = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "Pi": 1024**5, "Ei": 1024**6}
_DECIMAL: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
}
_LARGEST: Final = 2**63 - 1
MESSAGE: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class QuantityError(ValueError):
    """A text that is no quantity; its message is Kubernetes' own."""


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A number and the notation that it is written in; compared by the number alone."""

    value: Fraction
    style: str = field(default="decimal", compare=False)

    @classmethod
    def parse(cls, text: str) -> Quantity:
        """Read a quantity as `parse_quantity` does, and keep its notation.

        Raises:
            QuantityError: the text is no quantity.
        """
        return cls(*_parse(text))

    def __bool__(self) -> bool:
        """Tell whether it is more or less than nothing."""
        return bool(self.value)

    def __add__(self, other: Quantity) -> Quantity:
        """Give the sum in the notation of this one; nothing takes the other's."""
        return Quantity(self.value + other.value, (self or other).style)

    def __sub__(self, other: Quantity) -> Quantity:
        """Give the difference in the notation of this one; nothing takes the other's."""
        return Quantity(self.value - other.value, (self or other).style)

    def __str__(self) -> str:
        """Write it as Kubernetes does."""
        return format_quantity(self.value, self.style)


def parse_quantity(text: str) -> Fraction:
    """Give the exact number behind a quantity, at most 2^63-1 and rounded up to nano, as Kubernetes does.

    Raises:
        QuantityError: the text is no quantity.
    """
    return _parse(text)[0]


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[Fraction, str]:
    """Give the number and its format: `binary`, `decimal` or `exponent`."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise QuantityError(MESSAGE)
    number, suffix = Fraction(match[1]), match[2]
    if suffix in _BINARY:
        value, style = number * _BINARY[suffix], "binary"
    elif suffix in _DECIMAL:
        value, style = number * _DECIMAL[suffix], "decimal"
    elif re.fullmatch(r"[eE][+-]?\d{1,3}", suffix):
        value, style = number * Fraction(10) ** int(suffix[1:]), "exponent"
    else:
        raise QuantityError(MESSAGE)
    if abs(value) > _LARGEST:
        value = Fraction(_LARGEST if value > 0 else -_LARGEST)
    scaled = value * 10**9
    rounded = (
        -(-scaled.numerator // scaled.denominator) if scaled >= 0 else scaled.numerator // scaled.denominator
    )
    return Fraction(rounded, 10**9), style


@lru_cache(maxsize=4096)
def canonical_quantity(text: str) -> str:
    """Give the text that Kubernetes stores: the largest suffix without a fraction, in the writer's system.

    Raises:
        QuantityError: the text is no quantity.
    """
    value, style = _parse(text)
    return format_quantity(value, style)


def format_quantity(value: Fraction, style: str = "decimal") -> str:
    """Write an exact number in `binary` (if whole and at least 1024), `decimal` or `exponent` form."""
    if value == 0:
        return "0"
    if style == "binary" and value.denominator == 1 and abs(value) >= _BINARY["Ki"]:
        return _largest_suffix(value, [(suffix, Fraction(size)) for suffix, size in _BINARY.items()])
    written = _largest_suffix(value, list(_DECIMAL.items()))
    if style != "exponent":
        return written
    number = written.rstrip("numkMGTPE")
    suffix = written.removeprefix(number)
    exponents = {"n": "e-9", "u": "e-6", "m": "e-3", "": "", "k": "e3", "M": "e6", "G": "e9"}
    return number + (exponents | {"T": "e12", "P": "e15", "E": "e18"})[suffix]


def _largest_suffix(value: Fraction, sizes: list[tuple[str, Fraction]]) -> str:
    for suffix, size in reversed(sizes):
        if (value / size).denominator == 1:
            return f"{(value / size).numerator}{suffix}"
    return str(value.numerator)


def round_up_to_milli(text: str) -> str:
    """Give the quantity that a resource list holds: nothing finer than a thousandth.

    Source: `SetDefaults_ResourceList` in `pkg/apis/core/v1/defaults.go`.
    """
    value, style = _parse(text)
    milli = value * 1000
    return format_quantity(Fraction(-(-milli.numerator // milli.denominator), 1000), style)
