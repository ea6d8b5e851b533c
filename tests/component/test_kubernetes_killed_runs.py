"""No process of a cluster outlives a run of pytest that is killed, with workers or without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_TEST = """
import threading
from pathlib import Path

import pytest

from tests.kubernetes.processes import Processes


@pytest.fixture(scope="session")
def cluster():
    with Processes(Path({folder!r})) as processes:
        processes.start("child", "sh", "-c", "echo $$ $PPID; exec sleep 600")
        yield


def test_that_takes_its_time(cluster):
    threading.Event().wait(600)
"""


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a run of pytest on a test that waits with a process of a cluster; it is ended afterwards."""
    (tmp_path / "test_waits.py").write_text(_TEST.format(folder=str(tmp_path)), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *request.param, "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path / "test_waits.py")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])


def _is_running(pid: int) -> bool:
    """Tell whether a process lives: one that nobody has waited for is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("run", "has_worker"),
    [
        pytest.param((), False, id="pytest itself"),
        pytest.param(("-n", "1", "--max-worker-restart", "0"), True, id="a worker of pytest-xdist"),
    ],
    indirect=["run"],
)
async def test_cluster_of_a_killed_run_is_killed(
    run: subprocess.Popen[bytes], tmp_path: Path, *, has_worker: bool
) -> None:
    """SIGKILL of who has started a cluster ends its processes."""
    log = tmp_path / "child.log"

    async def has_begun() -> bool:
        return log.exists() and log.read_text(encoding="ascii").endswith("\n")

    await eventually(has_begun)
    child, starter = (int(word) for word in log.read_text(encoding="ascii").split())
    assert (_parent(starter) == run.pid) if has_worker else (starter == run.pid)
    os.kill(starter, signal.SIGKILL)

    async def is_gone() -> bool:
        return not _is_running(child)

    await eventually(is_gone)
