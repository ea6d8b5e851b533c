"""HTTP as a client may write it that has its own mind about bodies: by pieces, late, or not at all."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """One answer; its body is whole."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def message(self) -> str:
        """What an error of the hub's API says."""
        found: str = json.loads(self.body)["message"]
        return found


class Connection:
    """A connection to a server, kept for one request after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send_head(self, method: str, path: str, headers: Mapping[str, Any]) -> None:
        """Send a request up to its body."""
        lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{name}: {headers[name]}" for name in headers)]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def send_chunks(self, pieces: Iterable[bytes], *, is_last: bool = True) -> None:
        """Send a body, or a part of it, in chunks."""
        for piece in pieces:
            await self.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if is_last:
            await self.send(b"0\r\n\r\n")

    async def read(self) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    async def is_closed(self) -> bool:
        """Wait until the other side has closed the connection; False if something else comes."""
        async with asyncio.timeout(_SECONDS):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Connection]:
    """Open a connection to where a URL leads."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
