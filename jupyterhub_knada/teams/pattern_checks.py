"""The regular expressions of one file: compiled once each, all together within a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.patterns import (
    MOST_WORK_OF_A_FILE,
    PatternError,
    compile_pattern,
    measure_pattern,
)
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.model import Profile


def check_patterns(view: FileView[Any]) -> Iterator[Problem]:
    """Compile every `validationRegex` of a file, as long as all of them are not too much."""
    if view.part is None:
        return
    seen: set[str] = set()
    work = 0
    for path, pattern in _patterns(view.part.profiles):
        if pattern in seen:
            continue
        seen.add(pattern)
        work += measure_pattern(pattern)
        if work > MOST_WORK_OF_A_FILE:
            rule = f"lengths times repeat counts of one file are at most {MOST_WORK_OF_A_FILE} together"
            message = f"one regular expression too many {got(pattern)}"
            yield view.tell(
                Fault(Code.BAD_REGEX, message, rule, "shorten them, or use one for several", path)
            )
            return
        try:
            compile_pattern(pattern)
        except PatternError as error:
            message = f"not a regular expression {got(pattern)}"
            yield view.tell(Fault(Code.BAD_REGEX, message, str(error), "correct it", path))


def _patterns(profiles: Iterable[Profile]) -> Iterator[tuple[Path, str]]:
    for index, profile in enumerate(profiles):
        for name, option in profile.options.items():
            unlisted = option.unlisted_choice
            if unlisted is not None and unlisted.validation_regex:
                path = ("profiles", index, "options", name, "unlistedChoice", "validationRegex")
                yield path, unlisted.validation_regex
