"""What Kubernetes words otherwise in its oldest supported version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NEWEST, OLDEST = 36, 32
"""The minor versions that the expectations were taken from."""


@dataclass(frozen=True)
class Wording:
    """A text, or a number, that is not the same in every version."""

    newest: Any
    oldest: Any


def said_by(minor: int, expected: Any) -> tuple[Any, ...]:
    """Give what a version may say; one between the two that are known may speak as either."""
    if not isinstance(expected, Wording) or minor >= NEWEST:
        return (expected.newest if isinstance(expected, Wording) else expected,)
    return (expected.oldest,) if minor <= OLDEST else (expected.newest, expected.oldest)
