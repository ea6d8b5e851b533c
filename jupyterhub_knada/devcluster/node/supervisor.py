"""Run one container's process, outlive the node, and write down how the process ended.

A program of its own that imports nothing but the standard library: `python -I -S supervisor.py MARKER`. On
standard input it reads `{directory, argv, env, cwd}`, so that secrets in `env` never lie on a disk. On
standard output it writes one line: `{}` when the process runs, or `{"errno": N}` when it could not be
started. In `directory`:

- `started.json`: `{supervisor, supervisor_start, pid, started_at}`; the start in clock ticks since boot, so
  that a process number that was given to somebody else is noticed; seconds since the epoch.
- `exit.json`: `{exit_code, started_at, finished_at}`; 128 + N for signal N, as container runtimes do.
- `log`: what the process wrote to standard output and standard error.

SIGTERM is passed on to the process group; SIGUSR1 kills everything. When the process ends, whatever it left
behind is killed, as the end of a PID namespace does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)


def _prctl(option: int, argument: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def read_stat(pid: int | str) -> tuple[int, int]:
    """Give a process's parent and its start time in clock ticks.

    Raises:
        OSError: there is no such process.

    Source: proc_pid_stat(5); the name in parentheses may hold blanks and parentheses.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(fields[1]), int(fields[19])


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is there in whole or not at all."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(content))
    draft.rename(path)


def _become(request: dict[str, Any], log: int, failed: int) -> None:
    """Turn the forked child into the container's process; report the error number where that fails."""
    try:
        os.setsid()
        # Whoever kills the supervisor ends the container, too: nobody else could tell how it ended.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Python ignores these two, and ignored signals would be inherited.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(request["cwd"])
        os.execve(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - the pod says what runs
    except OSError as failure:
        os.write(failed, str(failure.errno).encode())
    finally:
        os._exit(127)


def _start(request: dict[str, Any]) -> tuple[int, int]:
    """Start the process; give its number, and 0 or the number of the error that kept it from running."""
    log = os.open(Path(request["directory"], "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    outcome, failed = os.pipe()
    child = os.fork()
    if child == 0:
        _become(request, log, failed)
    os.close(failed)
    os.close(log)
    told = os.read(outcome, 16)
    os.close(outcome)
    return child, int(told or 0)


def _kill_children() -> None:
    """Kill this process's children; as their subreaper it inherits the children's children."""
    own = os.getpid()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):  # no process, or one that ended meanwhile
            if read_stat(int(entry.name))[0] == own:
                os.kill(int(entry.name), signal.SIGKILL)


def _kill_everything() -> None:
    while True:
        _kill_children()
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _signal_group(child: int, number: int) -> None:
    with contextlib.suppress(
        PermissionError
    ):  # a program with another user's rights; it ends in its own time
        os.killpg(child, number)


def _wait_for(child: int) -> int:
    """Wait for the process, passing signals on; give its exit code."""
    while True:
        match signal.sigwait(_SIGNALS):
            case signal.SIGTERM:
                _signal_group(child, signal.SIGTERM)
            case signal.SIGUSR1:
                _signal_group(child, signal.SIGKILL)
                _kill_children()
            case signal.SIGCHLD:
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == child:
                        code = os.waitstatus_to_exitcode(ended[1])
                        return 128 - code if code < 0 else code


def main() -> None:
    """Run one container to its end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    request = json.load(sys.stdin)
    directory = Path(request["directory"])
    started_at = time.time()
    child, error = _start(request)
    if not error:
        own = {"supervisor": os.getpid(), "supervisor_start": read_stat("self")[1]}
        _write(directory / "started.json", {**own, "pid": child, "started_at": started_at})
    try:
        print(json.dumps({"errno": error} if error else {}), flush=True)  # noqa: T201 - the node reads it
    except BrokenPipeError:
        pass  # The node is gone; the next one reads started.json.
    finally:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if error:
        os.waitpid(child, 0)
        return
    exit_code = _wait_for(child)
    _kill_everything()
    _write(
        directory / "exit.json",
        {"exit_code": exit_code, "started_at": started_at, "finished_at": time.time()},
    )


if __name__ == "__main__":
    main()
