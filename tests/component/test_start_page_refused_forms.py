"""The page of a form that was refused, in a real hub: it is of this request, this person and this server."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio

from tests.support.bad_options import ALFA, BETA, OWNER, PLATFORM
from tests.support.hub_on_cluster import Person, Place, hub_on_cluster, sign_in
from tests.support.pages import Page
from tests.support.team_files import write_files
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.real_hub import Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("anna", "bo", "eva", "first", "own", "both")
CONFIG = """
c.JupyterHub.allow_named_servers = True
c.JupyterHub.load_roles += [
    {"name": "boss", "users": ["boss"], "scopes": ["servers", "delete:servers", "list:users"]}
]
"""
CHOSEN = {
    "team": ["alfa"],
    "profile:alfa": ["choose"],
    "size:alfa:choose": ["s"],
    "image:alfa:choose": ["unlisted-choice"],
    "image--unlisted-choice:alfa:choose": ["ghcr.io/example/own:1"],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub of people in two teams, and of somebody who may start and stop everybody's servers."""
    folder = tmp_path_factory.mktemp("hub")
    everybody = ", ".join((*PEOPLE, "boss"))
    alfa, beta = (team.replace(OWNER, everybody) for team in (ALFA, BETA))
    write_files(folder, PLATFORM, alfa=alfa, beta=beta)
    async with hub_on_cluster(folder, CONFIG) as place:
        for name in PEOPLE:
            await place.person(name)
        yield place


async def start(place: Place, name: str, server: str, team: str) -> None:
    """Start one of somebody's servers by REST, and wait for it; the default one has an empty name."""
    path = f"/users/{name}/servers/{server}" if server else f"/users/{name}/server"
    status, answer = await place.hub.api(path, method="POST", body={"team": team})
    assert status in {201, 202}, answer

    async def is_ready() -> bool:
        _, user = await place.hub.api(f"/users/{name}")
        return bool(user["servers"].get(server, {}).get("ready"))

    await eventually(is_ready)


async def submit(browser: Browser, path: str, fields: dict[str, Any]) -> str:
    """Send the start page's form, with its token; give the page that comes back."""
    async with browser.session.post(browser.url + path, data=fields) as answer:
        page = await answer.text()
    # JupyterHub 5.3 answers with 200.
    assert (answer.status in {200, 409}, "KNADA-S013" in page) == (True, True)
    return page


def stops(page: str) -> list[tuple[str, list[str], list[str]]]:
    """Give path, token and `next` of each button that stops a server."""
    found = []
    for button in Page(page).find("button"):
        if "formaction" in button:
            url = urlsplit(unescape(str(button["formaction"])))
            query = parse_qs(url.query)
            found.append((url.path, query["_xsrf"], query["next"]))
    return found


def form_of(page: str) -> dict[str, list[str]]:
    """Give what the form sends of what is selected."""
    sent = Page(page).sent()
    return {name: sent[name] for name in CHOSEN if name in sent}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        pytest.param("anna", "/hub/spawn/anna/other", id="of a named server"),
        pytest.param("bo", "/hub/spawn/bo", id="of the default server"),
        pytest.param("eva", "/hub/spawn", id="of one's own default server"),
    ],
)
async def test_refused_form_has_the_token_of_whoever_sent_it(place: Place, name: str, here: str) -> None:
    """Whoever opened a page of this person's before: their token is theirs, and so is where they go on."""
    await start(place, name, "third", "beta")
    async with place.hub.browser() as boss, place.hub.browser() as browser:
        bosses = await sign_in(boss, "boss")
        for opened in (f"/hub/spawn/{name}", f"/hub/spawn/{name}/other?team=beta"):
            status, page = await boss.open(opened)
            assert (status, [token for _, token, _ in stops(page)]) == (200, [[bosses]])
        own = await sign_in(browser, name)
        page = await submit(
            browser, here, {**{field: value[0] for field, value in CHOSEN.items()}, "_xsrf": own}
        )
        assert stops(page) == [(f"/hub/knada/stop/{name}/third", [own], [here])]
        assert bosses not in page
        assert form_of(page) == CHOSEN
        assert "Your server 'third', of team 'beta', runs" in Page(page).text
        # What was refused is of that request: the next page knows nothing of it.
        _, page = await boss.open(
            f"/hub/spawn/{name}{here.removeprefix('/hub/spawn').removeprefix(f'/{name}')}"
        )
        assert "team" not in form_of(page)


async def test_somebody_else_reads_whose_server_is_in_the_way(place: Place) -> None:
    """An admin's form for a person: with the admin's own token, and the person's name in the sentence."""
    await start(place, "first", "third", "beta")
    async with place.hub.browser() as first, place.hub.browser() as boss:
        await sign_in(first, "first")
        await first.open("/hub/spawn/first/other")
        own = await sign_in(boss, "boss")
        page = await submit(boss, "/hub/spawn/first/other", {"team": "alfa", "_xsrf": own})
    assert stops(page) == [("/hub/knada/stop/first/third", [own], ["/hub/spawn/first/other"])]
    assert "The server 'third', of team 'beta', of first runs" in Page(page).text


async def test_refused_form_offers_to_stop_the_default_server(place: Place) -> None:
    """The sentence says "on this page", and the button is there, with what was chosen still selected."""
    await start(place, "own", "", "beta")
    async with place.hub.browser() as browser:
        own = await sign_in(browser, "own")
        await browser.open("/hub/spawn/own/second")
        page = await submit(browser, "/hub/spawn/own/second", {"team": "alfa", "_xsrf": own})
        assert "Your default server, of team 'beta', runs" in Page(page).text
        assert form_of(page)["team"] == ["alfa"]
        ((path, token, following),) = stops(page)
        assert path == "/hub/knada/stop/own/"
        query = f"?_xsrf={quote(token[0])}&next={quote(following[0], safe='')}"
        async with browser.session.post(browser.url + path + query, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/hub/spawn/own/second"
    person = Person("own", place.hub, place.cluster)

    async def is_gone() -> bool:
        return not await person.pods()

    await eventually(is_gone)


async def test_each_button_that_stops_a_server_has_a_name_of_its_own(place: Place) -> None:
    """Whoever hears the buttons one by one knows which is which; each begins with what is to be read."""
    await start(place, "both", "", "beta")
    await start(place, "both", "third", "beta")
    async with place.hub.browser() as browser:
        await sign_in(browser, "both")
        _, page = await browser.open("/hub/spawn/both/second")
    labels = [button["aria-label"] for button in Page(page).find("button") if "formaction" in button]
    assert sorted(map(str, labels)) == ["Stop it: server third", "Stop it: the default server"]
