"""What a file says and a server gets otherwise: lowered, capped or left out. Pure.

A start follows the plan, which keeps the bounds whatever a file says; `check` reports to the file's author.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.teams.effective import Sourced
    from jupyterhub_knada.teams.levels import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One value that a server does not get as its file says it."""

    file: str
    """As messages name it."""
    fault: Fault
    """With the whole path in the file."""
    severity: Severity = Severity.WARNING


def adjust(place: Place | None, fault: Fault, severity: Severity = Severity.WARNING) -> list[Adjustment]:
    """Give the adjustment of what a file says; nothing for what no file says."""
    return [] if place is None else [Adjustment(place.file, fault.below(place.path), severity)]


def over_bound(
    said: Sourced[int], most: int, show: Callable[[int], str], key: str, *, as_limit: bool = False
) -> list[Adjustment]:
    """Say that a size is lowered to a bound.

    Args:
        said: The size before that.
        most: The bound.
        show: Writes a size for people.
        key: The bound's key, below `bounds`.
        as_limit: Whether it is a guarantee that stands in for the limit that nothing says.
    """
    rule = f"a server has at most {show(most)} (bounds.{key} of the platform)"
    if as_limit:
        rule = f"nothing says a limit, so that the guarantee is it, and {rule}"
    fault = Fault(
        Code.OVER_BOUND, f"over the bound {got(show(said.value))}", rule, f"write at most {show(most)!r}"
    )
    return adjust(said.place, fault)


def above_limit(
    said: Sourced[int],
    limit: Sourced[int],
    show: Callable[[int], str],
    what: str,
    severity: Severity = Severity.WARNING,
) -> list[Adjustment]:
    """Say that a size is lowered to the limit that the server has; `what` names the limit."""
    message = f"above the {what} {got(show(said.value))}"
    rule = f"the {what} is {show(limit.value)} ({limit.source})"
    fault = Fault(Code.OUT_OF_RANGE, message, rule, "lower this or raise the other")
    return adjust(said.place, fault, severity)
