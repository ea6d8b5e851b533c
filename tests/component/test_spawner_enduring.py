"""What the hub is told of a server of which not everything is known."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes_asyncio.client.rest import ApiException
from kubespawner.spawner import KubeSpawner

if TYPE_CHECKING:
    from jupyterhub_knada.servers.spawner import KnadaSpawner
    from tests.support.spawners import Spawners

TEAM = "namespace: team-alfa\nusers: [e152435]\n"
RUNS = {"metadata": {"name": "jupyter-e152435"}, "status": {"phase": "Running"}}
ENDS = {"metadata": {"name": "jupyter-e152435", "deletionTimestamp": "2026-11-21T12:00:00Z"}}


@pytest.fixture
async def spawner(spawners: Spawners) -> KnadaSpawner:
    """Give a spawner of a team."""
    spawners.write(alfa=TEAM)
    return spawners.make()


@pytest.mark.parametrize(
    ("pod", "stock", "told"),
    [
        pytest.param(RUNS, None, None, id="one that runs"),
        pytest.param(ENDS, None, 1, id="one that is being deleted has ended"),
        pytest.param(None, 1, 1, id="one that is not there"),
        pytest.param(RUNS, 137, 137, id="one that ended by itself"),
        pytest.param(RUNS, ApiException(status=403), None, id="one that the hub may not look at"),
        pytest.param(RUNS, aiohttp.ServerDisconnectedError(), None, id="one that it cannot look at"),
    ],
)
async def test_poll_takes_nothing_for_gone_that_is_only_not_known(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, pod: Any, stock: Any, told: int | None
) -> None:
    """JupyterHub forgets a server that ended, and takes an exception for one."""

    async def poll(_: KubeSpawner) -> int | None:
        if isinstance(stock, Exception):
            raise stock
        found: int | None = stock
        return found

    monkeypatch.setattr(KubeSpawner, "poll", poll)
    pods = {f"{spawner.namespace}/{spawner.pod_name}": pod}
    monkeypatch.setattr(KubeSpawner, "pod_reflector", SimpleNamespace(pods=pods))
    assert await spawner.poll() == told


async def test_stop_that_is_refused_is_logged_in_words(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line has the answer's message, and neither its headers nor its raw body."""
    error: Any = ApiException(status=403, reason="Forbidden")
    error.headers = {"Audit-Id": "4711"}
    error.body = json.dumps({"reason": "Forbidden", "message": "pods is forbidden", "details": "raw"})

    async def stop(_: KubeSpawner, now: bool = False) -> None:  # noqa: ARG001, FBT001, FBT002 - upstream's
        raise error

    monkeypatch.setattr(KubeSpawner, "stop", stop)
    with pytest.raises(ApiException):
        await spawner.stop()
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]
    assert caplog.messages[0].endswith("not stopped: 403 Forbidden: pods is forbidden")
