"""Processes that end with the one that started them, whatever happens to it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

# <sys/prctl.h>
_PR_SET_PDEATHSIG: Final = 1
_END_SECONDS = 15
_LIBC = ctypes.CDLL(None, use_errno=True)


def dies_with_parent() -> Callable[[], None]:
    """Give what a child runs before its program (`preexec_fn`): its parent's death will kill it.

    It has to be started by a thread that lives as long as the run: the kernel's parent is a thread.
    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare


class Processes:
    """Programs with a log each; a context manager that ends them, the last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start one in a session of its own: an interrupt from the terminal is not for it."""
        with (self._logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509  only system calls: nothing waits for a lock
            )

    def has_ended(self, name: str) -> bool:
        """Tell whether one is gone already."""
        return self._running[name].poll() is not None

    def last_words(self, name: str, lines: int = 10) -> str:
        """Give the end of a log."""
        text = (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def end(self, name: str) -> None:
        """End one: by a signal that it may answer, then by one that it may not."""
        process = self._running.pop(name)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            return
        process.kill()
        process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self._running)):
            self.end(name)
