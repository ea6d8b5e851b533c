"""Supervisors and their processes, as the node sees them: start, find again, signal, wait.

A process number alone is never trusted. A supervisor is known by its number, its start time and the marker on
its command line; it is held by a pidfd, which cannot come to mean another process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from jupyterhub_knada.devcluster.node import supervisor
from jupyterhub_knada.devcluster.node.supervisor import read_stat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARKER_VARIABLE = "KNADA_DEVCLUSTER_CONTAINER"
"""In the environment of every process of a pod: `ROOT/pods/UID/containers/NAME/N`, the folder of the try."""


@dataclass(frozen=True, slots=True)
class ProcessRequest:
    """What a supervisor is to run."""

    directory: Path
    argv: Sequence[str]
    """The first is an absolute path."""
    env: dict[str, str]
    cwd: Path

    @property
    def marker(self) -> str:
        """The folder of the try: unique among all nodes of the machine."""
        return str(self.directory)


class ProcessHandle:
    """One supervisor that runs, or ran."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(pidfd, self._on_end)

    @classmethod
    def find(cls, pid: int, start: int, marker: str) -> Self | None:
        """Find a supervisor of an earlier run; None where it ended or its number is another's."""
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            return None
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            is_same = read_stat(pid)[1] == start and os.fsencode(marker) in command
        except (OSError, ValueError):
            is_same = False
        if is_same:
            return cls(pid, pidfd)
        os.close(pidfd)
        return None

    async def wait(self) -> None:
        """Wait until the supervisor ended; `exit.json` is written by then."""
        await asyncio.shield(self._ended)

    def terminate(self) -> None:
        """Ask the process group to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and everything that it started."""
        self._send(signal.SIGUSR1)

    def list_pids(self) -> set[int]:
        """List the supervisor and everything below it."""
        return list_descendants(self.pid)

    def detach(self) -> None:
        """Stop watching; the process runs on."""
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _send(self, number: int) -> None:
        if self._pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _on_end(self) -> None:
        with suppress(ChildProcessError):  # an adopted supervisor is not this process's child
            os.waitpid(self.pid, os.WNOHANG)
        self.detach()
        if not self._ended.done():
            self._ended.set_result(None)


class StartError(Exception):
    """The process could not be started.

    Attributes:
        number: of the system's error.
    """

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


def spawn(request: ProcessRequest) -> tuple[ProcessHandle, int]:
    """Start a supervisor.

    Nothing here waits: between the start and the caller's note of it nothing may be cancelled.

    Returns: the handle, and a pipe's end for `read_outcome`.
    """
    body = {
        "directory": str(request.directory),
        "argv": list(request.argv),
        "env": request.env,
        "cwd": str(request.cwd),
    }
    stdin = os.memfd_create("request")
    outcome, stdout = os.pipe()
    try:
        os.write(stdin, json.dumps(body).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        log = os.open(request.directory / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        duplicates = [
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ]
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", supervisor.__file__, request.marker],
            {"PATH": os.defpath, MARKER_VARIABLE: request.marker},
            file_actions=duplicates,
            setsid=True,
        )
        os.close(log)
    finally:
        os.close(stdin)
        os.close(stdout)
    return ProcessHandle(pid, os.pidfd_open(pid)), outcome


async def read_outcome(outcome: int) -> None:
    """Wait until the supervisor's process runs.

    Raises:
        StartError: it could not be started.
        ConnectionError: the supervisor itself ended first.
    """
    told = await asyncio.to_thread(_read_all, outcome)
    if not told:
        raise ConnectionError("the supervisor ended before its process was started")
    if number := json.loads(told).get("errno"):
        raise StartError(number)


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read()


def _iterate_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def list_descendants(root: int) -> set[int]:
    """List a process and everything below it."""
    children: dict[int, list[int]] = {}
    for pid in _iterate_pids():
        with suppress(OSError, ValueError):
            children.setdefault(read_stat(pid)[0], []).append(pid)
    found, unseen = set[int](), [root]
    while unseen:
        pid = unseen.pop()
        found.add(pid)
        unseen += children.get(pid, [])
    return found


def kill_marked(marker: str) -> int:
    """Kill every process whose environment carries a marker at or below `marker`; give how many there were.

    For what a killed supervisor left behind. A pidfd is opened before the look, so that no other process is
    hit.
    """
    killed = 0
    variable = os.fsencode(f"{MARKER_VARIABLE}={marker}")
    for pid in _iterate_pids():
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if any(entry == variable or entry.startswith(variable + b"/") for entry in environment):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                killed += 1
        except OSError:
            pass  # ended meanwhile, or another user's
        finally:
            os.close(pidfd)
    return killed


def read_record(path: Path) -> dict[str, Any] | None:
    """Read what a supervisor wrote; None where it is not there."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return record
