"""The DNS label of a person's servers of one team."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyterhub.utils import subdomain_hook_idna

from jupyterhub_knada.servers.origins import host_label

NAMES = st.one_of(
    st.text(alphabet="ab1-", min_size=1, max_size=6),
    st.sampled_from(["xn", "u-x", "service", "anna", "a--b", "anna--service", "h-x--x", "ø", "x" * 60]),
    st.text(min_size=1, max_size=80),
)
TEAMS = st.one_of(
    st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z"),
    st.text(alphabet="ab1-", min_size=1, max_size=6),
    st.just("service"),
)


@pytest.mark.parametrize(
    ("user", "team", "label"),
    [
        ("anna", "pensjon-9b2e", "anna--pensjon-9b2e"),
        ("e152435", "kyrre", "e152435--kyrre"),
        ("a-b", "c", "a-b--c"),
        ("a", "b", "a--b"),
    ],
)
def test_host_label_of_plain_names_is_both_names(user: str, team: str, label: str) -> None:
    """What a DNS label may hold is readable in it."""
    assert host_label(user, team) == label


@pytest.mark.parametrize(
    ("user", "team"),
    [
        ("anna@example.org", "pensjon"),
        ("anna_b", "pensjon"),
        ("øyvind", "pensjon"),
        ("Anna", "pensjon"),
        ("o'neil", "pensjon"),
        ("a" * 64, "pensjon"),
        ("anna", "p" * 63),
        ("a--b", "c"),
        ("a", "b--c"),
        ("xn", "abc"),
        ("ab", "c"),
        ("u-anna", "abc1234"),
        ("anna", "service"),
        ("-anna", "pensjon"),
        ("\N{KATAKANA LETTER A}", "pensjon"),
        ("\ud800", "pensjon"),
        ("", "pensjon"),
    ],
    ids=repr,
)
def test_host_label_of_other_names_is_made_of_a_digest(user: str, team: str) -> None:
    """A name that is no part of a DNS label, or could be read in two ways, becomes a digest behind hints."""
    label = host_label(user, team)
    assert re.fullmatch(r"h-[a-z0-9]{1,14}--[a-z0-9]{1,14}--[a-z2-7]{26}", label)
    assert len(label) <= 63


def test_host_label_keeps_names_apart_that_differ_in_case_only() -> None:
    """DNS knows no case, JupyterHub does."""
    assert len({host_label(name, "pensjon").lower() for name in ("anna", "Anna", "ANNA")}) == 3


@given(NAMES, TEAMS, NAMES, TEAMS)
def test_host_label_is_never_shared(user: str, team: str, other: str, other_team: str) -> None:
    """Two different pairs of person and team have different labels."""
    assert (host_label(user, team) == host_label(other, other_team)) == ((user, team) == (other, other_team))


@given(NAMES, TEAMS, NAMES.filter(str.isprintable))
def test_host_label_is_a_dns_label_of_nobody_else(user: str, team: str, other: str) -> None:
    """It is a DNS label that no registry reserves, and none that JupyterHub gives to a person or service."""
    label = host_label(user, team)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label)
    assert len(label) <= 63
    assert label[2:4] != "--"
    for kind in ("user", "service"):
        assert subdomain_hook_idna(other, "hub", kind) != f"{label}.hub"  # type: ignore[no-untyped-call]
