"""People who leave a team, in a real hub: sessions, tokens and servers end; what cannot be read ends none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.team_files import write_files
from tests.support.team_hub import TeamHub, sign_in, team_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

EVERYBODY = ("anna", "bo", "carl", "eve", "canary", "both")
LONG = "leaving: {grace: 1h}\n"
AT_ONCE = "leaving: {grace: 0}\n"
SIGN_IN = 'name="password"'


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path) -> AsyncIterator[TeamHub]:
    """A hub with two teams: everybody is in alfa, some are in beta."""
    write_files(tmp_path, LONG, alfa=alfa(*EVERYBODY), beta="namespace: team-beta\nusers: [both]\n")
    config = "c.Authenticator.auth_refresh_age = 0\n"
    async with team_hub(tmp_path, ["team-alfa", "team-beta"], config) as hub:
        yield hub


def alfa(*users: str) -> str:
    """Give the file of alfa."""
    return f"namespace: team-alfa\nusers: [{', '.join(users)}]\n"


def without(*gone: str) -> str:
    """Give the file of alfa without these."""
    return alfa(*(name for name in EVERYBODY if name not in gone))


async def departure(place: TeamHub, name: str) -> Any:
    """Give what the hub has written down about somebody's server."""
    return (await place.user(name))["servers"][""]["state"]["knada"]["departure"]


async def has_left(place: TeamHub, name: str) -> Any:
    """Wait until it is written down that somebody left; give it."""

    async def is_noted() -> bool:
        return await departure(place, name) is not None

    await eventually(is_noted)
    return await departure(place, name)


async def is_stopped(place: TeamHub, name: str) -> None:
    """Wait until somebody's server is stopped and its pod is gone."""

    async def is_over() -> bool:
        return not await place.runs(name)

    await eventually(is_over)
    await place.is_stopped(name)


async def running(place: TeamHub, *names: str) -> None:
    """Start a server for each of these."""
    for name in names:
        await place.add(name)
        assert (await place.start(name, team="alfa"))[0] == 201


async def test_person_taken_out_of_users_loses_sessions_and_tokens_at_once_and_the_server_after_the_grace(
    place: TeamHub,
) -> None:
    """Seen within seconds, without a request; a hub that starts again goes on with the same grace."""
    async with place.hub.browser() as browser:
        assert (await sign_in(browser, "anna"))[0] == 200
        assert (await place.start("anna"))[0] == 201
        token = await place.token("anna")
        assert (await place.hub.api("/user", token=token))[0] == 200
        [pod] = await place.pods("anna")
        variables = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
        write_files(place.folder, alfa=without("anna"))
        left = await has_left(place, "anna")
        assert left["reason"] == "teams/alfa.yaml lists anna neither by name nor by a group of the sign-in"

        async def is_out() -> bool:
            return (await place.hub.api("/user", token=token))[0] == 403

        await eventually(is_out)
        assert SIGN_IN in (await browser.open("/hub/home"))[1]
    assert (await place.user("anna"))["groups"] == [
        name for name in (await place.user("anna"))["groups"] if name.startswith("claim-said:")
    ]
    assert await place.runs("anna")
    assert (await place.hub.api("/user", token=variables["JUPYTERHUB_API_TOKEN"]))[0] == 200
    assert place.hub.log.count("anna has left team alfa: teams/alfa.yaml lists anna neither") == 1

    await place.process.end()
    await place.process.start()
    assert await place.runs("anna")
    assert await departure(place, "anna") == left

    write_files(place.folder, AT_ONCE)
    await is_stopped(place, "anna")
    assert len(await place.homes("anna")) == 1

    async def is_forgotten() -> bool:
        return (await place.hub.api("/user", token=variables["JUPYTERHUB_API_TOKEN"]))[0] == 403

    await eventually(is_forgotten)
    async with place.hub.browser() as browser:
        status, page = await sign_in(browser, "anna")
    assert status == 403
    assert "no team here lists you" in page
    assert "You are no longer in team alfa: teams/alfa.yaml lists anna neither by name" in page
    assert "and its home is kept." in page
    assert "Traceback" not in place.hub.log


async def test_person_who_comes_back_within_the_grace_keeps_the_server(place: TeamHub) -> None:
    """A slip in a file costs nobody a server."""
    await running(place, "bo")
    write_files(place.folder, alfa=without("bo"))
    await has_left(place, "bo")
    write_files(place.folder, alfa=alfa(*EVERYBODY))

    async def is_back() -> bool:
        return await departure(place, "bo") is None

    await eventually(is_back)
    write_files(place.folder, AT_ONCE, alfa=without("canary"))
    assert await place.runs("bo")
    assert "bo is in team alfa again" in place.hub.log


async def test_team_file_that_is_deleted_while_others_load_ends_its_servers(place: TeamHub) -> None:
    """Whoever is in another team reads on the start page why the server is gone."""
    await running(place, "carl", "both")
    write_files(place.folder, AT_ONCE)
    (place.folder / "teams" / "alfa.yaml").unlink()
    await is_stopped(place, "carl")
    await is_stopped(place, "both")
    assert "carl has left team alfa: the team's file was removed; server carl/ is stopped" in place.hub.log
    async with place.hub.browser() as browser:
        status, page = await sign_in(browser, "both")
    assert status == 200
    assert "You are no longer in team alfa: the team&#39;s file was removed." in page
    assert (await place.start("both"))[0] == 201


def break_team(folder: Path) -> None:
    """Break the team's file."""
    (folder / "teams" / "alfa.yaml").write_text("namespace: [\n")


def break_platform(folder: Path) -> None:
    """Break the platform file, and take the team's file away."""
    (folder / "platform.yaml").write_text("leaving: [\n")
    (folder / "teams" / "alfa.yaml").unlink()


def empty_folder(folder: Path) -> None:
    """Take every file away."""
    for file in (folder / "teams").iterdir():
        file.unlink()


def remove_folder(folder: Path) -> None:
    """Take the folder away."""
    (folder / "teams").rename(folder / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "restart"),
    [
        pytest.param(break_team, False, id="a closed team"),
        pytest.param(break_team, True, id="a closed team, after a restart"),
        pytest.param(break_platform, False, id="the platform file"),
        pytest.param(break_platform, True, id="the platform file, after a restart"),
        pytest.param(empty_folder, False, id="an empty folder"),
        pytest.param(empty_folder, True, id="an empty folder, after a restart"),
        pytest.param(remove_folder, False, id="no folder; a hub does not start without one"),
    ],
)
async def test_state_that_cannot_be_read_stops_no_server_and_ends_no_token(
    place: TeamHub, spoil: Callable[[Path], None], *, restart: bool
) -> None:
    """Afterwards, somebody who really leaves is stopped, so that the sweep has come by."""
    await running(place, "eve", "canary")
    token = await place.token("eve")
    if restart:
        await place.process.end()
    seen = place.hub.log.count("team files, version")
    write_files(place.folder, AT_ONCE)
    spoil(place.folder)
    if restart:
        await place.process.start()

    async def is_read() -> bool:
        return restart or place.hub.log.count("team files, version") > seen

    await eventually(is_read)
    assert await place.runs("eve")
    if (place.folder / "elsewhere").exists():
        (place.folder / "elsewhere").rename(place.folder / "teams")
    beta = "namespace: team-beta\nusers: [both]\n"
    write_files(place.folder, AT_ONCE, alfa=without("canary"), beta=beta)
    await is_stopped(place, "canary")
    assert await place.runs("eve")
    assert "eve has left" not in place.hub.log
    assert (await place.hub.api("/user", token=token))[0] == 200


async def test_person_in_a_closed_team_and_another_reads_that_it_is_closed(place: TeamHub) -> None:
    """On the page, by REST and by a link: which team, since when, why and whom to ask."""
    async with place.hub.browser() as browser:
        await sign_in(browser, "both")
    await place.process.end()
    break_team(place.folder)
    await place.process.start()
    async with place.hub.browser() as browser:
        status, page = await sign_in(browser, "both")
        assert status == 200
        linked = (await browser.open("/hub/spawn?team=alfa"))[1]
    for text in (page, linked):
        assert "Team alfa is closed since 20" in text
        assert "teams/alfa.yaml has errors (line 2: A file is not valid YAML)." in text
        assert "You are still in it, and running servers run on." in text
        assert "team-beta" not in text
    status, answer = await place.start("both", team="alfa")
    assert status == 403
    assert answer["message"].startswith("Team alfa is closed since 20")
    assert (await place.start("both", team="beta"))[0] == 201
