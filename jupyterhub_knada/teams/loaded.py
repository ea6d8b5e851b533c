"""What the loader gives: files that hold, files that do not, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jupyterhub_knada.errors import Severity

if TYPE_CHECKING:
    from datetime import date, datetime

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Fault
    from jupyterhub_knada.teams.model import PlatformFile, TeamFile
    from jupyterhub_knada.teams.positions import Positions


@dataclass(frozen=True, slots=True)
class LoadedTeam:
    """A team file that holds."""

    slug: str
    file: str
    """As messages name it: `teams/kyrre.yaml`."""
    team: TeamFile
    positions: Positions
    problems: tuple[Problem, ...]
    """Warnings only."""


@dataclass(frozen=True, slots=True)
class ClosedTeam:
    """A team file that does not hold."""

    slug: str
    file: str
    problems: tuple[Problem, ...]
    """At least one error, and its warnings."""
    users: frozenset[str] = frozenset()
    """Whom the file names under users and leads, as far as it can be read: to tell them the reason."""
    groups: frozenset[str] = frozenset()
    """Likewise, which groups it names."""
    since: datetime | None = None
    """UTC; None: not known."""

    @property
    def reason(self) -> str:
        """Why it is closed, for its people: `teams/kyrre.yaml has errors (line 3: Not a user name)`.

        The kind of the first error only: what the file says there need not be for everybody whom it names.
        """
        errors = [problem for problem in self.problems if problem.severity is Severity.ERROR]
        if not errors:
            return f"{self.file} has errors"
        first, more = errors[0], len(errors) - 1
        line = f"line {first.line}: " if first.file == self.file else ""
        return f"{self.file} has errors ({line}{first.code.title}{f', and {more} more' if more else ''})"

    def __str__(self) -> str:
        """Give a sentence: which team, since when and why."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return f"Team {self.slug} is closed{since}: {self.reason}."


@dataclass(frozen=True, slots=True)
class LoadedPlatform:
    """A platform file that holds, or the defaults where there is none."""

    file: str | None
    """As messages name it: `platform.yaml`; None where there is no such file."""
    platform: PlatformFile
    positions: Positions


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """Everything that one look at the files gave."""

    platform: LoadedPlatform | None
    """None: the platform file does not hold, and nothing may start."""
    teams: Mapping[str, LoadedTeam]
    """By slug, sorted."""
    closed: Mapping[str, ClosedTeam]
    """By slug, sorted. Every team is in exactly one of the two."""
    problems: tuple[Problem, ...]
    """Of all files, sorted: also of the platform file and of files that name no team."""

    @property
    def has_errors(self) -> bool:
        """Whether anything does not hold."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


OverrideChecker = Callable[[Mapping[str, object]], "Iterable[Fault]"]
"""Checks one `kubespawnerOverride`, given as plain dicts and lists; tells paths below it."""


class PlanFinding(Protocol):
    """Something that a plan makes of a file."""

    @property
    def file(self) -> str:
        """The team's file, or the platform's, as messages name it."""

    @property
    def fault(self) -> Fault:
        """With its path in the file."""

    @property
    def severity(self) -> Severity:
        """An error where no start can be what the file says."""


PlanChecker = Callable[[LoadedPlatform, LoadedTeam], "Iterable[PlanFinding]"]
"""Plans every profile of a team as far as its file can be read, and gives what is changed or refused."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a judgement of the files depends on beside the files."""

    today: date
    check_override: OverrideChecker | None = None
