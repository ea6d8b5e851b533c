"""The demo as a command: it can be stopped at any moment, leaves nothing, and keeps what was in the homes."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.cli.demo.database import Age, check_database
from jupyterhub_knada.cli.demo.ports import free_ports
from tests.support.demo_process import DemoProcess
from tests.support.old_databases import make_old_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., DemoProcess]]:
    """Start demos in one folder; whatever a test leaves running is ended."""
    started: list[DemoProcess] = []

    def begin(port: int | None = None) -> DemoProcess:
        started.append(DemoProcess.start(tmp_path / "state", port or free_ports(1)[0]))
        return started[-1]

    yield begin
    for demo in started:
        demo.stop()


def test_demo_stopped_when_ready_leaves_no_process(start: Callable[..., DemoProcess]) -> None:
    """SIGTERM ends everything, the servers too, with exit code 0."""
    demo = start().ready()
    demo.start_server(team="analyse", profile="small")
    assert any("jupyterhub-singleuser" in process for process in demo.left_behind())
    demo.signal(signal.SIGTERM)
    assert demo.ended() == 0
    assert demo.left_behind() == []


@pytest.mark.parametrize("program", ["api", "node", "hub"])
def test_demo_stopped_in_mid_start_leaves_no_process(start: Callable[..., DemoProcess], program: str) -> None:
    """Ctrl-C while one of its programs starts, and again while it stops, leaves nothing."""
    demo = start()
    demo.wait_for("Starting the demo")
    demo.wait_until((demo.state_dir / "logs" / f"{program}.log").exists)
    demo.signal(signal.SIGINT)
    demo.signal(signal.SIGINT)
    assert demo.ended() == 0
    assert demo.left_behind() == []


def test_demo_after_a_killed_one_starts_and_keeps_the_homes(start: Callable[..., DemoProcess]) -> None:
    """What a SIGKILL left does not disturb the next demo, which finds everything as it was."""
    first = start().ready()
    edited = first.state_dir / "teams" / "analyse.yaml"
    edited.write_text(edited.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    first.start_server(team="analyse", profile="small")
    status, _ = first.request(
        "PUT",
        "/user/anna/api/contents/kept.txt",
        json.dumps({"type": "file", "format": "text", "content": "still here"}).encode(),
    )
    assert status == 201
    first.signal(signal.SIGKILL)
    first.ended()

    second = start(first.port).ready()
    assert edited.read_text(encoding="utf-8").endswith("# mine\n")
    second.start_server(team="analyse", profile="small")
    assert "still here" in second.request("GET", "/user/anna/api/contents/kept.txt")[1]
    second.signal(signal.SIGTERM)
    assert second.ended() == 0
    assert second.left_behind() == []


@pytest.mark.parametrize("version", ["4.1.6", "5.3.0"])
def test_demo_on_the_database_of_another_hub_goes_on_with_the_homes(
    start: Callable[..., DemoProcess], version: str
) -> None:
    """The hub upgrades a database of an older JupyterHub, keeps a copy of it, and finds everybody's home."""
    first = start().ready()
    first.start_server(team="analyse", profile="small")
    content = {"type": "file", "format": "text", "content": "still here"}
    status, _ = first.request("PUT", "/user/anna/api/contents/kept.txt", json.dumps(content).encode())
    assert status == 201
    first.stop()
    database = first.state_dir / "hub/jupyterhub.sqlite"
    database.unlink()
    make_old_database(version, database)
    is_older = check_database(database) is Age.OLDER
    before = database.read_bytes()

    second = start(first.port).ready()
    assert check_database(database) is Age.CURRENT
    assert ("a copy of it kept in state/hub." in second.text) == is_older
    copies = [file.read_bytes() for file in database.parent.glob("jupyterhub.sqlite.*")]
    assert copies == ([before] if is_older else [])
    second.start_server(team="analyse", profile="small")
    assert "still here" in second.request("GET", "/user/anna/api/contents/kept.txt")[1]


def test_demo_on_the_database_of_a_newer_hub_says_what_to_do(
    start: Callable[..., DemoProcess], tmp_path: Path
) -> None:
    """Nothing is started, the database is left as it is, and the way out is named."""
    database = tmp_path / "state/hub/jupyterhub.sqlite"
    database.parent.mkdir(parents=True)
    make_old_database("5.3.0", database)
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = 'f00dfeedbeef'")
    before = database.read_bytes()
    demo = start()
    assert demo.ended() == 1
    assert "is of a newer JupyterHub than the one here" in demo.text
    assert "Traceback" not in demo.text
    assert not (demo.state_dir / "logs/api.log").exists()
    assert [file.read_bytes() for file in database.parent.iterdir()] == [before]


def test_second_demo_in_the_same_folder_is_refused(start: Callable[..., DemoProcess]) -> None:
    """A folder has one demo at a time; the second one says who has it, and changes nothing."""
    first = start()
    first.wait_for("Starting the demo")
    second = start()
    assert second.ended() == 2
    assert f"already runs in {first.state_dir} (pid {first.process.pid})" in " ".join(second.text.split())


def test_taken_port_is_refused_with_the_way_out(start: Callable[..., DemoProcess]) -> None:
    """A port that somebody listens on is named, with how to choose another one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = start(port)
        assert demo.ended() == 2
    assert f"make demo PORT={port + 1}" in " ".join(demo.text.split())
