"""Handlers of ours in a real hub: before its own, beside an authenticator's, and never left out unseen."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.real_hub import ROOT, RealHub, running_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# An admin's own authenticator with an address of its own, and a path of the hub's that is ours now.
CONFIG = """
from jupyterhub.handlers import BaseHandler
from jupyterhub_knada import KnadaAuthenticator, configure

class Whoever(BaseHandler):
    def get(self):
        self.finish("of the admin")

class Instead(BaseHandler):
    def get(self):
        self.finish("in place of the hub")

class Mine(KnadaAuthenticator):
    def get_handlers(self, app):
        return [("/mine", Whoever), *super().get_handlers(app)]

for _ in range(2):
    configure(c, teams_dir="teams", authenticator=Mine, culler=False)
c.KnadaAuthenticator.hub_handlers.append(("/token", Instead))
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHub]:
    """A hub whose admin wrote an authenticator."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "teams").mkdir()
    async with running_hub(folder, CONFIG) as hub:
        yield hub


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        pytest.param("/hub/token", "in place of the hub", id="a path of the hub's own"),
        pytest.param("/hub/mine", "of the admin", id="the admin's"),
    ],
)
async def test_handlers_of_ours_and_of_the_admin_answer_before_the_hub(
    hub: RealHub, path: str, answer: str
) -> None:
    """Whoever comes first in the list of handlers answers, and the authenticator's come before the hub's."""
    async with hub.browser() as browser:
        assert await browser.open(path) == (200, answer)


async def test_endpoint_of_ours_is_there_once_though_configured_twice(hub: RealHub) -> None:
    """The endpoint answers (403: it is there, and guarded), and the hub's own pages still do."""
    status, refused = await hub.api("/knada/culling-policies")
    assert status == 403
    assert "custom:knada:read:culling-policies" in refused["message"]
    assert (await hub.api("/users"))[0] == 200


async def test_authenticator_that_leaves_our_handlers_out_ends_the_start(tmp_path: Path) -> None:
    """What guards the hub is never left out in silence: the hub says so and does not start."""
    (tmp_path / "teams").mkdir()
    forgetful = CONFIG.replace(", *super().get_handlers(app)", "")
    (tmp_path / "config.py").write_text("c = get_config()\nc.JupyterHub.db_url = 'sqlite://'\n" + forgetful)
    code, _, errors = await run(tmp_path)
    assert code == 1
    assert "Mine.get_handlers: leaves out those of this package; call super().get_handlers(app)" in errors
    assert "Traceback" not in errors


async def test_token_of_the_command_line_leaves_nothing_behind(tmp_path: Path) -> None:
    """`jupyterhub token` reads the team files as a hub does, and ends: nobody follows them there."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "config.py").write_text("c = get_config()\n" + CONFIG + "c.Mine.admin_users = {'root'}\n")
    code, output, errors = await run(tmp_path, "token", "root")
    assert (code, len(output.split())) == (0, 1)
    assert "Traceback" not in errors
    assert "Task was destroyed" not in errors


async def run(folder: Path, *command: str) -> tuple[int | None, str, str]:
    """Run JupyterHub to its end; give its exit code, what it prints, and what it logs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jupyterhub",
        *command,
        "-f",
        "config.py",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()
