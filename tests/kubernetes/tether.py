"""Become a program that its parent's death ends: `tether.py PARENT SIGNAL PROGRAM [ARGUMENT...]`.

A program of its own rather than a `preexec_fn`, which is not safe, and warned of, where there are threads.
The parent's thread that starts it has to live as long as the run: to the kernel, a thread is the parent.
Source: prctl(2), PR_SET_PDEATHSIG, which an exec keeps.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# <sys/prctl.h>
_PR_SET_PDEATHSIG = 1


def tethered(*command: str, parting: signal.Signals = signal.SIGKILL) -> list[str]:
    """Give the command that runs another one as a child that ends with this process, by this signal."""
    return [sys.executable, "-I", __file__, str(os.getpid()), str(int(parting)), *command]


def main(parent: int, parting: int, command: list[str]) -> None:
    """Tie this process to its parent and run the command in it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, parting, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() == parent:  # else it died before the line above
        os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
