"""Finds every name on this machine, as browsers do with names below `localhost`."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class ThisMachine(AbstractResolver):
    """A resolver for `aiohttp.TCPConnector`; not every machine's own knows these names."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give this machine's address."""
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""
