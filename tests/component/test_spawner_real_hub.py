"""The spawner in a real hub, against the embedded Kubernetes API: what is refused, and what is made."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import jupyterhub
import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from jupyterhub_knada.servers.raw_options import MAX_TOTAL_LENGTH
from tests.support.bad_options import ALFA, BAD_OPTIONS, BETA, GAMMA, GOOD, OWNER, PLATFORM, BadOptions
from tests.support.hub_on_cluster import Person, Place, hub_on_cluster, sign_in
from tests.support.real_hub import API_TOKEN, running_hub
from tests.support.team_files import write_files
from tests.support.team_hub import config_of
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("rest", "form", "turns", "gone", "limit")
"""One for each test, in the teams alfa and beta: whatever one leaves behind is not the other's."""
OMEGA = "namespace: team-omega\nusers: [gone]\n"
"""A team whose homes are taken away."""
GPU = GAMMA.replace("somebody", "gpu") + "resources: {gpu: 1}\n"
"""A team whose servers no machine can take. Nobody else is in it."""
IS_6 = jupyterhub.version_info >= (6,)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """A hub with four teams, in a cluster without GPUs."""
    folder = tmp_path_factory.mktemp("hub")
    everybody = f"[{', '.join(PEOPLE)}]"
    alfa, beta = (team.replace(f"[{OWNER}]", everybody) for team in (ALFA, BETA))
    write_files(folder, PLATFORM, alfa=alfa, beta=beta, gamma=GPU, omega=OMEGA)

    def has_no_gpu(pod: dict[str, Any]) -> bool:
        return "gpu" not in str(pod["spec"]["containers"][0]["resources"])

    async with hub_on_cluster(folder, "", takes=has_no_gpu) as place:
        yield place


async def test_options_by_rest_that_are_not_offered_start_nothing(place: Place) -> None:
    """Each is a 4xx with a sentence; nothing is made, nothing wrong is stored, and a proper start follows."""
    person = await place.person("rest")
    refused = [bad for bad in BAD_OPTIONS if not (IS_6 and bad.is_nothing_to_hub)]
    told = {}
    for bad in refused:
        status, answer = await person.start(bad.rest)
        stored = (await person.server()).get("user_options") or {}
        told[bad.name] = (status, words_of(bad) in answer["message"], stored, await person.pods())
    assert told == {bad.name: (bad.status, True, {}, []) for bad in refused}
    assert (await person.start(GOOD))[0] == 201
    assert await person.pods() == ["team-alfa/jupyter-rest"]
    await person.stop()


def words_of(bad: BadOptions) -> str:
    """Give what the answer by REST says: other words where the spawner is not asked."""
    if len(json.dumps(bad.rest)) > MAX_TOTAL_LENGTH:
        return "KNADA-S014"
    return bad.said_by_hub if IS_6 and bad.said_by_hub else bad.code


async def test_options_by_form_that_are_not_offered_start_nothing(place: Place) -> None:
    """The page comes back with sentence and status; nothing is made, and the form works afterwards.

    JupyterHub 5 shows its page with status 200, whatever the exception says.
    """
    person = await place.person("form")
    async with place.hub.browser() as browser:
        xsrf = await sign_in(browser, person.name)
        told: dict[str, Any] = {}
        wanted: dict[str, Any] = {}
        for bad in (bad for bad in BAD_OPTIONS if bad.as_fields):
            form = {**(bad.as_fields or {}), "_xsrf": xsrf}
            async with browser.session.post(f"{browser.url}/hub/spawn", data=form) as answer:
                told[bad.name] = (answer.status, bad.code in await answer.text())
            wanted[bad.name] = (bad.status if IS_6 else 200, True)
        assert told == wanted
        assert await person.pods() == []
        form = {"team": "beta", "profile:beta": "beta-only", "profile:alfa": "choose", "_xsrf": xsrf}
        async with browser.session.post(
            f"{browser.url}/hub/spawn", data=form, allow_redirects=False
        ) as answer:
            assert answer.status == 302

        async def is_there() -> bool:
            return bool((await person.server()).get("ready"))

        await eventually(is_there)
        assert await person.pods() == ["team-beta/jupyter-form"]
    await person.stop()


async def test_starts_for_teams_in_turn_make_pods_and_homes_of_each(place: Place) -> None:
    """A, B, A through the whole hub: namespace, home and labels follow the start; homes are found again."""
    person = await place.person("turns")
    seen = []
    for team in ("alfa", "beta", "alfa"):
        assert (await person.start({"team": team}))[0] == 201
        pod = await person.pod(f"team-{team}")
        claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["spec"]["volumes"]]
        seen.append((pod["metadata"]["labels"]["team"], claims))
        await person.stop()
    assert seen == [
        ("alfa", ["home-turns--alfa"]),
        ("beta", ["home-turns--beta"]),
        ("alfa", ["home-turns--alfa"]),
    ]
    assert (await person.start())[0] == 201
    assert await person.pods() == ["team-alfa/jupyter-turns"]
    await person.stop()


async def test_home_deleted_out_of_band_is_a_refusal_with_the_facts(place: Place) -> None:
    """The hub does not make an empty home in its place; a claim with the labels opens the way again."""
    person = await place.person("gone")
    assert (await person.start({"team": "omega"}))[0] == 201
    await person.stop()
    path = object_path("v1", "persistentvolumeclaims", "team-omega", "home-gone--omega")
    home = await place.cluster.client.get(path)
    await place.cluster.client.delete(path)

    async def is_deleted() -> bool:
        found = await place.cluster.client.get(object_path("v1", "persistentvolumeclaims", "team-omega"))
        return not found["items"]

    await eventually(is_deleted)
    status, answer = await person.start({"team": "omega"})
    assert status == 409
    assert "team-omega/home-gone--omega, is not there" in answer["message"]
    restored = {
        "metadata": {"name": "restored", "labels": home["metadata"]["labels"]},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    await place.cluster.client.create(object_path("v1", "persistentvolumeclaims", "team-omega"), restored)
    assert (await person.start({"team": "omega"}))[0] == 201
    pod = await person.pod("team-omega")
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "restored"
    await person.stop()


async def test_start_that_no_machine_can_take_is_told_in_words(place: Place) -> None:
    """A GPU that no node has: the progress says so at once, and the failure when the time has run out."""
    person = await place.person("gpu")
    start = asyncio.create_task(person.start())

    async def told() -> bool:
        return "No machine can run the server now" in await read_progress(person)

    await eventually(told)
    status, answer = await start
    assert status == 504
    why = "No machine could run the server: there is none in the cluster."
    assert answer["message"].startswith(f"The server was not ready after 5 seconds. {why}")


async def read_progress(person: Person) -> str:
    """Read what the start page shows of a start, to its end."""
    url = f"{person.hub.url}/hub/api/users/{person.name}/server/progress"
    headers = {"Authorization": f"token {API_TOKEN}"}
    async with person.hub.session.get(url, headers=headers) as stream:
        return await stream.text()


async def test_refusals_do_not_count_as_failures_of_the_hub(
    place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A hub that ends itself at the first failed start runs on, whatever people ask for.

    JupyterHub 5 counts each failed start, a refused one by REST, too; forms are refused before a start there
    as well.
    """
    folder = tmp_path_factory.mktemp("limited")
    write_files(folder, PLATFORM, alfa=ALFA.replace(OWNER, "limit"))
    config = config_of(port=1) + "c.KubeSpawner.consecutive_failure_limit = 1\n"
    environment = {"KUBECONFIG": str(place.cluster.kubeconfig)}
    async with running_hub(folder, config, environment=environment) as hub:
        await hub.api("/users/limit", method="POST")
        person = Person("limit", hub, place.cluster)
        async with hub.browser() as browser:
            xsrf = await sign_in(browser, person.name)
            form = {"team": "gamma", "_xsrf": xsrf}
            async with browser.session.post(f"{browser.url}/hub/spawn", data=form) as answer:
                assert "KNADA-S002" in await answer.text()
        assert "consecutive spawn failures" not in hub.log
        status, _ = await person.start({"team": "gamma"})
        assert status == 403
        assert ("Aborting due to 1 consecutive spawn failures" in hub.log) is not IS_6
