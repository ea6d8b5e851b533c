"""The embedded API as a program: how it starts, dies, comes back, and says no."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.api import EmbeddedCluster, Identity
from tests.support.backends import start_program
from tests.support.kubernetes_api import Kubeconfig, KubernetesApi
from tests.support.manifests import config_map

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
_MAPS = "/api/v1/namespaces/default/configmaps"
_SECONDS = 30


def _admin(folder: Path) -> KubernetesApi:
    return KubernetesApi(Kubeconfig.load(folder / "admin.kubeconfig"))


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give `start_program`; what a failed test leaves running is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: Any) -> subprocess.Popen[str]:
        started.append(start_program(*arguments))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(timeout=_SECONDS)


@pytest.fixture
def port() -> str:
    """Give a port that is free, so that a program can come back to it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


async def test_program_killed_loses_nothing_acknowledged(start: Start, tmp_path: Path, port: str) -> None:
    """After a SIGKILL in the middle of writing, everything that was answered is there, and counts on."""
    process = start(tmp_path, "--port", port)
    made: dict[str, int] = {}
    async with _admin(tmp_path) as api:

        async def write(worker: int) -> None:
            for number in range(10_000):
                name = f"w{worker}-{number}"
                answer = await api.post(_MAPS, config_map(name))
                made[name] = int(answer.ok()["metadata"]["resourceVersion"])

        writers = [asyncio.create_task(write(worker)) for worker in range(4)]
        while len(made) < 100:  # noqa: ASYNC110 - the writers have no event of their own
            await asyncio.sleep(0)
        assert _end(process, signal.SIGKILL) == -signal.SIGKILL
        await asyncio.gather(*writers, return_exceptions=True)
    process = start(tmp_path, "--port", port)
    async with _admin(tmp_path) as api:
        listed = (await api.get(_MAPS)).ok()
        found = {
            item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in listed["items"]
        }
        assert made.items() <= found.items()
        after = (await api.post(_MAPS, config_map("after"))).ok()["metadata"]["resourceVersion"]
        assert int(after) > max(made.values())
    assert _end(process) == 0


async def test_program_restarted_forgets_history_only(start: Start, tmp_path: Path, port: str) -> None:
    """A watch from before the restart gets 410 and lists again; tokens and objects hold."""
    process = start(tmp_path, "--port", port)
    async with _admin(tmp_path) as api:
        before = (await api.post(_MAPS, config_map("a"))).ok()
        (await api.post(_MAPS, config_map("b"))).ok()
    token = Kubeconfig.load(tmp_path / "admin.kubeconfig").token
    assert _end(process) == 0
    process = start(tmp_path, "--port", port)
    assert Kubeconfig.load(tmp_path / "admin.kubeconfig").token == token
    async with _admin(tmp_path) as api:
        assert (await api.get(f"{_MAPS}/a")).ok() == before
        version = before["metadata"]["resourceVersion"]
        async with api.watch(_MAPS, resourceVersion=version) as watching:
            event = await watching.next()
            assert await watching.next() is None
        assert event is not None
        status = event["object"]
        assert (event["type"], status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        assert status["message"].startswith(f"too old resource version: {version} (")
        current = (await api.get(_MAPS)).ok()["metadata"]["resourceVersion"]
        async with api.watch(_MAPS, resourceVersion=current, timeoutSeconds=1) as watching:
            assert await watching.rest() == []
    assert _end(process) == 0


async def test_program_terminated_ends_open_watches(start: Start, tmp_path: Path) -> None:
    """SIGTERM ends watches as their time would, and the program with code 0."""
    process = start(tmp_path)
    async with _admin(tmp_path) as api, api.watch(_MAPS) as watching:
        process.send_signal(signal.SIGTERM)
        assert await watching.rest() == []
    assert process.wait(timeout=_SECONDS) == 0


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jupyterhub_knada.devcluster.api", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        pytest.param(
            ["--host", "0.0.0.0"],
            1,
            "host 0.0.0.0: the embedded API is for demos and tests and listens on loopback only; use"
            " 127.0.0.1 or ::1",
            id="an address that others reach",
        ),
        pytest.param(["--host", "example.org"], 1, "host example.org:", id="a name"),
        pytest.param(
            ["--identity", "admin"], 2, "write NAME=USER or NAME=USER,GROUP,GROUP", id="identity without user"
        ),
        pytest.param(
            ["--identity", "a=a", "--kubeconfig", "b=x"],
            2,
            "no identity 'b'; there are: a",
            id="kubeconfig of nobody",
        ),
        pytest.param(["--tokens", "/absent"], 1, "token file /absent: No such file", id="no token file"),
        pytest.param(["--port", "x"], 2, "invalid int value: 'x'", id="no port"),
    ],
)
def test_program_wrong_use_is_told(tmp_path: Path, arguments: list[str], code: int, sentence: str) -> None:
    """What cannot be served is refused in a sentence, without a traceback."""
    done = _run("--state-dir", str(tmp_path / "state"), *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_program_second_one_on_a_folder_is_refused(start: Start, tmp_path: Path) -> None:
    """Two programs never write the same objects."""
    process = start(tmp_path)
    done = _run("--state-dir", str(tmp_path / "state"))
    assert _end(process) == 0
    assert (done.returncode, done.stdout) == (1, "")
    assert "is in use by another embedded API; stop it or choose another folder" in done.stderr


def test_program_taken_port_is_told(tmp_path: Path) -> None:
    """A port that somebody has is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        done = _run("--state-dir", str(tmp_path / "state"), "--port", str(number))
    assert done.returncode == 1
    assert f"127.0.0.1:{number}" in done.stderr
    assert "address already in use" in done.stderr


def test_program_state_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder is named."""
    (tmp_path / "state").write_text("")
    done = _run("--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert f"state folder {tmp_path / 'state'}: File exists" in done.stderr


def test_program_damaged_state_is_told(tmp_path: Path) -> None:
    """A database that is none is named, and left as it is."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "objects.sqlite").write_bytes(b"not a database" * 100)
    done = _run("--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert "objects.sqlite: file is not a database; move it away or choose another folder" in done.stderr
    assert (tmp_path / "state" / "objects.sqlite").read_bytes().startswith(b"not a database")


def test_program_state_of_an_unknown_kind_is_told(start: Start, tmp_path: Path) -> None:
    """Objects that another version left are named, never dropped."""
    assert _end(start(tmp_path)) == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "objects.sqlite")) as database, database:
        database.execute("INSERT INTO objects VALUES ('bananas', '', 'b', 1, '{}')")
    done = _run("--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert "the state folder contains bananas, which is not served; choose another one" in done.stderr


def test_program_private_files_are_private(start: Start, tmp_path: Path) -> None:
    """Tokens lie in files that only their owner reads, and are never printed."""
    ready = tmp_path / "ready"
    process = start(tmp_path, "--ready-file", str(ready))
    token = Kubeconfig.load(tmp_path / "admin.kubeconfig").token
    assert token is not None
    for file in (tmp_path / "admin.kubeconfig", tmp_path / "state" / "tokens.csv"):
        assert file.stat().st_mode & 0o777 == 0o600
        assert token in file.read_text(encoding="utf-8")
    assert ready.read_text(encoding="utf-8").startswith("http://127.0.0.1:")
    process.terminate()
    said, _ = process.communicate(timeout=_SECONDS)
    assert token not in said


async def test_cluster_without_tokens_takes_everybody(tmp_path: Path) -> None:
    """Without tokens everybody is admin, and the cluster says so."""
    async with EmbeddedCluster(tmp_path / "state") as cluster:
        assert cluster.is_open
        assert cluster.token("anybody") is None
        file = cluster.write_kubeconfig(tmp_path / "config")
        async with KubernetesApi(Kubeconfig.load(file)) as api:
            assert (await api.get("/api/v1/namespaces/default")).status == 200


async def test_cluster_reads_a_static_token_file(start: Start, tmp_path: Path) -> None:
    """kube-apiserver's token file is taken as it is."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('abc,ada,1,"system:masters,others"\ndef,bob,2\n', encoding="utf-8")
    process = start(tmp_path, "--tokens", str(tokens), "--kubeconfig", f"bob={tmp_path / 'bob'}")
    async with KubernetesApi(Kubeconfig.load(tmp_path / "bob")) as api:
        answer = await api.get("/api/v1/pods")
        assert answer.message.startswith('pods is forbidden: User "bob" cannot list')
    assert _end(process) == 0


async def test_cluster_identity_of_no_name_is_a_key_error(tmp_path: Path) -> None:
    """Where there are tokens, only their owners have one."""
    identities = {"admin": Identity("admin", ("system:masters",))}
    async with EmbeddedCluster(tmp_path / "state", identities=identities) as cluster:
        with pytest.raises(KeyError):
            cluster.token("somebody")


async def test_cluster_request_without_token_is_anonymous(tmp_path: Path) -> None:
    """Somebody without a token is told so by name."""
    identities = {"admin": Identity("admin", ("system:masters",))}
    async with (
        EmbeddedCluster(tmp_path / "state", identities=identities) as cluster,
        KubernetesApi(Kubeconfig.of_address(cluster.url)) as api,
    ):
        answer = await api.get("/api/v1/pods")
    assert answer.status == 403
    assert 'User "system:anonymous" cannot list resource "pods"' in answer.message


async def test_cluster_body_too_large_is_told(tmp_path: Path) -> None:
    """A body above the limit is refused as a Status."""
    async with (
        EmbeddedCluster(tmp_path / "state") as cluster,
        KubernetesApi(Kubeconfig.of_address(cluster.url)) as api,
    ):
        answer = await api.post(_MAPS, json.dumps({"data": {"a": "x" * 4_000_000}}).encode())
    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")
