"""What an identity provider says about somebody, read without trusting its shape.

A claim that is absent is not a claim that is empty: the first is a gap in what we know and changes nothing,
the second says that the person is in no group. No value of a claim is ever put into a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.user_names import normalize_user_name


@dataclass(frozen=True, slots=True)
class GroupClaim:
    """The groups that a sign-in came with."""

    groups: frozenset[str] | None
    """None: unknown."""
    gap: str = ""
    """Why the groups are unknown, as a sentence for the log; empty where they are known."""


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
    value = find_claim(claims, name)
    if value is None:
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
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        return GroupClaim(None, f"the claim {name!r} is not a list of names (got a {type(value).__name__})")
    if not all(isinstance(group, str) for group in value):
        return GroupClaim(None, f"the claim {name!r} has entries that are not text")
    return GroupClaim(frozenset(group for group in value if group.strip()))


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
    if claims.get(name) is not None:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
