"""What opens a server beside its owner's session, in a real hub: it never opens the next team's server."""

from __future__ import annotations

import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.team_files import write_files
from tests.support.team_hub import TeamHub, team_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

PEOPLE = ("shares", "guest", "same", "again", "gone", "down", "older", "other")
"""One for each test or more, in both teams."""
TEAM = "namespace: team-{0}\nid: {0}-1a\nusers: [" + ", ".join(PEOPLE) + "]\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TeamHub]:
    """A hub with two teams."""
    folder = tmp_path_factory.mktemp("hub")
    write_files(folder, "contact: somebody\n", **{team: TEAM.format(team) for team in ("alfa", "beta")})
    async with team_hub(folder, ["team-alfa", "team-beta"]) as hub:
        yield hub


async def own_token(place: TeamHub, person: str) -> str:
    """Give the token that a person's one pod has."""
    [pod] = await place.pods(person)
    variables = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    return str(variables["JUPYTERHUB_API_TOKEN"])


async def is_valid(place: TeamHub, token: str) -> bool:
    """Say whether the hub knows a token."""
    return (await place.hub.api("/user", token=token))[0] == 200


async def delete_pods(place: TeamHub, person: str) -> None:
    """Delete a person's pods, as a machine that goes away does."""
    for pod in await place.pods(person):
        about = pod["metadata"]
        path = object_path("v1", "pods", about["namespace"], about["name"])
        await place.cluster.client.delete(path)


async def restart(place: TeamHub) -> None:
    """End the hub as its cluster does, and start it again; servers run on."""
    await place.process.end(signal.SIGTERM)
    await place.process.start()


async def is_off(place: TeamHub, person: str) -> None:
    """Wait until the hub knows that a person has no server."""

    async def is_known() -> bool:
        server = (await place.user(person))["servers"].get("", {})
        return not (server.get("ready") or server.get("pending"))

    await eventually(is_known)


@pytest.mark.parametrize(
    ("person", "how"),
    [
        ("same", "stop"),
        ("again", "restart, stop"),
        ("gone", "delete, restart"),
        ("down", "end, delete, start"),
    ],
)
async def test_token_of_one_teams_server_is_void_when_the_server_of_the_next_team_runs(
    place: TeamHub, person: str, how: str
) -> None:
    """Also where an earlier hub has started it, and where its pod was gone before the hub could stop it."""
    await place.add(person)
    assert (await place.start(person, team="alfa"))[0] == 201
    token = await own_token(place, person)
    assert await is_valid(place, token)
    if how.startswith("end"):
        await place.process.end(signal.SIGTERM)
    if "delete" in how:
        await delete_pods(place, person)
    if how.startswith("end"):
        await place.process.start()
    elif "restart" in how:
        await restart(place)
        assert "delete" in how or await is_valid(place, token)
    if "stop" in how:
        await place.stop(person)
    await is_off(place, person)
    assert not await is_valid(place, token)
    assert (await place.start(person, team="beta"))[0] == 201
    assert not await is_valid(place, token)
    assert await is_valid(place, await own_token(place, person))
    await place.stop(person)


async def test_hub_that_starts_deletes_the_tokens_of_servers_that_do_not_run(place: TeamHub) -> None:
    """What a database has of earlier servers is void; tokens of people and of running servers are not."""
    await place.add("older")
    await place.add("other")
    assert (await place.start("older", team="alfa"))[0] == 201
    assert (await place.start("other", team="alfa"))[0] == 201
    kept = [await own_token(place, "older"), await own_token(place, "other"), await place.token("older")]
    left = [await place.token("older"), await place.token("other")]
    await place.process.end(signal.SIGTERM)
    with sqlite3.connect(place.folder / "hub.sqlite") as database:
        for person, token in zip(("older", "other"), left, strict=True):
            changed = database.execute(
                "UPDATE api_tokens SET note = ? WHERE prefix = ? AND note NOT LIKE 'Server at%'",
                (f"Server at /user/{person}/", token[:4]),
            )
            assert changed.rowcount == 1
    database.close()
    await place.process.start()

    async def are_void() -> bool:
        return not any([await is_valid(place, token) for token in left])

    await eventually(are_void)
    assert all([await is_valid(place, token) for token in kept])
    assert "Tokens deleted of servers that do not run: 2" in place.hub.log
    for person in ("older", "other"):
        await place.stop(person)


async def test_share_of_one_teams_server_is_none_of_the_next_teams(place: TeamHub) -> None:
    """A share names the person and the server's name; it lasts from one server of a team to its next."""
    for person in ("shares", "guest"):
        await place.add(person)
    api = place.hub.api

    async def shared() -> tuple[int, int]:
        found = [(await api(path))[1] for path in ("/shares/shares/", "/share-codes/shares/")]
        return len(found[0]["items"]), len(found[1]["items"])

    assert (await place.start("shares", team="alfa"))[0] == 201
    assert (await api("/shares/shares/", method="POST", body={"user": "guest"}))[0] == 200
    assert (await api("/share-codes/shares/", method="POST", body={}))[0] == 200
    await place.stop("shares")
    assert (await place.start("shares", team="alfa"))[0] == 201
    assert await shared() == (1, 1)
    await place.stop("shares")
    assert (await place.start("shares", team="beta"))[0] == 201
    assert await shared() == (0, 0)
    await place.stop("shares")
