"""The wait for a server's first answer: it ends with the cause, and nobody else ends it."""

from __future__ import annotations

import asyncio
import types
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub import orm
from jupyterhub.objects import Server

from jupyterhub_knada.servers import readiness
from jupyterhub_knada.servers.telling import StartTimedOutError

if TYPE_CHECKING:
    from jupyterhub_knada.servers.spawner import KnadaSpawner
    from tests.support.spawners import Spawners

RUNS: dict[str, Any] = {
    "metadata": {"name": "jupyter-e152435", "uid": "1"},
    "spec": {"nodeName": "n"},
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {}}}],
    },
}
ENDED = {
    **RUNS,
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "notebook", "state": {"terminated": {"exitCode": 3}}}],
    },
}


class Pod:
    """A spawner whose pod is what a test says."""

    def __init__(self, spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spawner = spawner
        self.pods: dict[str, Any] = {f"{spawner.namespace}/{spawner.pod_name}": RUNS}
        watch = type("Pods", (), {"pods": self.pods})
        reflectors: dict[Any, Any] = type(spawner).reflectors
        monkeypatch.setitem(reflectors, spawner._get_reflector_key("pods"), watch)
        monkeypatch.setattr(readiness, "LOOK_AGAIN_SECONDS", 0.01)

        async def known(**_: Any) -> None:
            pass

        monkeypatch.setattr(spawner, "_start_watching_pods", known)

    def becomes(self, pod: dict[str, Any] | None) -> None:
        """Change it; None: it is gone."""
        key = f"{self.spawner.namespace}/{self.spawner.pod_name}"
        if pod is None:
            del self.pods[key]
        else:
            self.pods[key] = pod


@pytest.fixture
async def pod(spawners: Spawners, monkeypatch: pytest.MonkeyPatch) -> Pod:
    """Give a spawner whose pod runs."""
    spawners.write(alfa="namespace: team-alfa\nusers: [e152435]\nstorage: {none: true}\n")
    spawner = spawners.make()
    await spawners.start(spawner, {})
    return Pod(spawner, monkeypatch)


async def test_wait_of_each_server_of_the_spawner_is_ours_once(pod: Pod) -> None:
    """JupyterHub makes an object of its own for each start, and again where the database has another one."""
    spawner = pod.spawner
    for port in (1, 2):
        stored = orm.Server(proto="http", ip="10.0.0.1", port=port, base_url="/user/x/", cookie_name="x")
        spawner.orm_spawner.server = stored
        found = spawner.server
        assert found is not None
        assert found.port == port
        wait_up = found.wait_up
        assert wait_up.func == spawner._wait_for_answer
        assert wait_up.args == (types.MethodType(Server.wait_up, found),)
        assert spawner.server.wait_up is wait_up


async def test_answer_is_given_as_it_is(pod: Pod) -> None:
    """With what was asked for."""

    async def wait_up(**how: Any) -> Any:
        return how

    assert await pod.spawner._wait_for_answer(wait_up, timeout=3, http=True) == {"timeout": 3, "http": True}


async def test_container_that_ends_is_not_polled_away_while_the_server_is_waited_for(pod: Pod) -> None:
    """Kubernetes starts it again; stock deletes the pod, and JupyterHub answers with a bare status."""
    go_on = asyncio.Event()

    async def wait_up() -> str:
        await go_on.wait()
        return "answer"

    waiting = asyncio.create_task(pod.spawner._wait_for_answer(wait_up))
    await asyncio.sleep(0)
    pod.becomes(ENDED)
    assert await pod.spawner.poll() is None
    go_on.set()
    assert await waiting == "answer"


@pytest.mark.parametrize(
    ("becomes", "said"),
    [
        pytest.param(None, "The server was deleted while it started. Try again.", id="gone"),
        pytest.param(
            {**RUNS, "status": {"phase": "Failed", "reason": "Evicted"}},
            "The machine had too little left and ended the server. Try again in some minutes.",
            id="evicted",
        ),
    ],
)
async def test_wait_for_a_pod_that_is_over_ends_at_once(
    pod: Pod, becomes: dict[str, Any] | None, said: str
) -> None:
    """Nothing will answer any more: nobody waits for the rest of the time."""
    pod.spawner._made_uid = "1"

    async def wait_up() -> None:
        await asyncio.Event().wait()

    waiting = asyncio.create_task(pod.spawner._wait_for_answer(wait_up))
    await asyncio.sleep(0)
    pod.becomes(becomes)
    async with asyncio.timeout(30):
        with pytest.raises(StartTimedOutError) as failed:
            await waiting
    assert failed.value.jupyterhub_message == said
    assert not pod.spawner._is_awaited


async def test_wait_that_is_called_off_leaves_nothing_behind(pod: Pod) -> None:
    """A hub that ends cancels it."""
    ended = asyncio.Event()

    async def wait_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(pod.spawner._wait_for_answer(wait_up))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
    assert not pod.spawner._is_awaited
