"""Start programs, wait until they answer, and leave nothing behind.

The demo's process is made the reaper of everything below it (`PR_SET_CHILD_SUBREAPER`), so that a program
whose parent died is still found and ended. Each program is told to end when the demo dies without a word
(`PR_SET_PDEATHSIG`). What survives even that, the next demo ends: it finds it by its environment.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence

log = logging.getLogger(__name__)

# <sys/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None)


class ProgramEndedError(Exception):
    """A program ended although it should run; the text says which, and how its log ends."""


def become_subreaper() -> None:
    """Make this process the parent of every orphan below it. Linux only; an older kernel ignores it."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> None:
    """Run in the child between fork and exec: ask the kernel for SIGTERM when the parent dies."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: int
    """Clock ticks after boot, field 22 of `/proc/PID/stat`."""

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Give the identity of a living process; None when there is none (a zombie counts as none)."""
        stat = _stat(pid)
        return None if stat is None or stat[0] == "Z" else cls(pid, int(stat[19]))

    def is_alive(self) -> bool:
        """Tell whether this very process is still there."""
        return ProcessId.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if this very process is still there."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _stat(pid: int) -> list[str] | None:
    """Give the fields of `/proc/PID/stat` from the state on; the name before it may hold spaces."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def descendants() -> list[ProcessId]:
    """Give all living processes below this one, children before their children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found: list[ProcessId] = []
    level = [os.getpid()]
    while level:
        level = [child for pid in level for child in children.get(pid, ())]
        found += [process for pid in level if (process := ProcessId.of(pid)) is not None]
    return found


class Program:
    """One started program with its log file."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self.name = name
        self.process = process
        self.log_file = log_file

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], *, env: Mapping[str, str], log_file: Path
    ) -> Program:
        """Start a program in a session of its own: Ctrl-C reaches the demo alone, which ends all in order."""
        with log_file.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        return cls(name, process, log_file)

    async def ready(self, answers: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
        """Wait until the program answers.

        Raises:
            ProgramEndedError: it ended, or did not answer in time.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await answers():
                    if self.process.returncode is not None:
                        raise ProgramEndedError(self._told(f"ended with exit code {self.process.returncode}"))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ProgramEndedError(self._told(f"did not answer within {seconds:.0f} s")) from None

    def _told(self, what: str) -> str:
        tail = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join(
            [f"{self.name} {what}. The end of {self.log_file}:", *(f"  {line}" for line in tail)]
        )

    async def ended(self) -> None:
        """Wait until the program has ended by itself, which in a demo is a failure.

        Raises:
            ProgramEndedError: always.
        """
        await self.process.wait()
        raise ProgramEndedError(self._told(f"ended with exit code {self.process.returncode}"))

    async def stop(self, *, seconds: float) -> None:
        """Ask the program to end; after `seconds`, make it."""
        if self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            log.warning("%s did not end within %.0f s of SIGTERM: killed", self.name, seconds)
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def end_descendants(programs: Iterable[Program] = ()) -> None:
    """Kill whatever is still below this process, orphans included, until nothing is.

    Args:
        programs: Those that this process has started, whose ends are the event loop's to collect.
    """
    own = {program.process.pid: program for program in programs}
    while alive := descendants():
        for process in alive:
            process.send(signal.SIGKILL)
        await asyncio.sleep(0.02)
        reap_orphans(own)
    reap_orphans(own)
    for program in own.values():
        await program.process.wait()


def reap_orphans(own: Container[int]) -> None:
    """Collect the ended children of this process but its own, whose ends somebody waits for here."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) not in own:
            stat = _stat(int(entry.name))
            if stat is not None and stat[0] == "Z" and int(stat[1]) == os.getpid():
                with suppress(ChildProcessError):
                    os.waitpid(int(entry.name), os.WNOHANG)


def find_marked(marker: str) -> list[ProcessId]:
    """Give the living processes, but this one, whose environment holds exactly this `NAME=value`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # ended meanwhile, or somebody else's
                if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(ProcessId.of(int(entry.name)))
    return [process for process in found if process is not None]


async def end_leftovers(marker: str, *, seconds: float) -> None:
    """End what a killed demo left. Its programs were told when it died, so mostly this only waits.

    Args:
        marker: What every program of this folder's demos has in its environment.
        seconds: How long they may take; the hub waits for a cluster that is gone, too.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while left := find_marked(marker):
        if asyncio.get_running_loop().time() > deadline:
            for process in left:
                process.send(signal.SIGKILL)
        await asyncio.sleep(0.05)
