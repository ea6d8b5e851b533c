"""Commands inside a running container: exec probes, lifecycle hooks, `kubectl exec`."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.launching import LaunchError, find_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_knada.devcluster.node.attempts import Attempt

_OUTPUT_BYTES = 10 * 1024
_NOT_STARTED = 126


@dataclass(frozen=True, slots=True)
class Command:
    """What is run, fitted to this machine."""

    argv: tuple[str, ...]
    """The first is an absolute path."""
    env: dict[str, str]
    cwd: Path


def prepare_command(attempt: Attempt, words: Sequence[str]) -> Command:
    """Fit a command to a container that runs: its environment, working folder, paths and address.

    The environment is that of the container's own process, so that it needs to be kept nowhere.

    Raises:
        LaunchError: there is no such program.
        OSError: the container's process ended meanwhile.
    """
    rewriting, cwd = attempt.read_launch()
    env = _read_environment(attempt.pid or 0)
    argv = [rewriting.rewrite(word) for word in words]
    return Command((find_program(argv, words, env.get("PATH", os.defpath), cwd), *argv[1:]), env, cwd)


async def run_in_container(attempt: Attempt, words: Sequence[str]) -> tuple[int, str]:
    """Run a command with a container's environment and working folder.

    Returns: exit code and the beginning of the output. A command that is cancelled is killed.
    """
    try:
        command = prepare_command(attempt, words)
    except (OSError, LaunchError) as failure:
        return _NOT_STARTED, str(failure)
    process = await asyncio.create_subprocess_exec(
        *command.argv,
        env=command.env,
        cwd=command.cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        end_group(process.pid)
        await process.wait()
        raise
    return process.returncode or 0, output[:_OUTPUT_BYTES].decode(errors="replace")


def end_group(leader: int) -> None:
    """Kill a command that leads a group of its own, and what it started.

    Args:
        leader: its number, which is its own for as long as nobody has waited for it.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _read_environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}
