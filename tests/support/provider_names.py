"""User names that real providers give to real people, as the hub has them."""

from __future__ import annotations

from typing import Final

PROVIDER_NAMES: Final = (
    "o'neil@example.org",
    "anna_gmail.com#ext#@example.onmicrosoft.com",
    "_service@example.org",
    "firstname.middlename.lastname-hyphenated.long@department.subdivision.example.org",
    "a:b",
    "øyvind@example.org",
    "ß@example.org",
    "x" * 255,
)
"""An apostrophe and `#EXT#` are in Entra's own names; a user principal name has up to 113 characters."""
