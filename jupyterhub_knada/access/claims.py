"""What an identity provider says about somebody, read without trusting its shape.

A claim that is absent is not a claim that is empty: the first is a gap in what we know and changes nothing,
the second says that the person is in no group. A claim that is there counts for what can be read of it, and
for nothing else: no value of it is ever put into a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.user_names import normalize_user_name

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class GroupClaim:
    """The groups that a sign-in came with."""

    groups: frozenset[str] | None
    """None: unknown."""
    gap: str = ""
    """What is not known, as a sentence for the log: why `groups` is None, or what was left out."""


def read_group_claim(claims: Mapping[str, Any], name: str) -> GroupClaim:
    """Read the groups of one person. Never raises.

    Args:
        claims: What the id token or the user info endpoint said, decoded.
        name: The claim; a name with dots that is no claim itself is followed into nested claims, as
            Keycloak's `realm_access.roles` asks for.

    Source: Entra ID leaves the claim out of a token for more than 200 groups and says so by `_claim_names`
    (or `hasgroups`, in the implicit flow):
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
    """
    value = _find(claims, name)
    if value is not _ABSENT:
        return read_groups(value, f"the claim {name!r}")
    pointed = claims.get("_claim_names")
    if claims.get("hasgroups") or (isinstance(pointed, Mapping) and name in pointed):
        return GroupClaim(
            None,
            f"the provider left the claim {name!r} out because the person is in too many groups;"
            " let the application's token carry only groups that are assigned to the application",
        )
    return GroupClaim(
        None, f"the sign-in has no claim {name!r}; let the provider put it into what the hub reads"
    )


def read_groups(value: object, what: str) -> GroupClaim:
    """Read a claim that is there: what cannot be read of it is no group. Never raises.

    A list of names; one name, as many providers send for one group; objects with an `id`, a `name` or both,
    which then count as two names of the group. Null is what some providers send for none.

    Args:
        value: The claim.
        what: What it is called in the log.
    """
    if isinstance(value, list | tuple | set | frozenset):
        entries: Iterable[object] = value
    else:
        entries = () if value is None else (value,)
    groups: set[str] = set()
    unread: set[str] = set()
    for entry in entries:
        found = _names_of(entry)
        if not found:
            unread.add(type(entry).__name__)
        groups |= {group for group in found if group.strip()}
    gap = f"{what} has entries that are no group (of type {', '.join(sorted(unread))}); they are left out"
    return GroupClaim(frozenset(groups), gap if unread else "")


def _names_of(entry: object) -> tuple[str, ...]:
    named = (entry.get("id"), entry.get("name")) if isinstance(entry, Mapping) else (entry,)
    return tuple(text for text in named if isinstance(text, str))


def read_ident(value: object, name: str) -> str | Refusal:
    """Read a user name, A-Z as a-z; a refusal where there is none. Never raises.

    Args:
        value: What the claim says; None where there is no such claim.
        name: The claim that carries the user name, for the message.
    """
    if isinstance(value, str) and value.strip():
        return normalize_user_name(value)
    wrong = "is missing" if value is None else "is empty" if isinstance(value, str) else "is not text"
    return Refusal(
        Code.BAD_IDENT,
        f"Your sign-in has no user name: the claim {name!r} {wrong}.",
        "Show this to the people who run this hub: the provider has to send the claim, "
        "or the hub's username_claim has to name another one.",
    )


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """Give a claim by its exact name, else by its dotted path; None where neither is there."""
    found = _find(claims, name)
    return None if found is _ABSENT else found


def _find(claims: Mapping[str, Any], name: str) -> Any:
    """Give a claim, `_ABSENT` where it is not there; one that is null gives way to another way to read it."""
    value: Any = claims
    for part in name.split("."):
        value = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
    exact = claims.get(name, _ABSENT)
    return value if exact is _ABSENT or (exact is None and value is not _ABSENT) else exact
