"""What a page of one team's server can do in a browser, with a host for each person and team, and without.

Red's pages are hostile, and anna is in both teams. What they try runs in their page, as their scripts would.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.cli.demo.ports import free_ports
from tests.support.demo_process import DemoProcess
from tests.support.people import sign_in
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

SERVER = Path(__file__).parents[1] / "support" / "team_page.py"
PLATFORM = "namespaces: hub\ndefaults: {memoryLimit: 1G, storage: {none: true}}\n"
TEAM = """
users: [anna]
env: {{PAGE_TEAM: {team}}}
profiles:
  - {{slug: page, displayName: Page, kubespawnerOverride: {{cmd: ["python", "{server}"]}}}}
"""

ATTACK = """
async ({hub, own}) => {
  const done = [], failed = [];
  const bases = [...new Set([hub, own])];
  const attempt = async (what, action) => {
    for (const base of bases) {
      try {
        if (await action(base)) { done.push(what); return; }
        failed.push(what);
      } catch (error) { failed.push(`${what}: ${error}`); }
    }
  };
  const ask = (base, path, options = {}) =>
    fetch(base + path, {credentials: "include", ...options});
  let xsrf = "", token = "", base = hub;
  await attempt("read the hub's token of its forms", async (tried) => {
    const page = await (await ask(tried, "/hub/home")).text();
    xsrf = (page.match(/xsrf_token: "([^"]+)"/) || [])[1] || "";
    base = tried;
    return xsrf && page.includes('user: "anna"');
  });
  await attempt("made a token", async (tried) => {
    const path = `/hub/api/users/anna/tokens?_xsrf=${encodeURIComponent(xsrf)}`;
    const json = {"Content-Type": "application/json"};
    const answer = await (await ask(tried, path, {method: "POST", body: "{}", headers: json})).json();
    token = answer.token;
    if (!token) throw new Error(answer.message);
    return token;
  });
  const headers = {Authorization: `token ${token}`};
  const server = "/hub/api/users/anna/server";
  const until = async (ready) => {
    for (;;) {
      const user = await (await fetch(base + "/hub/api/users/anna", {headers})).json();
      if (!!(user.servers[""] || {}).ready === ready && (ready || !user.servers[""])) return;
      await new Promise((next) => setTimeout(next, 200));
    }
  };
  if (token) {
    await attempt("stopped the server", async (tried) => {
      const ended = await fetch(tried + server, {method: "DELETE", headers});
      await until(false);
      return ended.ok;
    });
    await attempt("started blue's", async (tried) => {
      const body = JSON.stringify({team: "blue", profile: "page"});
      const started = await fetch(tried + server, {method: "POST", headers, body});
      await until(true);
      return started.ok;
    });
    await attempt("read blue's home", async (tried) =>
      (await (await ask(tried, "/user/anna/secret")).text()) === "secret of blue");
  } else {
    // Blind: what a form of any page can send, without the token that it cannot read.
    for (const tried of bases) {
      for (const path of ["/hub/spawn?team=blue", "/hub/knada/stop/anna/", "/hub/api/users/anna/tokens"]) {
        await ask(tried, path, {method: "POST", mode: "no-cors", body: "team=blue"}).catch(() => null);
      }
      await ask(tried, "/hub/spawn?team=blue&profile=page", {mode: "no-cors"}).catch(() => null);
    }
  }
  return {done, failed};
}
"""

COUNT_TOKENS = """
async () => {
  const headers = {"X-XSRFToken": window.jhdata.xsrf_token};
  return (await (await fetch("/hub/api/users/anna/tokens", {headers})).json()).api_tokens.length;
}
"""

LEAVE = """
async () => {
  for (const scope of ["/", "/user/anna/"]) {
    const made = await navigator.serviceWorker.register("/user/anna/worker.js", {scope});
    const worker = made.installing || made.waiting || made.active;
    await new Promise((next) => {
      const look = () => worker.state === "activated" && next();
      worker.addEventListener("statechange", look);
      look();
    });
  }
  localStorage.setItem("left", "red");
  await new Promise((next) => { indexedDB.open("red").onsuccess = next; });
  await (await caches.open("red")).put("/user/anna/cached", new Response("page of red"));
  return (await fetch("/user/anna/cached")).text();
}
"""

FIND = """
async () => ({
  secret: await (await fetch("/user/anna/secret")).text(),
  cached: await (await fetch("/user/anna/cached")).text(),
  ruled: navigator.serviceWorker.controller !== null,
  workers: (await navigator.serviceWorker.getRegistrations()).length,
  stored: localStorage.getItem("left"),
  databases: (await indexedDB.databases()).map((one) => one.name),
  caches: await caches.keys(),
})
"""

NOTHING_OF_RED: dict[str, Any] = {
    "secret": "secret of blue",
    "cached": "page of blue",
    "ruled": False,
    "workers": 0,
    "stored": None,
    "databases": [],
    "caches": [],
}
RULED_BY_RED = {
    "secret": "ruled by red",
    "cached": "page of red",
    "ruled": True,
    "workers": 2,
    "stored": "red",
    "databases": ["red"],
    "caches": ["red"],
}


def run_demo(folder: Path, *, shared_origin: bool) -> Iterator[DemoProcess]:
    """Run a demo with the two teams."""
    state_dir = folder / "state"
    teams = {team: TEAM.format(team=team, server=SERVER) for team in ("red", "blue")}
    write_files(state_dir, PLATFORM, **teams)
    running = DemoProcess.start(state_dir, free_ports(1)[0], shared_origin=shared_origin)
    try:
        yield running.ready()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A hub with a host for each person and team."""
    yield from run_demo(tmp_path_factory.mktemp("apart"), shared_origin=False)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A hub with one host for all."""
    yield from run_demo(tmp_path_factory.mktemp("shared"), shared_origin=True)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    opened = browser.new_context()
    yield opened
    opened.close()


def open_server(context: BrowserContext, demo: DemoProcess) -> Page:
    """Open anna's server at the address that the hub gives."""
    page = context.new_page()
    url = str(demo.server()["url"])
    page.goto(url if url.startswith("http") else demo.url + url)
    return page


def start_team(demo: DemoProcess, team: str) -> None:
    """Have a server of this team, whatever ran before."""
    if demo.server():
        demo.request("DELETE", "/hub/api/users/anna/server")
        demo.wait_until(lambda: not demo.server(), 60)
    demo.start_server(team=team, profile="page")


def attack(context: BrowserContext, demo: DemoProcess) -> list[str]:
    """Sign in as anna, open red's page and let it try; give what it got done."""
    start_team(demo, "red")
    hub = context.new_page()
    sign_in(hub, demo, "anna")
    hub.wait_for_url("**/user/anna/**")
    # JupyterHub renews its cookie against forged requests with the first pages after a sign-in.
    hub.goto(f"{demo.url}/hub/home", wait_until="networkidle")
    page = open_server(context, demo)
    assert page.title() == "red"
    own = page.evaluate("location.origin")
    tried = page.evaluate(ATTACK, {"hub": demo.url, "own": own})
    return [*tried["done"], *tried["failed"]]


def test_page_of_a_server_reaches_neither_hub_nor_another_team(
    apart: DemoProcess, context: BrowserContext
) -> None:
    """Its script reads nothing of the hub's, makes no token, and neither stops nor starts a server."""
    start_team(apart, "red")
    before = apart.server()["started"]
    watching = context.new_page()
    sign_in(watching, apart, "anna")
    watching.goto(f"{apart.url}/hub/home")
    tokens = watching.evaluate(COUNT_TOKENS)
    page = open_server(context, apart)
    assert page.title() == "red"
    own = page.evaluate("location.origin")
    assert own != apart.url
    assert page.evaluate(ATTACK, {"hub": apart.url, "own": own})["done"] == []
    assert apart.server()["started"] == before
    assert watching.evaluate(COUNT_TOKENS) == tokens


def test_page_of_a_server_on_a_shared_origin_does_what_its_visitor_can(
    shared: DemoProcess, context: BrowserContext
) -> None:
    """Without a host of its own it acts for its visitor at the hub, and reads another team's home."""
    assert attack(context, shared) == [
        "read the hub's token of its forms",
        "made a token",
        "stopped the server",
        "started blue's",
        "read blue's home",
    ]


def leave_and_go_on(context: BrowserContext, demo: DemoProcess) -> tuple[Page, Page]:
    """Have red's page leave all it can and stay open; then start blue's. Give both pages."""
    start_team(demo, "red")
    red = open_server(context, demo)
    assert red.evaluate(LEAVE) == "page of red"
    start_team(demo, "blue")
    return red, open_server(context, demo)


def test_next_team_is_ruled_by_nothing_that_the_first_has_left(
    apart: DemoProcess, context: BrowserContext
) -> None:
    """Workers, caches, storage and an open tab are at another origin; the tab reaches nothing of blue's."""
    red, blue = leave_and_go_on(context, apart)
    assert blue.title() == "blue"
    assert blue.evaluate(FIND) == NOTHING_OF_RED
    stolen = """async (url) => {
      const found = [];
      for (const options of [{}, {credentials: "include"}, {mode: "no-cors", credentials: "include"}]) {
        await fetch(url + "secret", options).then((r) => r.text()).then((t) => found.push(t), () => null);
      }
      await fetch("/user/anna/other").then((r) => r.text()).then((t) => found.push(t), () => null);
      return found.join("");
    }"""
    # `no-cors` gives a body that is empty to the page; what a worker of red's answers is red's own.
    assert red.evaluate(stolen, apart.server()["url"]).replace("ruled by red", "") == ""


def test_next_team_on_a_shared_origin_is_ruled_by_what_the_first_has_left(
    shared: DemoProcess, context: BrowserContext
) -> None:
    """Without hosts of their own, a worker of the first team answers in the pages of the next."""
    _, blue = leave_and_go_on(context, shared)
    assert blue.evaluate(FIND) == RULED_BY_RED
