"""The page of roles and scopes, from `jupyterhub_knada.access.roles`."""

from __future__ import annotations

from typing import Final

from docs.generator.markdown import literal, page, section, table
from jupyterhub_knada.access import roles
from jupyterhub_knada.access.roles import CUSTOM_SCOPES, HubRole

ROLES: Final = tuple(value for value in vars(roles).values() if isinstance(value, HubRole))


def render_roles() -> str:
    """Render each role with its scopes and their reasons, then the scopes of our own."""
    return page(
        "Roles and scopes",
        "What `configure()` adds to the hub's `load_roles` and `custom_scopes`.\n"
        "Each role has the scopes that its calls need and no other.",
        section(2, "Roles", *(_role(role) for role in ROLES)),
        section(
            2,
            "Scopes of this package",
            *(section(3, scope, description["description"]) for scope, description in CUSTOM_SCOPES.items()),
        ),
    )


def _role(role: HubRole) -> str:
    holders = ", ".join(literal(name) for name in role.services)
    rows = [[literal(granted.scope), granted.reason] for granted in role.granted]
    return section(
        3, role.name, f"{role.description}.\nGiven to the service {holders}.", table(["Scope", "Why"], rows)
    )
