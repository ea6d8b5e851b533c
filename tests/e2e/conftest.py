"""The demo itself, as `make demo` starts it, and a browser: what the end-to-end tests drive.

Each failing test leaves its page, screenshot and the demo's logs in `test-artifacts/`.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from jupyterhub_knada.cli.demo.ports import free_ports
from tests.prepare import find_chromium
from tests.support.demo_process import ROOT, DemoProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

ARTIFACTS = ROOT / "test-artifacts"
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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """One demo for all tests that only use it."""
    running = DemoProcess.start(tmp_path_factory.mktemp("demo") / "state", free_ports(1)[0])
    try:
        yield running.ready()
    finally:
        running.stop()
        if (running.state_dir / "logs").exists():
            shutil.copytree(running.state_dir / "logs", ARTIFACTS / "demo-logs", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, for one module: while it is open, its event loop keeps others from running."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a fresh browser profile; on failure its screenshot is kept."""
    ARTIFACTS.mkdir(exist_ok=True)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    failed = request.session.testsfailed
    yield opened
    if request.session.testsfailed > failed:
        opened.screenshot(path=ARTIFACTS / f"failed-{request.node.name}.png", full_page=True)
        (ARTIFACTS / f"failed-{request.node.name}.html").write_text(opened.content(), encoding="utf-8")
    context.close()
