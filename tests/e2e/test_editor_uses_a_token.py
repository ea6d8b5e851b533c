"""VS Code's way in: start with a token over REST, then run code over the kernel's websocket."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.this_machine import ThisMachine
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.demo_process import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def editor(demo: DemoProcess) -> aiohttp.ClientSession:
    """Give what an editor has: the hub's address and the token."""
    headers = {"Authorization": f"token {demo.token}"}
    connector = aiohttp.TCPConnector(resolver=ThisMachine())
    return aiohttp.ClientSession(demo.url, headers=headers, connector=connector)


async def start_server(session: aiohttp.ClientSession, options: dict[str, str] | None) -> None:
    """Start the default server, with options or with no body at all, and wait until it is ready."""
    body: dict[str, Any] = {} if options is None else {"json": options}
    async with session.post("/hub/api/users/anna/server", **body) as reply:
        assert reply.status in {201, 202}, await reply.text()

    async def is_ready() -> bool:
        return bool((await server_of_anna(session)).get("ready"))

    await eventually(is_ready, seconds=120)


async def server_of_anna(session: aiohttp.ClientSession) -> dict[str, Any]:
    """Give the hub's picture of the default server; empty when there is none."""
    async with session.get("/hub/api/users/anna") as reply:
        assert reply.status == 200
        servers: dict[str, dict[str, Any]] = (await reply.json())["servers"]
        return servers.get("", {})


async def stop_server(session: aiohttp.ClientSession) -> None:
    """Stop the default server and wait until it is gone."""
    async with session.delete("/hub/api/users/anna/server") as reply:
        assert reply.status in {202, 204}

    async def is_gone() -> bool:
        return not await server_of_anna(session)

    await eventually(is_gone)


async def run_code(session: aiohttp.ClientSession, code: str) -> str:
    """Start a kernel, run code over its websocket as an editor does, give what it showed, end the kernel."""
    # As the hub names it: where each person and team has a host, a made-up address would not do.
    server = (await server_of_anna(session))["url"]
    async with session.post(f"{server}api/kernels", json={"name": "python3"}) as reply:
        assert reply.status == 201, await reply.text()
        kernel = (await reply.json())["id"]
    message = {
        "header": {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "anna",
            "session": uuid.uuid4().hex,
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {"code": code, "silent": False, "store_history": True, "allow_stdin": False},
    }
    async with asyncio.timeout(60), session.ws_connect(f"{server}api/kernels/{kernel}/channels") as socket:
        await socket.send_json(message)
        async for received in socket:
            reply_message = received.json()
            if reply_message["msg_type"] == "execute_result":
                shown = str(reply_message["content"]["data"]["text/plain"])
                break
        else:
            pytest.fail("the kernel's websocket was closed before it answered")
    async with session.delete(f"{server}api/kernels/{kernel}") as reply:
        assert reply.status == 204
    return shown


async def test_token_starts_a_server_and_runs_code_over_its_websocket(demo: DemoProcess) -> None:
    """With the token in a header an editor starts a server, and its kernel answers over the websocket."""
    async with editor(demo) as session:
        await start_server(session, {"team": "pensjon", "profile": "standard"})
        assert await run_code(session, "1 + 1") == "2"
        secret = await run_code(session, "__import__('os').environ['KNADA_TEAM_SECRET']")
        assert secret == "'projects/knada-demo/secrets/pensjon-9b2e'"
        await stop_server(session)

        # VS Code sends no body: the last accepted choice holds.
        await start_server(session, None)
        secret = await run_code(session, "__import__('os').environ['KNADA_TEAM_SECRET']")
        assert secret == "'projects/knada-demo/secrets/pensjon-9b2e'"
        await stop_server(session)


async def test_token_naming_another_team_is_refused_and_stores_nothing(demo: DemoProcess) -> None:
    """A team that is not hers gives 403 with a sentence, starts nothing, and the next start is as before."""
    async with editor(demo) as session:
        async with session.post(
            "/hub/api/users/anna/server", json={"team": "modell", "profile": "gpu"}
        ) as reply:
            assert reply.status == 403
            assert "modell" in (await reply.json())["message"]
        assert not await server_of_anna(session)
