"""What the hub is told of a server of which not everything is known."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes_asyncio.client.rest import ApiException
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.servers.pod_watch import PodsForbiddenError
from jupyterhub_knada.servers.watching import PodsUnseenError

if TYPE_CHECKING:
    import logging

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


def _records(caplog: pytest.LogCaptureFixture, spawner: KnadaSpawner) -> list[logging.LogRecord]:
    """Give what the hub has logged; asyncio may log what the collector finds of other tests."""
    return [record for record in caplog.records if record.name == spawner.log.name]


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

    _Cluster(monkeypatch).answers = [error]
    with pytest.raises(ApiException):
        await spawner.stop(now=True)
    (record,) = _records(caplog, spawner)
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage().endswith("not stopped: 403 Forbidden: pods is forbidden")


class _Cluster:
    """What a spawner asks of the cluster in a stop; the pod is gone as soon as it is deleted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Exception] = []
        self.unseen: list[Exception] = []
        self.deleted = 0
        pods: dict[str, Any] = {}

        async def see(*_: Any, **__: Any) -> None:
            if self.unseen:
                raise self.unseen.pop(0)

        async def delete(*_: Any) -> bool:
            if self.answers:
                raise self.answers.pop(0)
            self.deleted += 1
            return True

        monkeypatch.setattr(KubeSpawner, "_start_watching_pods", see)
        monkeypatch.setattr(KubeSpawner, "_make_delete_pod_request", delete)
        monkeypatch.setattr(KubeSpawner, "pod_reflector", SimpleNamespace(pods=pods))


def _no(status: int) -> ApiException:
    error: Any = ApiException(status=status, reason="No")
    error.body = json.dumps({"reason": "No", "message": 'cannot delete resource "pods"'})
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_stop_that_the_hub_asks_for_ends_only_when_the_pod_is_deleted(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """JupyterHub forgets the server then, so a no is asked again; the log has one line about it."""
    cluster = _Cluster(monkeypatch)
    cluster.answers = [_no(status), _no(status)]
    await spawner.stop()
    assert (cluster.answers, cluster.deleted) == ([], 1)
    (record,) = _records(caplog, spawner)
    assert record.levelname == "WARNING"
    assert f"{status} No: cannot delete resource" in record.getMessage()


async def test_stop_waits_until_the_hub_may_see_the_pod(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that is started again without its rights forgets no server."""
    cluster = _Cluster(monkeypatch)
    cluster.unseen = [PodsUnseenError("team-alfa", PodsForbiddenError("no right"))]
    await spawner.stop()
    assert cluster.deleted == 1


async def test_refused_deletion_of_what_has_ended_is_raised(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a server does not wait for rights."""
    _Cluster(monkeypatch).answers = [_no(403)]
    with pytest.raises(ApiException):
        await spawner.stop(now=True)


async def test_start_that_asked_for_no_pod_has_nothing_to_stop(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the hub may not see pods, its start fails once, and its clean-up does not."""
    cluster = _Cluster(monkeypatch)
    cluster.unseen = [PodsUnseenError("team-alfa", PodsForbiddenError("no right"))] * 2

    async def refused(_: KubeSpawner) -> str:
        raise cluster.unseen[0]

    monkeypatch.setattr(KubeSpawner, "start", lambda self: asyncio.ensure_future(refused(self)))
    with pytest.raises(PodsUnseenError):
        await spawner.start()
    caplog.clear()
    await spawner.stop()
    assert (len(cluster.unseen), cluster.deleted, _records(caplog, spawner)) == (2, 0, [])
