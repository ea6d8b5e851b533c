"""Commands inside a running container: exec probes and lifecycle hooks."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.launching import LaunchError, find_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_knada.devcluster.node.attempts import Attempt

_OUTPUT_BYTES = 10 * 1024
_NOT_STARTED = 126


async def run_in_container(attempt: Attempt, words: Sequence[str]) -> tuple[int, str]:
    """Run a command with a container's environment and working folder.

    The environment is that of the container's own process, so that it needs to be kept nowhere.

    Returns: exit code and the beginning of the output. A command that is cancelled is killed.
    """
    rewriting, cwd = attempt.read_launch()
    try:
        env = _read_environment(attempt.pid or 0)
        argv = [rewriting.rewrite(word) for word in words]
        program = find_program(argv, words, env.get("PATH", os.defpath), cwd)
    except (OSError, LaunchError) as failure:
        return _NOT_STARTED, str(failure)
    process = await asyncio.create_subprocess_exec(
        program,
        *argv[1:],
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    return process.returncode or 0, output[:_OUTPUT_BYTES].decode(errors="replace")


def _read_environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}
