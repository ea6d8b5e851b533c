"""The start page's form for named servers, in a real hub: whether one may be, and which page comes back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.hub_on_cluster import sign_in
from tests.support.kubeconfigs import NO_CLUSTER
from tests.support.pages import Page
from tests.support.real_hub import RealHub, running_hub
from tests.support.team_files import write_files
from tests.support.team_hub import config_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMED = "c.JupyterHub.allow_named_servers = True\nc.JupyterHub.named_server_limit_per_user = 1\n"
REFUSED = {"team": "beta", "profile:beta": "gone"}
"""So that nothing is started where the form is read."""


@asynccontextmanager
async def running(folder: Path, config: str) -> AsyncIterator[RealHub]:
    """A hub without a cluster, of three people who are in two teams."""
    teams = {name: f"namespace: {name}\nusers: [anna, bo, eva]\n" for name in ("alfa", "beta")}
    write_files(folder, "project: knada-gcp\n", **teams)
    (folder / "kubeconfig").write_text(NO_CLUSTER)
    environment = {"KUBECONFIG": str(folder / "kubeconfig")}
    async with running_hub(folder, config_of(port=1) + config, environment=environment) as hub:
        for name in ("anna", "bo", "eva"):
            await hub.api(f"/users/{name}", method="POST")
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHub]:
    """A hub that allows one named server for each person."""
    async with running(tmp_path_factory.mktemp("hub"), NAMED) as hub:
        yield hub


async def submit(hub: RealHub, name: str, path: str) -> tuple[int, str]:
    """Send the form of a server's start page as somebody; give the status and the page."""
    async with hub.browser() as browser:
        fields = {**REFUSED, "_xsrf": await sign_in(browser, name)}
        async with browser.session.post(f"{hub.url}/hub/spawn/{path}", data=fields) as answer:
            return answer.status, await answer.text()


async def servers(hub: RealHub, name: str) -> list[str]:
    """Give the names of somebody's servers that the hub has stored, but for the default one."""
    _, user = await hub.api(f"/users/{name}?include_stopped_servers")
    found: dict[str, Any] = user["servers"]
    return [server for server in found if server]


async def test_form_of_a_named_server_is_refused_where_there_are_none(tmp_path: Path) -> None:
    """As by REST, and before the hub stores a server of this name."""
    async with running(tmp_path, "") as hub:
        status, page = await submit(hub, "anna", "anna/first")
        assert (status, "Named servers are not enabled." in page) == (400, True)
        assert await servers(hub, "anna") == []


async def test_form_of_one_named_server_too_many_is_refused(hub: RealHub) -> None:
    """Before it is stored; the form of one that is there already is read."""
    assert "KNADA-S004" in (await submit(hub, "anna", "anna/first"))[1]
    assert await servers(hub, "anna") == ["first"]
    status, page = await submit(hub, "anna", "anna/second")
    assert (status, "already has the maximum of 1 named servers" in page) == (400, True)
    assert await servers(hub, "anna") == ["first"]
    assert "KNADA-S004" in (await submit(hub, "anna", "anna/first"))[1]


async def test_page_of_a_refused_form_is_of_the_server_that_was_asked_for(hub: RealHub) -> None:
    """The team that was chosen for it is selected; the default server's page knows nothing of it."""
    _, page = await submit(hub, "bo", "bo/first")
    assert Page(page).sent()["team"] == ["beta"]


async def test_form_of_somebody_else_s_named_server_is_not_found(hub: RealHub) -> None:
    """Nobody learns how many servers another person has."""
    status, page = await submit(hub, "bo", "eva/first")
    assert (status, "maximum" in page, "enabled" in page) == (404, False, False)
    assert await servers(hub, "eva") == []
