"""What people do in a browser at the hub of a demo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.support.demo_process import DemoProcess


def sign_in(page: Page, demo: DemoProcess, name: str) -> None:
    """Sign in as a person would, on the hub's own page."""
    page.goto(f"{demo.url}/hub/login")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(demo.admin_password if name == "admin" else demo.password)
    page.get_by_role("button", name="Sign in").click()


def start(page: Page, demo: DemoProcess, team: str, profile: str) -> None:
    """Pick a team and a profile on the spawn page and wait for the server."""
    page.goto(f"{demo.url}/hub/spawn")
    choose(page, "Team", team)
    choose(page, f"Profile for {team}", profile)
    shoot(page, demo, f"choosing-{team}-{profile}")
    page.get_by_role("button", name="Start").click()


def choose(page: Page, group: str, choice: str) -> None:
    """Choose one of a group's cards."""
    # The label, as a person does: it covers the whole card.
    cards = page.get_by_role("group", name=group, exact=True)
    cards.locator("label").get_by_text(choice, exact=True).click()
    expect(cards.get_by_role("radio", name=choice, exact=True)).to_be_checked()


def stop(page: Page, demo: DemoProcess) -> None:
    """Stop the server on the home page and wait until it is gone."""
    # JupyterHub's scripts load one another; a click before the last of them is there does nothing.
    page.goto(f"{demo.url}/hub/home", wait_until="networkidle")
    page.get_by_role("button", name=re.compile("Stop My Server")).click()
    expect(page.get_by_role("button", name=re.compile("Start My Server"))).to_be_visible()


def shoot(page: Page, demo: DemoProcess, name: str) -> None:
    """Keep a picture of the page, to be looked at."""
    page.screenshot(path=demo.artifacts / f"{name}.png", full_page=True)
