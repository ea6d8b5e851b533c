"""A real hub with `JupyterHub.subdomain_host`: each person's server of a team has a host of its own."""

from __future__ import annotations

import re
import signal
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "hub.localhost:8123"
PEOPLE = ("moves", "signs", "named", "again", "per@example.org", "a--b", "n_n")
"""One for each test, in both teams."""
PASSWORD = "not a secret"
TEAM = "namespace: team-{0}\nid: {0}-1a\nusers: [{1}]\nmemoryLimit: 1G\n"
CONFIG = f"""
from jupyterhub_knada.hub_config import configure
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers", "admin:server_state", "proxy", "access:servers"]
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", authenticator=demo, culler=False)
c.KnadaDemoAuthenticator.user_password = "{PASSWORD}"
c.JupyterHub.subdomain_host = "http://{HOST}"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.k8s_api_request_timeout = 10
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 30}}
"""


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
        """Start a server by REST and wait for it."""
        await self.hub.api(f"/users/{quote(person)}", method="POST")
        path = f"/users/{quote(person)}/{server}"
        return await self.hub.api(path, method="POST", body={"team": team})

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
        cookies = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=cookies, headers={"Host": HOST}) as session:
            yield session

    async def follow(self, session: aiohttp.ClientSession, path: str) -> str:
        """Open a page of the hub; give where it leads."""
        async with session.get(self.hub.url + path, allow_redirects=False) as answer:
            assert answer.status in (302, 303), await answer.text()
            return answer.headers["Location"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub with two teams."""
    folder = tmp_path_factory.mktemp("hub")
    people = ", ".join(f"'{name}'" for name in PEOPLE)
    write_files(folder, **{team: TEAM.format(team, people) for team in ("alfa", "beta")})
    async with local_cluster(folder) as cluster, running_pods(cluster.client) as port:
        for namespace in ("hub", "team-alfa", "team-beta"):
            await cluster.client.create(object_path("v1", "namespaces"), {"metadata": {"name": namespace}})
        async with aiohttp.ClientSession() as session:
            config = CONFIG + f"c.KubeSpawner.port = {port}\n"
            environment = {"KUBECONFIG": str(cluster.kubeconfig)}
            process = HubProcess(folder, config, session, environment)
            try:
                await process.start()
                yield Place(process, cluster)
            finally:
                await process.end()


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
        headers = {"Host": f"moves--alfa-1a.{HOST}"}
        async with browser.get(
            f"{place.hub.url}/user/moves/lab", headers=headers, allow_redirects=False
        ) as answer:
            # No proxy here: all that comes on an address without a server comes to the hub.
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
    url = f"{place.hub.url}/hub/api/oauth2/authorize"
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


async def test_nobody_signs_in_at_a_host_of_servers(place: Place) -> None:
    """Page and form lead to the hub's own host, and no cookie is set; other addresses of servers do, too."""
    async with place.browser() as browser:
        url = f"{place.hub.url}/hub/login?next=/hub/home"
        for host in ("anna--alfa-1a.hub.localhost:8123", "anna.hub.localhost", "127.0.0.1:8123"):
            for method in ("GET", "POST"):
                async with browser.request(
                    method, url, headers={"Host": host}, data={"username": "signs"}, allow_redirects=False
                ) as answer:
                    told = answer.status, answer.headers["Location"], answer.headers.getall("Set-Cookie", [])
                assert told == (303, f"http://{HOST}/hub/login?next=/hub/home", [])


async def sign_in(place: Place, browser: aiohttp.ClientSession, user: str) -> None:
    """Sign in on the hub's own page."""
    url = f"{place.hub.url}/hub/login"
    async with browser.get(url) as answer:
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', await answer.text())
    assert xsrf is not None
    form = {"username": user, "password": PASSWORD, "_xsrf": xsrf[1]}
    async with browser.post(url, data=form, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
