"""A real JupyterHub in a process of its own, on loopback, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from jupyterhub_knada.cli.demo.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
API_TOKEN = "not-a-real-api-token"

_CONFIG = """
import sys
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.proxy_class = "tests.support.hub_parts.NoProxy"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret = b"0" * 32
c.JupyterHub.services = [{{"name": "test", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "test", "services": ["test"], "scopes": ["admin:users", "servers", "groups"]}}
]
"""


@dataclass(frozen=True)
class Browser:
    """Somebody who opens pages of a hub."""

    url: str
    session: aiohttp.ClientSession

    async def open(self, path: str) -> tuple[int, str]:
        """Open a page; give the status and the text of where it ends."""
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()


@dataclass(frozen=True)
class RealHub:
    """A hub that answers."""

    url: str
    """Of the hub itself, without `/hub`: there is no proxy."""
    log_file: Path
    session: aiohttp.ClientSession

    @property
    def log(self) -> str:
        """All that it has logged so far."""
        return self.log_file.read_text()

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        """Open pages as one person: with cookies of one's own."""
        # Cookies for an address instead of a name, which a browser would keep, too.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            yield Browser(self.url, session)

    async def api(
        self, path: str, *, method: str = "GET", token: str = API_TOKEN, body: Any = None
    ) -> tuple[int, Any]:
        """Ask the REST API; give the status and the decoded answer."""
        headers = {"Authorization": f"token {token}"}
        async with self.session.request(
            method, f"{self.url}/hub/api{path}", headers=headers, json=body
        ) as answer:
            text = await answer.read()
            return answer.status, await answer.json() if text else None


class HubProcess:
    """A hub that can be killed and started again, in the same folder and on the same ports."""

    def __init__(
        self,
        folder: Path,
        config: str,
        session: aiohttp.ClientSession,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Write its configuration; see `running_hub`."""
        port, hub_port = free_ports(2)
        self._folder = folder
        self._config = folder / "config.py"
        self._config.write_text(_CONFIG.format(port=port, hub_port=hub_port, token=API_TOKEN) + config)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KNADA_", "JUPYTERHUB_", "OAUTH", "OIDC_"))
        }
        self._environment = {**inherited, **(environment or {}), "PYTHONPATH": str(ROOT)}
        self._process: asyncio.subprocess.Process | None = None
        self.hub = RealHub(f"http://127.0.0.1:{hub_port}", folder / "hub.log", session)

    async def start(self, seconds: float = 60) -> None:
        """Start it and wait for its first answer; its log goes on where it was."""
        with self.hub.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "jupyterhub",
                "-f",
                str(self._config),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await _wait_for(self.hub, self._process, seconds)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, if it runs: SIGKILL is a hub that dies in the middle of what it does."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(number)
        await self._process.wait()

    async def ended(self) -> None:
        """Wait until it has ended, as it was told to in another way."""
        if self._process is not None:
            await self._process.wait()


@asynccontextmanager
async def running_hub(
    folder: Path, config: str, *, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> AsyncIterator[RealHub]:
    """Start a hub and end it, with everything that it started.

    Args:
        folder: For its files; also its working folder.
        config: What comes after the ports and the token, as Python.
        environment: On top of the test's own, without what would reach a hub from there.
        seconds: Deadline for its first answer.
    """
    async with aiohttp.ClientSession() as session:
        process = HubProcess(folder, config, session, environment)
        try:
            await process.start(seconds)
            yield process.hub
        finally:
            await process.end()


async def _wait_for(hub: RealHub, process: asyncio.subprocess.Process, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while process.returncode is None:
            try:
                await hub.api("/")
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
            else:
                return
    raise RuntimeError(f"the hub ended with {process.returncode}:\n{hub.log}")
