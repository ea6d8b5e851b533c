"""What an identity provider says about somebody, read without trusting its shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.access.claims import find_claim, read_group_claim, read_ident
from jupyterhub_knada.errors import Code, Refusal

# Small: shapes matter, and large values take a minute to make on a busy machine.
TEXT = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        pytest.param({"groups": ["a", "b"]}, frozenset({"a", "b"}), id="a list"),
        pytest.param({"groups": []}, frozenset(), id="empty is known to be empty"),
        pytest.param({"groups": None}, frozenset(), id="null, as some send an empty list"),
        pytest.param({"groups": ["a", "", " "]}, frozenset({"a"}), id="blank names are no groups"),
        pytest.param({"groups": ["a", "a"]}, frozenset({"a"}), id="a group told twice"),
        pytest.param({"groups": "g-alfa"}, frozenset({"g-alfa"}), id="one text is one group"),
        pytest.param({"groups": "a, b c"}, frozenset({"a, b c"}), id="a text is never taken apart"),
        pytest.param({"groups": ""}, frozenset(), id="an empty text"),
        pytest.param({"groups": [{"id": "1"}, {"name": "b"}]}, frozenset({"1", "b"}), id="objects"),
        pytest.param({"groups": [{"id": "1", "name": "b"}]}, frozenset({"1", "b"}), id="both names of one"),
        pytest.param({"groups": {"id": "1", "type": "x"}}, frozenset({"1"}), id="one object"),
        pytest.param({"groups": ["a", {"name": "b", "id": 7}]}, frozenset({"a", "b"}), id="a mixed list"),
    ],
)
def test_group_claim_that_is_there_is_known(claims: dict[str, Any], groups: frozenset[str]) -> None:
    """A claim that is there says which groups somebody is in, even if there are none."""
    read = read_group_claim(claims, "groups")
    assert read.groups == groups
    assert read.gap == ""


@pytest.mark.parametrize(
    ("value", "groups", "types"),
    [
        pytest.param(["a", 7, None], {"a"}, "NoneType, int", id="among readable ones"),
        pytest.param(["a", ["b"], {"x": "y"}], {"a"}, "dict, list", id="nested, or without a name"),
        pytest.param([{"id": 7}], set(), "dict", id="an object whose id is no text"),
        pytest.param(7, set(), "int", id="a number"),
        pytest.param(True, set(), "bool", id="a boolean"),
        pytest.param({"a": 1}, set(), "dict", id="an object without a name"),
    ],
)
def test_group_claim_that_cannot_be_read_names_nothing_and_is_told(
    value: object, groups: set[str], types: str
) -> None:
    """What is there and unreadable is not taken for absent: it keeps no membership that it does not name."""
    read = read_group_claim({"groups": value}, "groups")
    assert read.groups is not None
    assert set(read.groups) == groups
    assert f"entries that are no group (of type {types}); they are left out" in read.gap


@pytest.mark.parametrize(
    ("claims", "gap"),
    [
        pytest.param({}, "has no claim 'groups'", id="absent"),
        pytest.param({"_claim_names": {"groups": "src1"}}, "in too many groups", id="Entra's overage"),
        pytest.param({"hasgroups": True}, "in too many groups", id="Entra's overage, implicit flow"),
        pytest.param({"_claim_names": "groups"}, "has no claim 'groups'", id="an overage of no known shape"),
    ],
)
def test_group_claim_that_is_absent_is_unknown(claims: dict[str, Any], gap: str) -> None:
    """A claim that is not there is a gap with a reason, never an empty claim."""
    read = read_group_claim(claims, "groups")
    assert read.groups is None
    assert gap in read.gap


@given(claims=st.dictionaries(st.sampled_from(["groups", "_claim_names", "hasgroups", "x"]), JSON))
def test_group_claim_of_any_shape_is_read_without_an_error(claims: dict[str, Any]) -> None:
    """Whatever a provider sends, the claim is either a set of texts or a gap with a reason."""
    read = read_group_claim(claims, "groups")
    if read.groups is None:
        assert read.gap
    else:
        assert all(isinstance(group, str) for group in read.groups)


def test_group_claim_gap_never_carries_a_value() -> None:
    """What a claim says may be personal: the gap's reason names the claim and its type only."""
    assert "sikkerhet" not in read_group_claim({"groups": [["sikkerhet"], {"sikkerhet": 1}]}, "groups").gap


@pytest.mark.parametrize(
    ("claims", "name", "found"),
    [
        pytest.param({"a.b": 1, "a": {"b": 2}}, "a.b", 1, id="the exact name comes first"),
        pytest.param({"realm_access": {"roles": ["x"]}}, "realm_access.roles", ["x"], id="a nested claim"),
        pytest.param(
            {"https://example.org/groups": []}, "https://example.org/groups", [], id="a URL as name"
        ),
        pytest.param({"a": "text"}, "a.b", None, id="a path through a text"),
        pytest.param({"a.b": None, "a": {"b": 2}}, "a.b", 2, id="one that is null gives way"),
        pytest.param({}, "a.b", None, id="nothing there"),
    ],
)
def test_claim_by_name_or_path_is_found(claims: dict[str, Any], name: str, found: object) -> None:
    """A claim is found by its exact name, else by a path of names with dots."""
    assert find_claim(claims, name) == found


@pytest.mark.parametrize(
    ("claim", "ident"),
    [
        pytest.param("E152435", "e152435", id="A to Z"),
        pytest.param("ØYVIND", "Øyvind", id="nothing beyond A to Z"),
        pytest.param("\u212aari", "\u212aari", id="a Kelvin sign"),
        pytest.param(" e1", " e1", id="blanks stay, to be refused"),
    ],
)
def test_ident_has_nothing_but_a_to_z_lowered(claim: str, ident: str) -> None:
    """Directories ignore the case of idents; whatever else was folded would make one person of two."""
    assert read_ident(claim, "sam") == ident


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(None, "the claim 'sam' is missing", id="missing"),
        pytest.param("", "the claim 'sam' is empty", id="empty"),
        pytest.param("  ", "the claim 'sam' is empty", id="blank"),
        pytest.param(7, "the claim 'sam' is not text", id="a number"),
        pytest.param(["e1"], "the claim 'sam' is not text", id="a list"),
    ],
)
def test_ident_that_is_unusable_is_refused(value: object, told: str) -> None:
    """A sign-in without a user name is refused with the name of the claim that should have had it."""
    refusal = read_ident(value, "sam")
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.BAD_IDENT
    assert refusal.status == 403
    assert told in refusal.message
