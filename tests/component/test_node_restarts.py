"""A node that stops, dies, or loses its API server: what becomes of the pods' processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.api import EmbeddedCluster
from jupyterhub_knada.devcluster.node import LocalNode, OnExit
from jupyterhub_knada.devcluster.node.cluster import connect
from jupyterhub_knada.devcluster.node.node import NodeError
from tests.support.local_cluster import (
    QUICK,
    LocalCluster,
    in_phase,
    is_dead,
    is_ready,
    is_removed,
    lives,
    local_cluster,
    read_http,
    state_of,
)
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WEB = {
    "command": ["python", "-m", "http.server", "--bind", "0.0.0.0", "8888"],
    "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1},
}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    """Give the embedded API; whatever a node left running is ended by a last one."""
    async with local_cluster(tmp_path) as cluster:
        yield cluster
        async with cluster.node(on_exit=OnExit.STOP):
            pass


def find_attempt(cluster: LocalCluster, pod: dict[str, Any]) -> dict[str, Any]:
    """Read what the supervisor of a pod's first try wrote."""
    folder = cluster.root / "pods" / pod["metadata"]["uid"] / "containers" / "notebook" / "0"
    started: dict[str, Any] = json.loads((folder / "started.json").read_text())
    return started


@contextlib.asynccontextmanager
async def node_program(cluster: LocalCluster, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the node as its own program, ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(
            "-m",
            "jupyterhub_knada.devcluster.node",
            "--kubeconfig",
            cluster.kubeconfig,
            "--root",
            cluster.root,
        ),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        assert await process.stdout.readline() == b"node local (DEV/DEMO only) is ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_pod_survives_the_nodes_death_and_is_adopted(cluster: LocalCluster) -> None:
    """After SIGKILL of the node the same process goes on, and the next node knows how it ends."""
    async with node_program(cluster) as program:
        await cluster.start_pod("web", WEB)
        before = await cluster.wait_for("web", is_ready)
        program.send_signal(signal.SIGKILL)
        await program.wait()
    pid = find_attempt(cluster, before)["pid"]
    assert lives(pid)
    async with cluster.node():
        assert "200 OK" in await read_http(before["status"]["podIP"], 8888)
        pod = await cluster.wait_for("web", is_ready)
        assert pod["status"]["containerStatuses"] == before["status"]["containerStatuses"]
        assert find_attempt(cluster, pod)["pid"] == pid
        os.kill(pid, signal.SIGTERM)
        pod = await cluster.wait_for(
            "web", lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] == 1
        )
        assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 143


async def test_container_that_ended_while_no_node_was_there_keeps_its_exit_code(
    cluster: LocalCluster,
) -> None:
    """The supervisor wrote it down; nothing is restarted that should not be."""
    async with cluster.node(on_exit=OnExit.KEEP):
        await cluster.start_pod("job", {"command": ["sh", "-c", "sleep 1000"]}, restartPolicy="Never")
        pod = await cluster.wait_for("job", in_phase("Running"))
    attempt = find_attempt(cluster, pod)
    os.kill(attempt["pid"], signal.SIGUSR2)
    await eventually(lambda: is_dead(attempt["supervisor"]))
    async with cluster.node():
        pod = await cluster.wait_for("job", in_phase("Failed"))
        assert state_of(pod)["terminated"]["exitCode"] == 128 + signal.SIGUSR2


async def test_processes_of_a_pod_that_is_gone_are_ended_by_the_next_node(cluster: LocalCluster) -> None:
    """Its object was deleted while no node was there: processes and folder go."""
    async with cluster.node(on_exit=OnExit.KEEP):
        await cluster.start_pod("web", WEB)
        pod = await cluster.wait_for("web", is_ready)
    await cluster.delete_pod("web", gracePeriodSeconds=0)
    folder, pid = cluster.root / "pods" / pod["metadata"]["uid"], find_attempt(cluster, pod)["pid"]
    assert lives(pid)
    async with cluster.node():
        await eventually(lambda: is_dead(pid))
        await eventually(lambda: is_removed(folder))


async def test_pod_whose_supervisor_was_killed_is_lost_and_started_again(cluster: LocalCluster) -> None:
    """What the supervisor left behind is killed, too; the end is told as a kubelet tells a lost container."""
    async with cluster.node():
        code = "setsid sleep 1000 & exec sleep 1000"
        await cluster.start_pod("web", {"command": ["sh", "-c", code]})
        pod = await cluster.wait_for("web", in_phase("Running"))
        attempt = find_attempt(cluster, pod)
        os.kill(attempt["supervisor"], signal.SIGKILL)
        pod = await cluster.wait_for(
            "web", lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] == 1
        )
        assert not lives(attempt["pid"])
        ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (137, "ContainerStatusUnknown")


async def test_process_number_of_somebody_else_is_never_taken_for_the_pod(cluster: LocalCluster) -> None:
    """A record whose number was given to another process leads to a new start, and to nobody's end."""
    async with cluster.node(on_exit=OnExit.KEEP):
        await cluster.start_pod("web", {"command": ["sleep", "1000"]})
        pod = await cluster.wait_for("web", in_phase("Running"))
    attempt = find_attempt(cluster, pod)
    stranger = await asyncio.create_subprocess_exec("sleep", "1000")
    try:
        os.kill(attempt["supervisor"], signal.SIGKILL)
        await eventually(lambda: is_dead(attempt["pid"]))
        folder = cluster.root / "pods" / pod["metadata"]["uid"] / "containers" / "notebook" / "0"
        (folder / "started.json").write_text(json.dumps({**attempt, "supervisor": stranger.pid}))
        async with cluster.node():
            await cluster.wait_for(
                "web", lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] == 1
            )
            await cluster.delete_pod("web")
            await cluster.wait_gone("web")
        assert lives(stranger.pid)
    finally:
        stranger.kill()
        await stranger.wait()


async def test_stopped_node_leaves_no_process_and_says_why_its_pods_ended(cluster: LocalCluster) -> None:
    """As in a kubelet's shutdown: Failed, reason Terminated; the next node does not start them again."""
    async with node_program(cluster) as program:
        await cluster.start_pod("web", WEB)
        pod = await cluster.wait_for("web", is_ready)
        attempt = find_attempt(cluster, pod)
        program.send_signal(signal.SIGTERM)
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0
    assert not lives(attempt["pid"])
    assert not lives(attempt["supervisor"])
    status = (await cluster.wait_for("web", in_phase("Failed")))["status"]
    assert (status["reason"], status["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == (
        "Terminated",
        143,
    )
    assert "Killing: Stopping container notebook" in await cluster.events("web")
    node = await cluster.client.get("/api/v1/nodes/local")
    assert next(c for c in node["status"]["conditions"] if c["type"] == "Ready")["status"] == "False"
    async with cluster.node():
        await cluster.start_pod("probe", {"command": ["true"]})
        await cluster.wait_for("probe", in_phase("Succeeded"))
        assert (await cluster.wait_for("web", in_phase("Failed")))["status"] == status
        await cluster.delete_pod("web")
        await cluster.wait_gone("web")


async def test_pods_outlive_an_api_server_that_restarts(tmp_path: Path) -> None:
    """Nothing is ended while it is away; what happened meanwhile is told afterwards."""
    kubeconfig, state = tmp_path / "kubeconfig", tmp_path / "state"
    async with contextlib.AsyncExitStack() as stack:
        async with EmbeddedCluster(state) as api:
            port = int(api.url.rpartition(":")[2])
            api.write_kubeconfig(kubeconfig)
            client = (await stack.enter_async_context(local_client(kubeconfig))).client
            cluster = LocalCluster(client, kubeconfig, tmp_path / "node")
            await stack.enter_async_context(cluster.node())
            await cluster.start_pod("web", WEB)
            pod = await cluster.wait_for("web", is_ready)
            await cluster.start_pod("job", {"command": ["sleep", "1000"]}, restartPolicy="Never")
            job = await cluster.wait_for("job", in_phase("Running"))
        os.kill(find_attempt(cluster, job)["pid"], signal.SIGKILL)
        assert "200 OK" in await read_http(pod["status"]["podIP"], 8888)
        async with EmbeddedCluster(state, port=port):
            job = await cluster.wait_for("job", in_phase("Failed"))
            assert state_of(job)["terminated"]["exitCode"] == 137
            assert is_ready(await cluster.wait_for("web", is_ready))
            assert lives(find_attempt(cluster, pod)["pid"])
            await cluster.delete_pod("web")
            await cluster.wait_gone("web")
            await stack.aclose()


@contextlib.asynccontextmanager
async def local_client(kubeconfig: Path) -> AsyncIterator[LocalCluster]:
    """Open a client to an API server that the test restarts."""
    async with connect(kubeconfig) as client:
        yield LocalCluster(client, kubeconfig, kubeconfig.parent)


async def test_second_node_in_the_same_folder_is_refused(cluster: LocalCluster) -> None:
    """Two nodes would fight for the same pods; the message says what to do."""
    async with cluster.node():
        with pytest.raises(
            NodeError, match=r"another node runs in .*; stop it or give --root another folder"
        ):
            await LocalNode(cluster.options(backoff=QUICK)).__aenter__()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--kubeconfig", "absent"], "absent", id="no kubeconfig"),
        pytest.param(
            ["--image-python", "/no/python"], "--image-python: cannot run /no/python", id="no interpreter"
        ),
        pytest.param(["--image-python", "/bin/false"], "/bin/false ended with exit code 1", id="not Python"),
    ],
)
async def test_program_that_cannot_run_says_why(
    cluster: LocalCluster, arguments: list[str], message: str
) -> None:
    """Exit code 1 and one line, no traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(
            "-m",
            "jupyterhub_knada.devcluster.node",
            "--kubeconfig",
            cluster.kubeconfig,
            "--root",
            cluster.root,
        ),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert message in told.decode()
    assert "Traceback" not in told.decode()
