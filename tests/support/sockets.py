"""Sockets that a connection has left to the garbage collector."""

from __future__ import annotations

import gc
import warnings


def collect_sockets() -> None:
    """Collect them without the warning that would hit whichever test runs when the collector comes.

    A server that is killed in the middle of an answer leaves them, and a watch that is given up in the
    middle of a TLS handshake: asyncio closes neither.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
