"""A real hub with `JupyterHub.subdomain_host`: each person's server of a team has a host of its own."""

from __future__ import annotations

import re
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.local_cluster import LocalCluster, local_cluster
from tests.support.real_hub import HubProcess, RealHub
from tests.support.running_pods import running_pods
from tests.support.team_files import write_files
from tests.support.this_machine import ThisMachine
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "hub.localhost:8123"
PEOPLE = ("moves", "signs", "named", "again", "second", "other", "shared", "per@example.org", "a--b", "n_n")
"""One for each test, in both teams."""
PASSWORD = "not a secret"
TEAM = "namespace: team-{0}\nid: {0}-1a\nusers: [{1}]\nmemoryLimit: 1G\n"
CONFIG = f"""
from jupyterhub_knada.hub_config import configure
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers", "admin:server_state", "proxy", "access:servers"]
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", platform_file="platform.yaml", authenticator=demo, culler=False)
c.KnadaDemoAuthenticator.user_password = "{PASSWORD}"
c.JupyterHub.subdomain_host = "http://{HOST}"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.k8s_api_request_timeout = 10
c.KubeSpawner.delete_grace_period = 0
"""
SLOW_SPAWN_TIMEOUTS = (0, 10)
"""Seconds after which a start's own request ends: the chart's, amid the start, and JupyterHub's."""


@dataclass(frozen=True)
class Place:
    """A hub and its cluster."""

    process: HubProcess
    cluster: LocalCluster

    @property
    def hub(self) -> RealHub:
        """The hub."""
        return self.process.hub

    async def routes(self, person: str) -> set[str]:
        """Give the proxy's routes to a person's servers."""
        status, routes = await self.hub.api("/proxy")
        assert status == 200
        return {spec for spec, route in routes.items() if route["data"].get("user") == person}

    async def start(self, person: str, team: str, server: str = "server") -> tuple[int, Any]:
        """Start a server by REST and wait; what the hub goes on with by itself ends as 201, or 409."""
        await self.hub.api(f"/users/{quote(person)}", method="POST")
        path = f"/users/{quote(person)}/{server}"
        status, answer = await self.hub.api(path, method="POST", body={"team": team})
        if status != HTTPStatus.ACCEPTED:
            return status, answer
        name = "" if server == "server" else server.removeprefix("servers/")

        async def is_over() -> bool:
            return not (await self.servers(person)).get(name, {}).get("pending")

        await eventually(is_over)
        return HTTPStatus.CREATED if name in await self.servers(person) else HTTPStatus.CONFLICT, None

    async def servers(self, person: str) -> dict[str, Any]:
        """Give a person's active servers as the hub knows them."""
        _, user = await self.hub.api(f"/users/{quote(person)}")
        found: dict[str, Any] = user["servers"]
        return found

    async def stop(self, person: str, server: str = "server") -> None:
        """Stop a server and wait until it has stopped."""
        await self.hub.api(f"/users/{quote(person)}/{server}", method="DELETE")
        name = "" if server == "server" else server.removeprefix("servers/")

        async def is_gone() -> bool:
            return name not in await self.servers(person)

        await eventually(is_gone)

    async def environment(self, team: str, person: str) -> dict[str, str]:
        """Give the environment of the one pod of a person in a team."""
        pods = await self.cluster.client.get(object_path("v1", "pods", f"team-{team}"))
        (pod,) = [
            pod
            for pod in pods["items"]
            if pod["metadata"]["annotations"]["hub.jupyter.org/username"] == person
        ]
        return {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open pages of the hub's own host, as a proxy passes them on."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=ThisMachine())) as session:
            yield session

    def page(self, path: str, host: str = "hub.localhost") -> str:
        """Give the address of a page at a host; there is no proxy, so that all lead to the hub."""
        return self.hub.url.replace("127.0.0.1", host) + path

    async def follow(self, session: aiohttp.ClientSession, path: str) -> str:
        """Open a page of the hub; give where it leads."""
        async with session.get(self.page(path), allow_redirects=False) as answer:
            assert answer.status in (302, 303), await answer.text()
            return answer.headers["Location"]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SLOW_SPAWN_TIMEOUTS)
async def place(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    """A hub with two teams."""
    folder = tmp_path_factory.mktemp("hub")
    people = ", ".join(f"'{name}'" for name in PEOPLE)
    write_files(
        folder, "contact: somebody\n", **{team: TEAM.format(team, people) for team in ("alfa", "beta")}
    )
    async with local_cluster(folder) as cluster, running_pods(cluster.client) as port:
        for namespace in ("hub", "team-alfa", "team-beta"):
            await cluster.client.create(object_path("v1", "namespaces"), {"metadata": {"name": namespace}})
        async with aiohttp.ClientSession() as session:
            config = CONFIG + f"c.KubeSpawner.port = {port}\n"
            config += f"c.JupyterHub.tornado_settings = {{'slow_spawn_timeout': {request.param}}}\n"
            environment = {"KUBECONFIG": str(cluster.kubeconfig)}
            process = HubProcess(folder, config, session, environment)
            try:
                await process.start()
                yield Place(process, cluster)
            finally:
                await process.end()
            assert "Rolling back" not in process.hub.log


async def test_start_in_a_team_has_the_host_of_person_and_team(place: Place) -> None:
    """Route, API, environment and the hub's redirect name it; the next team's start has another one."""
    for team in ("alfa", "beta"):
        host = f"moves--{team}-1a.{HOST}"
        assert (await place.start("moves", team))[0] == 201
        server = (await place.servers("moves"))[""]
        assert (server["url"], server["full_url"]) == (f"http://{host}/user/moves/",) * 2
        assert await place.routes("moves") == {f"moves--{team}-1a.hub.localhost/user/moves/"}
        env = await place.environment(team, "moves")
        assert env["JUPYTERHUB_PUBLIC_URL"] == f"http://{host}/user/moves/"
        assert env["JUPYTERHUB_OAUTH_CALLBACK_URL"] == f"http://{host}/user/moves/oauth_callback"
        assert env["JUPYTERHUB_HOST"] == f"http://{HOST}"
        async with place.browser() as browser:
            await sign_in(place, browser, "moves")
            for page in ("/hub/user/moves/lab", "/hub/spawn-pending/moves", "/hub/spawn"):
                assert urlsplit(await place.follow(browser, page)).netloc == host
            link = await place.follow(browser, "/hub/user-redirect/lab")
            assert parse_qs(urlsplit(link).query)["next"] == [f"http://{host}/user/moves/lab"]
        await place.stop("moves")
        assert await place.routes("moves") == set()
    async with place.browser() as browser:
        old = place.page("/user/moves/lab", "moves--alfa-1a.hub.localhost")
        async with browser.get(old, allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"http://{HOST}/hub/user/moves/lab"


async def test_server_signs_people_in_at_its_own_host_only(place: Place) -> None:
    """The hub gives a code to the address of the running server, and to no other host of the person."""
    assert (await place.start("signs", "alfa"))[0] == 201
    async with place.browser() as browser:
        await sign_in(place, browser, "signs")
        host = f"http://signs--alfa-1a.{HOST}"
        assert await ask_for_code(place, browser, f"{host}/user/signs/oauth_callback") == (302, host)
        for other in ("signs--beta-1a", "signs"):
            status, _ = await ask_for_code(place, browser, f"http://{other}.{HOST}/user/signs/oauth_callback")
            assert status == 400
    await place.stop("signs")


async def ask_for_code(place: Place, browser: aiohttp.ClientSession, redirect: str) -> tuple[int, str]:
    """Begin a sign-in at a server, as its page does; give the status and the host that it goes on to."""
    query = {"client_id": "jupyterhub-user-signs", "redirect_uri": redirect, "response_type": "code"}
    url = place.page("/hub/api/oauth2/authorize")
    async with browser.get(url, params=query, allow_redirects=False) as answer:
        where = urlsplit(answer.headers.get("Location", ""))
        return answer.status, f"{where.scheme}://{where.netloc}"


async def test_hub_that_starts_again_knows_the_hosts_of_running_servers(place: Place) -> None:
    """After a kill, routes, addresses and redirects are as before; the stop takes the route away."""
    assert (await place.start("again", "beta"))[0] == 201
    before = (await place.servers("again"))[""]["url"], await place.routes("again")
    await place.process.end(signal.SIGKILL)
    await place.process.start()
    assert ((await place.servers("again"))[""]["url"], await place.routes("again")) == before
    async with place.browser() as browser:
        await sign_in(place, browser, "again")
        link = await place.follow(browser, "/hub/user/again/lab")
        assert urlsplit(link).netloc == f"again--beta-1a.{HOST}"
    await place.stop("again")
    assert await place.routes("again") == set()
    assert (await place.start("again", "alfa"))[0] == 201
    assert await place.routes("again") == {"again--alfa-1a.hub.localhost/user/again/"}
    await place.stop("again")


async def test_named_servers_of_one_team_share_its_host(place: Place) -> None:
    """The host is there as long as one of them is."""
    host = "named--alfa-1a.hub.localhost"
    assert (await place.start("named", "alfa"))[0] == 201
    assert (await place.start("named", "alfa", "servers/second"))[0] == 201
    assert await place.routes("named") == {f"{host}/user/named/", f"{host}/user/named/second/"}
    await place.stop("named")
    assert await place.routes("named") == {f"{host}/user/named/second/"}
    server = (await place.servers("named"))["second"]
    assert server["url"] == f"http://named--alfa-1a.{HOST}/user/named/second/"
    await place.stop("named", "servers/second")
    assert await place.routes("named") == set()


@pytest.mark.parametrize("person", ["per@example.org", "a--b", "n_n"])
async def test_names_that_are_no_dns_label_have_a_host_of_their_own(place: Place, person: str) -> None:
    """Whatever is in a name, the server has a host with a valid label, and the hub leads to it."""
    assert (await place.start(person, "alfa"))[0] == 201
    host = urlsplit((await place.servers(person))[""]["url"]).netloc
    assert re.fullmatch(r"h-[a-z0-9]+--alfa1a--[a-z2-7]{26}\.hub\.localhost:8123", host)
    async with place.browser() as browser:
        await sign_in(place, browser, person)
        link = await place.follow(browser, f"/hub/user/{quote(person)}/lab")
        assert urlsplit(link).netloc == host
    await place.stop(person)


async def test_second_team_is_refused_until_the_first_is_stopped(place: Place) -> None:
    """By REST and on the page, in a sentence; the page's own button stops the server that is in the way."""
    assert (await place.start("second", "alfa"))[0] == 201
    assert (await place.start("second", "beta", "servers/more"))[0] == 409
    assert "[KNADA-S013]" in place.hub.log
    assert set(await place.servers("second")) == {""}
    async with place.browser() as browser:
        await sign_in(place, browser, "second")
        url = place.page("/hub/spawn/second/more")
        async with browser.get(url) as answer:
            page = await answer.text()
        action = re.search(r'formaction="([^"]+)"', page)
        assert action is not None
        form = {"team": "beta"}
        query = {"_xsrf": parse_qs(urlsplit(unescape(action[1])).query)["_xsrf"][0]}
        async with browser.post(url, params=query, data=form) as answer:
            page = await answer.text()
            assert "KNADA-S013" in page
        stop = place.page(unescape(action[1]))
        async with browser.post(stop.partition("?")[0], allow_redirects=False) as answer:
            # Without the token of the page, as another site's form would ask.
            assert answer.status == 403
        assert set(await place.servers("second")) == {""}
        async with browser.post(stop, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/hub/spawn/second/more"

        async def is_gone() -> bool:
            return not await place.servers("second")

        await eventually(is_gone)
        async with browser.get(url) as answer:
            assert "formaction" not in await answer.text()
    assert (await place.start("second", "beta", "servers/more"))[0] == 201
    assert await place.routes("second") == {"second--beta-1a.hub.localhost/user/second/more/"}
    await place.stop("second", "servers/more")


async def test_nobody_stops_the_server_of_somebody_else(place: Place) -> None:
    """The button's address asks for the right to stop the very server."""
    assert (await place.start("other", "alfa"))[0] == 201
    async with place.browser() as browser:
        await sign_in(place, browser, "moves")
        async with browser.get(place.page("/hub/spawn")) as answer:
            token = re.search(r'xsrf_token: "([^"]+)"', await answer.text())
        assert token is not None
        stop = place.page("/hub/knada/stop/other/")
        async with browser.post(stop, params={"_xsrf": token[1]}) as answer:
            assert answer.status == 404
    assert (await place.servers("other"))[""]["ready"]
    await place.stop("other")


async def test_two_teams_at_once_share_a_host_where_the_platform_allows_it(place: Place) -> None:
    """Every link leads to both servers; when both have ended, the next one has its team's host again."""
    assert (await place.start("shared", "alfa"))[0] == 201
    await allow_two_teams(place, "shared", is_allowed=True)
    assert (await place.start("shared", "beta", "servers/more"))[0] == 201
    host = "shared--alfa-1a.hub.localhost"
    assert await place.routes("shared") == {f"{host}/user/shared/", f"{host}/user/shared/more/"}
    await place.stop("shared")
    assert await place.routes("shared") == {f"{host}/user/shared/more/"}
    assert urlsplit((await place.servers("shared"))["more"]["url"]).netloc == f"{host}:8123"
    await place.stop("shared", "servers/more")
    assert (await place.start("shared", "beta"))[0] == 201
    assert await place.routes("shared") == {"shared--beta-1a.hub.localhost/user/shared/"}
    await allow_two_teams(place, "shared", is_allowed=False)
    await place.stop("shared")


async def allow_two_teams(place: Place, person: str, *, is_allowed: bool) -> None:
    """Change the platform file, and wait until the start page of somebody with a server follows."""
    platform = place.hub.log_file.parent / "platform.yaml"
    platform.write_text("oneTeamAtATime: false\n" if is_allowed else "contact: somebody\n", "utf-8")
    async with place.browser() as browser:
        await sign_in(place, browser, person)

        async def is_followed() -> bool:
            async with browser.get(place.page(f"/hub/spawn/{person}/other")) as answer:
                return ("formaction" in await answer.text()) is not is_allowed

        await eventually(is_followed)


async def test_nobody_signs_in_at_a_host_of_servers(place: Place) -> None:
    """Page and form lead to the hub's own host, and no cookie is set; other addresses of servers do, too."""
    async with place.browser() as browser:
        url = place.page("/hub/login?next=/hub/home")
        for host in ("anna--alfa-1a.hub.localhost:8123", "anna.hub.localhost", "127.0.0.1:8123"):
            for method in ("GET", "POST"):
                async with browser.request(
                    method, url, headers={"Host": host}, data={"username": "signs"}, allow_redirects=False
                ) as answer:
                    told = answer.status, answer.headers["Location"], answer.headers.getall("Set-Cookie", [])
                assert told == (303, f"http://{HOST}/hub/login?next=/hub/home", [])


async def sign_in(place: Place, browser: aiohttp.ClientSession, user: str) -> None:
    """Sign in on the hub's own page."""
    url = place.page("/hub/login")
    async with browser.get(url) as answer:
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', await answer.text())
    assert xsrf is not None
    form = {"username": user, "password": PASSWORD, "_xsrf": xsrf[1]}
    async with browser.post(url, data=form, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
