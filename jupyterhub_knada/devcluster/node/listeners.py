"""Whose process would answer on an address.

All pods share one network namespace here, so something else may listen on a pod's port: another program on
all addresses, or a server left from another run. A probe that it answers says nothing about the pod.
"""

from __future__ import annotations

import ipaddress
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LISTEN = "0A"


def _read_listeners() -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int, int]]:
    """Yield (address, port, inode) of every listening TCP socket.

    Source: proc(5), /proc/net/tcp: addresses in groups of four bytes of the machine's order.
    """
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):  # a kernel without IPv6
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] != _LISTEN:
                    continue
                host, _, port = fields[1].partition(":")
                words = (bytes.fromhex(host[start : start + 8]) for start in range(0, len(host), 8))
                packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
                yield ipaddress.ip_address(packed), int(port, 16), int(fields[9])


def _find_inodes(address: str, port: int) -> set[int]:
    """Find the sockets that a connection to an IPv4 address reaches: its own, else those on all addresses."""
    wanted = ipaddress.ip_address(address)
    exact, wildcard = set[int](), set[int]()
    for host, number, inode in _read_listeners():
        if number != port:
            continue
        reached = getattr(host, "ipv4_mapped", None) or host
        if reached == wanted:
            exact.add(inode)
        elif reached.is_unspecified:
            wildcard.add(inode)
    return exact or wildcard


def is_listening(pids: Iterable[int], address: str, port: int) -> bool:
    """Tell whether one of these processes is who answers on an address and port."""
    wanted = {f"socket:[{inode}]" for inode in _find_inodes(address, port)}
    for pid in pids if wanted else ():
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in wanted:
                        return True
    return False
