"""Writing results where a person, a pipe or another program reads them."""

from __future__ import annotations

import os
import sys


def printable(text: str) -> str:
    r"""Give `text` with each control character written as an escape, e.g. `\x1b`.

    Team files are written by many; what they say must neither move a terminal's cursor nor break a line.
    """
    return "".join(char if char.isprintable() else _escape(char) for char in text)


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


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
