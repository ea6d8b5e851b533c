"""Unmodified KubeSpawner starts and stops pods on the embedded API, also across its restart."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from jupyterhub import orm
from jupyterhub.objects import Hub, Server
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import kube_config
from kubespawner.clients import load_config, shared_client
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import KubeSpawner
from traitlets.config import Config

from tests.support.backends import start_program
from tests.support.fake_node import fake_node
from tests.support.kubernetes_api import Kubeconfig, KubernetesApi
from tests.support.manifests import volume
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

_SECONDS = 30


@pytest.fixture
def port() -> str:
    """Give a port that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


class Program:
    """The API as a program that can be killed and started again."""

    def __init__(self, folder: Path, port: str) -> None:
        self.folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, on the same port and folder each time."""
        self._process = start_program(self.folder, "--port", self._port)

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


@pytest.fixture
def program(tmp_path: Path, port: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Give a running API that KubeSpawner's configuration points to."""
    made = Program(tmp_path, port)
    made.start()
    # The client library reads KUBECONFIG when it is imported, once and for all.
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "admin.kubeconfig"))
    load_config.cache_clear()
    yield made
    load_config.cache_clear()
    Configuration.set_default(None)
    made.end()


@pytest.fixture
async def api(program: Program) -> AsyncIterator[KubernetesApi]:
    """Give the admin's plain client."""
    async with KubernetesApi(Kubeconfig.load(program.folder / "admin.kubeconfig")) as found:
        yield found


@pytest.fixture
async def spawner(program: Program) -> AsyncIterator[Any]:
    """Give a stock spawner with a home and limits; its watches are ended afterwards."""
    del program  # it has to run first
    user = MagicMock()
    user.name = user.escaped_name = "fake"
    user.id, user.url, user.last_activity = 1, "/user/fake/", None
    settings = {
        "namespace": "default",
        "cmd": ["jupyterhub-singleuser"],
        "mem_limit": "512M",
        "cpu_limit": 1,
        "storage_pvc_ensure": True,
        "storage_capacity": "1G",
        "pvc_name_template": "claim-{username}",
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-{username}"}}],
        "volume_mounts": [{"name": "home", "mountPath": "/home/jovyan"}],
        "start_timeout": _SECONDS,
    }
    made: Any = KubeSpawner(  # type: ignore[no-untyped-call] # upstream has no annotations
        config=Config(KubeSpawner=settings),
        user=user,
        hub=Hub(ip="127.0.0.1"),
        orm_spawner=orm.Spawner(name=""),
    )
    made.server, made.api_token, made.oauth_client_id, made.handler = Server(), "token", "client", None
    yield made
    for reflector in type(made).reflectors.values():
        await reflector.stop()
    type(made).reflectors.clear()
    client: Any = shared_client("CoreV1Api")  # type: ignore[no-untyped-call] # as above
    await client.api_client.close()


async def _provide(api: KubernetesApi) -> None:
    """Make the volume of the claim, as a provisioner does."""
    path = "/api/v1/namespaces/default/persistentvolumeclaims/claim-fake"
    await api.until(path, lambda found: found is not None)
    reserved = volume("home", claimRef={"namespace": "default", "name": "claim-fake"})
    (await api.post("/api/v1/persistentvolumes", reserved)).ok()


async def test_stock_spawner_starts_and_stops(api: KubernetesApi, spawner: Any) -> None:
    """A pod with a home is scheduled, runs, is polled, and is gone when it is stopped; the home stays."""
    async with fake_node(api), asyncio.timeout(_SECONDS):
        providing = asyncio.create_task(_provide(api))
        address = await spawner.start()
        await providing
        assert address == "http://127.1.2.3:8888"
        assert await spawner.poll() is None
        pod = (await api.get(f"/api/v1/namespaces/default/pods/{spawner.pod_name}")).ok()
        assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "536870912"}
        await spawner.stop()
        assert await spawner.poll() is not None
    assert (await api.get(f"/api/v1/namespaces/default/pods/{spawner.pod_name}")).status == 404
    claim = (await api.get("/api/v1/namespaces/default/persistentvolumeclaims/claim-fake")).ok()
    assert claim["status"]["phase"] == "Bound"


async def test_stock_reflector_survives_a_killed_api(
    program: Program, api: KubernetesApi, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's watch finds its way after the API was killed and came back: the pod is still running."""
    monkeypatch.setattr(ResourceReflector, "request_timeout", 5)
    async with fake_node(api), asyncio.timeout(_SECONDS):
        providing = asyncio.create_task(_provide(api))
        await spawner.start()
        await providing
    program.end(signal.SIGKILL)
    program.start()
    key = f"default/{spawner.pod_name}"
    path = f"/api/v1/namespaces/default/pods/{spawner.pod_name}"
    async with KubernetesApi(Kubeconfig.load(program.folder / "admin.kubeconfig")) as again:
        (await again.patch(path, {"metadata": {"labels": {"seen": "again"}}})).ok()

        async def sees_it() -> bool:
            pods: dict[str, Any] = spawner.pod_reflector.pods
            return bool(pods[key]["metadata"]["labels"].get("seen") == "again")

        await eventually(sees_it, seconds=_SECONDS)
        assert await spawner.poll() is None
