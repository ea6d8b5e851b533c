"""What the demo collects of the processes below it, and what it leaves to whoever waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jupyterhub_knada.cli.demo.processes import reap_orphans


def _ended(code: int) -> subprocess.Popen[bytes]:
    """Give a child that has ended, and for which nobody has waited."""
    child = subprocess.Popen([sys.executable, "-S", "-c", f"raise SystemExit({code})"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


def test_reap_orphans_leaves_the_ends_of_own_programs() -> None:
    """The event loop gets the exit code of a program that it waits for; what is nobody's is collected."""
    own, orphan = _ended(7), _ended(7)
    others = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()} - {orphan.pid}
    reap_orphans(others)
    assert own.wait() == 7
    # Collected already: the standard library then gives 0 for an end that it has not seen.
    assert orphan.wait() == 0
