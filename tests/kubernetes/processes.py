"""Processes that end with the one that started them, whatever happens to it."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Self

from tests.kubernetes.tether import tethered

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_END_SECONDS = 15


class Processes:
    """Programs with a log each; a context manager that ends them, the last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str) -> None:
        """Start one in a session of its own: an interrupt from the terminal is not for it."""
        with (self._logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                tethered(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
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
