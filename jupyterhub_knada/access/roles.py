"""The roles and scopes that `configure()` adds to the hub, each scope with its reason.

The reference pages are made from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CULLER_SERVICE = "knada-culler"
"""Name of the managed service, and of its role."""

CULLING_POLICIES_SCOPE = "custom:knada:read:culling-policies"

CUSTOM_SCOPES: dict[str, dict[str, Any]] = {
    CULLING_POLICIES_SCOPE: {
        "description": "Read after how long each running server is stopped for being idle.",
    },
}
"""For `JupyterHub.custom_scopes`."""


@dataclass(frozen=True, slots=True)
class GrantedScope:
    """One scope of one role."""

    scope: str
    reason: str
    """Which call needs it."""


@dataclass(frozen=True, slots=True)
class HubRole:
    """A role that this package gives to a service of its own."""

    name: str
    description: str
    services: tuple[str, ...]
    granted: tuple[GrantedScope, ...]

    def to_load_role(self) -> dict[str, Any]:
        """Give an entry of `JupyterHub.load_roles`."""
        return {
            "name": self.name,
            "description": self.description,
            "services": list(self.services),
            "scopes": [granted.scope for granted in self.granted],
        }


CULLER_ROLE = HubRole(
    name=CULLER_SERVICE,
    description="Stops idle servers by each team's own timeout",
    services=(CULLER_SERVICE,),
    granted=(
        GrantedScope("list:users", "`GET /users` finds the running servers"),
        GrantedScope("read:users:activity", "it shows when a person was last seen"),
        GrantedScope("read:servers", "it shows when a server was started and last used"),
        GrantedScope("delete:servers", "`DELETE /users/:name/server` stops a server; it cannot start one"),
        GrantedScope(CULLING_POLICIES_SCOPE, "`GET /knada/culling-policies` gives each server's timeout"),
    ),
)
