"""Loopback addresses for pods: 127.1.x.y, one a pod, without any rights on Linux."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CLAIM_PORT = 10249
"""Where a node shows, by listening, that a range is its own; the kubelet's port that is never routed."""
_RANGES = range(1, 255)
_HOSTS = range(2, 255)


class AddressesExhaustedError(Exception):
    """No range, or no address in the range, is free."""


class AddressRange:
    """The addresses 127.1.x.2 to 127.1.x.254 of one node.

    `x` follows from the node's root folder, so that it is the same after a restart; where another node of the
    machine has it, the next free one is taken. An address is given out again as late as possible: the hub's
    proxy may still know its last server.
    """

    def __init__(self, root: Path) -> None:
        first = crc32(str(root).encode()) % len(_RANGES)
        for step in range(len(_RANGES)):
            number = _RANGES[(first + step) % len(_RANGES)]
            if claim := _claim(f"127.1.{number}.1"):
                self._claim, self._prefix = claim, f"127.1.{number}"
                break
        else:
            raise AddressesExhaustedError(
                "other nodes of this machine use all of 127.1.0.0/16; stop some of them"
            )
        self._used: set[str] = set()
        self._next = 0

    @property
    def cidr(self) -> str:
        """The range as the Node's `podCIDR` says it."""
        return f"{self._prefix}.0/24"

    def take(self) -> str:
        """Take a free address.

        Raises:
            AddressesExhaustedError: all are in use.
        """
        for step in range(len(_HOSTS)):
            index = (self._next + step) % len(_HOSTS)
            address = f"{self._prefix}.{_HOSTS[index]}"
            if address not in self._used:
                self._used.add(address)
                self._next = index + 1
                return address
        raise AddressesExhaustedError(f"all {len(_HOSTS)} addresses of {self.cidr} are in use")

    def reserve(self, addresses: Iterable[str]) -> None:
        """Keep addresses that pods of an earlier run have, in whatever range that was."""
        self._used.update(addresses)

    def release(self, address: str) -> None:
        """Give an address back; its pod's processes have ended."""
        self._used.discard(address)

    def close(self) -> None:
        """Give the range back."""
        self._claim.close()


def _claim(address: str) -> socket.socket | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.bind((address, _CLAIM_PORT))
        claim.listen(1)
    except OSError as failure:
        claim.close()
        if failure.errno == errno.EADDRINUSE:
            return None
        raise
    return claim
