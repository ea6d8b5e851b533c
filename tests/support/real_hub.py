"""A real JupyterHub in a process of its own, on loopback, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

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
    port, hub_port = _free_ports(2)
    config_file, log_file = folder / "config.py", folder / "hub.log"
    config_file.write_text(_CONFIG.format(port=port, hub_port=hub_port, token=API_TOKEN) + config)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KNADA_", "JUPYTERHUB_", "OAUTH", "OIDC_"))
    }
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jupyterhub",
            "-f",
            str(config_file),
            cwd=folder,
            env={**inherited, **(environment or {}), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        async with aiohttp.ClientSession() as session:
            hub = RealHub(f"http://127.0.0.1:{hub_port}", log_file, session)
            await _wait_for(hub, process, seconds)
            yield hub
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


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


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()
