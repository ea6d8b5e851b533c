"""Kubernetes quantities: exact numbers, one text for each."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.api.quantities import (
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
