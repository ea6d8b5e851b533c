"""Label and field selectors: the grammar, and what it means."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.api.selectors import (
    SelectorError,
    matches_fields,
    matches_labels,
    parse_fields,
    parse_labels,
    read_field,
)

words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
labels = st.dictionaries(words, words, max_size=4)


@given(found=labels)
def test_labels_written_as_a_selector_select_themselves(found: dict[str, str]) -> None:
    """A selector made of all labels of an object selects it, in any spelling of equality."""
    for sign in ("=", "==", " = "):
        text = ",".join(f"{key}{sign}{value}" for key, value in found.items())
        assert matches_labels(parse_labels(text), found)


@given(found=labels, key=words, value=words)
def test_labels_negations_are_opposites(found: dict[str, str], key: str, value: str) -> None:
    """Each operator and its negation split all objects in two."""
    for one, other in ((f"{key}={value}", f"{key}!={value}"), (key, f"!{key}")):
        assert matches_labels(parse_labels(one), found) != matches_labels(parse_labels(other), found)
    inside, outside = f"{key} in ({value},x)", f"{key} notin ({value},x)"
    assert matches_labels(parse_labels(inside), found) != matches_labels(parse_labels(outside), found)


@given(text=st.text(max_size=30))
def test_labels_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything but parse or be refused in words."""
    with contextlib.suppress(SelectorError):
        parse_labels(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("size>1", True, id="greater"),
        pytest.param("size>2", False, id="not greater"),
        pytest.param("size<3", True, id="less"),
        pytest.param("word>1", False, id="no number"),
    ],
)
def test_labels_numbers_compare(text: str, fits: bool) -> None:  # noqa: FBT001 - a table's column
    """Greater and less compare whole numbers."""
    assert matches_labels(parse_labels(text), {"size": "2", "word": "x"}) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("a.b=1", True, id="equal"),
        pytest.param("a.b==1,c!=2", True, id="both"),
        pytest.param("a.b!=1", False, id="unequal"),
        pytest.param("c=", True, id="missing is empty"),
        pytest.param("d=x\\,y", True, id="escaped comma"),
    ],
)
def test_fields_compare_text(text: str, fits: bool) -> None:  # noqa: FBT001 - a table's column
    """Fields compare as text; what is missing is empty."""
    body = {"a": {"b": 1}, "d": "x,y"}
    assert matches_fields(parse_fields(text), lambda path: read_field(body, path)) is fits


@pytest.mark.parametrize("text", ["a", "a,b=c", "a=b=c"])
def test_fields_wrong_text_is_refused(text: str) -> None:
    """A part without an operator is refused."""
    with pytest.raises(SelectorError):
        parse_fields(text)
