"""Regular expressions of team files: compiled and matched with a bound on what they cost.

Python's own `re` cannot be stopped, and a hub serves everybody from one thread: a pattern such as
`([a-z]+/?)+:` would stop it for days over one text, and 1,000 characters of large character classes take it
two seconds to compile. `regex` takes the same patterns, compiles them within what their length bounds, and
has a timeout. What only `regex` knows is refused here: a pattern means what Python's documentation says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod
from time import thread_time
from typing import Final

import regex

MATCH_SECONDS: Final = 0.05
"""How long the hub may stand still for all patterns of one decision; without a trap it is microseconds."""
MOST_WORK: Final = 20_000
"""Characters of a pattern with its repeats written out, as `regex` does while it compiles.

Measured for the worst that is known, `(?:a?a?…){20}`: a microsecond and 200 bytes for each.
"""
MOST_WORK_OF_A_FILE: Final = 100_000
"""The same of all patterns of one file together, each counted once."""

_TOKEN: Final = re.compile(
    r"\\N\{[^}]*\}"
    r"|\\(?P<escape>.)"
    r"|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|\(\?(?:P[<=]|<[=!]|[:=!>(#]|[aiLmsux]*(?:-[imsx]+)?[:)])"
    r"|(?P<foreign>\(\?|\(\*)"
    r"|\{[0-9]*,?[0-9]*\}"
    r"|(?P<brace>\{)",
    re.DOTALL,
)
"""What may be another thing to `regex` than to Python's `re`, each beside what both read alike."""
_ESCAPES: Final = frozenset("AabBdDfnrsStuUvwWxZ0123456789")
"""What may stand behind a backslash of letters and digits. Source: Python, "Regular Expression Syntax"."""
_LEAST: Final = re.compile(r"(?P<before>^|.)\{(?P<least>[0-9]+)", re.DOTALL)
_COMMENTS: Final = re.compile(r"\(\?(?:#|[a-zA-Z]*x)")
"""What makes room for comments between a group and its repeat."""


class PatternError(ValueError):
    """Raised for a text that is no regular expression, or one that cannot be compiled within reason."""


def measure_pattern(pattern: str) -> int:
    """Give how many characters a pattern has with its repeats written out, or more; compiles nothing.

    Repeats of groups can stand in each other, so they multiply; of the others only the largest counts, for
    the whole length. They are counted wherever they stand, also where they are no repeats.

    Raises:
        PatternError: it has what only `regex` knows, or makes more than `MOST_WORK`.
    """
    foreign = next((token[0] for token in _TOKEN.finditer(pattern) if _is_foreign(token)), None)
    if foreign is not None:
        message = f"Python's 're' does not know {foreign!r}; write '\\' before a sign that is meant as one"
        raise PatternError(message)
    of_groups, of_others = [1], [1]
    all_multiply = _COMMENTS.search(pattern) is not None
    for found in _LEAST.finditer(pattern):
        multiplies = all_multiply or found["before"] in (")", "}")
        (of_groups if multiplies else of_others).append(max(1, int(found["least"])))
    work = len(pattern) * max(of_others) * prod(of_groups)
    if work > MOST_WORK:
        message = (
            f"its length times its repeat counts is more than {MOST_WORK}, and cannot be prepared in time"
        )
        raise PatternError(message)
    return work


def _is_foreign(token: re.Match[str]) -> bool:
    """Tell whether a part of a pattern is what only `regex` gives a meaning to, or another one than `re`."""
    escape, set_ = token["escape"], token["set"]
    if escape is not None and escape.isascii() and escape.isalnum():
        return escape not in _ESCAPES
    return token["foreign"] is not None or token["brace"] is not None or (set_ is not None and "[:" in set_)


def compile_pattern(pattern: str) -> None:
    """Compile a pattern that was measured; `regex` keeps the last few hundred.

    Raises:
        PatternError: it is none.
    """
    try:
        regex.compile(pattern, regex.VERSION0)
    except (regex.error, OverflowError, RecursionError) as error:
        raise PatternError(f"Python says: {error}") from None


@dataclass(slots=True)
class MatchDeadline:
    """What is left of `MATCH_SECONDS` for one decision, over however many patterns it goes."""

    left: float = field(default=MATCH_SECONDS)
    """Seconds of this thread's CPU, as `regex` counts its timeout: a busy machine refuses nobody's text."""

    def matches(self, pattern: str, text: str) -> bool:
        """Tell whether a checked pattern matches a text from end to end.

        `re.match`, which KubeSpawner uses, lets pass what stands behind a newline.

        Raises:
            TimeoutError: it was not decided in the time that is left, or there is none.
        """
        if self.left <= 0:
            raise TimeoutError("no time is left for this decision")
        begun = thread_time()
        try:
            compiled = regex.compile(pattern, regex.VERSION0)
            left = self.left - (thread_time() - begun)
            # `regex` takes a timeout below 0 as none.
            return compiled.fullmatch(text, timeout=max(left, 0)) is not None
        finally:
            self.left -= thread_time() - begun
