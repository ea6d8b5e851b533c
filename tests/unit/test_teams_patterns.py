"""Regular expressions of team files: what is taken, and that none can stop the hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import Choice, OptionValue, parse_choice
from jupyterhub_knada.servers.preselection import preselect
from jupyterhub_knada.teams import patterns
from jupyterhub_knada.teams.patterns import (
    MATCH_SECONDS,
    MOST_WORK,
    MOST_WORK_OF_A_FILE,
    MatchDeadline,
    PatternError,
    compile_pattern,
    measure_pattern,
)
from tests.support.offers import make_offer, make_profile, make_team
from tests.support.team_files import load_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path

TRAPS = [
    pytest.param(
        r"ghcr\.io/example/([a-z]+/?)+:[0-9]+", "ghcr.io/example/" + "a" * 200 + "!:1", id="optional divider"
    ),
    pytest.param("(a+)+b", "a" * 200, id="repeat of a repeat"),
    pytest.param("(a|a)*b", "a" * 200, id="two ways to one letter"),
    pytest.param("reg/(a|aa)+:1", "reg/" + "a" * 200 + "!:1", id="overlapping choices"),
    pytest.param(r"(?:\w+\s?)*!", "word " * 60, id="words"),
]


def check(pattern: str) -> None:
    """Do what is done with a pattern when its file is read."""
    measure_pattern(pattern)
    compile_pattern(pattern)


@pytest.mark.parametrize(("pattern", "text"), TRAPS)
def test_pattern_that_would_take_for_ever_is_given_up_or_decided(pattern: str, text: str) -> None:
    """Whether the engine sees through the trap or not, the hub goes on; `re` would need years."""
    check(pattern)
    try:
        decided = MatchDeadline().matches(pattern, text)
    except TimeoutError:
        return
    assert decided is False


def test_pattern_that_the_engine_does_not_see_through_is_given_up() -> None:
    """What is told to the caller is that nothing was decided, not that the text is wrong."""
    with pytest.raises(TimeoutError):
        MatchDeadline().matches("reg/(a|aa)+:1", "reg/" + "a" * 200 + "!:1")


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
        pytest.param("(?f)straße", id="a flag of the other engine"),
        pytest.param("(?:abc){e<=1}", id="nearly the same text"),
        pytest.param("[[:alpha:](]", id="a class of the other engine"),
        pytest.param("(*FAIL)", id="a verb"),
        pytest.param("(?|a|b)", id="a branch reset"),
    ],
)
def test_pattern_that_cannot_be_matched_with_is_refused(pattern: str) -> None:
    """What is refused when the file is read is never met when somebody starts a server."""
    with pytest.raises(PatternError):
        check(pattern)


def _filled(unit: str, length: int) -> str:
    return unit * (length // len(unit))


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(f"(?:{_filled('a?', 900)}){{20000}}", id="22 seconds and 3.5 GB"),
        pytest.param(f"(?:{_filled('(a)', 900)}){{20000}}", id="groups"),
        pytest.param(f"(?:{_filled('[a-c]', 900)}){{20000}}", id="classes"),
        pytest.param("(?:(?:a{150}){150})", id="counts in counts"),
        pytest.param("(?x)(?:(?:a{60}) # )\n {60}) {60}", id="behind comments"),
        pytest.param("(?#[)(?:(?:a{60}){60}){60}(?#])", id="between brackets that are comments"),
        pytest.param(f"(?:{'a' * 700}(?#x){{30}})", id="behind a comment in brackets"),
    ],
)
def test_pattern_that_takes_long_to_compile_is_refused_before_anything_compiles_it(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule on length and repeats, not a clock; Python's own engine is asked of no pattern of a file."""
    monkeypatch.setattr(regex, "compile", lambda *_: pytest.fail("compiled"))
    with pytest.raises(PatternError, match="length times its repeat counts is more than 20000"):
        measure_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"ghcr\.io/example/[a-z0-9/-]+@sha256:[0-9a-f]{64}",
        r"([0-9]{1,3}\.){3}[0-9]{1,3}",
        r"(?i)(?P<name>[\w.-]+)\Z",
        r"\N{DIGIT ONE}\x41\u00e5(?:a|b)(?=c)c|a{,3}b++",
    ],
)
def test_pattern_as_people_write_them_is_taken(pattern: str) -> None:
    """Digests, identifiers and addresses are far from the bound."""
    check(pattern)


_ATOMS = st.sampled_from([("a", 1), ("[ab]", 4), ("a?", 2), (r"\d", 2), ("(?:b)", 5)])


@st.composite
def _nested(draw: st.DrawFn, depth: int = 3) -> tuple[str, int]:
    """Draw a pattern, and how many characters it has with its repeats written out."""
    parts = [draw(_nested(depth=depth - 1)) if depth and draw(st.booleans()) else draw(_ATOMS)]
    parts += draw(st.lists(_ATOMS, max_size=3))
    text, size = "".join(part for part, _ in parts), sum(size for _, size in parts)
    count = draw(st.integers(1, 12))
    return (f"(?:{text}){{{count}}}", count * size) if count > 1 else (text, size)


@given(_nested())
def test_measure_of_a_pattern_is_never_less_than_what_is_written_out(drawn: tuple[str, int]) -> None:
    """However repeats stand in each other; what is too much for the bound is refused."""
    pattern, written_out = drawn
    try:
        assert measure_pattern(pattern) >= written_out
    except PatternError:
        assert len(pattern) * written_out > MOST_WORK


def test_large_classes_of_one_file_are_compiled_once_each_and_within_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """36 KB of them took 17 seconds; Python's own engine, which is slow at them, is not asked."""
    compiled: list[str] = []
    by_python: list[str] = []
    monkeypatch.setattr("jupyterhub_knada.teams.pattern_checks.compile_pattern", compiled.append)
    compile_by_python = re.compile

    def compile_and_note(pattern: Any, *flags: Any) -> re.Pattern[str]:
        by_python.append(str(pattern))
        return compile_by_python(pattern, *flags)

    monkeypatch.setattr(re, "compile", compile_and_note)
    options = "\n".join(
        f"      o{number}: {{unlistedChoice: {{enabled: true, validationRegex: '(?i){number:03}"
        f"{_filled('[a-z]', 900)}'}}}}\n"
        f"      p{number}: {{unlistedChoice: {{enabled: true, validationRegex: 'the same'}}}}"
        for number in range(24)
    )
    profiles = "".join(
        f"  - displayName: P{index}\n    options:\n{options.replace('(?i)', f'(?i){index}')}\n"
        for index in range(5)
    )
    text = f"namespace: team-alfa\nusers: [e152435]\nprofiles:\n{profiles}"
    loaded = load_folder(write_files(tmp_path, "project: knada-gcp\n", alfa=text))
    assert [pattern for pattern in by_python if "(?i)" in pattern] == []
    assert len(compiled) == len(set(compiled))
    assert sum(map(len, compiled)) <= MOST_WORK_OF_A_FILE
    (problem,) = [problem for problem in loaded.problems if problem.code is Code.BAD_REGEX]
    assert "at most 100000 together" in problem.rule


@given(
    pattern=st.lists(
        st.sampled_from(["a", "b", ".", "[ab]", "(?:ab)", "a*", "b?", r"\w", "|", "^", "$"])
    ).map("".join),
    text=st.text(alphabet="ab\n", max_size=6),
)
def test_pattern_matches_what_python_matches(pattern: str, text: str) -> None:
    """A pattern means what Python's documentation says, from end to end of the text."""
    check(pattern)
    assert MatchDeadline(left=60).matches(pattern, text) == (re.fullmatch(pattern, text) is not None)


class _SlowEngine:
    """Stands in for `regex` and the clock: each match takes all the time that it is given."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timeouts: list[float] = []

    def compile(self, *_: Any) -> _SlowEngine:
        """Give what matches."""
        return self

    def fullmatch(self, _: str, timeout: float) -> None:
        """Run into the timeout."""
        self.timeouts.append(timeout)
        self.now += timeout
        raise TimeoutError


MANY = {
    f"o{number}": {
        "unlistedChoice": {"enabled": "true", "validationRegex": f"(a|aa)+:{number}"},
        "choices": {"default": {}},
    }
    for number in range(50)
}
OWN_TEXTS = {name: OptionValue("a" * 200, is_unlisted=True) for name in MANY}


@pytest.fixture(name="engine")
def _slow_engine(monkeypatch: pytest.MonkeyPatch) -> _SlowEngine:
    engine = _SlowEngine()
    monkeypatch.setattr(regex, "compile", engine.compile)
    monkeypatch.setattr(patterns, "thread_time", lambda: engine.now)
    return engine


def test_choice_of_many_own_texts_has_one_deadline_for_all(engine: _SlowEngine) -> None:
    """Fifty options of a saved choice: all their patterns together get what one would."""
    offer = make_offer(make_team("alfa", make_profile("own", options=MANY)))
    choice = parse_choice(None, offer, Choice("alfa", "own", OWN_TEXTS))
    assert isinstance(choice, Choice)
    assert choice.options == {}
    assert len(choice.notices) == len(MANY)
    assert engine.timeouts == [MATCH_SECONDS]


def test_named_own_text_whose_comparison_takes_too_long_is_refused(engine: _SlowEngine) -> None:
    """The first that cannot be decided ends the decision."""
    offer = make_offer(make_team("alfa", make_profile("own", options=MANY)))
    refusal = parse_choice({f"{name}--unlisted-choice": "a" * 200 for name in MANY}, offer)
    assert isinstance(refusal, Refusal)
    assert "takes too long" in refusal.message
    assert engine.timeouts == [MATCH_SECONDS]


def test_page_compares_nothing_and_shows_the_texts_of_the_last_start(engine: _SlowEngine) -> None:
    """What was written the last time stands in its field; a start with it is what compares it."""
    offer = make_offer(make_team("alfa", make_profile("own", options=MANY)))
    last = Choice("alfa", "own", OWN_TEXTS)
    link = {"team": "alfa", **{f"{name}--unlisted-choice": "a" * 200 for name in MANY}}
    for named in ({}, link):
        choice = preselect(named, offer, last).choice
        assert choice is not None
        assert choice.options == OWN_TEXTS
    assert engine.timeouts == []
