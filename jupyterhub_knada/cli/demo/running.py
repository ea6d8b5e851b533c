"""One demo from start to end: cluster, node, hub; then wait; then take all down in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import click

from jupyterhub_knada.cli.demo.cluster import apply_manifests, write_tokens
from jupyterhub_knada.cli.demo.database import Age, UnusableDatabaseError, check_database
from jupyterhub_knada.cli.demo.folder import SAMPLES, DemoFolder
from jupyterhub_knada.cli.demo.news import follow_team_files
from jupyterhub_knada.cli.demo.ports import free_ports, is_free
from jupyterhub_knada.cli.demo.processes import (
    Program,
    ProgramEndedError,
    become_subreaper,
    end_descendants,
    end_leftovers,
)
from jupyterhub_knada.cli.demo.proxy import ProxyMissingError, ensure_proxy
from jupyterhub_knada.cli.demo.welcome import shown, welcome

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

# Which of the node's images cannot be pulled: lets a person see a failed pull by editing a team file.
MISSING_IMAGES = "*:missing"
# What the node claims to have, so that small machines try large profiles; limits are not enforced here.
NODE_SIZE = ("--cpu", "16", "--memory", "64Gi")
# The scopes that VS Code needs to list, start and use its owner's servers.
TOKEN_SCOPES = ["read:users!user", "read:servers!user", "servers!user", "access:servers!user"]
API_USER = "anna"
TOKEN_SECONDS = 24 * 3600

_START_SECONDS = 60.0
_HUB_START_SECONDS = 120.0
# The hub ends its servers first: each pod has its grace of 30 s, though a JupyterLab needs about two.
_HUB_STOP_SECONDS = 40.0
_NODE_STOP_SECONDS = 20.0
_API_STOP_SECONDS = 10.0
# What a killed demo left ends by itself, but its hub waits half a minute for a cluster that is gone.
_LEFTOVER_SECONDS = 5.0


class PortTakenError(Exception):
    """Somebody else listens where the hub should."""

    def __init__(self, port: int) -> None:
        other = port + 1
        super().__init__(
            f"Port {port} of 127.0.0.1 is in use; choose another one: make demo PORT={other}, "
            f"or jupyterhub-knada demo --port {other}."
        )


@dataclass(slots=True)
class Demo:
    """What runs, and where it answers."""

    folder: DemoFolder
    port: int
    node_options: Sequence[str] = ()
    """Further ones of the node's command line: what its API server wants."""
    shared_origin: bool = False
    """Whether all servers are at the hub's own address; else each person and team has one below it."""
    programs: list[Program] = field(default_factory=list)
    token: str = ""

    @property
    def url(self) -> str:
        """Where people go. Browsers find `localhost` and all names below it on this machine."""
        return self._address if self.shared_origin else f"http://localhost:{self.port}"

    @property
    def _address(self) -> str:
        """Where the hub's proxy listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start everything and wait until each part answers.

        Raises:
            ProgramEndedError: a part ended or did not answer.
            ProxyMissingError: the proxy could not be installed.
            PortTakenError: somebody else listens on the hub's port.
            UnusableDatabaseError: the hub could do nothing with its database.
        """
        become_subreaper()
        await end_leftovers("=".join(self.folder.marker), seconds=_LEFTOVER_SECONDS)
        if not is_free(self.port):
            raise PortTakenError(self.port)
        if await asyncio.to_thread(check_database, self.folder.database) is Age.OLDER:
            click.echo(
                "The hub's database is of an older JupyterHub: it is upgraded, and a copy of it kept in "
                f"{shown(self.folder.hub)}."
            )
        proxy = await asyncio.to_thread(ensure_proxy, self.folder.proxy)
        await self.start_cluster()
        await self._start_node()
        await self.prepare_cluster()
        await self._start_hub(proxy)

    async def start_cluster(self) -> None:
        """Start the embedded Kubernetes API, with a kubeconfig for each who calls it."""
        folder = self.folder
        (port,) = free_ports(1)
        url = f"http://127.0.0.1:{port}"
        write_tokens(folder, url)
        command = [sys.executable, "-m", "jupyterhub_knada.devcluster.api"]
        command += ["--port", str(port), "--state-dir", str(folder.api)]
        command += ["--tokens", str(folder.root / "credentials" / "tokens.csv")]
        api = await self._start("api", command, environment())
        admin = {"Authorization": f"Bearer {folder.secret('admin')}"}
        await api.ready(lambda: answers(f"{url}/readyz", admin), seconds=_START_SECONDS)

    async def prepare_cluster(self) -> None:
        """Do what an admin does before the hub starts."""
        await apply_manifests(self.folder.kubeconfig("admin"), SAMPLES / "manifests.yaml")

    async def _start_node(self) -> None:
        """Start the node that runs pods as local processes."""
        folder = self.folder
        command = [sys.executable, "-m", "jupyterhub_knada.devcluster.node", "--name", "demo"]
        command += ["--kubeconfig", str(folder.kubeconfig("node")), "--root", str(folder.node)]
        command += ["--missing-image", MISSING_IMAGES, "--on-exit", "stop", *NODE_SIZE, *self.node_options]
        await self._start("node", command, environment())

    async def _start_hub(self, proxy: Sequence[str]) -> None:
        """Start the hub, which starts its proxy and the culler; then get the token to try."""
        folder = self.folder
        demo_token = folder.secret("demo-service")
        hub_port, proxy_port = free_ports(2)
        env = environment(
            KUBECONFIG=str(folder.kubeconfig("hub")),
            KNADA_DEMO_ADDRESS=self._address,
            KNADA_DEMO_SUBDOMAIN_HOST="" if self.shared_origin else self.url,
            KNADA_DEMO_HUB_URL=f"http://127.0.0.1:{hub_port}",
            KNADA_DEMO_PROXY_API_URL=f"http://127.0.0.1:{proxy_port}",
            KNADA_DEMO_PROXY_COMMAND=json.dumps(list(proxy)),
            KNADA_DEMO_TOKEN=demo_token,
            KNADA_DEMO_PASSWORD=folder.password,
            KNADA_DEMO_ADMIN_PASSWORD=folder.admin_password,
            CONFIGPROXY_AUTH_TOKEN=folder.secret("proxy"),
            # The hub upgrades its database with alembic's program, which it looks for in the PATH.
            PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        )
        config = str(SAMPLES / "jupyterhub_config.py")
        hub = await self._start("hub", [sys.executable, "-m", "jupyterhub", "-f", config], env)
        await hub.ready(lambda: answers(f"{self._address}/hub/health"), seconds=_HUB_START_SECONDS)
        self.token = await user_token(self._address, demo_token)

    async def _start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Program:
        log_file = self.folder.logs / f"{name}.log"
        log_file.unlink(missing_ok=True)
        marked = {**env, **dict([self.folder.marker])}
        program = await Program.start(name, command, env=marked, log_file=log_file)
        self.programs.append(program)
        return program

    async def run(self) -> None:
        """Wait until a part ends, which none should.

        Raises:
            ProgramEndedError: as soon as one does.
        """
        ends = [asyncio.ensure_future(program.ended()) for program in self.programs]
        try:
            await asyncio.gather(*ends)
        finally:
            for end in ends:
                end.cancel()

    async def stop(self) -> None:
        """Take all down, hub first: while it ends its servers it needs the cluster."""
        # Without its cluster the hub cannot end its servers, and would wait in vain.
        whole = all(program.process.returncode is None for program in self.programs)
        seconds = {
            "hub": _HUB_STOP_SECONDS if whole else _LEFTOVER_SECONDS,
            "node": _NODE_STOP_SECONDS,
            "api": _API_STOP_SECONDS,
        }
        for program in reversed(self.programs):
            await program.stop(seconds=seconds[program.name])
        await self.kill()

    async def kill(self) -> None:
        """End what is left at once, orphans included."""
        await end_descendants(self.programs)


async def run_until_stopped(demo: Demo) -> int:
    """Run the demo until Ctrl-C or SIGTERM; the first ends it in order, a second one at once.

    Side effects: prints to the terminal what a person needs to try it, an API token among it.

    Returns:
        The exit code: 0 after a signal, 1 when a part failed, 2 when the port is in use.
    """
    stops = [asyncio.Event(), asyncio.Event()]

    def stop() -> None:
        next((event for event in stops if not event.is_set()), stops[-1]).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    code = 0
    try:
        click.echo("Starting the demo …")
        if await _first(demo.start(), stops[0].wait()):
            click.echo(welcome(demo))
            news = asyncio.create_task(follow_team_files(demo.folder.logs / "hub.log", click.echo))
            try:
                await _first(demo.run(), stops[0].wait())
            finally:
                news.cancel()
    except (ProgramEndedError, ProxyMissingError, UnusableDatabaseError) as failed:
        click.echo(str(failed), err=True)
        code = 1
    except PortTakenError as taken:
        click.echo(str(taken), err=True)
        return 2
    click.echo("\nStopping the demo; Ctrl-C once more ends it at once …")
    await _first(demo.stop(), stops[1].wait())
    await demo.kill()
    return code


async def _first(work: Coroutine[None, None, object], stop: Coroutine[None, None, object]) -> bool:
    """Do the work unless the stop comes first, which cancels it; tell whether the work was done."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop)
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        return False
    await working
    return True


def environment(**more: str) -> dict[str, str]:
    """Give the programs' environment: this one's, less what leads to somebody's real hub or cluster."""
    foreign = ("JUPYTERHUB_", "JPY_", "KUBERNETES_", "KNADA_", "CONFIGPROXY_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and name != "KUBECONFIG"
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **more}


async def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Tell whether a GET gives 200."""
    timeout = aiohttp.ClientTimeout(total=5)
    with suppress(aiohttp.ClientError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, headers=headers) as reply,
        ):
            return reply.status == 200  # noqa: PLR2004 - HTTP's OK
    return False


async def user_token(url: str, service_token: str) -> str:
    """Ask the hub for a token of the first sample person, as she could make one on the hub's token page."""
    headers = {"Authorization": f"token {service_token}"}
    user = f"{url}/hub/api/users/{API_USER}"
    wanted = {"note": "printed by the demo", "expires_in": TOKEN_SECONDS, "scopes": TOKEN_SCOPES}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(user) as reply:
            if reply.status != 409:  # noqa: PLR2004 - she exists already
                reply.raise_for_status()
        async with session.post(f"{user}/tokens", json=wanted) as reply:
            reply.raise_for_status()
            return str((await reply.json())["token"])
