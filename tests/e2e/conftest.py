"""The demo itself, as `make demo` starts it, and a browser: what the end-to-end tests drive.

On the real clusters of `KNADA_TEST_CLUSTERS` the same node and hub run, in the place of the embedded API.
Each failing test leaves its page, screenshot and the demo's logs in `test-artifacts/CLUSTER/`.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from jupyterhub_knada.cli.demo.ports import free_ports
from tests.kubernetes.clusters import ASSETS
from tests.kubernetes.versions import KUBERNETES
from tests.prepare import find_chromium
from tests.support.account import asked_backends, name_version
from tests.support.backends import EMBEDDED
from tests.support.demo_process import DemoProcess
from tests.support.whole_cluster import whole_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

# Two cores run a hub, a JupyterLab and this browser: what is not there yet may well come.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
# Chromium as root and without its calls home.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure() -> None:
    """End a run on a cluster that is somebody else's: the node could not join it."""
    if foreign := sorted({*asked_backends()} - {EMBEDDED, *KUBERNETES, ASSETS}):
        pytest.exit(
            f"KNADA_TEST_CLUSTERS: the end-to-end tests start their own clusters ({', '.join(KUBERNETES)}, "
            f"{ASSETS}), so {', '.join(foreign)} cannot be one of them; run tests/contract alone.",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


@pytest.fixture(scope="session", params=asked_backends())
def backend(request: pytest.FixtureRequest) -> str:
    """Give the name of a cluster."""
    return str(request.param)


@pytest.fixture(scope="session")
def demo(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoProcess]:
    """One demo on each cluster for all tests that only use it."""
    state_dir = tmp_path_factory.mktemp("demo") / "state"
    with contextlib.ExitStack() as stack:
        if backend == EMBEDDED:
            running = DemoProcess.start(state_dir, free_ports(1)[0])
        else:
            cluster = stack.enter_context(whole_cluster(backend, has_node=False))
            running = DemoProcess.start_on(cluster, state_dir, free_ports(1)[0])
        stack.callback(_keep_logs, running)
        stack.callback(running.stop)
        running.ready()
        name_version(request.config, backend, running.backend.ask_version())
        yield running


def _keep_logs(demo: DemoProcess) -> None:
    logs = demo.state_dir / "logs"
    if logs.exists():
        shutil.copytree(logs, demo.artifacts / "demo-logs", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, for one module: while it is open, its event loop keeps others from running."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, demo: DemoProcess, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a fresh browser profile; on failure its screenshot is kept."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    failed = request.session.testsfailed
    yield opened
    if request.session.testsfailed > failed:
        place = demo.artifacts / f"failed-{request.node.name}"
        opened.screenshot(path=f"{place}.png", full_page=True)
        Path(f"{place}.html").write_text(opened.content(), encoding="utf-8")
    context.close()
