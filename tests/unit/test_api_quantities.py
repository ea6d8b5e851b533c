"""Kubernetes quantities: exact numbers, one text for each."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.api.quantities import (
    Quantity,
    QuantityError,
    canonical_quantity,
    parse_quantity,
    round_up_to_milli,
)

SUFFIXES = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-3"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("1", Fraction(1), id="plain"),
        pytest.param("500m", Fraction(1, 2), id="milli"),
        pytest.param("0.5", Fraction(1, 2), id="fraction"),
        pytest.param(".5", Fraction(1, 2), id="no leading zero"),
        pytest.param("1Ki", Fraction(1024), id="binary"),
        pytest.param("1k", Fraction(1000), id="decimal"),
        pytest.param("1e3", Fraction(1000), id="exponent"),
        pytest.param("1E", Fraction(10**18), id="exa is no exponent"),
        pytest.param("-1Gi", Fraction(-(1024**3)), id="negative"),
        pytest.param("99999Ei", Fraction(2**63 - 1), id="capped"),
    ],
)
def test_parse_quantity_text_is_exact(text: str, number: Fraction) -> None:
    """Every spelling means one exact number."""
    assert parse_quantity(text) == number


@pytest.mark.parametrize(
    "text", ["", "x", "1 Gi", "1gi", "1KB", "--1", "1e", "Gi", "1.2.3", "0x1", "1e99999", "\u0661"]
)
def test_parse_quantity_wrong_text_is_refused(text: str) -> None:
    """What Kubernetes does not read is refused in its sentence."""
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        parse_quantity(text)


@given(number=st.integers(-(10**12), 10**12), suffix=st.sampled_from(SUFFIXES))
def test_canonical_quantity_keeps_the_number(number: int, suffix: str) -> None:
    """The canonical text means the same number, and is its own canonical text."""
    text = f"{number}{suffix}"
    canonical = canonical_quantity(text)
    assert parse_quantity(canonical) == parse_quantity(text)
    assert canonical_quantity(canonical) == canonical


@given(number=st.decimals(0, 10**6, places=6), suffix=st.sampled_from(["", "m", "Ki", "Mi"]))
def test_round_up_to_milli_is_the_next_thousandth(number: object, suffix: str) -> None:
    """Rounding goes up by less than a thousandth, and never down."""
    exact = parse_quantity(f"{number}{suffix}")
    rounded = parse_quantity(round_up_to_milli(f"{number}{suffix}"))
    assert Fraction(0) <= rounded - exact < Fraction(1, 1000)
    assert (rounded * 1000).denominator == 1


@pytest.mark.parametrize(
    ("first", "second", "total", "difference"),
    [
        pytest.param("2Gi", "1073741824", "3Gi", "1Gi", id="binary first"),
        pytest.param("2147483648", "1Gi", "3221225472", "1073741824", id="decimal first"),
        pytest.param("2e3", "1k", "3e3", "1e3", id="exponent first"),
        pytest.param("0", "1Gi", "1Gi", "-1Gi", id="nothing first"),
        pytest.param("0Gi", "1G", "1G", "-1G", id="nothing that was written in binary first"),
        pytest.param("1500m", "500m", "2", "1", id="parts"),
    ],
)
def test_quantity_sum_is_in_the_notation_of_the_first(
    first: str, second: str, total: str, difference: str
) -> None:
    """What is added or taken away does not change how a quantity is written; nothing has no notation."""
    one, other = Quantity.parse(first), Quantity.parse(second)
    assert (str(one + other), str(one - other)) == (total, difference)


def test_quantity_is_compared_by_its_number() -> None:
    """One number is equal in all notations, and the larger one is larger."""
    assert Quantity.parse("1Gi") == Quantity.parse("1073741824")
    assert Quantity.parse("1G") < Quantity.parse("1Gi")
