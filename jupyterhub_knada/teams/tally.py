"""How many problems of one file are found and shown: what a file costs is bounded before it is spent.

A file of 256 KiB, as a loop in a generator makes one, can be wrong in tens of thousands of places, and a
problem costs more than the value that it is about. Every step that judges a file counts what it finds, and
ends when nobody would read the rest: the file is refused by then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Severity, sort_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyterhub_knada.errors import Problem

MOST_SHOWN: Final = 200
"""Problems of one file that are shown."""
MOST_FOUND: Final = 1000
"""Problems of one file that are counted; a step that judges it ends after one more."""


@dataclass(slots=True)
class Tally:
    """What has been found in one file so far; pydantic's context while a model is judged."""

    found: int = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is judged."""
        return self.left == 0

    @property
    def left(self) -> int:
        """How many more are found."""
        return max(0, MOST_FOUND + 1 - self.found)


def tally_of(context: object) -> Tally:
    """Give the tally of a file that is judged, from pydantic's context; a new one where there is none."""
    return context if isinstance(context, Tally) else Tally()


def counted(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Give the problems that a step finds, until there are too many errors.

    Of warnings only the first are given, and the step goes on: a file is refused for an error behind them.
    """
    counts: Counter[Severity] = Counter()
    for problem in problems:
        counts[problem.severity] += 1
        if counts[problem.severity] <= MOST_FOUND + 1:
            yield problem
        if counts[Severity.ERROR] > MOST_FOUND:
            return


def kept_and_left_out(problems: Iterable[Problem]) -> tuple[tuple[Problem, ...], int]:
    """Give the first problems of one file, as many as are shown, and how many others there are.

    An error comes before a warning, which nobody has to correct; what is kept is in the order of the file.
    """
    found = sort_problems(problems)
    kept = sorted(found, key=_weight)[:MOST_SHOWN]  # This keeps the order of what weighs the same.
    return sort_problems(kept), len(found) - len(kept)


def shortened(
    problems: Iterable[Problem], left_out: Mapping[str, int] = MappingProxyType({})
) -> tuple[Problem, ...]:
    """Sort the problems of files; of a file with more than anybody reads give the first, and say so.

    Args:
        problems: of one or more files.
        left_out: how many more have been found, by file.
    """
    files: dict[str, list[Problem]] = defaultdict(list)
    for problem in sort_problems(problems):
        files[problem.file].append(problem)
    return tuple(p for file, found in files.items() for p in _first(found, left_out.get(file, 0)))


def _first(found: list[Problem], left_out: int) -> tuple[Problem, ...]:
    """Keep the first problems of one file, with a last one that has their number."""
    kept, more = kept_and_left_out(found)
    more += left_out
    if not more:
        return kept
    count = len(kept) + more
    is_counted = count <= MOST_FOUND
    last = replace(
        kept[-1],
        field="",
        message=f"too many problems in one file (got {count if is_counted else f'more than {MOST_FOUND}'})",
        rule=f"only the first {MOST_SHOWN} are shown",
        remedy=f"correct these first, then see {f'{more} more' if is_counted else 'the others'}",
        severity=min((problem.severity for problem in kept), key=_WEIGHTS.__getitem__),
    )
    return (*kept, last)


_WEIGHTS: Final = {Severity.ERROR: 0, Severity.WARNING: 1}


def _weight(problem: Problem) -> int:
    return _WEIGHTS[problem.severity]
