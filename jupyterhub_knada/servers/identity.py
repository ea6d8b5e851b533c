"""What makes a server its team's: variables, labels and annotations that nothing overrides.

The egress webhook, the hub's network policy, costs and statistics select pods by these. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_knada.servers.homes import TEAM_KEY, USER_KEY, label_value
from jupyterhub_knada.teams.names import reserved_variable

if TYPE_CHECKING:
    from jupyterhub_knada.servers.plan_inputs import UserFacts
    from jupyterhub_knada.teams.effective import EffectiveTeam

SECRET_VARIABLE: Final = "KNADA_TEAM_SECRET"  # noqa: S105 - a variable's name
"""Holds the resource name of the team's secret, never the secret."""
ALLOWLIST_ANNOTATION: Final = "allowlist"
"""Hosts and ports, joined by commas: what the egress webhook opens for the pod."""


def decide_env(team: EffectiveTeam) -> dict[str, str]:
    """Give the team's variables and the name of its secret, exactly as a server gets them."""
    env = {name: variable.value for name, variable in team.env.items() if not reserved_variable(name)}
    return env if team.secret_name is None else {**env, SECRET_VARIABLE: team.secret_name}


def decide_labels(team: EffectiveTeam, user: UserFacts) -> dict[str, str]:
    """Give the labels that egress, hub network policy, costs and statistics select pods by."""
    return {
        "app": "jupyterhub",
        "component": "singleuser-server",
        "team": team.id,
        "hub.jupyter.org/username": user.label or user.name,
        "hub.jupyter.org/network-access-hub": "true",
        TEAM_KEY: team.id,
        USER_KEY: label_value(user.name),
    }


def decide_annotations(team: EffectiveTeam, user: UserFacts) -> dict[str, str]:
    """Give the annotations: whose server it is, exactly, and what the egress webhook opens for it."""
    names = {TEAM_KEY: team.id, USER_KEY: user.name}
    allowlist = team.allowlist.value if team.allowlist is not None else ()
    return {**names, ALLOWLIST_ANNOTATION: ",".join(allowlist)} if allowlist else names


def sources_of_team(team: EffectiveTeam) -> dict[str, str]:
    """Give the sources of what a plan takes from the team as it is."""
    sources = {name: team.sources[name] for name in ("namespace", "service_account") if name in team.sources}
    for name, values in (
        ("env", team.env),
        ("labels", team.labels),
        ("annotations", team.annotations),
        ("node_selector", team.node_selector),
    ):
        sources |= {f"{name}.{key}": value.source for key, value in values.items()}
    if team.secret_name is not None and "secret_name" in team.sources:
        sources[f"env.{SECRET_VARIABLE}"] = team.sources["secret_name"]
    for name, value in (
        ("annotations.allowlist", team.allowlist),
        ("image_pull_secrets", team.image_pull_secrets),
        ("tolerations", team.tolerations),
    ):
        if value is not None:
            sources[name] = value.source
    return sources
