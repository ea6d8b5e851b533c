"""The kubelet's port, for `kubectl logs` and `kubectl exec`: on loopback, over TLS.

The API server's `pods/log` and `pods/exec` ask here. Where the node is told whose certificates count
(`--client-ca-file`), everybody else is refused. Where it is not, everybody on this machine may read logs, as
with the pods' own ports, and nobody may run commands.

Source: kubelet `server.go`: `/containerLogs/{namespace}/{pod}/{container}` and
`/exec/{namespace}/{pod}/{container}`.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from jupyterhub_knada.devcluster.node.certificates import ensure_certificate
from jupyterhub_knada.devcluster.node.context import HOST_IP
from jupyterhub_knada.devcluster.node.executing import PROTOCOLS, ExecRequest, serve_exec
from jupyterhub_knada.devcluster.node.statuses import Waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from jupyterhub_knada.devcluster.node.containers import ContainerRunner
    from jupyterhub_knada.devcluster.node.options import NodeOptions

_CHUNK_BYTES = 64 * 1024
_FOLLOW_SECONDS = 0.2
_OPEN = ("/healthz",)


class KubeletServer:
    """Serves logs and commands of the containers of one node.

    Args:
        options: the node's.
        find: (namespace, pod name, container name) → the container, or None.
    """

    def __init__(self, options: NodeOptions, find: Callable[[str, str, str], ContainerRunner | None]) -> None:
        self._options = options
        self._find = find
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen. Raises: OSError: the port is in use, or a file cannot be read."""
        app = web.Application(middlewares=[self._authenticate])
        app.router.add_get("/healthz", _answer_health)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._answer_logs)
        for method in ("GET", "POST"):
            app.router.add_route(method, "/exec/{namespace}/{pod}/{container}", self._answer_exec)
        app.router.add_route("*", "/{rest:.*}", _answer_nothing)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        certificate, key = await asyncio.to_thread(ensure_certificate, self._options)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        if self._options.client_ca_file:
            context.load_verify_locations(self._options.client_ca_file)
            context.verify_mode = ssl.CERT_OPTIONAL
        site = web.TCPSite(self._runner, HOST_IP, self._options.kubelet_port, ssl_context=context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _authenticate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Refuse whoever shows no certificate of the cluster's authority."""
        is_known = request.get_extra_info("peercert") is not None
        if self._options.client_ca_file and not is_known and request.path not in _OPEN:
            raise web.HTTPUnauthorized(text="Unauthorized")
        return await handler(request)

    async def _answer_exec(self, request: web.Request) -> web.StreamResponse:
        if not self._options.client_ca_file:
            return _refuse("exec is off: this node was not given --client-ca-file, so it trusts nobody")
        name = request.match_info["container"]
        container = self._find_asked(request, "pod does not exist")
        if (running := container.running) is None:
            told = f'container not found ("{name}")'
            if not isinstance(container.facts.state, Waiting):
                told = f'container "{name}" is in CONTAINER_EXITED state'
            raise web.HTTPInternalServerError(text=told)
        try:
            wanted = ExecRequest.parse(request.query)
        except ValueError as failure:
            raise web.HTTPBadRequest(text=str(failure)) from failure
        if not _speaks(request):
            return _refuse(
                "this node speaks websockets only, and this API server speaks SPDY to it: "
                "exec needs Kubernetes 1.36 or newer"
            )
        return await serve_exec(request, wanted, *running)

    def _find_asked(self, request: web.Request, refusal: str) -> ContainerRunner:
        info = request.match_info
        container = self._find(info["namespace"], info["pod"], info["container"])
        if container is None:
            raise web.HTTPNotFound(text=refusal)
        return container

    async def _answer_logs(self, request: web.Request) -> web.StreamResponse:
        info = request.match_info
        container = self._find_asked(
            request, f'pod "{info["pod"]}" or its container "{info["container"]}" not found'
        )
        try:
            wanted = LogRequest.parse(dict(request.query))
        except ValueError as failure:
            raise web.HTTPBadRequest(text=str(failure)) from failure
        attempts = container.attempts[: -1 if wanted.previous else None]
        if not attempts or not attempts[-1].log.exists():
            what = "previous terminated container" if wanted.previous else "container"
            raise web.HTTPBadRequest(
                text=f'{what} "{info["container"]}" in pod "{info["pod"]}" has no log yet'
            )
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await _send_log(response, attempts[-1].log, wanted, lambda: attempts[-1].has_ended)
        return response


def _speaks(request: web.Request) -> bool:
    """Tell whether a client wants a websocket with a protocol of ours."""
    offered = {word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
    return request.headers.get("Upgrade", "").lower() == "websocket" and not offered.isdisjoint(PROTOCOLS)


async def _answer_nothing(_request: web.Request) -> web.Response:
    return _refuse("this node serves logs and exec only", HTTPStatus.NOT_FOUND, "NotFound")


def _refuse(message: str, code: HTTPStatus = HTTPStatus.FORBIDDEN, reason: str = "Forbidden") -> web.Response:
    """Say no with a Status: an API server passes it on as it is, where it would read a text as YAML."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return web.json_response({**status, "message": message, "reason": reason, "code": code}, status=code)


async def _answer_health(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


@dataclass(frozen=True, slots=True)
class LogRequest:
    """What a reader of a log wants. Source: core/v1 PodLogOptions."""

    follow: bool = False
    previous: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None

    @classmethod
    def parse(cls, query: dict[str, str]) -> LogRequest:
        """Read the query. Raises: ValueError: it asks for what these logs do not have."""
        unknown = sorted(set(query) - {"follow", "previous", "tailLines", "limitBytes", "timestamps"})
        if unknown or query.get("timestamps", "false") == "true":
            told = ", ".join(unknown or ["timestamps"])
            raise ValueError(f"logs here are what the process wrote, without times (got {told})")
        limits = {
            name: int(query[key])
            for name, key in (("tail_lines", "tailLines"), ("limit_bytes", "limitBytes"))
            if key in query
        }
        return cls(query.get("follow") == "true", query.get("previous") == "true", **limits)


async def _send_log(
    response: web.StreamResponse, log: Path, wanted: LogRequest, has_ended: Callable[[], bool]
) -> None:
    left = wanted.limit_bytes if wanted.limit_bytes is not None else float("inf")
    with log.open("rb") as stream:
        stream.seek(_find_tail(log, wanted.tail_lines))
        while left > 0:
            is_last = has_ended() or not wanted.follow
            chunk = stream.read(int(min(_CHUNK_BYTES, left)))
            if chunk:
                await response.write(chunk)
                left -= len(chunk)
            elif is_last:
                break
            else:
                await asyncio.sleep(_FOLLOW_SECONDS)
    await response.write_eof()


def _find_tail(log: Path, lines: int | None) -> int:
    """Give where the last lines begin."""
    if lines is None:
        return 0
    content = log.read_bytes()
    position = len(content) - (1 if content.endswith(b"\n") else 0)
    for _ in range(lines):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return len(content) if lines == 0 else position + 1
