"""What the demo's banner says to try, tried when a server is running already."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.support.backends import EMBEDDED
from tests.support.people import choose, shoot, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.support.demo_process import DemoProcess

# It does not depend on the cluster: one is enough.
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("backend", [EMBEDDED], indirect=True),
]


@contextmanager
def edited(demo: DemoProcess, team: str, before: str, after: str) -> Iterator[None]:
    """Change one text in a team's file for a while."""
    file = demo.state_dir / f"teams/{team}.yaml"
    original = file.read_text(encoding="utf-8")
    assert before in original
    file.write_text(original.replace(before, after), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(original, encoding="utf-8")


@contextmanager
def running_server(demo: DemoProcess, **options: str) -> Iterator[None]:
    """Have a default server of Anna's while it lasts; her other servers end with it."""
    demo.start_server(**options)
    try:
        yield
    finally:
        for name in json.loads(demo.request("GET", "/hub/api/users/anna")[1])["servers"]:
            path = f"/hub/api/users/anna/servers/{name}" if name else "/hub/api/users/anna/server"
            demo.request("DELETE", path, json.dumps({"remove": bool(name)}).encode())
        demo.wait_until(lambda: not servers_of_anna(demo))


def servers_of_anna(demo: DemoProcess) -> dict[str, dict[str, object]]:
    """Give the hub's picture of Anna's servers, by name."""
    _, text = demo.request("GET", "/hub/api/users/anna")
    found: dict[str, dict[str, object]] = json.loads(text)["servers"]
    return found


def test_changed_size_is_offered_while_a_server_runs_on(page: Page, demo: DemoProcess) -> None:
    """The page that the banner names is a second server's, so a running one does not hide it."""
    (url,) = re.findall(r"^ +(http://\S+/hub/spawn/anna/\S+)$", demo.text, re.MULTILINE)
    with running_server(demo, team="pensjon", profile="standard"):
        sign_in(page, demo, "anna")
        with edited(demo, "pensjon", "memoryLimit: 4GB", "memoryLimit: 6GB"):

            def offers_more() -> bool:
                page.goto(url)
                return page.get_by_text("6 GB").count() > 0

            demo.wait_until(offers_more, 60)
            choose(page, "Team", "Team Pensjon")
            choose(page, "Profile for Team Pensjon", "Standard")
            page.get_by_role("button", name="Start").click()
            page.wait_for_url(re.compile(r"/user/anna/second/lab"), timeout=120_000)
        assert all(server["ready"] for server in servers_of_anna(demo).values())
        assert set(servers_of_anna(demo)) == {"", "second"}


def test_admin_sees_and_stops_the_servers_of_others(page: Page, demo: DemoProcess) -> None:
    """The account that the banner names administers the hub; without a team it has no server of its own."""
    with running_server(demo, team="analyse", profile="small"):
        sign_in(page, demo, "admin")
        page.goto(f"{demo.url}/hub/spawn")
        expect(page.get_by_text("no team here lists you")).to_be_visible()
        page.goto(f"{demo.url}/hub/admin")
        row = page.get_by_role("row").filter(has_text="anna").first
        shoot(page, demo, "admin")
        row.get_by_role("button", name="Stop Server").click()
        demo.wait_until(lambda: not servers_of_anna(demo))
