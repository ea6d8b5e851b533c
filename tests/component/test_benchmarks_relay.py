"""The relay that counts what a client and its API server send each other."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.relay import Relay, Traffic
from tests.support.kubernetes_api import Kubeconfig
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def _write_kubeconfig(file: Path, port: int) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "not-a-real-token"}}],
    }
    file.write_text(json.dumps(config), encoding="utf-8")


async def test_relay_counts_each_way_and_passes_the_end_on(tmp_path: Path) -> None:
    """What goes through comes out; who hangs up is hung up on, on the other side."""
    ended = asyncio.Event()

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while word := await reader.read(100):
            writer.write(word * 2)
        ended.set()
        writer.close()

    server = await asyncio.start_server(answer_twice, "127.0.0.1", 0)
    _write_kubeconfig(tmp_path / "config", server.sockets[0].getsockname()[1])
    copy = tmp_path / "copy"
    async with server, Relay.running(tmp_path / "config", copy) as relay:
        config = Kubeconfig.load(copy)
        assert config.token == "not-a-real-token"
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(config.server).port)
        writer.write(b"hello")
        assert await reader.readexactly(10) == b"hellohello"
        before = relay.traffic
        writer.write(b"bye")
        assert await reader.readexactly(6) == b"byebye"
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            await ended.wait()
        assert before == Traffic(connections=1, received=10, sent=5)
        assert relay.traffic - before == Traffic(connections=0, received=6, sent=3)


async def test_relay_hangs_up_where_nobody_answers(tmp_path: Path) -> None:
    """A client of an API server that is away sees just that."""
    closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    _write_kubeconfig(tmp_path / "config", port)
    async with Relay.running(tmp_path / "config", tmp_path / "copy") as relay:
        config = Kubeconfig.load(tmp_path / "copy")
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(config.server).port)
        assert await reader.read() == b""
        writer.close()

        async def is_counted() -> bool:
            return relay.traffic.connections == 1

        await eventually(is_counted)
