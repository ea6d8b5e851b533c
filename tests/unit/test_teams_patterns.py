"""Regular expressions of team files: what is taken, and that none can stop the hub."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.teams.patterns import PatternError, check_pattern, matches

TRAPS = [
    pytest.param(
        r"ghcr\.io/example/([a-z]+/?)+:[0-9]+", "ghcr.io/example/" + "a" * 200 + "!:1", id="optional divider"
    ),
    pytest.param("(a+)+b", "a" * 200, id="repeat of a repeat"),
    pytest.param("(a|a)*b", "a" * 200, id="two ways to one letter"),
    pytest.param("reg/(a|aa)+:1", "reg/" + "a" * 200 + "!:1", id="overlapping choices"),
    pytest.param(r"(?:\w+\s?)*!", "word " * 60, id="words"),
]


@pytest.mark.parametrize(("pattern", "text"), TRAPS)
def test_pattern_that_would_take_for_ever_is_given_up_or_decided(pattern: str, text: str) -> None:
    """Whether the engine sees through the trap or not, the hub goes on; `re` would need years."""
    check_pattern(pattern)
    try:
        decided = matches(pattern, text)
    except TimeoutError:
        return
    assert decided is False


def test_pattern_that_the_engine_does_not_see_through_is_given_up() -> None:
    """What is told to the caller is that nothing was decided, not that the text is wrong."""
    with pytest.raises(TimeoutError):
        matches("reg/(a|aa)+:1", "reg/" + "a" * 200 + "!:1")


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("(a", id="no expression"),
        pytest.param("a{99999999999}", id="a count past all bounds"),
        pytest.param("(?:(?:a{100}){100}){1000}", id="counts of counts"),
        pytest.param("(" * 400 + ")" * 400, id="deeper than can be read"),
        pytest.param(r"\p{L}", id="only the other engine knows it"),
        pytest.param("(?R)", id="a call of itself"),
        pytest.param(r"\L<names>", id="a list that nobody gives"),
    ],
)
def test_pattern_that_cannot_be_matched_with_is_refused(pattern: str) -> None:
    """What is refused when the file is read is never met when somebody starts a server."""
    with pytest.raises(PatternError):
        check_pattern(pattern)


@given(
    pattern=st.lists(
        st.sampled_from(["a", "b", ".", "[ab]", "(?:ab)", "a*", "b?", r"\w", "|", "^", "$"])
    ).map("".join),
    text=st.text(alphabet="ab\n", max_size=6),
)
def test_pattern_matches_what_python_matches(pattern: str, text: str) -> None:
    """A pattern means what Python's documentation says, from end to end of the text."""
    assert matches(pattern, text) == (re.fullmatch(pattern, text) is not None)
