"""The culler as a managed service of a real hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.real_hub import RealHub, running_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CULLER_TOKEN = "not-a-real-culler-token"

# What configure() adds, around a spawner that needs no cluster.
CONFIG = f"""
from jupyterhub_knada import hub_config

teams = "teams"
c.JupyterHub.authenticator_class = "knada-demo"
c.KnadaDemoAuthenticator.user_password = "not-a-real-password"
c.KnadaAuthenticator.teams_dir = c.QuietSpawner.teams_dir = teams
c.JupyterHub.spawner_class = "tests.support.hub_parts.QuietSpawner"
hub_config._add_endpoints(c)
hub_config._add_culler(c)
c.JupyterHub.services[-1]["environment"]["KNADA_CULL_EVERY"] = "1"
c.JupyterHub.services[-1]["api_token"] = "{CULLER_TOKEN}"
"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHub]:
    """A hub with the culler and two teams, one of which allows two idle seconds and one an hour."""
    folder = tmp_path_factory.mktemp("hub")
    teams = folder / "teams"
    teams.mkdir()
    (teams / "long.yaml").write_text("namespace: long\nusers: [lea, ola]\nculling: {idleTimeout: 1h}\n")
    (teams / "short.yaml").write_text("namespace: short\nusers: [kim]\nculling: {idleTimeout: 2}\n")
    async with running_hub(folder, CONFIG) as hub:
        yield hub


async def _start(hub: RealHub, user: str, team: str) -> None:
    await hub.api(f"/users/{user}", method="POST")
    await hub.api(f"/users/{user}/server", method="POST", body={"team": team})


async def _is_running(hub: RealHub, user: str) -> bool:
    _, model = await hub.api(f"/users/{user}")
    return "" in model["servers"] and model["servers"][""]["ready"]


async def test_culler_of_a_real_hub_stops_only_the_server_over_its_own_timeout(hub: RealHub) -> None:
    """Two idle servers of two teams: the one started first runs on, as its team allows an hour."""
    await _start(hub, "lea", "long")
    await _start(hub, "kim", "short")

    async def is_kim_stopped() -> bool:
        return not await _is_running(hub, "kim")

    await eventually(is_kim_stopped)
    assert await _is_running(hub, "lea")
    assert "kim/ is stopped: idle for" in hub.log
    assert "team short allows 2 s" in hub.log
    # The person stays: only servers are stopped.
    assert (await hub.api("/users/kim"))[0] == 200


async def test_culler_token_can_do_nothing_but_its_work(hub: RealHub) -> None:
    """With the culler's token one can list servers, read policies and stop servers; all else is refused."""
    await _start(hub, "ola", "long")
    status, told = await hub.api("/knada/culling-policies", token=CULLER_TOKEN)
    assert status == 200
    assert told["servers"]["ola/"] == {"team": "long", "idle_timeout": 3600.0}
    assert (await hub.api("/users", token=CULLER_TOKEN))[0] == 200
    for method, path in [
        ("POST", "/users/ola/server"),
        ("DELETE", "/users/ola"),
        ("POST", "/users/eva"),
        ("POST", "/users/ola/tokens"),
        ("GET", "/users/ola/tokens"),
        ("GET", "/groups"),
        ("GET", "/services"),
        ("GET", "/proxy"),
        ("POST", "/shutdown"),
    ]:
        status, _ = await hub.api(path, method=method, token=CULLER_TOKEN)
        assert status in {403, 404}, f"{method} {path} gave {status}"
    status, users = await hub.api("/users", token=CULLER_TOKEN)
    servers = [server for user in users for server in user["servers"].values()]
    assert servers
    assert not any("state" in server for server in servers)
    assert (await hub.api("/users/ola/server", method="DELETE", token=CULLER_TOKEN))[0] in {202, 204}


async def test_culling_policies_without_the_scope_are_refused(hub: RealHub) -> None:
    """An admin's token that lacks the scope does not read the policies, nor does no token."""
    assert (await hub.api("/knada/culling-policies"))[0] == 403
    assert (await hub.api("/knada/culling-policies", token="unknown"))[0] == 403
