"""Ports for servers that cannot choose one themselves."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15000


def free_ports(count: int) -> list[int]:
    """Give ports of 127.0.0.1 on which nothing listens, below those that the system gives to clients.

    Nobody but another server can take one before its server does.
    """
    highest = int(_RANGE.read_text(encoding="ascii").split()[0])
    found: list[int] = []
    for port in random.SystemRandom().sample(range(_LOWEST, highest), highest - _LOWEST):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise OSError("no port of 127.0.0.1 is free")
