"""The culler against a hub that answers as JupyterHub does, or does not: nothing in doubt is stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from jupyterhub_knada.culling.__main__ import main
from jupyterhub_knada.culling.service import Culler
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "not-a-real-token"
HOUR = 3600


@dataclass
class Hub:
    """What the fake hub says, and what was asked of it."""

    users: list[dict[str, Any]] = field(default_factory=list)
    policies: Any = field(default_factory=dict)
    failing: str = ""
    status: int = 500
    deleted: list[str] = field(default_factory=list)

    def add(self, name: str, *, idle: float, policy: Any = None, server: str = "", **model: Any) -> None:
        """Add a person with one running server that was last used `idle` seconds ago."""
        used = (datetime.now(UTC) - timedelta(seconds=idle)).isoformat()
        full_name = f"{name}/{server}"
        running = {
            "name": server,
            "full_name": full_name,
            "last_activity": used,
            "started": used,
            "pending": None,
            "ready": True,
            "url": f"/user/{name}/",
            **model,
        }
        self.users.append({"name": name, "servers": {server: running}})
        if policy is not None:
            self.policies[full_name] = policy


class Answer(RequestHandler):
    """Answers the four requests that a culler makes."""

    def initialize(self, hub: Hub) -> None:
        """Know what to say."""
        self.hub = hub

    def prepare(self) -> None:
        """Refuse a wrong token; fail where the test wants it."""
        if self.request.headers.get("Authorization") != f"token {TOKEN}":
            self.set_status(403)
            self.finish()
        elif self.hub.failing and self.request.path.endswith(self.hub.failing):
            self.set_status(self.hub.status)
            self.finish("raw reply with a secret")

    def get(self) -> None:
        """Answer the version, the policies or the users."""
        path = self.request.path
        if path.endswith("/culling-policies"):
            self.finish(json.dumps({"servers": self.hub.policies}))
        elif path.endswith("/users"):
            self.finish(json.dumps({"items": self.hub.users, "_pagination": {"next": None}}))
        else:
            self.finish({"version": "6.1.1"})

    def delete(self) -> None:
        """Stop a server, as JupyterHub: 204."""
        self.hub.deleted.append(
            self.request.path.removeprefix("/hub/api/users/") + self.request.body.decode()
        )
        self.set_status(204)


@asynccontextmanager
async def serving(hub: Hub) -> AsyncIterator[Culler]:
    """Serve the hub on a free port; give a culler of it."""
    sock, port = bind_unused_port()
    server = HTTPServer(Application([(r"/hub/api.*", Answer, {"hub": hub})], log_function=lambda _: None))
    server.add_sockets([sock])
    try:
        yield Culler(f"http://127.0.0.1:{port}/hub/api", TOKEN)
    finally:
        server.stop()
        await server.close_all_connections()


async def test_pass_stops_only_servers_over_their_own_timeout(caplog: pytest.LogCaptureFixture) -> None:
    """Two servers idle for the same time: the one whose team allows less is stopped, for a told reason."""
    caplog.set_level(logging.INFO)
    hub = Hub()
    hub.add("kim", idle=2 * HOUR, policy={"team": "short", "idle_timeout": HOUR})
    hub.add("lea", idle=2 * HOUR, policy={"team": "long", "idle_timeout": 7 * HOUR})
    hub.add("ola", idle=2 * HOUR, policy={"team": "late", "idle_timeout": None})
    async with serving(hub) as culler:
        assert await culler.cull_once()
    assert hub.deleted == ["kim/server"]
    assert "kim/ is stopped: idle for 7200 s, team short allows 3600 s" in caplog.text


async def test_pass_stops_a_named_server_and_keeps_it() -> None:
    """A named server is stopped, not removed: the request has no body that would ask for that."""
    hub = Hub()
    hub.add("kim", idle=HOUR, policy={"team": "a", "idle_timeout": 60}, server="second")
    async with serving(hub) as culler:
        assert await culler.cull_once()
    assert hub.deleted == ["kim/servers/second"]


@pytest.mark.parametrize(
    ("policy", "model"),
    [
        pytest.param(None, {}, id="the hub tells no policy"),
        pytest.param({"team": "a", "idle_timeout": 0}, {}, id="a timeout of zero"),
        pytest.param({"team": "a", "idle_timeout": "60"}, {}, id="a timeout that is text"),
        pytest.param({"team": "a"}, {}, id="a policy without a timeout"),
        pytest.param({"team": "a", "idle_timeout": 60}, {"pending": "stop"}, id="already being stopped"),
        pytest.param({"team": "a", "idle_timeout": 60}, {"pending": "spawn"}, id="still being started"),
        pytest.param({"team": "a", "idle_timeout": 60}, {"ready": False}, id="not ready"),
        pytest.param(
            {"team": "a", "idle_timeout": 60}, {"last_activity": None, "started": None}, id="no times"
        ),
        pytest.param({"team": "a", "idle_timeout": 60}, {"last_activity": "soon"}, id="a time that is none"),
        pytest.param({"team": "a", "idle_timeout": 60}, {"full_name": "lea/"}, id="another server's name"),
    ],
)
async def test_pass_in_doubt_stops_nothing(policy: Any, model: dict[str, Any]) -> None:
    """Whatever is missing or odd about an idle server, it runs on."""
    hub = Hub()
    hub.add("kim", idle=99 * HOUR, policy=policy, **model)
    async with serving(hub) as culler:
        assert await culler.cull_once()
    assert hub.deleted == []


@pytest.mark.parametrize(
    ("failing", "status", "told"),
    [
        pytest.param("/culling-policies", 403, "lacks a scope", id="policies refused"),
        pytest.param("/culling-policies", 404, "hub_handlers", id="policies not there"),
        pytest.param("/culling-policies", 500, "did not answer (500)", id="policies broken"),
        pytest.param("/users", 403, "lacks a scope", id="users refused"),
        pytest.param("/api/", 503, "did not answer (503)", id="version not there"),
    ],
)
async def test_pass_that_cannot_ask_stops_nothing_and_says_why(
    failing: str, status: int, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request that fails ends the pass; the log has cause and remedy, and no reply and no token."""
    hub = Hub(failing=failing, status=status)
    hub.add("kim", idle=99 * HOUR, policy={"team": "a", "idle_timeout": 60})
    async with serving(hub) as culler:
        assert not await culler.cull_once()
    assert hub.deleted == []
    assert "Culler pass stopped, nothing culled" in caplog.text
    assert told in caplog.text
    assert "KNADA-H002" in caplog.text
    assert "raw reply" not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("policies", [pytest.param([], id="a list"), pytest.param(None, id="null")])
async def test_pass_with_policies_of_another_shape_stops_nothing(
    policies: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that is no mapping of servers is nothing to act on."""
    hub = Hub()
    hub.add("kim", idle=99 * HOUR)
    hub.policies = policies
    async with serving(hub) as culler:
        assert not await culler.cull_once()
    assert hub.deleted == []
    assert "nothing culled" in caplog.text


async def test_pass_without_a_hub_stops_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """A hub that is not there is no error of the culler: the next pass tries again."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert not await Culler(f"http://127.0.0.1:{port}/hub/api", TOKEN).cull_once()
    assert "the next pass tries again" in caplog.text


def test_culler_shows_no_token() -> None:
    """A culler that ends up in a message does not take the token along."""
    assert TOKEN not in repr(Culler("http://127.0.0.1/hub/api", TOKEN))


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        pytest.param([], {}, "JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN not set", id="outside a hub"),
        pytest.param(["--cull-every", "0"], {}, "0 is not in the range x>=1", id="no time between passes"),
        pytest.param([], {"KNADA_CULL_EVERY": "5m"}, "'5m' is not a valid integer", id="a unit"),
    ],
)
def test_culler_command_started_wrongly_says_what_to_do(
    arguments: list[str], environment: dict[str, str], told: str
) -> None:
    """Wrong use ends with 2 and a sentence."""
    unset = {"JUPYTERHUB_API_URL": None, "JUPYTERHUB_API_TOKEN": None, "KNADA_CULL_EVERY": None}
    result = CliRunner().invoke(main, arguments, env={**unset, **environment})
    assert result.exit_code == 2
    assert told in result.output


ORPHANED = """
import os, pathlib, signal, subprocess, sys, time
log = pathlib.Path(sys.argv[1])
with log.open("w") as errors:
    subprocess.Popen([sys.executable, "-m", "jupyterhub_knada.culling", "--cull-every", "900"], stderr=errors)
while not log.stat().st_size:
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_culler_ends_with_the_hub_that_started_it(tmp_path: Path) -> None:
    """A hub that is killed leaves no culler behind that asks for ever."""
    log = tmp_path / "culler.log"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        environment = {
            "PATH": os.environ["PATH"],
            "JUPYTERHUB_SERVICE_NAME": "knada-culler",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{unused.getsockname()[1]}/hub/api",
            "JUPYTERHUB_API_TOKEN": TOKEN,
        }
        hub = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ORPHANED, str(log), env=environment, cwd=tmp_path
        )
        assert await hub.wait() == -signal.SIGKILL

        async def has_ended() -> bool:
            return "it ends, too" in log.read_text()

        await eventually(has_ended)
    assert "did not answer" in log.read_text()
    assert TOKEN not in log.read_text()
