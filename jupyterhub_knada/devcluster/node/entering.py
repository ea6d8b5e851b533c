"""Become a command that was entered into a container: `entering.py PARENT TERMINAL PROGRAM [ARGUMENT...]`.

A program of its own that imports nothing but the standard library. Whoever starts it gives it a session of
its own, and the container's environment and working folder. PARENT is the number of the node's process, whose
end is the command's, too; TERMINAL is 1 where standard input is one that the command is to control.

A `preexec_fn` could do the same, but is not safe where there are threads.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import termios

_PR_SET_PDEATHSIG = 1


def main(parent: int, terminal: str, command: list[str]) -> None:
    """Become the command."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it ended before the line above
        return
    if terminal == "1":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Python ignores these two, and ignored signals would be inherited.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606 - the caller says what runs
    except OSError as failure:
        sys.exit(f'exec: "{command[0]}": {(failure.strerror or "").lower()}')


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
