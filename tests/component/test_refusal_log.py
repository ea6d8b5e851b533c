"""What the hub's log has of starts that are refused, and of some that fail, on each JupyterHub."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.local_cluster import local_cluster
from tests.support.real_hub import RealHub, running_hub
from tests.support.team_files import write_files
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
from jupyterhub_knada.hub_config import configure
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", authenticator=demo, culler=False)
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers"]
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.start_timeout = 2
c.KubeSpawner.consecutive_failure_limit = 0
"""
ALFA = """
namespace: team-alfa
users: [rest, form, late, cluster]
storage: {none: true}
profiles:
  - {slug: small, displayName: Small}
  - slug: choose
    displayName: Choose
    options: {size: {choices: {s: {kubespawnerOverride: {mem_limit: 1G}}}}}
"""
BETA = "namespace: nowhere\nusers: [form, cluster]\nstorage: {none: true}\n"
GAMMA = "namespace: team-gamma\nusers: [form]\n"
SOMEBODYS_HOME = {
    "metadata": {
        "name": "home-form--gamma",
        "labels": {"knada.nav.no/team": "gamma", "knada.nav.no/user": "somebody"},
        "annotations": {"knada.nav.no/team": "gamma", "knada.nav.no/user": "somebody"},
    },
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
"""A claim of the name that the home of `form` would get."""
WRONG = {"team": "alfa", "profile": "gone"}


class Logged(NamedTuple):
    """What was logged from a request on, to its own line."""

    answer: int
    lines: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealHub]:
    """A hub whose cluster has no machine, and no namespace for one of the teams."""
    folder = tmp_path_factory.mktemp("hub")
    write_files(folder, alfa=ALFA, beta=BETA, gamma=GAMMA)
    async with local_cluster(folder) as cluster:
        for namespace in ("hub", "team-alfa", "team-gamma"):
            body = {"metadata": {"name": namespace, "labels": {"team-namespace": "true"}}}
            await cluster.client.create(object_path("v1", "namespaces"), body)
        await cluster.client.create(object_path("v1", "persistentvolumeclaims", "team-gamma"), SOMEBODYS_HOME)
        async with running_hub(
            folder, CONFIG, environment={"KUBECONFIG": str(cluster.kubeconfig)}
        ) as running:
            yield running


async def start(hub: RealHub, name: str, options: dict[str, str]) -> Logged:
    """Ask for somebody's server by REST; give what is logged of it."""
    await hub.api(f"/users/{name}", method="POST")
    before = len(hub.log)
    answer, _ = await hub.api(f"/users/{name}/server", method="POST", body=options)
    return Logged(answer, await written(hub, before, f"POST /hub/api/users/{name}/server (test@"))


async def written(hub: RealHub, before: int, end: str) -> list[str]:
    """Give warnings and errors from somewhere in the log to the line of a request, tracebacks and all."""

    async def is_written() -> bool:
        return end in hub.log[before:]

    await eventually(is_written)
    lines = hub.log[before:].partition(end)[0].splitlines()[:-1]
    return [line for line in lines if not re.match(r"\[[DI] ", line) and line.strip()]


async def test_refused_start_by_rest_is_one_line(hub: RealHub) -> None:
    """Beside that of the request there is one, with the reason and without a traceback."""
    logged = await start(hub, "rest", WRONG)
    assert logged.answer == 400
    assert len(logged.lines) == 1
    assert "Start of rest refused: Team 'alfa' has no profile 'gone'." in logged.lines[0]


async def submit(hub: RealHub, fields: dict[str, str]) -> tuple[str, list[str]]:
    """Send the start page's form; give the page that comes back, and what is logged of it."""
    async with hub.browser() as browser:
        _, page = await browser.open("/hub/login")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert xsrf is not None
        form = {"username": "form", "password": "x", "_xsrf": xsrf[1]}
        async with browser.session.post(f"{hub.url}/hub/login", data=form):
            pass
        _, page = await browser.open("/hub/spawn")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page) or re.search(r"_xsrf=([^\"&]+)", page)
        assert xsrf is not None
        before = len(hub.log)
        async with browser.session.post(f"{hub.url}/hub/spawn", data=fields | {"_xsrf": xsrf[1]}) as answer:
            page = await answer.text()
    return page, await written(hub, before, "POST /hub/spawn (form@")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"team": "alfa", "profile:alfa": "gone"}, "KNADA-S004", id="profile"),
        pytest.param(
            {"team": "alfa", "profile:alfa": "choose", "size:alfa:choose": "xl"}, "KNADA-S005", id="choice"
        ),
        pytest.param({"team": "omega"}, "KNADA-S002", id="team"),
        pytest.param({"team": "alfa", "profile:alfa": "y" * 2000}, "KNADA-S001", id="size"),
        pytest.param({"team": "gamma"}, "KNADA-S009", id="home"),
    ],
)
async def test_refused_start_by_form_is_one_line(hub: RealHub, fields: dict[str, str], code: str) -> None:
    """The page comes back; nothing went wrong in the hub."""
    page, lines = await submit(hub, fields)
    assert code in page
    assert [line for line in lines if "Start of form refused: " not in line] == []
    assert len(lines) == 1


async def test_start_by_form_that_the_cluster_rejects_has_no_traceback(hub: RealHub) -> None:
    """As by REST: what is told in words needs none."""
    _, lines = await submit(hub, {"team": "beta"})
    assert any("Pod nowhere/jupyter-form of form refused: 404" in line for line in lines)
    assert [line for line in lines if "Traceback" in line or line.startswith(" ")] == []


async def test_start_that_the_cluster_rejects_has_no_traceback(hub: RealHub) -> None:
    """The namespace is not there: that is told in words, to the person and to the admin."""
    logged = await start(hub, "cluster", {"team": "beta"})
    assert logged.answer == 409
    assert [line for line in logged.lines if "Traceback" in line or line.startswith(" ")] == []
    assert any("Pod nowhere/jupyter-cluster of cluster refused: 404" in line for line in logged.lines)


async def test_start_that_is_too_late_has_no_traceback(hub: RealHub) -> None:
    """No machine can run it: one line of ours has the cause and Kubernetes' words."""
    logged = await start(hub, "late", {"team": "alfa"})
    assert logged.answer == 504
    assert not any("Traceback" in line for line in logged.lines)
    ours = [line for line in logged.lines if "Start of late failed: The server was not ready" in line]
    assert len(ours) == 1
    assert "no nodes available to schedule pods" in ours[0]


async def test_refusals_at_the_same_time_are_a_line_each(hub: RealHub) -> None:
    """What one request is refused takes no line from another."""
    before = len(hub.log)
    names = ("many1", "many2", "many3")
    await asyncio.gather(*(start(hub, name, WRONG) for name in names))
    for name in names:
        found = [line for line in hub.log[before:].splitlines() if f"Start of {name} refused" in line]
        assert len(found) == 1
