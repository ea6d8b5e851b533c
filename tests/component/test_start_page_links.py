"""Links to the start page of a real hub: they select, and no GET starts a server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.support.bad_options import ALFA, BAD_OPTIONS, BETA, OWNER, PLATFORM
from tests.support.hub_on_cluster import Person, Place, hub_on_cluster, sign_in
from tests.support.pages import Page
from tests.support.real_hub import running_hub
from tests.support.team_files import write_files
from tests.support.team_hub import config_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.bad_options import BadOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMED = "c.JupyterHub.allow_named_servers = True\n"
CHOSEN = {"team": "alfa", "profile": "choose", "size": "s", "image--unlisted-choice": "ghcr.io/example/own:1"}
SENT = {
    "team": ["alfa"],
    "profile:alfa": ["choose"],
    "size:alfa:choose": ["s"],
    "image:alfa:choose": ["unlisted-choice"],
    "image--unlisted-choice:alfa:choose": ["ghcr.io/example/own:1"],
}
"""What the page's form sends where the link names CHOSEN and nothing is touched."""
PREFIXED = {f"opt-{name}": value for name, value in CHOSEN.items()}
LINKS = {
    "plain": f"/hub/spawn?{urlencode(CHOSEN)}",
    "with the prefix of JupyterHub 6": f"/hub/spawn?{urlencode(PREFIXED)}",
    "with other arguments beside the prefix": f"/hub/spawn?team=beta&{urlencode(PREFIXED)}",
    "for a person": f"/hub/spawn/anna?{urlencode(CHOSEN)}",
    "for a named server": f"/hub/spawn/anna/second?{urlencode(CHOSEN)}",
    "with where to go next": f"/hub/spawn?{urlencode(CHOSEN)}&next=%2Fuser%2Fanna%2Flab",
    "with a name to show": f"/hub/spawn/anna/second?{urlencode(CHOSEN)}&display_name=Second",
    "of a page that was reloaded": f"/hub/spawn?{urlencode(CHOSEN)}&_xsrf=2%7Cabc",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub where anna is in two teams, and ola in one with one profile."""
    folder = tmp_path_factory.mktemp("hub")
    alfa, beta = (team.replace(f"[{OWNER}]", "[anna, form]") for team in (ALFA, BETA))
    write_files(folder, PLATFORM, alfa=alfa, beta=beta, omega="namespace: team-omega\nusers: [ola]\n")
    async with hub_on_cluster(folder, NAMED) as place:
        for name in ("anna", "form", "ola"):
            await place.person(name)
        yield place


async def nothing_started(place: Place, name: str) -> bool:
    """Say that no server of somebody runs, is about to, or has options stored."""
    _, user = await place.hub.api(f"/users/{name}?include_stopped_servers")
    servers = user["servers"].values()
    is_quiet = all(one["stopped"] and not one["pending"] and not one["user_options"] for one in servers)
    tried = f"Attempting to create pod jupyter-{name}" in place.hub.log
    return is_quiet and not tried and not await Person(name, place.hub, place.cluster).pods()


def form_of(page: str) -> dict[str, list[str]]:
    """Give what the start page's form sends, but for its token and what it sends for other choices."""
    sent = Page(page).sent()
    return {name: value for name, value in sent.items() if name in SENT}


@pytest.mark.parametrize("link", LINKS)
async def test_link_selects_what_it_names_and_starts_nothing(place: Place, link: str) -> None:
    """The page comes with everything selected, however the link is written; the log has no traceback."""
    async with place.hub.browser() as browser:
        await sign_in(browser, "anna")
        status, page = await browser.open(LINKS[link])
    assert status == 200
    assert form_of(page) == SENT
    assert "KNADA-" not in page
    assert await nothing_started(place, "anna")
    assert "Traceback" not in place.hub.log


# An own text is compared with its rule when it is started: a page matches no pattern.
NOT_OFFERED = [
    bad for bad in BAD_OPTIONS if bad.as_fields and bad.name != "a text that the rule does not match"
]


@pytest.mark.parametrize("bad", NOT_OFFERED, ids=lambda bad: bad.name)
async def test_link_that_names_what_is_not_offered_says_so(place: Place, bad: BadOptions) -> None:
    """A sentence with its code on a page that works, nothing started, and no traceback in the log."""
    async with place.hub.browser() as browser:
        await sign_in(browser, "anna")
        for prefix in ("", "opt-"):
            query = urlencode({prefix + name: value for name, value in (bad.as_fields or {}).items()})
            status, page = await browser.open(f"/hub/spawn?{query}")
            assert (status, bad.code in page, 'name="team"' in page) == (200, True, True)
    assert await nothing_started(place, "anna")
    assert "Traceback" not in place.hub.log


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/hub/spawn", 200, id="the page of the only profile"),
        pytest.param("/hub/spawn/ola?next=%2Fuser%2Fola%2Flab", 200, id="with where to go next"),
        pytest.param("/hub/spawn?_xsrf=2%7Cabc", 200, id="the address of a page that was reloaded"),
        pytest.param("/hub/spawn?team=%ff%fe&%ff=x", 200, id="no text at all"),
        pytest.param("/hub/spawn?opt-=x", 200, id="a prefix without a name"),
        pytest.param("/hub/user/ola/lab", 424, id="the server's address"),
        pytest.param("/hub/user-redirect/lab?team=omega", 200, id="whoever's server"),
        pytest.param("/hub/home", 200, id="the home page"),
        pytest.param("/hub/spawn-pending/ola?team=omega", 200, id="the page of a start"),
    ],
)
async def test_get_of_any_page_starts_nothing(place: Place, path: str, status: int) -> None:
    """Also where there is nothing to choose: only one team with one profile."""
    async with place.hub.browser() as browser:
        await sign_in(browser, "ola")
        assert (await browser.open(path))[0] == status
    assert await nothing_started(place, "ola")
    assert "Traceback" not in place.hub.log


async def test_only_the_form_with_its_token_starts_what_a_link_selected(place: Place) -> None:
    """The form at the link's own address: without the token of the hub refused, with it started."""
    async with place.hub.browser() as browser:
        xsrf = await sign_in(browser, "form")
        _, page = await browser.open(LINKS["plain"])
        form = {name: value[0] for name, value in form_of(page).items()}
        address = browser.url + LINKS["plain"]
        async with browser.session.post(address, data=form, allow_redirects=False) as answer:
            assert answer.status == 403
        assert await nothing_started(place, "form")
        form["_xsrf"] = xsrf
        async with browser.session.post(address, data=form, allow_redirects=False) as answer:
            assert answer.status == 302
        person = Person("form", place.hub, place.cluster)

        async def is_ready() -> bool:
            return bool((await person.server()).get("ready"))

        await eventually(is_ready)
        pod = await person.pod("team-alfa")
        assert pod["spec"]["containers"][0]["image"] == "ghcr.io/example/own:1"
        async with browser.session.get(browser.url + "/hub/spawn?team=beta", allow_redirects=False) as answer:
            assert answer.status == 302
        await person.stop()


async def test_page_without_text_starts_nothing(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """JupyterHub starts a server for a GET where its page is empty; here that is a fault that it says."""
    folder = tmp_path_factory.mktemp("empty")
    write_files(folder, PLATFORM, alfa=ALFA.replace(OWNER, "anna"))
    config = config_of(port=1) + "c.KnadaSpawner.spawn_page = lambda *_, **__: ''\n"
    environment = {"KUBECONFIG": str(place.cluster.kubeconfig)}
    async with running_hub(folder, config, environment=environment) as hub, hub.browser() as browser:
        await sign_in(browser, "anna")
        status, page = await browser.open("/hub/spawn?team=alfa&profile=small")
        assert (status, "The start page is empty" in page) == (500, True)
        assert (await hub.api("/users/anna"))[1]["servers"] == {}
        assert "Attempting to create pod" not in hub.log
