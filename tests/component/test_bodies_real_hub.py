"""Bodies that are too large for a real hub: refused before anything of them is decoded, stored or logged."""

from __future__ import annotations

import contextlib
import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import jupyterhub
import pytest
import pytest_asyncio
from jupyterhub.apihandlers import default_handlers as api_handlers

from jupyterhub_knada.servers.raw_options import MAX_TOTAL_LENGTH
from jupyterhub_knada.web.bodies import BOUNDED_HANDLERS
from jupyterhub_knada.web.forms import MOST_BYTES
from tests.support.hub_on_cluster import sign_in
from tests.support.kubeconfigs import NO_CLUSTER
from tests.support.raw_http import Connection, connect
from tests.support.real_hub import API_TOKEN, Browser, RealHub, running_hub
from tests.support.team_files import write_files
from tests.support.team_hub import config_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_6 = jupyterhub.version_info >= (6,)
MIB = 1024 * 1024
CONFIG = """
c.JupyterHub.allow_named_servers = True
# As JupyterHub's guide to sharing lets everybody share their servers.
may_share = ["self", "shares!user", "read:users:name", "read:groups:name"]
c.JupyterHub.load_roles.append({"name": "user", "scopes": may_share})
"""
AUTHORIZED = {"Authorization": f"token {API_TOKEN}", "Content-Type": "application/json"}
SENTENCE = (
    f"The body of this request has more than {MAX_TOTAL_LENGTH} bytes. Send only what the request needs; a "
    "start needs team, profile and the profile's options. [KNADA-S014]"
)
NESTED = b'{"team": "kyrre", "x": [' + b"[]," * (3 * MIB) + b"[]]}"
"""Nine megabytes that make hundreds of what they are decoded to."""
PATHS = {
    "POST server": ("POST", "/users/anna/server"),
    "POST default server by its name": ("POST", "/users/anna/servers/"),
    "POST named server": ("POST", "/users/anna/servers/second"),
    "PUT named server": ("PUT", "/users/anna/servers/second"),
    "PATCH server": ("PATCH", "/users/anna/servers/"),
    "DELETE server": ("DELETE", "/users/anna/server"),
    "POST token": ("POST", "/users/anna/tokens"),
    "POST activity": ("POST", "/users/anna/activity"),
    "POST share": ("POST", "/shares/anna/"),
    "PATCH share of a named server": ("PATCH", "/shares/anna/second"),
    "POST share code": ("POST", "/share-codes/anna/"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHub]:
    """A hub without a cluster: no start gets so far."""
    folder = tmp_path_factory.mktemp("hub")
    write_files(folder, "project: knada-gcp\n", kyrre="namespace: kyrre\nusers: [anna]\n")
    (folder / "kubeconfig").write_text(NO_CLUSTER)
    config = config_of(port=1) + CONFIG
    async with running_hub(folder, config, environment={"KUBECONFIG": str(folder / "kubeconfig")}) as hub:
        await hub.api("/users/anna", method="POST")
        yield hub


async def stored(hub: RealHub) -> Any:
    """Give what the hub has stored of anna: options of servers, and how many tokens."""
    _, user = await hub.api("/users/anna?include_stopped_servers")
    _, tokens = await hub.api("/users/anna/tokens")
    options = {name: server["user_options"] for name, server in user["servers"].items()}
    return {name: found for name, found in options.items() if found}, len(tokens["api_tokens"])


async def answers_another(connection: Connection) -> bool:
    """Say whether the connection is good for one more request."""
    await connection.send_head("GET", "/hub/api/users/anna", AUTHORIZED)
    return (await connection.read()).status == 200


@pytest.mark.parametrize("path", PATHS)
async def test_body_that_is_declared_too_large_is_refused_before_it_is_sent(hub: RealHub, path: str) -> None:
    """The answer is whole before a byte of the body has come, and the connection works after all of it."""
    before = await stored(hub)
    method, address = PATHS[path]
    async with connect(hub.url) as connection:
        await connection.send_head(
            method, f"/hub/api{address}", {**AUTHORIZED, "Content-Length": len(NESTED)}
        )
        answer = await connection.read()
        await connection.send(NESTED)
        assert (answer.status, answer.message) == (413, SENTENCE)
        assert answer.headers["content-type"] == "application/json"
        assert await answers_another(connection)
    assert await stored(hub) == before
    assert "[]," not in hub.log


@pytest.mark.parametrize("path", PATHS)
async def test_body_in_chunks_is_refused_once_it_is_too_much(hub: RealHub, path: str) -> None:
    """Nothing declares its size: it is counted, and the rest is thrown away."""
    before = await stored(hub)
    method, address = PATHS[path]
    pieces = [NESTED[at : at + 10_000] for at in range(0, MIB, 10_000)]
    async with connect(hub.url) as connection:
        await connection.send_head(
            method, f"/hub/api{address}", {**AUTHORIZED, "Transfer-Encoding": "chunked"}
        )
        await connection.send_chunks(pieces[:7], is_last=False)
        answer = await connection.read()
        await connection.send_chunks(pieces[7:])
        assert (answer.status, answer.message) == (413, SENTENCE)
        assert await answers_another(connection)
    assert await stored(hub) == before
    assert "[]," not in hub.log


async def test_every_endpoint_that_decodes_what_a_member_sends_has_the_bound(hub: RealHub) -> None:
    """A member gets a body that is no JSON as far as the decoder there only: others refuse it unread."""
    _, token = await hub.api("/users/anna/tokens", method="POST", body={"note": "of a member"})
    headers = {"Authorization": f"token {token['token']}", "Content-Type": "application/json"}
    decoded = set()
    for (pattern, handler, *_), method in product(api_handlers, ("POST", "PUT", "PATCH", "DELETE")):
        address = hub.url + "/hub" + re.sub(r"\(\[\^/\][+*]\)", "anna", pattern)
        async with hub.session.request(method, address, data=b"no JSON", headers=headers) as answer:
            if "Invalid JSON" in await answer.text():
                decoded.add(handler.__name__)
    assert decoded == {handler.__name__ for _, handler in BOUNDED_HANDLERS}


async def test_client_that_asks_before_it_sends_is_told_not_to(hub: RealHub) -> None:
    """With `Expect: 100-continue` the refusal comes instead of the invitation; a small body is invited."""
    expecting = {**AUTHORIZED, "Expect": "100-continue"}
    async with connect(hub.url) as connection:
        await connection.send_head(
            "POST", "/hub/api/users/anna/server", {**expecting, "Content-Length": len(NESTED)}
        )
        answer = await connection.read()
        assert (answer.status, answer.message) == (413, SENTENCE)
        assert answer.headers["connection"] == "close"
        assert await connection.is_closed()
    body = b'{"team": "nowhere"}'
    async with connect(hub.url) as connection:
        await connection.send_head(
            "POST", "/hub/api/users/anna/server", {**expecting, "Content-Length": len(body)}
        )
        assert (await connection.read()).status == 100
        await connection.send(body)
        assert "KNADA-S002" in (await connection.read()).message
        assert await answers_another(connection)


async def test_body_that_a_proxy_sends_uninvited_is_thrown_away(hub: RealHub) -> None:
    """A proxy invites the client itself, and passes on a body that the hub would have refused before.

    A connection that is closed in the middle of it is a 503 of the proxy's in place of the sentence.
    """
    async with connect(hub.url) as connection:
        head = {**AUTHORIZED, "Expect": "100-continue", "Content-Length": len(NESTED)}
        await connection.send_head("POST", "/hub/api/users/anna/server", head)
        await connection.send(NESTED)
        answer = await connection.read()
        assert (answer.status, answer.message) == (413, SENTENCE)


async def test_client_that_never_ends_its_body_loses_its_connection(hub: RealHub) -> None:
    """What is thrown away is bounded, too, whether its size is declared or not."""
    async with connect(hub.url) as connection:
        await connection.send_head(
            "POST", "/hub/api/users/anna/server", {**AUTHORIZED, "Transfer-Encoding": "chunked"}
        )
        await connection.send_chunks([b"x" * MIB], is_last=False)
        assert (await connection.read()).status == 413
        with contextlib.suppress(ConnectionError):
            await connection.send_chunks([b"x" * MIB] * 20, is_last=False)
        assert await connection.is_closed()
    async with connect(hub.url) as connection:
        await connection.send_head(
            "POST", "/hub/api/users/anna/server", {**AUTHORIZED, "Content-Length": 10**30}
        )
        assert (await connection.read()).status == 413
        assert await connection.is_closed()


@pytest.mark.parametrize(
    ("length", "code"), [(MAX_TOTAL_LENGTH, "KNADA-S001"), (MAX_TOTAL_LENGTH + 1, "KNADA-S014")]
)
async def test_body_of_the_bound_is_read_and_one_byte_more_is_not(
    hub: RealHub, length: int, code: str
) -> None:
    """Up to the bound the options are checked as ever; both answers are a 413."""
    empty = json.dumps({"team": "kyrre", "x": ""}).encode()
    body = empty.replace(b'""', b'"' + b"y" * (length - len(empty)) + b'"')
    assert len(body) == length
    async with connect(hub.url) as connection:
        await connection.send_head(
            "POST", "/hub/api/users/anna/server", {**AUTHORIZED, "Content-Length": length}
        )
        await connection.send(body)
        answer = await connection.read()
    assert (answer.status, f"[{code}]" in answer.message) == (413, True)


@pytest.mark.parametrize("depth", [500, 950, 30_000])
async def test_deeply_nested_body_within_the_bound_costs_nothing(hub: RealHub, depth: int) -> None:
    """A 4xx at once; everybody can still be listed, and the next start is judged by its own options."""
    body = b'{"x": ' + b"[" * depth + b"]" * depth + b"}"
    for method in ("POST", "PATCH") if IS_6 else ("POST",):
        async with connect(hub.url) as connection:
            sent = body if method == "POST" else b'{"user_options": ' + body + b"}"
            await connection.send_head(
                method, "/hub/api/users/anna/servers/", {**AUTHORIZED, "Content-Length": len(sent)}
            )
            await connection.send(sent)
            answer = await connection.read()
            assert answer.status < 500
            assert await answers_another(connection)
    assert (await hub.api("/users?include_stopped_servers"))[0] == 200
    _, answer = await hub.api("/users/anna/server", method="POST", body={"team": "nowhere"})
    assert "KNADA-S002" in answer["message"]


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "in chunks"])
async def test_form_that_is_too_large_is_refused_with_a_page(hub: RealHub, is_declared: bool) -> None:  # noqa: FBT001
    """As a REST body is, but with words for a person."""
    async with hub.browser() as browser:
        xsrf = await sign_in(browser, "anna")
        body = urlencode({"_xsrf": xsrf, "team": "kyrre", "x": "y" * MOST_BYTES}).encode()

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        sent: Any = body if is_declared else pieces()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with browser.session.post(f"{hub.url}/hub/spawn", data=sent, headers=headers) as answer:
            page = await answer.text()
        assert (answer.status, "KNADA-S014" in page, "<html" in page) == (413, True, True)
        assert (await browser.open("/hub/home"))[0] == 200
    assert (await stored(hub))[0] == {}


@pytest.mark.parametrize("is_multipart", [True, False], ids=["as a page sends it", "urlencoded"])
async def test_form_with_hundreds_of_fields_is_read(hub: RealHub, is_multipart: bool) -> None:  # noqa: FBT001
    """A page sends the fields of all teams of somebody, however many: only those of the chosen one count."""
    async with hub.browser() as browser:
        xsrf = await sign_in(browser, "anna")
        fields = {"_xsrf": xsrf, "team": "kyrre", "profile:kyrre": "gone"}
        fields |= {f"profile:team-{number}": "default" for number in range(900)}
        status, page = await post_form(browser, fields, is_multipart=is_multipart)
    assert (status, "KNADA-S004" in page) == (400 if IS_6 else 200, True)


@pytest.mark.parametrize("body", [b"--x\r\nno form", b""], ids=["no end", "nothing"])
async def test_form_that_is_none_is_refused(hub: RealHub, body: bytes) -> None:
    """A broken form, or one without the hub's token, is a 4xx as in the hub itself."""
    async with hub.browser() as browser:
        await sign_in(browser, "anna")
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with browser.session.post(f"{hub.url}/hub/spawn", data=body, headers=headers) as answer:
            assert answer.status in (400, 403)


async def post_form(browser: Browser, fields: dict[str, str], *, is_multipart: bool) -> tuple[int, str]:
    """Send a form; give the status and the page."""
    form = aiohttp.FormData(default_to_multipart=is_multipart)
    for name, value in fields.items():
        form.add_field(name, value)
    async with browser.session.post(f"{browser.url}/hub/spawn", data=form) as answer:
        return answer.status, await answer.text()
