"""`kubectl exec`: one command in a running container, its streams over one websocket.

A message is a byte for the channel and the channel's bytes. At the end the error channel carries a Status.

Source: kubelet 1.36 `remotecommand/exec.go` and `websocket.go`; Kubernetes' `v4.channel.k8s.io` and
`v5.channel.k8s.io` (which adds the end of a stream).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType, web

from jupyterhub_knada.devcluster.node import entering
from jupyterhub_knada.devcluster.node.commands import end_group, prepare_command
from jupyterhub_knada.devcluster.node.launching import LaunchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import MultiMapping

    from jupyterhub_knada.devcluster.node.attempts import Attempt
    from jupyterhub_knada.devcluster.node.commands import Command
    from jupyterhub_knada.devcluster.node.processes import ProcessHandle

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK_BYTES = 32 * 1024
_DRAIN_SECONDS = 1.0
"""What a command left running may hold its output open: nobody waits for that longer."""
_CANNOT_START = (
    "error executing command in container: failed to exec in container: failed to start exec: "
    "OCI runtime exec failed: exec failed: unable to start container process: "
)


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """What is to run, with which streams."""

    command: tuple[str, ...]
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @classmethod
    def parse(cls, query: MultiMapping[str]) -> ExecRequest:
        """Read an API server's query. Raises: ValueError: in a kubelet's words."""
        stdin, stdout, stderr, tty = (
            query.get(name) in {"1", "true"} for name in ("input", "output", "error", "tty")
        )
        if not (stdin or stdout or stderr):
            raise ValueError("you must specify at least 1 of stdin, stdout, stderr")
        if not (command := tuple(query.getall("command", []))):
            raise ValueError("you must specify a command")
        return cls(command, stdin, stdout, stderr and not tty, tty)


async def serve_exec(
    http: web.Request, wanted: ExecRequest, attempt: Attempt, container: ProcessHandle
) -> web.WebSocketResponse:
    """Run a command until it, its container or its client ends; nothing of it is left then.

    Args:
        http: a websocket's request that names one of `PROTOCOLS`.
        wanted: the command.
        attempt: the container's try that runs.
        container: its process.
    """
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    await socket.prepare(http)
    # An empty message: the client waits for it, however long the command is silent.
    await socket.send_bytes(bytes([_STDOUT if wanted.stdout else _STDERR if wanted.stderr else _ERROR]))
    try:
        running = _start(prepare_command(attempt, wanted.command), wanted)
    except (LaunchError, OSError) as failure:
        reason = failure.reason if isinstance(failure, LaunchError) else str(failure.strerror)
        status = _internal_error(_CANNOT_START + reason)
    else:
        status = _ended(wanted, await _Session(socket, running).run(container))
    with contextlib.suppress(ConnectionError):  # it has gone
        await socket.send_bytes(bytes([_ERROR]) + json.dumps(status).encode())
    await socket.close()
    return socket


@dataclass(frozen=True, slots=True)
class _Running:
    """A command that runs, with this side's ends of its streams."""

    process: subprocess.Popen[bytes]
    outputs: Mapping[int, IO[bytes]]
    """By channel."""
    stdin: IO[bytes] | None
    is_terminal: bool


def _start(command: Command, wanted: ExecRequest) -> _Running:
    """Start a command. Raises: OSError."""
    terminal, other_side = os.openpty() if wanted.tty else (-1, subprocess.PIPE)

    def stream(*, is_wanted: bool) -> int:
        return other_side if is_wanted or wanted.tty else subprocess.DEVNULL

    try:
        process = subprocess.Popen(  # noqa: S603 - what may run here is the API server's to say
            (
                *(sys.executable, "-I", "-S", entering.__file__, str(os.getpid()), str(int(wanted.tty))),
                *command.argv,
            ),
            # A container runtime names the terminal so.
            env={"TERM": "xterm", **command.env} if wanted.tty else command.env,
            cwd=command.cwd,
            stdin=stream(is_wanted=wanted.stdin),
            stdout=stream(is_wanted=wanted.stdout),
            stderr=stream(is_wanted=wanted.stderr),
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        if wanted.tty:
            os.close(terminal)
        raise
    finally:
        if wanted.tty:
            os.close(other_side)
    if wanted.tty:
        read = os.fdopen(os.dup(terminal), "rb", buffering=0)
        return _Running(process, {_STDOUT: read}, os.fdopen(terminal, "wb", buffering=0), is_terminal=True)
    pipes = {_STDOUT: process.stdout, _STDERR: process.stderr}
    outputs = {channel: pipe for channel, pipe in pipes.items() if pipe is not None}
    return _Running(process, outputs, process.stdin, is_terminal=False)


async def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a command alone: asyncio's own wait is also for the streams, which others may hold open."""
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


class _Session:
    """Carries bytes between a command and its client."""

    def __init__(self, socket: web.WebSocketResponse, running: _Running) -> None:
        self._socket = socket
        self._running = running

    async def run(self, container: ProcessHandle) -> int:
        """Run to the end; give the exit code."""
        process = self._running.process
        outputs = [asyncio.create_task(self._send(*output)) for output in self._running.outputs.items()]
        ends = [
            asyncio.create_task(_wait_for_end(process)),
            asyncio.create_task(container.wait()),
            asyncio.create_task(self._receive()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not ends[0].done():
                end_group(process.pid)
                await ends[0]
            await asyncio.wait(outputs, timeout=_DRAIN_SECONDS)
        finally:
            if not ends[0].done():
                end_group(process.pid)
            for task in (*outputs, *ends):
                task.cancel()
            await asyncio.gather(*outputs, *ends, return_exceptions=True)
            code = process.wait()
        return 128 - code if code < 0 else code

    async def _send(self, channel: int, output: IO[bytes]) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), output
        )
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._socket.send_bytes(bytes([channel]) + chunk)
        except OSError:
            pass  # a terminal whose command ended gives an error instead of an end; a client may be gone
        finally:
            transport.close()

    async def _receive(self) -> None:
        """Take what the client sends, until it goes."""
        stdin = await _open_writer(self._running.stdin)
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.BINARY or not message.data:
                    continue
                channel, content = message.data[0], message.data[1:]
                if channel == _STDIN and stdin and not stdin.is_closing():
                    with contextlib.suppress(OSError):  # the command reads no more
                        stdin.write(content)
                        await stdin.drain()
                elif channel == _RESIZE and self._running.is_terminal and self._running.stdin:
                    _resize(self._running.stdin, content)
                elif channel == _CLOSE and content == bytes([_STDIN]) and stdin:
                    stdin.close()
        finally:
            if stdin:
                stdin.close()


async def _open_writer(stream: IO[bytes] | None) -> asyncio.StreamWriter | None:
    """Make a writer of a pipe's or a terminal's descriptor, which it closes in the end."""
    if stream is None:
        return None
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
    transport, _ = await loop.connect_write_pipe(lambda: protocol, stream)
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _resize(terminal: IO[bytes], content: bytes) -> None:
    """Tell a terminal its size: `{"Width": columns, "Height": rows}`."""
    with contextlib.suppress(ValueError, KeyError, TypeError, struct.error):
        size = json.loads(content)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size["Height"], size["Width"], 0, 0))


def _ended(wanted: ExecRequest, code: int) -> dict[str, Any]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    told = f"error executing command [{' '.join(wanted.command)}], exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {told}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _internal_error(message: str) -> dict[str, Any]:
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {message}",
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }
