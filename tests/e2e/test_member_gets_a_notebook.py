"""A member of two teams gets a notebook of each, in a real browser, on the configuration of `make demo`."""

from __future__ import annotations

import base64
import hashlib
import re
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.backends import EMBEDDED
from tests.support.people import shoot, sign_in, start, stop

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page, Route

    from tests.support.demo_process import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

# For what does not depend on it: one is enough.
ANY_CLUSTER = pytest.mark.parametrize("backend", [EMBEDDED], indirect=True)
SHOW_VALUES = (
    "import os; print([os.environ.get(n) for n in "
    "('KNADA_TEAM_SECRET', 'MEM_LIMIT', 'CPU_LIMIT')], sorted(os.listdir(os.environ['HOME'])))"
)


def kernel_button(page: Page) -> Locator:
    """Give the status bar's button, which is there while the kernel has nothing to do."""
    return page.get_by_role("button", name=re.compile(r"\| Idle"))


def open_notebook(page: Page) -> None:
    """Open a new notebook from JupyterLab's launcher."""
    page.wait_for_url(re.compile(r"/user/.*/lab"), timeout=120_000)
    # Without what JupyterLab keeps open for the next visit.
    page.goto(f"{page.url.partition('/lab')[0]}/lab?reset")
    page.locator(".jp-LauncherCard[title^='Python 3']").first.click()
    expect(kernel_button(page)).to_be_visible()


def run_cell(page: Page, code: str) -> str:
    """Type code into the notebook's last cell, run it, give its output."""
    before = page.locator(".jp-OutputArea-output").count()
    cell = page.locator(".jp-Notebook .jp-CodeCell").last
    text = cell.get_by_role("textbox")
    text.fill(code)
    expect(text).to_have_text(code)
    text.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output").nth(before)
    expect(output).to_be_visible(timeout=90_000)
    expect(kernel_button(page)).to_be_visible()
    return output.inner_text()


def digest(content: bytes) -> str:
    """Give a checksum as a wheel's RECORD holds it."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def small_wheel(folder: Path) -> Path:
    """Make a wheel with one module, so that `pip install` needs no index."""
    info = "knada_e2e_package-1.0.dist-info"
    files = {
        "knada_e2e_package.py": b"ANSWER = 42\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: knada-e2e-package\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{name},sha256={digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / "knada_e2e_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return wheel


def test_member_of_two_teams_works_in_both_without_mixing_them(
    page: Page, demo: DemoProcess, tmp_path: Path
) -> None:
    """Each team's server has that team's values and home; what was kept in one home is there on return."""
    wheel = small_wheel(tmp_path)
    sign_in(page, demo, "anna")
    page.goto(f"{demo.url}/hub/spawn")
    expect(page.get_by_text("Team Modell")).to_have_count(0)
    shoot(page, demo, "spawn-page")

    start(page, demo, "Team Analyse", "Large")
    expect(page.get_by_role("progressbar")).to_be_visible()
    shoot(page, demo, "starting")
    open_notebook(page)
    shown = run_cell(page, SHOW_VALUES)
    assert "projects/knada-demo/secrets/analyse-4f1c" in shown
    assert str(8 * 1024**3) in shown
    assert "'2.0'" in shown
    run_cell(page, "open(os.path.expanduser('~/kept.txt'), 'w').write('analyse was here')")
    assert "Successfully installed" in run_cell(page, f"!pip install --no-index --user {wheel}")
    # A new process: this kernel looked for the user's packages when it started, as everywhere in Python.
    assert "42" in run_cell(page, "!python -c 'import knada_e2e_package as package; print(package.ANSWER)'")
    shoot(page, demo, "notebook")
    stop(page, demo)

    start(page, demo, "Team Pensjon", "Standard")
    open_notebook(page)
    shown = run_cell(page, SHOW_VALUES)
    assert "projects/knada-demo/secrets/pensjon-9b2e" in shown
    assert str(4 * 1024**3) in shown
    assert "'1.0'" in shown
    assert "kept.txt" not in shown
    assert "False" in run_cell(
        page, "import importlib.util; importlib.util.find_spec('knada_e2e_package') is not None"
    )
    stop(page, demo)

    start(page, demo, "Team Analyse", "Small")
    open_notebook(page)
    assert "kept.txt" in run_cell(page, SHOW_VALUES)
    assert "42" in run_cell(page, "import knada_e2e_package; knada_e2e_package.ANSWER")
    stop(page, demo)


def test_person_in_no_team_is_refused_with_a_reason(page: Page, demo: DemoProcess) -> None:
    """Somebody in no team is told so, and whom to ask, and gets no server."""
    sign_in(page, demo, "ola")
    expect(page.get_by_text("no team")).to_be_visible()
    expect(page.get_by_text("#knada-demo")).to_be_visible()
    shoot(page, demo, "no-team")
    page.goto(f"{demo.url}/hub/spawn")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_gpu_profile_that_fits_no_node_fails_in_words(page: Page, demo: DemoProcess) -> None:
    """A profile that no machine can carry says which resource is missing, while waiting and in the end."""
    sign_in(page, demo, "per")
    start(page, demo, "Team Modell", "GPU")
    expect(page.get_by_text("none has a free GPU").first).to_be_visible()
    shoot(page, demo, "gpu-waiting")
    failed = page.get_by_text(re.compile("not ready after 30 seconds.*none has a free GPU", re.DOTALL))
    expect(failed.first).to_be_visible(timeout=150_000)
    shoot(page, demo, "gpu-failed")


@ANY_CLUSTER
def test_spawn_page_without_javascript_starts_what_was_chosen(
    browser: Browser, page: Page, demo: DemoProcess
) -> None:
    """A browser that runs no script gets the same server, here with the classic interface."""
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, demo, "kari")
    start(plain, demo, "Team Pensjon", "Classic Notebook")
    deadline = time.monotonic() + 120
    while not plain.url.endswith("/user/kari/tree"):
        assert time.monotonic() < deadline, plain.url
        # Leads to the server as soon as it runs, and to the waiting page before.
        plain.goto(f"{demo.url}/hub/spawn")
    context.close()
    # JupyterHub's own page needs scripts to stop a server; others have a quota that counts it.
    sign_in(page, demo, "kari")
    stop(page, demo)


@ANY_CLUSTER
def test_spawn_page_by_keyboard_sends_what_was_chosen(page: Page, demo: DemoProcess) -> None:
    """Tab and arrow keys reach each team and profile, Enter starts."""
    sign_in(page, demo, "anna")
    page.goto(f"{demo.url}/hub/spawn")
    sent: list[str] = []

    def keep(route: Route) -> None:
        if route.request.method == "POST":
            sent.append(route.request.post_data or "")
            route.abort()
        else:
            route.continue_()

    page.route("**/hub/spawn*", keep)
    tab_to(page, "team")
    arrow_to(page, "Team Analyse")
    tab_to(page, "profile:analyse")
    arrow_to(page, "Large")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Enter")
    fields = dict(re.findall(r'name="([^"]+)"\r\n\r\n([^\r]*)\r\n', sent[0]))
    assert (fields["team"], fields["profile:analyse"]) == ("analyse", "large")


def arrow_to(page: Page, name: str) -> None:
    """Press the arrow key until the radio button of this name is chosen; which one is at first may vary."""
    for _ in range(5):
        if page.get_by_role("radio", name=name, exact=True).is_checked():
            return
        page.keyboard.press("ArrowDown")
    pytest.fail(f"the arrow key never reached {name}")


def tab_to(page: Page, field: str) -> None:
    """Press Tab until a field of this name has the focus."""
    for _ in range(30):
        if page.evaluate("document.activeElement.name") == field:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reached {field}")
