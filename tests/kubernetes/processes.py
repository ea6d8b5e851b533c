"""Processes that end with the one that started them, whatever happens to it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.kubernetes.tether import tethered

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_END_SECONDS = 15


@dataclass(slots=True)
class _Started:
    """One program, as it was started last."""

    command: list[str]
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    """Where this run's words begin, in bytes."""
    parting: signal.Signals


class Processes:
    """Programs with a log each; a context manager that ends them, the last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._started: dict[str, _Started] = {}

    def start(self, name: str, *command: str, parting: signal.Signals = signal.SIGKILL) -> None:
        """Start one in a session of its own: an interrupt from the terminal is not for it.

        From a thread that lives as long as the run: the kernel takes the thread for the parent.

        Args:
            name: of the program and its log.
            command: what to run.
            parting: the signal that ends it, also where this process ends without a word.
        """
        self._run(name, tethered(*command, parting=parting), parting)

    def _run(self, name: str, command: list[str], parting: signal.Signals) -> None:
        file = self._logs / f"{name}.log"
        with file.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self._started[name] = _Started(command, process, file, log.tell(), parting)

    def start_again(self, name: str) -> None:
        """Start one that has ended, with the same command; its turn to be ended stays."""
        assert self.has_ended(name), f"{name} runs"
        started = self._started[name]
        self._run(name, started.command, started.parting)

    def kill(self, name: str) -> None:
        """End one as `kill -9` does: it hears nothing of it."""
        process = self._started[name].process
        process.kill()
        process.wait()

    def pid(self, name: str) -> int:
        """Give the number of a process."""
        return self._started[name].process.pid

    def has_ended(self, name: str) -> bool:
        """Tell whether one is gone already."""
        return self._started[name].process.poll() is not None

    def words(self, name: str) -> str:
        """Give what one has written to its log since it was started last."""
        started = self._started[name]
        with started.log.open("rb") as log:
            log.seek(started.log_start)
            return log.read().decode(errors="replace")

    def last_words(self, name: str, lines: int = 10) -> str:
        """Give the end of a log."""
        return "\n".join(self.words(name).splitlines()[-lines:])

    def end(self, name: str) -> None:
        """End one by its signal, and where it does not heed that, by one that it cannot answer.

        By default at once: what a cluster stores ends with it, and an API server that is asked to end takes
        its time over open watches.
        """
        started = self._started.pop(name)
        process = started.process
        process.send_signal(started.parting)
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
        for name in reversed(list(self._started)):
            self.end(name)
