"""Answers that a Kubernetes API, or what stands before it, may give to a list or a watch."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from kubernetes_asyncio.client import Configuration

from jupyterhub_knada.servers import watch_calls
from jupyterhub_knada.servers.watch_calls import (
    Collection,
    ForbiddenError,
    GoneError,
    WatchClient,
    WatchError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PODS = Collection("pods", "team-alfa", label_selector="component=singleuser-server")
_SECRET = "x" * 5000


class Server:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = web.Response()
        self.lines: list[bytes] | None = None
        """Of a stream, instead of an answer; then it is silent until the reader goes."""
        self.is_ended = True
        """Whether the stream ends after its lines."""
        self.asked: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        self.asked.append(dict(request.query))
        if self.lines is None:
            return self.answer
        response = web.StreamResponse()
        await response.prepare(request)
        for line in self.lines:
            await response.write(line)
        if not self.is_ended:
            await asyncio.Event().wait()
        return response


@pytest.fixture
def server() -> Server:
    """Give what answers."""
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[WatchClient]:
    """Give connections to it."""
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = WatchClient(Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}"))
    yield found
    await found.close()
    await runner.cleanup()


def _status(code: int, **more: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": "Why", "message": "what  it\nsays", **more}


async def _read(client: WatchClient) -> list[tuple[str, str]]:
    async with client.changes(PODS, "7", 300) as changes:
        return [(kind, found["metadata"]["resourceVersion"]) async for kind, found in changes]


def _line(kind: str, found: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


async def test_watch_asks_for_what_it_wants(server: Server, client: WatchClient) -> None:
    """From a revision on, by labels, with bookmarks, for a while; bookmarks are given like changes."""
    server.lines = [
        _line("ADDED", {"metadata": {"resourceVersion": "8"}}),
        _line("BOOKMARK", {"metadata": {"resourceVersion": "9"}}),
    ]
    assert await _read(client) == [("ADDED", "8"), ("BOOKMARK", "9")]
    asked = {
        "watch": "True",
        "allowWatchBookmarks": "True",
        "resourceVersion": "7",
        "timeoutSeconds": "300",
        "labelSelector": "component=singleuser-server",
    }
    assert server.asked == [asked]


async def test_watch_that_is_silent_ends(
    server: Server, client: WatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that nobody ends may be dead; what came on it counts."""
    monkeypatch.setattr(watch_calls, "SILENT_SECONDS", 0.1)
    server.lines = [_line("ADDED", {"metadata": {"resourceVersion": "8"}})]
    server.is_ended = False
    assert await _read(client) == [("ADDED", "8")]


async def test_line_of_any_length_that_a_pod_has_is_read(server: Server, client: WatchClient) -> None:
    """1.3 MB of `<`, each six letters in JSON, is more than aiohttp takes for a line."""
    long = {"metadata": {"resourceVersion": "8"}, "spec": "<" * 1_300_000}
    server.lines = [
        _line("ADDED", long).replace(b"<", b"\\u003c"),
        _line("ADDED", {"metadata": {"resourceVersion": "9"}}),
    ]
    assert await _read(client) == [("ADDED", "8"), ("ADDED", "9")]


async def test_line_that_is_too_long_for_the_hub_is_no_answer(
    server: Server, client: WatchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never ends is not kept in memory."""
    monkeypatch.setattr(watch_calls, "LONGEST_LINE", 1_000_000)
    server.lines = [b"x" * 100_000] * 11
    server.is_ended = False
    with pytest.raises(ValueError, match="a change of more than 1000000 bytes"):
        await _read(client)


@pytest.mark.parametrize(
    ("line", "error", "told"),
    [
        pytest.param(
            _line("ERROR", _status(410)), GoneError, "410: what it says", id="forgotten in mid-stream"
        ),
        pytest.param(_line("ERROR", _status(403)), ForbiddenError, "403: what it says", id="forbidden"),
        pytest.param(_line("ERROR", {}), WatchError, "0: nothing more", id="an error that says nothing"),
        pytest.param(b'{"type": "ADD', ValueError, "Unterminated", id="cut in the middle of a line"),
        pytest.param(b"<html>\n", ValueError, "Expecting value", id="no JSON"),
    ],
)
async def test_stream_that_goes_wrong_is_told_apart(
    server: Server, client: WatchClient, line: bytes, error: type[Exception], told: str
) -> None:
    """Some of it takes a new list, some waits for rights, some is only tried again."""
    server.lines = [line]
    with pytest.raises(error, match=told):
        await _read(client)


@pytest.mark.parametrize(
    ("answer", "error", "told", "retry_after"),
    [
        pytest.param(
            web.json_response(_status(410), status=410), GoneError, "410: what it says", None, id="forgotten"
        ),
        pytest.param(
            web.json_response(_status(429), status=429, headers={"Retry-After": "3"}),
            WatchError,
            "429: what it says",
            3.0,
            id="overloaded",
        ),
        pytest.param(
            web.json_response(
                _status(503), status=503, headers={"Retry-After": "Fri, 01 Jan 2027 00:00:00 GMT"}
            ),
            WatchError,
            "503: what it says",
            None,
            id="a date to come back",
        ),
        *(
            pytest.param(
                web.json_response(_status(429), status=429, headers={"Retry-After": asked}),
                WatchError,
                "429: what it says",
                seconds,
                id=f"{asked} seconds",
            )
            for asked, seconds in [("60", 60.0), ("86400", 60.0), ("inf", 60.0), ("nan", 0.0), ("-1", 0.0)]
        ),
        pytest.param(
            web.Response(text=f"<html>{_SECRET}", status=502),
            WatchError,
            "^502: nothing more$",
            None,
            id="a proxy",
        ),
        pytest.param(
            web.json_response(_status(500, message=_SECRET), status=500),
            WatchError,
            "^500: x{300}$",
            None,
            id="a long one",
        ),
        pytest.param(
            web.json_response([], status=401), WatchError, "^401: nothing more$", None, id="no status"
        ),
    ],
)
async def test_answer_that_is_a_no_is_told_apart(
    server: Server,
    client: WatchClient,
    answer: web.Response,
    error: type[WatchError],
    told: str,
    retry_after: float | None,
) -> None:
    """By its status, with the API's sentence and not with pages of a proxy."""
    server.answer = answer
    with pytest.raises(error, match=told) as refused:
        await client.list(PODS, lambda _: None)
    assert refused.value.retry_after == retry_after


async def test_server_that_asks_for_a_day_in_mid_stream_gets_a_minute(
    server: Server, client: WatchClient
) -> None:
    """As in an answer: there it stands in a header, here in the status."""
    server.lines = [_line("ERROR", _status(429, details={"retryAfterSeconds": 86_400}))]
    with pytest.raises(WatchError) as refused:
        await _read(client)
    assert refused.value.retry_after == 60


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"items": []}', '{"metadata": {}, "items": null}'])
async def test_list_without_a_revision_is_no_list(server: Server, client: WatchClient, body: str) -> None:
    """There is nowhere to go on from."""
    server.answer = web.Response(text=body, content_type="application/json")
    with pytest.raises(ValueError, match=r".*"):
        await client.list(PODS, lambda _: None)


async def test_revision_is_asked_for_without_a_selector(server: Server, client: WatchClient) -> None:
    """With one, the API would look through everything for the first that fits."""
    server.answer = web.json_response({"metadata": {"resourceVersion": "5", "continue": "c"}, "items": [{}]})
    assert await client.revision(PODS) == "5"
    assert server.asked == [{"limit": "1"}]


async def test_server_that_is_not_there_is_an_error_of_the_connection() -> None:
    """Nobody listens."""
    client = WatchClient(Configuration(host="http://127.0.0.1:1"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.list(PODS, lambda _: None)
    await client.close()
