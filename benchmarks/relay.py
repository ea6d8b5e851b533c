"""A relay in front of the API server that counts what goes through: bytes on the wire, TLS and all."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.support.kubernetes_api import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Traffic:
    """What has gone through so far."""

    connections: int = 0
    received: int = 0
    """Bytes from the API server."""
    sent: int = 0
    """Bytes to it."""

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(
            self.connections - earlier.connections,
            self.received - earlier.received,
            self.sent - earlier.sent,
        )


class Relay:
    """Counts the traffic of one client of one cluster."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.traffic = Traffic()

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, kubeconfig: Path, copy: Path) -> AsyncIterator[Self]:
        """Relay to a kubeconfig's cluster; `copy` becomes a kubeconfig that goes through the relay."""
        config = Kubeconfig.load(kubeconfig)
        target = urlsplit(config.server)
        relay = cls(target.hostname or "127.0.0.1", target.port or 443)
        server = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _write_copy(kubeconfig, copy, config.server, f"https://127.0.0.1:{port}")
        async with server:
            yield relay

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._count(connections=1)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, far_writer, is_sent=True))
            group.create_task(self._pass(far_reader, writer, is_sent=False))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_sent: bool
    ) -> None:
        # Either end may go away at any time; then the other one is told.
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                self._count(**{"sent" if is_sent else "received": len(chunk)})
                writer.write(chunk)
                await writer.drain()
        writer.close()

    def _count(self, *, connections: int = 0, received: int = 0, sent: int = 0) -> None:
        before = self.traffic
        self.traffic = Traffic(
            before.connections + connections, before.received + received, before.sent + sent
        )


def _write_copy(kubeconfig: Path, copy: Path, server: str, relayed: str) -> None:
    text = kubeconfig.read_text(encoding="utf-8").replace(json.dumps(server), json.dumps(relayed))
    copy.touch(mode=0o600)
    copy.write_text(text, encoding="utf-8")
