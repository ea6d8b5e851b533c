"""Commands in a running container over the kubelet's port, as an API server asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.kubernetes.certificates import Authority
from tests.support.local_cluster import LocalCluster, in_phase, is_dead, is_ready, local_cluster
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
SUCCESS = {"metadata": {}, "status": "Success"}
RUNTIME = (
    "Internal error occurred: error executing command in container: failed to exec in container: "
    "failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: "
)


@dataclass
class Exec:
    """One command's websocket, and what came over it."""

    socket: aiohttp.ClientWebSocketResponse
    came: dict[int, bytes] = field(default_factory=dict)

    async def send(self, channel: int, content: bytes) -> None:
        """Send a message to a channel."""
        await self.socket.send_bytes(bytes([channel]) + content)

    async def until(self, channel: int, content: bytes) -> None:
        """Take what comes until a channel has brought a text."""
        async with asyncio.timeout(30):
            while content not in self.came.get(channel, b""):
                self._take(await self.socket.receive_bytes())

    async def rest(self) -> dict[int, bytes]:
        """Take all until the other side closes; give it by channel, without the Status."""
        async with asyncio.timeout(30):
            async for message in self.socket:
                self._take(message.data)
        return {channel: text for channel, text in self.came.items() if text and channel != ERROR}

    @property
    def status(self) -> dict[str, Any]:
        """The Status at the end."""
        found: dict[str, Any] = json.loads(self.came[ERROR])
        return found

    def _take(self, message: bytes) -> None:
        self.came[message[0]] = self.came.get(message[0], b"") + message[1:]


@dataclass
class Kubelet:
    """The kubelet's port of a cluster's node."""

    cluster: LocalCluster
    authority: Authority
    url: str = ""

    def tls(self, name: str | None) -> ssl.SSLContext:
        """Give the TLS of a client with a certificate of that name, or with none."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if name is not None:
            context.load_cert_chain(*self.authority.issue(name))
        return context

    def path(self, pod: str, words: Sequence[str], streams: str = "output=1&error=1") -> str:
        """Give the address of a command in a pod's notebook."""
        query = urllib.parse.urlencode([("command", word) for word in words])
        return f"{self.url}/exec/default/{pod}/notebook?{query}&{streams}"

    @contextlib.asynccontextmanager
    async def exec(
        self, pod: str, *words: str, streams: str = "output=1&error=1", protocol: str = V5
    ) -> AsyncIterator[Exec]:
        """Run a command as an API server does."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                self.path(pod, words, streams), protocols=(protocol,), ssl=self.tls("kube-apiserver")
            ) as socket,
        ):
            assert socket.protocol == protocol
            yield Exec(socket)

    async def ask(
        self, method: str, path: str, *, name: str | None = "kube-apiserver", **headers: str
    ) -> tuple[int, str]:
        """Send a request that is no websocket's; give status and text."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, path, headers=headers, ssl=self.tls(name)) as reply,
        ):
            return reply.status, await reply.text()

    async def find(self) -> None:
        """Find the port of the node that runs."""
        node = await self.cluster.client.get("/api/v1/nodes/local")
        self.url = f"https://127.0.0.1:{node['status']['daemonEndpoints']['kubeletEndpoint']['Port']}"


@pytest.fixture
async def kubelet(tmp_path: Path) -> AsyncIterator[Kubelet]:
    """Give the port of a node that trusts an authority, with a pod `p` that runs."""
    keys = tmp_path / "keys"
    keys.mkdir()
    authority = Authority(keys)
    certificate, key = authority.issue("node")
    trust = {"tls_cert_file": certificate, "tls_private_key_file": key}
    async with (
        local_cluster(tmp_path) as cluster,
        cluster.node(client_ca_file=authority.certificate, **trust),
    ):
        found = Kubelet(cluster, authority)
        await found.find()
        await cluster.start_pod(
            "p",
            {
                "command": ["sh", "-c", "exec sleep 600"],
                "env": [{"name": "TEAM", "value": "ours"}],
                "volumeMounts": [{"name": "home", "mountPath": "/home/jovyan"}],
            },
            volumes=[{"name": "home", "emptyDir": {}}],
        )
        await cluster.wait_for("p", is_ready)
        yield found


def ended_with(code: int, *words: str) -> dict[str, Any]:
    """Give the Status of a command that ended with an exit code."""
    told = f"error executing command [{' '.join(words)}], exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {told}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


@pytest.mark.parametrize("protocol", [V5, V4])
@pytest.mark.parametrize(
    ("script", "output", "code"),
    [
        pytest.param("echo $TEAM", {STDOUT: b"ours\n"}, 0, id="the container's variables"),
        pytest.param("echo one; echo two >&2", {STDOUT: b"one\n", STDERR: b"two\n"}, 0, id="both streams"),
        pytest.param("exit 3", {}, 3, id="an exit code"),
        pytest.param("kill -9 $$", {}, 137, id="a signal"),
        pytest.param("head -c 300000 /dev/zero | tr '\\0' x", {STDOUT: b"x" * 300_000}, 0, id="much output"),
        pytest.param("read line; echo got $line", {STDOUT: b"got\n"}, 0, id="no input"),
    ],
)
async def test_exec_gives_output_and_exit_code(
    kubelet: Kubelet, protocol: str, script: str, output: dict[int, bytes], code: int
) -> None:
    """Output comes by channel, and the Status at the end has the exit code."""
    async with kubelet.exec("p", "sh", "-c", script, protocol=protocol) as running:
        assert await running.rest() == output
    assert running.status == (ended_with(code, "sh", "-c", script) if code else SUCCESS)


async def test_exec_begins_in_the_working_folder_with_the_pods_paths(kubelet: Kubelet) -> None:
    """A command sees the container's folders under the names that the pod gave them."""
    async with kubelet.exec("p", "sh", "-c", "echo kept > /home/jovyan/note; cat note; pwd") as running:
        shown = (await running.rest())[STDOUT].decode().splitlines()
    assert shown[0] == "kept"
    assert await asyncio.to_thread(Path(shown[1], "note").read_text) == "kept\n"


async def test_exec_input_ends_when_the_client_says_so(kubelet: Kubelet) -> None:
    """Standard input is what the client sends, up to its end, which v5 can tell."""
    async with kubelet.exec("p", "wc", "-c", streams="input=1&output=1") as running:
        await running.send(STDIN, b"x" * 200_000)
        await running.send(CLOSE, bytes([STDIN]))
        assert await running.rest() == {STDOUT: b"200000\n"}
    assert running.status == SUCCESS


async def test_exec_with_a_terminal_knows_its_size(kubelet: Kubelet) -> None:
    """A shell at a terminal is interactive, is told the window's size, and both streams come as one."""
    async with kubelet.exec("p", "sh", streams="input=1&output=1&tty=1") as running:
        await running.send(RESIZE, b'{"Width": 101, "Height": 33}')
        await running.send(RESIZE, b"nonsense")
        await running.send(STDIN, b"stty size; echo $TERM >&2\r")
        await running.until(STDOUT, b"33 101\r\nxterm\r\n")
        await running.send(STDIN, b"exit 7\r")
        await running.rest()
    assert running.status == ended_with(7, "sh")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param("absent", 'exec: "absent": executable file not found in $PATH', id="no such program"),
        pytest.param("/absent", 'exec: "/absent": stat /absent: no such file or directory', id="no file"),
        pytest.param("/etc/passwd", 'exec: "/etc/passwd": permission denied', id="no program"),
    ],
)
async def test_exec_of_what_cannot_run_says_why(kubelet: Kubelet, command: str, reason: str) -> None:
    """The Status has a container runtime's words."""
    async with kubelet.exec("p", command) as running:
        assert await running.rest() == {}
    assert (running.status["reason"], running.status["message"]) == ("InternalError", RUNTIME + reason)


async def test_exec_in_what_does_not_run_is_refused(kubelet: Kubelet) -> None:
    """A container that ended, one that has not begun, and no pod at all are told apart."""
    for name, command, secret in (("ended", "exit 1", []), ("waits", "", [{"secretRef": {"name": "none"}}])):
        await kubelet.cluster.start_pod(
            name, {"command": ["sh", "-c", command], "envFrom": secret}, restartPolicy="Never"
        )
    await kubelet.cluster.wait_for("ended", in_phase("Failed"))
    await kubelet.cluster.wait_for_event("waits", "not found")
    for name, refusal in {
        "ended": (500, 'container "notebook" is in CONTAINER_EXITED state'),
        "waits": (500, 'container not found ("notebook")'),
        "absent": (404, "pod does not exist"),
    }.items():
        assert await kubelet.ask("GET", kubelet.path(name, ["true"])) == refusal


async def test_exec_request_that_makes_no_sense_is_refused(kubelet: Kubelet) -> None:
    """No stream and no command are what a kubelet refuses, too."""
    no_stream = await kubelet.ask("GET", kubelet.path("p", ["true"], streams=""))
    no_command = await kubelet.ask("GET", kubelet.path("p", []))
    assert no_stream == (400, "you must specify at least 1 of stdin, stdout, stderr")
    assert no_command == (400, "you must specify a command")


async def test_exec_over_spdy_says_which_kubernetes_it_needs(kubelet: Kubelet) -> None:
    """An older API server passes the answer on to kubectl, which shows it."""
    code, text = await kubelet.ask(
        "POST", kubelet.path("p", ["true"]), Connection="Upgrade", Upgrade="SPDY/3.1"
    )
    status = json.loads(text)
    assert (code, status["code"], status["reason"]) == (403, 403, "Forbidden")
    assert status["message"] == (
        "this node speaks websockets only, and this API server speaks SPDY to it: "
        "exec needs Kubernetes 1.36 or newer"
    )


async def test_kubelet_port_refuses_whoever_the_authority_does_not_know(
    kubelet: Kubelet, tmp_path: Path
) -> None:
    """Logs and commands are for those who show a certificate of the cluster's authority."""
    log = f"{kubelet.url}/containerLogs/default/p/notebook"
    for path in (kubelet.path("p", ["true"]), log):
        assert await kubelet.ask("GET", path, name=None) == (401, "Unauthorized")
    assert (await kubelet.ask("GET", log))[0] == 200
    (tmp_path / "others").mkdir()
    other = Authority(tmp_path / "others")
    context = kubelet.tls(None)
    context.load_cert_chain(*other.issue("kube-apiserver"))
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(log, ssl=context)
    code, text = await kubelet.ask("POST", f"{kubelet.url}/portForward/default/p")
    assert (code, json.loads(text)["message"]) == (404, "this node serves logs and exec only")


async def test_kubelet_port_without_an_authority_runs_no_commands(tmp_path: Path) -> None:
    """Everybody on the machine could ask: logs are theirs to read, commands are refused."""
    async with local_cluster(tmp_path) as cluster, cluster.node():
        kubelet = Kubelet(cluster, Authority(tmp_path))
        await kubelet.find()
        await cluster.start_pod("p", {"command": ["sh", "-c", "echo hello; exec sleep 600"]})
        await cluster.wait_for("p", is_ready)
        async with aiohttp.ClientSession() as session:
            async with session.get(kubelet.path("p", ["true"]), ssl=False) as reply:
                told = (await reply.json())["message"]
            assert (reply.status, told) == (
                403,
                "exec is off: this node was not given --client-ca-file, so it trusts nobody",
            )
            async with session.get(f"{kubelet.url}/containerLogs/default/p/notebook", ssl=False) as reply:
                assert await reply.text() == "hello\n"


async def test_command_ends_with_its_container(kubelet: Kubelet) -> None:
    """Whoever holds a shell open is told so when the container ends."""
    async with kubelet.exec("p", "sh", "-c", "echo $$; exec sleep 600") as running:
        await running.until(STDOUT, b"\n")
        await kubelet.cluster.delete_pod("p", gracePeriodSeconds=1)
        await running.rest()
    assert running.status == ended_with(137, "sh", "-c", "echo $$; exec sleep 600")
    await eventually(lambda: is_dead(int(running.came[STDOUT])))


async def test_command_ends_with_its_client(kubelet: Kubelet) -> None:
    """A kubectl that is killed leaves no command behind."""
    async with kubelet.exec("p", "sh", "-c", "echo $$; exec sleep 600", streams="output=1") as running:
        await running.until(STDOUT, b"\n")
    await eventually(lambda: is_dead(int(running.came[STDOUT])))


async def test_what_a_command_left_running_ends_with_the_pod(kubelet: Kubelet) -> None:
    """Nobody waits for what a command put into the background; it lives as long as its pod."""
    async with kubelet.exec("p", "sh", "-c", "sleep 600 & echo $!") as running:
        assert running.came == {}
        left = int((await running.rest())[STDOUT])
    assert running.status == SUCCESS
    os.kill(left, 0)
    await kubelet.cluster.delete_pod("p", gracePeriodSeconds=1)
    await kubelet.cluster.wait_gone("p")
    await eventually(lambda: is_dead(left))


async def test_command_ends_with_its_node(kubelet: Kubelet) -> None:
    """Whoever starts a command and is killed takes it along."""
    async with kubelet.exec("p", "sh", "-c", "echo $PPID") as running:
        node = int((await running.rest())[STDOUT])
    assert node == os.getpid()
    code = (
        "import subprocess, sys, os, time; from jupyterhub_knada.devcluster.node import entering; "
        "words = [sys.executable, '-I', '-S', entering.__file__, str(os.getpid()), '0']; "
        "print(subprocess.Popen([*words, '/bin/sleep', '600']).pid, flush=True); time.sleep(600)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    command = int(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await eventually(lambda: is_dead(command))
