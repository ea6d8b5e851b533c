"""A meter in a hub, installed by the hub's configuration file; SIGUSR2 has it write what it measured."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from benchmarks.metering import Meter, write_line

LINES = Path("meter.jsonl")
"""In the hub's working folder: what was measured, a line each time."""
PID = Path("meter.pid")
"""The hub's process, which takes the signal."""


def install() -> None:
    """Measure this hub from now on; each SIGUSR2 adds a line of JSON to `LINES`, and begins anew.

    Runs in the event loop, as JupyterHub's configuration files do. A selector can be handed to a new loop
    only, and this one is JupyterHub's: hence the private name.
    """
    PID.write_text(str(os.getpid()), encoding="ascii")
    meter = Meter(asyncio.get_running_loop()._selector)  # type: ignore[attr-defined]  # noqa: SLF001

    def write(_number: int, _frame: Any) -> None:
        write_line(LINES, meter.read())
        meter.reset()

    signal.signal(signal.SIGUSR2, write)
