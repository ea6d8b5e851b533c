"""Sign-ins at a real hub whose servers have hosts of their own: nobody else's can be put upon a visitor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

from tests.component.test_hub_config_real_hub import CONFIG
from tests.support.kubeconfigs import NO_CLUSTER
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, Issuer, serving_issuer
from tests.support.real_hub import RealHub, running_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "hub.localhost:8123"
SETTINGS = f"""
c.JupyterHub.subdomain_host = "https://{HOST}"
c.JupyterHub.cookie_host_prefix_enabled = True
c.JupyterHub.tornado_settings = {{"cookie_options": {{"domain": "hub.localhost"}}}}
c.KnadaOIDCAuthenticator.oauth_callback_url = "https://{HOST}/hub/oauth_callback"
"""
PLAIN, STATE = "oauthenticator-state", "__Host-oauthenticator-state"


@dataclass
class Visitor:
    """Somebody's browser, as far as cookies go; a proxy for HTTPS is before the hub."""

    hub: RealHub
    issuer: Issuer
    name: str
    session: aiohttp.ClientSession
    cookies: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """Every `Set-Cookie` so far."""

    async def open(self, path: str) -> tuple[int, str, str]:
        """Open a page of the hub; give status, where it leads and its text."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Host": HOST, "Cookie": cookies}
        async with self.session.get(self.hub.url + path, headers=headers, allow_redirects=False) as answer:
            for cookie in answer.headers.getall("Set-Cookie", []):
                self.said.append(cookie)
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value.strip('"')
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def begin(self) -> str:
        """Begin a sign-in and go through it at the provider; give the callback, which is not opened yet."""
        self.issuer.claims = {"sub": self.name, "preferred_username": self.name}
        _, provider, _ = await self.open("/hub/oauth_login")
        async with self.session.get(provider, allow_redirects=False) as answer:
            back = urlsplit(answer.headers["Location"])
        return f"{back.path}?{back.query}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Visitor, Visitor]]:
    """Two people of one team, and the hub."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "teams").mkdir()
    (folder / "kubeconfig").write_text(NO_CLUSTER)
    (folder / "teams" / "kyrre.yaml").write_text("namespace: kyrre\nusers: [mallory, victim]\n")
    async with (
        serving_issuer() as issuer,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        environment = {
            "KNADA_TEAMS_DIR": str(folder / "teams"),
            "KNADA_AUTHENTICATOR": "knada-oidc",
            "KNADA_DB_URL": "sqlite://",
            "OIDC_ISSUER": issuer.url,
            "OAUTH_CLIENT_ID": CLIENT_ID,
            "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
            "KUBECONFIG": str(folder / "kubeconfig"),
        }
        async with running_hub(folder, CONFIG + SETTINGS, environment=environment) as hub:
            yield Visitor(hub, issuer, "mallory", session), Visitor(hub, issuer, "victim", session)


async def test_state_that_another_host_can_set_signs_nobody_in(visitors: tuple[Visitor, Visitor]) -> None:
    """Only the cookie that no page of a server can set counts; the sign-in that was begun here goes on."""
    mallory, victim = visitors
    foreign = await mallory.begin()
    own = await victim.begin()
    # What `document.cookie` of a page below the hub's host can do: any name but for the prefix.
    victim.cookies[PLAIN] = next(mallory.cookies[name] for name in (STATE, PLAIN) if name in mallory.cookies)
    assert (await victim.open(foreign))[0] == 400
    assert "mallory" not in (await victim.open("/hub/home"))[2]
    own = await victim.begin()
    assert (await victim.open(own))[0] == 302
    assert "victim" in (await victim.open("/hub/home"))[2]


async def test_state_is_a_cookie_of_the_hub_host_alone(visitors: tuple[Visitor, Visitor]) -> None:
    """HTTPS, the path `/` and no domain, as a browser asks; callback and logout take it away."""
    visitor = visitors[0]
    visitor.said.clear()
    callback = await visitor.begin()
    ((cookie, *options),) = [said.split("; ") for said in visitor.said if "state" in said.partition("=")[0]]
    assert cookie.startswith(f"{STATE}=")
    assert {"Secure", "Path=/", "HttpOnly"} <= set(options)
    assert not any(option.startswith("Domain") for option in options)
    for path in (callback, "/hub/logout"):
        visitor.said.clear()
        visitor.cookies[STATE] = visitor.cookies[STATE] or "left"
        await visitor.open(path)
        (cleared,) = [said for said in visitor.said if said.startswith(STATE)]
        assert cleared.startswith(f'{STATE}="";')
        assert {"Secure", "Path=/"} <= set(cleared.split("; "))
