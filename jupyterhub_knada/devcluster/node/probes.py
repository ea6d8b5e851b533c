"""Startup, readiness and liveness probes of one container.

Source: kubelet `prober`: an http answer of 200-399 is success; a startup probe holds the others back;
readiness begins as failure, liveness as success.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import aiohttp

from jupyterhub_knada.devcluster.node.listeners import is_listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from jupyterhub_knada.devcluster.node.cluster import JsonObject

_OK_STATUSES = range(200, 400)


class ProbeFailedError(Exception):
    """A probe's answer was no; the message is a kubelet's, behind `Readiness probe failed: `."""


@dataclass(frozen=True, slots=True)
class Target:
    """The running container that probes ask."""

    address: str
    ports: Mapping[str, int]
    """Named ports of the container."""
    list_pids: Callable[[], Iterable[int]]
    """The pod's own processes: nobody else's answer counts."""
    run_command: Callable[[list[str]], Awaitable[tuple[int, str]]]
    """Run a command in the container; exit code and output. Ends the command when cancelled."""

    def find_port(self, port: int | str) -> int:
        """Give a port's number. Raises: ProbeFailedError: no port of the container has this name."""
        if isinstance(port, int) or port.isdigit():
            return int(port)
        if port not in self.ports:
            raise ProbeFailedError(f"couldn't find port: {port}")
        return self.ports[port]

    def build_url(self, request: JsonObject) -> str:
        """Give the address of an HTTPGetAction."""
        scheme, host = (request.get("scheme") or "HTTP").lower(), request.get("host") or self.address
        return (
            f"{scheme}://{host}:{self.find_port(request['port'])}/{(request.get('path') or '/').lstrip('/')}"
        )


class Tally:
    """Counts a probe's results in a row against its thresholds. Pure."""

    def __init__(self, probe: JsonObject, *, initial: bool | None) -> None:
        self._needed = {True: probe.get("successThreshold") or 1, False: probe.get("failureThreshold") or 3}
        self._row = 0
        self._last = initial
        self.verdict = initial

    def add(self, *, success: bool) -> bool | None:
        """Add a result; give the verdict, which changes only after enough results in a row."""
        self._row = self._row + 1 if success == self._last else 1
        self._last = success
        if self._row >= self._needed[success]:
            self.verdict = success
        return self.verdict


class Watcher(Protocol):
    """Who is told what the probes found."""

    def on_started(self) -> None:
        """The startup probe succeeded, or there is none."""

    def on_ready(self, *, ready: bool) -> None:
        """The readiness probe's verdict."""

    def on_unhealthy(self, kind: str) -> None:
        """The liveness or startup probe gave the container up."""

    def on_probe_failure(self, kind: str, message: str) -> None:
        """One answer was a no."""


async def run_probes(
    spec: JsonObject, target: Target, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    """Run a container's probes until cancelled; without any it is started and ready at once."""
    if probe := spec.get("startupProbe"):
        asked = _Question("Startup", probe, target, session, watcher)
        async for verdict in asked.ask(Tally(probe, initial=None)):
            if verdict:
                break
            if verdict is False:
                watcher.on_unhealthy("startup")
                return
    watcher.on_started()
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_readiness(spec.get("readinessProbe"), target, session, watcher))
        group.create_task(_watch_liveness(spec.get("livenessProbe"), target, session, watcher))


async def _watch_readiness(
    probe: JsonObject | None, target: Target, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    if probe is None:
        watcher.on_ready(ready=True)
        return
    async for verdict in _Question("Readiness", probe, target, session, watcher).ask(
        Tally(probe, initial=False)
    ):
        watcher.on_ready(ready=bool(verdict))


async def _watch_liveness(
    probe: JsonObject | None, target: Target, session: aiohttp.ClientSession, watcher: Watcher
) -> None:
    if probe is None:
        return
    async for verdict in _Question("Liveness", probe, target, session, watcher).ask(
        Tally(probe, initial=True)
    ):
        if not verdict:
            watcher.on_unhealthy("liveness")
            return


@dataclass(frozen=True, slots=True)
class _Question:
    """One probe of one container."""

    _kind: str
    _probe: JsonObject
    _target: Target
    _session: aiohttp.ClientSession
    _watcher: Watcher

    async def ask(self, tally: Tally) -> AsyncIterator[bool | None]:
        """Ask again and again; yield the verdict after each answer."""
        await asyncio.sleep(self._probe.get("initialDelaySeconds") or 0)
        while True:
            try:
                await self._ask()
            except ProbeFailedError as failure:
                self._watcher.on_probe_failure(self._kind, str(failure))
                yield tally.add(success=False)
            else:
                yield tally.add(success=True)
            await asyncio.sleep(self._probe.get("periodSeconds") or 10)

    async def _ask(self) -> None:
        seconds = self._probe.get("timeoutSeconds") or 1
        try:
            async with asyncio.timeout(seconds):
                if request := self._probe.get("httpGet"):
                    await self._ask_http(request)
                elif request := self._probe.get("tcpSocket"):
                    await self._ask_tcp(request)
                else:
                    await self._ask_command(self._probe["exec"]["command"])
        except TimeoutError as failure:
            raise ProbeFailedError(f"timed out after {seconds}s: context deadline exceeded") from failure

    async def _ask_http(self, request: JsonObject) -> None:
        host, port = request.get("host") or self._target.address, self._target.find_port(request["port"])
        url = self._target.build_url(request)
        headers = {header["name"]: header["value"] for header in request.get("httpHeaders") or []}
        await self._check_owner(host, port, f'Get "{url}": ')
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False, ssl=False) as response:
                status = response.status
        except aiohttp.ClientError as failure:
            raise ProbeFailedError(f'Get "{url}": {failure}') from failure
        if status not in _OK_STATUSES:
            raise ProbeFailedError(f"HTTP probe failed with statuscode: {status}")

    async def _ask_tcp(self, request: JsonObject) -> None:
        host, port = request.get("host") or self._target.address, self._target.find_port(request["port"])
        await self._check_owner(host, port, "")
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as failure:
            raise ProbeFailedError(f"dial tcp {host}:{port}: {failure.strerror or failure}") from failure
        writer.close()

    async def _ask_command(self, command: list[str]) -> None:
        exit_code, output = await self._target.run_command(command)
        if exit_code:
            raise ProbeFailedError(output)

    async def _check_owner(self, host: str, port: int, before: str) -> None:
        """Refuse an answer that would come from somebody else's process."""
        if host == self._target.address:
            is_own = await asyncio.to_thread(lambda: is_listening(self._target.list_pids(), host, port))
            if not is_own:
                raise ProbeFailedError(f"{before}dial tcp {host}:{port}: connect: connection refused")
