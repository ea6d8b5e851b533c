"""A real hub that has a running server in each pod of the fleet: its start and rest, and starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from jupyterhub import orm, roles

from benchmarks.hub_meter import LINES, PID
from benchmarks.variants import STOCK
from tests.support.real_hub import RealHub, running_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from benchmarks.fleet import Fleet

_NEWCOMER: Final = "newcomer"
"""The person whose server is started and stopped; in the first team."""
_START_SECONDS: Final = 300
_LAST_LINES: Final = 30
_COMMON: Final = """
from benchmarks.hub_meter import install
install()
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers"]
c.KubeSpawner.port = {port}
c.KubeSpawner.pod_connect_ip = "127.0.0.1"
c.KubeSpawner.start_timeout = 120
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 120, "slow_stop_timeout": 120}}
"""
_AUTHENTICATOR: Final = """
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
"""
_STOCK: Final = (
    _COMMON
    + """
c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
c.KubeSpawner.namespace = "{first}"
c.KubeSpawner.enable_user_namespaces = {is_one_for_all}
c.KubeSpawner.user_namespace_template = "{first}"
"""
    + _AUTHENTICATOR
)
_KNADA: Final = (
    _COMMON
    + """
from jupyterhub_knada.hub_config import configure
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", platform_file="platform.yaml", authenticator=demo, culler=False)
"""
    + _AUTHENTICATOR
)
_LOST: Final = (" does not appear to be running at ", " appears to have stopped while the Hub was down")
"""What a hub logs that takes a running server for a stopped one."""
_PLATFORM: Final = "defaults: {storage: {none: true}}\n"
"""kwok plays no storage."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Which hub is measured."""

    spawner: str
    """`stock` or `knada`."""
    is_one_for_all: bool
    """Stock only: see `probe.Settings`."""
    kubeconfig: Path
    starts: int
    """How often a server is started and stopped."""
    seconds: float
    """Of the rest."""


async def measure_hub(settings: HubSettings, fleet: Fleet, folder: Path) -> dict[str, Any]:
    """Run a hub over the fleet's pods in a new folder; give what it took, in seconds.

    Raises:
        TimeoutError: it does not answer, or does not find all its servers.
        RuntimeError: it ended, or a start or a stop went wrong.
    """
    _write_teams(folder, fleet)
    _write_database(folder / "hub.sqlite", fleet)
    template = _STOCK if settings.spawner == STOCK else _KNADA
    first = fleet.namespace_names()[0]
    config = template.format(port=fleet.port, first=first, is_one_for_all=settings.is_one_for_all)
    environment = {"KUBECONFIG": str(settings.kubeconfig)}
    began = time.perf_counter()
    async with running_hub(folder, config, environment=environment, seconds=_START_SECONDS) as hub:
        answered = time.perf_counter() - began
        await _until_checked(hub, fleet.pods)
        checked = time.perf_counter() - began
        probe = _Probe(hub, folder)
        start = await probe.read()
        starts, stops = await probe.start_and_stop(settings.starts)
        busy = await probe.read()
        await asyncio.sleep(settings.seconds)
        rest = await probe.read()
    return {
        "answered": answered,
        "checked": checked,
        "starts": starts,
        "stops": stops,
        "start": start,
        "busy": busy,
        "rest": rest,
    }


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """Answer for every server on one port of this machine; give the port."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="{}", content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _write_teams(folder: Path, fleet: Fleet) -> None:
    """Write a file for each team, with the users of its pods."""
    users: dict[str, list[str]] = {name: [] for name in fleet.namespace_names()}
    for namespace, user in fleet.places():
        users[namespace].append(user)
    next(iter(users.values())).append(_NEWCOMER)
    (folder / "teams").mkdir()
    (folder / "platform.yaml").write_text(_PLATFORM, encoding="utf-8")
    for name, members in users.items():
        file = folder / "teams" / f"{name}.yaml"
        file.write_text(f"namespace: {name}\nusers: {json.dumps(members)}\n", encoding="utf-8")


def _write_database(file: Path, fleet: Fleet) -> None:
    """Write what a hub that ran here before has left: a running server for each pod."""
    # Making the tables is told at length.
    logging.disable(logging.INFO)
    session = orm.new_session_factory(f"sqlite:///{file}")()  # type: ignore[no-untyped-call]
    for role in roles.get_default_roles():  # type: ignore[no-untyped-call]
        roles.create_role(session, role)  # type: ignore[no-untyped-call]
    role = orm.Role.find(session, "user")  # type: ignore[no-untyped-call]
    for namespace, user in fleet.places():
        state = {
            "kubespawner_version": version("jupyterhub-kubespawner"),
            "pod_name": f"jupyter-{user}",
            "namespace": namespace,
        }
        server = orm.Server(proto="http", ip="127.0.0.1", port=fleet.port, base_url=f"/user/{user}/")
        person = orm.User(name=user, roles=[role])
        session.add(orm.Spawner(name="", user=person, server=server, state=state, user_options={}))
    session.commit()
    session.close()
    session.get_bind().dispose()
    logging.disable(logging.NOTSET)


async def _until_checked(hub: RealHub, servers: int) -> None:
    """Wait until the hub has found all its servers running, as its log says."""
    async with asyncio.timeout(_START_SECONDS):
        while hub.log.count(" still running") < servers:
            if any(words in hub.log for words in _LOST):
                raise RuntimeError("the hub took a running server for a stopped one")
            await asyncio.sleep(0.2)


class _Probe:
    """Uses a hub and reads its meter."""

    def __init__(self, hub: RealHub, folder: Path) -> None:
        self._hub = hub
        self._lines = folder / LINES
        self._pid = int((folder / PID).read_text())
        self._read = 0

    async def read(self) -> dict[str, Any]:
        """Have the meter write, and give what it did."""
        os.kill(self._pid, signal.SIGUSR2)
        async with asyncio.timeout(60):
            while True:
                lines = self._read_lines()
                if len(lines) > self._read:
                    self._read = len(lines)
                    found: dict[str, Any] = json.loads(lines[-1])
                    return found
                await asyncio.sleep(0.05)

    def _read_lines(self) -> list[str]:
        text = self._lines.read_text(encoding="utf-8") if self._lines.exists() else ""
        return text.splitlines()

    async def start_and_stop(self, times: int) -> tuple[list[float], list[float]]:
        """Start and stop a server some times; give how long each took."""
        await self._ask("POST", f"/users/{_NEWCOMER}", 201)
        server = f"/users/{_NEWCOMER}/server"
        starts, stops = [], []
        for _ in range(times):
            starts.append(await self._ask("POST", server, 201))
            stops.append(await self._ask("DELETE", server, 204))
        return starts, stops

    async def _ask(self, method: str, path: str, expected: int) -> float:
        began = time.perf_counter()
        status, body = await self._hub.api(path, method=method)
        if status != expected:
            last = "\n".join(self._hub.log.splitlines()[-_LAST_LINES:])
            raise RuntimeError(f"{method} {path}: {status}: {body}\n{last}")
        return time.perf_counter() - began
