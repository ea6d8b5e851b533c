"""Ports of the loopback address, for programs that cannot choose one themselves."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_CLIENT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15000
_HIGHEST = 65535


def free_ports(count: int) -> list[int]:
    """Give different ports on which nothing listens, below those that the system gives to clients.

    The system's own way, port 0, gives the same one twice now and then, and one that a client may take before
    its server does; of these only another server can.

    Raises:
        OSError: none is free.
    """
    first_of_clients = int(_CLIENT_RANGE.read_text(encoding="ascii").split()[0])
    # Where clients get nearly all ports, as some tune it, there is no better than a port by chance.
    end = first_of_clients if first_of_clients > _LOWEST + count else _HIGHEST
    found: list[int] = []
    for port in random.SystemRandom().sample(range(_LOWEST, end), end - _LOWEST):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"{count} free ports of {LOOPBACK} between {_LOWEST} and {end} are not to be had")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port."""
    with socket.socket() as probe:
        # As the proxy does: a connection that lingers after its end does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
