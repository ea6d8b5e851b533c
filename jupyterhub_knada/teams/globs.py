"""Patterns in which `*` stands for any text, as a platform's bounds have them for images and keys. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def matches_any(globs: Iterable[str], *texts: str) -> bool:
    """Tell whether one of the patterns matches one of the texts from end to end.

    Before the first slash `*` stops at a slash, so that `*.example.org/*` is not matched by
    `evil.test/x.example.org/y`; `*` alone matches everything.
    """
    return any(_compiled(glob).fullmatch(text) for glob in globs for text in texts)


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    if glob == "*":
        return re.compile(r".*")
    domain, slash, rest = glob.partition("/")
    parts = (re.escape(domain).replace(r"\*", "[^/]*"), slash, re.escape(rest).replace(r"\*", ".*"))
    return re.compile("".join(parts))
