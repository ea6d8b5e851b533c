"""`GET /hub/api/knada/culling-policies`: after how long each running server is stopped for being idle."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jupyterhub.apihandlers.base import APIHandler
from tornado.web import HTTPError

from jupyterhub_knada.access.roles import CULLING_POLICIES_SCOPE
from jupyterhub_knada.culling.policy import IdlePolicy
from jupyterhub_knada.servers.plans import decide_idle_timeout
from jupyterhub_knada.teams.effective import effective_team

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.teams.snapshots import Snapshot


class CullingPoliciesHandler(APIHandler):
    """Answers from the spawners of the running servers and the live team files."""

    def get(self) -> None:
        """Write `{"servers": {"<user>/<server name>": {"team": slug, "idle_timeout": seconds or null}}}`.

        `null`: never. A server that is not in it has no known policy and is to be left alone.

        Raises:
            HTTPError: 403 without the scope.
        """
        # Not by the decorator `needs_scope`: it wants the scope defined when this module is imported, and
        # JupyterHub defines custom scopes after it has read the configuration.
        if not self.current_user or not self.has_scope(CULLING_POLICIES_SCOPE):  # type: ignore[no-untyped-call]
            raise HTTPError(403, f"Needs the scope {CULLING_POLICIES_SCOPE}")
        spawners = [spawner for user in self.users.values() for spawner in user.spawners.values()]
        policies = read_policies(spawner for spawner in spawners if spawner.active)
        self.finish(json.dumps({"servers": {name: policy.to_dict() for name, policy in policies.items()}}))  # type: ignore[no-untyped-call]


def read_policies(spawners: Iterable[Any]) -> dict[str, IdlePolicy]:
    """Give the policies of running servers, by `<user>/<server name>`; without those that have none.

    Args:
        spawners: KnadaSpawners; any other has no policy.
    """
    policies = {}
    for spawner in spawners:
        started = (spawner.get_state() or {}).get("knada")
        if isinstance(started, dict):
            policy = read_policy(started, spawner.registry.snapshot)
            if policy is not None:
                policies[f"{spawner.user.name}/{spawner.name}"] = policy
    return policies


def read_policy(started: dict[str, Any], snapshot: Snapshot) -> IdlePolicy | None:
    """Give the policy of one server: what its team's file says now, else what it was started with.

    Args:
        started: The spawner's own state, never `user_options`: `team`, and `idle_timeout` in seconds or
            `never`.
        snapshot: The live team files; the servers of a team that is in none keep the rule of their start.
    """
    team = started.get("team")
    loaded = snapshot.teams.get(team) if isinstance(team, str) else None
    timeout: object = started.get("idle_timeout")
    if loaded is not None and (platform := snapshot.platform) is not None:
        timeout = decide_idle_timeout(effective_team(platform, loaded), platform.platform.bounds).value
    if timeout == "never":
        return IdlePolicy(None, team)
    if isinstance(timeout, int | float) and timeout > 0:
        return IdlePolicy(timedelta(seconds=timeout), team)
    return None
