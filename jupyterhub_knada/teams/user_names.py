"""User names: what can be one, and when two of them are one person.

A-Z become a-z, as directories ignore the case of idents, and nothing else is folded or stripped: Unicode's
own folding makes one name of two (the Kelvin sign becomes `k`), and so does taking blanks away.
"""

from __future__ import annotations

import re
import string
from typing import Final
from urllib.parse import unquote

LONGEST_BYTES: Final = 255
"""Of UTF-8. Source: JupyterHub 5.3-6.1 orm.py `User.name`, `Unicode(255)`; no character has less than one."""

LISTABLE: Final = r"[^\sA-Z,;*/]+"
"""What can stand in a team file: a name with a blank or one of these is more often a slip than a person."""

_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalize_user_name(name: str) -> str:
    """Give the name under which the hub knows somebody: A-Z as a-z, all else as it is."""
    return name.translate(_LOWER)


def find_user_name_fault(name: str) -> str | None:
    """Say what keeps a text from being a user name, as the end of a sentence; None where it can be one.

    Not printable are control characters, halves of a surrogate, zero-width characters, changes of direction
    and every blank but the space; such a name could not be told from another one.
    """
    if not name.strip():
        return "is empty"
    if not name.isprintable():
        return "has characters that cannot be printed"
    if len(name.encode()) > LONGEST_BYTES:
        return f"is longer than {LONGEST_BYTES} bytes"
    if name != name.strip():
        return "begins or ends with a blank"
    if set(unquote(name)) == {"."}:
        return "is made of points only"
    return "has a slash" if "/" in name else None


def is_listable(name: str) -> bool:
    """Say whether a text can be listed in a team file: a user name, as the hub knows it."""
    return find_user_name_fault(name) is None and re.fullmatch(LISTABLE, name) is not None
