"""After an edit the hub's log says how many running servers stay as they were started."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.access.running_servers import count_running, report_running_servers
from jupyterhub_knada.teams.registry import Registry
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

TOP = "namespace: {0}\nusers: [e1]\n"


@dataclass
class Server:
    """A spawner as far as it is counted."""

    team: str | None
    active: bool = True

    def get_state(self) -> dict[str, Any]:
        """Give what a spawner stores; of a stock one nothing of ours."""
        return {"knada": {"team": self.team}} if self.team else {}


def test_count_running_counts_active_servers_of_ours() -> None:
    """A stopped server, and one that another spawner started, are in no team's number."""
    servers = [Server("a"), Server("a"), Server("b"), Server("a", active=False), Server(None)]
    assert count_running(servers) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("a", "platform", "expected"),
    [
        pytest.param(
            "memoryLimit: 6G\n", "{}\n", ["a: 2 servers keep what they were started with"], id="size"
        ),
        pytest.param("leads: [e2]\n", "{}\n", [], id="people only"),
        pytest.param(
            "",
            "defaults: {memoryLimit: 4G}\n",
            [
                "a: 2 servers keep what they were started with",
                "b: 1 server keeps what it was started with",
            ],
            id="platform",
        ),
    ],
)
async def test_edit_of_a_team_reports_its_running_servers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, a: str, platform: str, expected: list[str]
) -> None:
    """Counted on the hub's event loop, though the files are read in another thread."""
    write_files(tmp_path, "{}\n", a=TOP.format("a"), b=TOP.format("b"), c=TOP.format("c"))
    registry = Registry(tmp_path / "teams", tmp_path / "platform.yaml")
    servers = [Server("a"), Server("a"), Server("b"), Server("a", active=False)]
    user = SimpleNamespace(spawners=dict(enumerate(servers)))
    log = logging.getLogger("hub")
    end = report_running_servers(registry, SimpleNamespace(users={1: user}), log)
    write_files(tmp_path, platform, a=TOP.format("a") + a)
    with caplog.at_level(logging.INFO, logger="hub"):
        await asyncio.to_thread(registry.reload)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        end()
    records = [record for record in caplog.records if record.name == "hub"]
    assert [record.getMessage() for record in records] == expected
    assert {record.thread for record in records} <= {threading.get_ident()}
