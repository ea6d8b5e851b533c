"""The roles and scopes that the package adds to a hub."""

from __future__ import annotations

from jupyterhub.scopes import _expand_scope, scope_definitions

from jupyterhub_knada.access.roles import CULLER_ROLE, CULLING_POLICIES_SCOPE, CUSTOM_SCOPES


def test_culler_role_holds_nothing_but_what_a_pass_needs() -> None:
    """The culler may list users, read activity and servers and stop servers: a new scope is a decision."""
    assert CULLER_ROLE.to_load_role() == {
        "name": "knada-culler",
        "description": "Stops idle servers by each team's own timeout",
        "services": ["knada-culler"],
        "scopes": [
            "list:users",
            "read:users:activity",
            "read:servers",
            "delete:servers",
            "custom:knada:read:culling-policies",
        ],
    }


def test_culler_role_expands_to_no_start_no_token_no_state() -> None:
    """What JupyterHub makes of these scopes starts and opens no server and reads no state or tokens."""
    scopes = [granted.scope for granted in CULLER_ROLE.granted if granted.scope in scope_definitions]
    expanded = set().union(*(_expand_scope(scope) for scope in scopes))
    assert expanded == {
        "list:users",
        "read:users:name",
        "read:users:activity",
        "read:servers",
        "delete:servers",
    }


def test_every_granted_scope_says_what_it_is_for() -> None:
    """The table is the documentation: each scope has a reason, each custom scope a description."""
    assert all(granted.reason for granted in CULLER_ROLE.granted)
    assert CUSTOM_SCOPES[CULLING_POLICIES_SCOPE]["description"]
