"""Names of teams that a person cannot tell apart. Pure.

Two names look the same if they are equal once what cannot be seen is gone: case, blanks, signs without width,
marks of direction, the form of a letter (NFKC), and the script that a letter is taken from.
Source: Unicode UTS #39, "Confusable Detection"; of its tables only what looks like a Latin letter or a digit
in Cyrillic and Greek, as whole tables would make any two short names alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LATIN: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԌаеѕіјорсухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧανοριυκ",
    "ABESIJKMHOPCTYXGaesijopcyxhdqwABEZHIKMNOPTYXavopiuk",
)
_GLYPHS: Final = str.maketrans({"0": "O", "1": "l", "I": "l", "|": "l"})
_REVERSED: Final = re.compile("\u202e([^\u202c]*)\u202c?")
"""What stands behind a RIGHT-TO-LEFT OVERRIDE is shown backwards."""


def skeletons(name: str) -> frozenset[str]:
    """Give what a name has in common with those that look the same: one of these."""
    shown = _REVERSED.sub(lambda match: match[1][::-1], name)
    letters = unicodedata.normalize("NFKC", shown).translate(_LATIN)
    seen = "".join(sign for sign in letters if sign.isalnum() or unicodedata.category(sign)[0] in "MPS")
    if not seen:
        return frozenset()
    folded = unicodedata.normalize("NFKC", seen.casefold())
    return frozenset({folded, seen.translate(_GLYPHS).casefold()})


def find_lookalikes(names: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Find the teams of which a name looks like one of another.

    Args:
        names: Slug to what people see of the team: its display name and its slug.

    Returns:
        Slug to the slugs of such others, sorted; only of teams that have any.
    """
    slugs: dict[str, set[str]] = defaultdict(set)
    for slug, seen in names.items():
        for name in seen:
            for skeleton in skeletons(name):
                slugs[skeleton].add(slug)
    others: dict[str, set[str]] = defaultdict(set)
    for alike in slugs.values():
        for slug in alike if len(alike) > 1 else ():
            others[slug] |= alike - {slug}
    return {slug: tuple(sorted(found)) for slug, found in others.items()}
