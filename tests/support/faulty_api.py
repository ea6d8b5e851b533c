"""A reverse proxy in front of a Kubernetes API that goes wrong when it is told to.

What happens to which request is said by a `Fault`, and each fault says when its request has come: a test
waits for that instead of sleeping. All others are passed on unchanged, with the caller's own token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml
from aiohttp import web
from multidict import CIMultiDict

from tests.support.kubernetes_api import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

_OF_A_CONNECTION = frozenset({"connection", "host", "keep-alive", "content-length", "transfer-encoding"})
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Call:
    """One request as Kubernetes names it."""

    verb: str
    resource: str
    """Plural, e.g. `pods`; with a subresource `pods/log`."""
    about: str
    """The object's name; of a list or a watch its selectors."""

    @classmethod
    def of(cls, request: web.Request, body: bytes) -> Call:
        """Read a request."""
        parts = request.path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            parts = parts[2:]
        resource, name = "/".join([*parts[:1], *parts[2:]]), parts[1] if len(parts) > 1 else ""
        if request.method == "POST" and not name:
            name = (json.loads(body or "{}").get("metadata") or {}).get("name", "")
        if request.method == "GET":
            verb = "watch" if _is_watch(request) else "get" if name else "list"
        else:
            verb = _VERBS.get(request.method, request.method)
        selectors = (request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        return cls(verb, resource, name or " ".join(selectors))


@dataclass
class Fault:
    """What becomes of certain requests; the first that fits is taken, as often as it says."""

    verb: str
    resource: str
    about: str
    """Part of the object's name or of the selector."""
    times: int = 1
    status: int = 0
    """Answer with this instead of asking the API; 0: ask it."""
    message: str = ""
    """Of the answered Status."""
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_answer_lost: bool = False
    """Ask the API, then break the connection instead of answering."""
    is_held_before: bool = False
    """Wait for `release()` before asking."""
    is_held_after: bool = False
    """Ask, then wait for `release()` before answering."""
    seen: int = 0
    """How often it happened."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request is held, lost or answered for the first time."""
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, call: Call) -> bool:
        """Tell whether it is about this request."""
        is_it = (self.verb, self.resource) == (call.verb, call.resource)
        return self.seen < self.times and is_it and self.about in call.about

    async def arrive(self, seconds: float = 60) -> None:
        """Wait until its request is where it is held, lost or answered."""
        async with asyncio.timeout(seconds):
            await self.reached.wait()

    def release(self) -> None:
        """Let the held requests go on; those whose sender is gone are dropped."""
        self._released.set()

    @property
    def is_holding(self) -> bool:
        """Tell whether exactly one request came, and waits."""
        return self.seen == 1 and self.reached.is_set() and not self._released.is_set()

    async def hold(self) -> None:
        """Wait here for `release()`."""
        self.reached.set()
        await self._released.wait()


class FaultyApi:
    """The proxy; an async context manager."""

    def __init__(self, upstream: Path) -> None:
        """Take the kubeconfig of the real one."""
        self._config = Kubeconfig.load(upstream)
        self._faults: list[Fault] = []
        self._open: dict[web.StreamResponse, web.Request] = {}
        self._hidden: set[tuple[str, str]] = set()
        self.calls: list[Call] = []
        """All that came, oldest first."""
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        connector = aiohttp.TCPConnector(ssl=self._config.tls(), limit=0, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all requests."""
        for fault in self._faults:
            fault.release()
        self.cut_watches()
        await self._runner.cleanup()
        await self._session.close()

    def write_kubeconfig(self, file: Path) -> Path:
        """Write the file by which the same person comes through here; give it."""
        token = {"token": self._config.token} if self._config.token else {}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "faulty",
            "clusters": [{"name": "faulty", "cluster": {"server": self.url}}],
            "users": [{"name": "hub", "user": token}],
            "contexts": [{"name": "faulty", "context": {"cluster": "faulty", "user": "hub"}}],
        }
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(config), "utf-8")
        return file

    def add(self, fault: Fault) -> Fault:
        """Add a fault; give it."""
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault away, and let go what it holds."""
        fault.release()
        self._faults.remove(fault)

    def hide(self, kind: str, name: str) -> None:
        """Leave the watch events of one kind, e.g. `DELETED`, about one object out of all watches."""
        self._hidden.add((kind, name))

    def show(self, name: str) -> None:
        """Leave nothing about an object out of watches any more."""
        self._hidden = {hidden for hidden in self._hidden if hidden[1] != name}

    def cut_watches(self) -> int:
        """Break the connection of every open watch; give how many there were."""
        cut = list(self._open.items())
        for _, request in cut:
            _break(request)
        return len(cut)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call.of(request, body)
        self.calls.append(call)
        fault = next((fault for fault in self._faults if fault.fits(call)), None)
        if fault is None:
            return await self._pass_on(request, body)
        fault.seen += 1
        if fault.status:
            fault.reached.set()
            return _status(fault)
        if fault.is_held_before:
            await fault.hold()
            if request.transport is None or request.transport.is_closing():
                return web.Response()
        response = await self._pass_on(request, body)
        if fault.is_held_after:
            await fault.hold()
        if fault.is_answer_lost:
            _break(request)
        fault.reached.set()
        return response

    async def _pass_on(self, request: web.Request, body: bytes) -> web.StreamResponse:
        headers = CIMultiDict(
            (key, value) for key, value in request.headers.items() if key.lower() not in _OF_A_CONNECTION
        )
        url = self._config.server.rstrip("/") + request.raw_path
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, timeout=aiohttp.ClientTimeout()
            ) as answer:
                if _is_watch(request) and answer.status == web.HTTPOk.status_code:
                    return await self._stream(request, answer)
                return web.Response(
                    status=answer.status, body=await answer.read(), headers=_kept(answer.headers)
                )
        except aiohttp.ClientError:
            # As the caller would see it without this proxy: nobody answers.
            _break(request)
            return web.Response()

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        await response.prepare(request)
        self._open[response] = request
        rest = b""
        try:
            with contextlib.suppress(ConnectionError):
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if not self._is_hidden(line):
                            await response.write(line + b"\n")
        finally:
            del self._open[response]
        return response

    def _is_hidden(self, line: bytes) -> bool:
        if not self._hidden:
            return False
        event: dict[str, Any] = json.loads(line)
        name = event["object"].get("metadata", {}).get("name", "")
        return (event["type"], name) in self._hidden


def _is_watch(request: web.Request) -> bool:
    # As Go reads it; the Python client writes "True".
    return request.query.get("watch", "") in ("1", "t", "T", "true", "TRUE", "True")


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((key, value) for key, value in headers.items() if key.lower() not in _OF_A_CONNECTION)


def _break(request: web.Request) -> None:
    """End a connection without a word."""
    if request.transport is not None:
        request.transport.abort()


def _status(fault: Fault) -> web.Response:
    """Answer as the API server does where it refuses."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": fault.message,
        "reason": fault.reason,
        "code": fault.status,
    }
    return web.json_response(body, status=fault.status, headers=dict(fault.headers))
