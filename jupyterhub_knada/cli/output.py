"""Writing results where a person, a pipe or another program reads them."""

from __future__ import annotations

import os
import sys

from jupyterhub_knada.errors import printable

__all__ = ["encodable", "printable", "write_line", "write_text"]


def write_line(text: str) -> None:
    """Write one line to standard output; see `write_text`."""
    write_text(f"{text}\n")


def write_text(text: str) -> None:
    """Write to standard output, in whatever encoding it has.

    A character that the locale cannot show is escaped. A reader that has gone (`… | head`) is no error: the
    rest is dropped and the exit code stays what the result says.
    """
    try:
        sys.stdout.write(encodable(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit and would complain there.
        # Source: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def encodable(text: str, encoding: str | None) -> str:
    r"""Give `text` with what `encoding` lacks written as `\xe5`."""
    target = encoding or "utf-8"
    return text.encode(target, "backslashreplace").decode(target)
