"""People of every name that a provider gives, in a real hub: their servers start, and homes stay theirs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.provider_names import PROVIDER_NAMES
from tests.support.team_files import write_files
from tests.support.team_hub import TeamHub, team_hub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = (*PROVIDER_NAMES, "u26", "u30", "u40", "u41")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TeamHub]:
    """A hub with one team, in which everybody is."""
    folder = tmp_path_factory.mktemp("hub")
    names = json.dumps(PEOPLE, ensure_ascii=False)
    write_files(folder, "contact: '#knada'\n", bugs=f"namespace: team-bugs\nusers: {names}\n")
    async with team_hub(folder, ["team-bugs"]) as hub:
        yield hub


@pytest.mark.parametrize("name", PROVIDER_NAMES, ids=lambda name: name[:20])
async def test_server_of_a_person_of_any_name_starts_and_stops(place: TeamHub, name: str) -> None:
    """Pod, labels, claim, variables and addresses are made of the name, whatever stands in it."""
    await place.add(name)
    assert (await place.start(name))[0] == 201
    [pod] = await place.pods(name)
    [home] = await place.homes(name)
    assert pod["metadata"]["annotations"]["hub.jupyter.org/username"] == name
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == home["metadata"]["name"]
    variables = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    assert variables["JUPYTERHUB_USER"] == name
    assert await place.runs(name)
    await place.stop(name)


async def test_person_who_was_renamed_gets_the_home_of_the_new_name(place: TeamHub) -> None:
    """The hub remembers the home of the old name; what is labelled with the new one is mounted."""
    for name in ("u26", "u30"):
        await place.add(name)
        assert (await place.start(name))[0] == 201
        await place.stop(name)
    assert (await place.hub.api("/users/u30", method="DELETE"))[0] == 204
    assert (await place.hub.api("/users/u26", method="PATCH", body={"name": "u30"}))[0] == 200
    assert (await place.start("u30"))[0] == 201
    [pod] = await place.pods("u30")
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "home-u30--bugs"
    await place.stop("u30")


async def test_person_who_was_renamed_and_has_no_home_is_told_what_to_do(place: TeamHub) -> None:
    """Neither an empty home nor, unasked, the one of the old name; and the way to hand it over."""
    await place.add("u40")
    assert (await place.start("u40"))[0] == 201
    await place.stop("u40")
    assert (await place.hub.api("/users/u40", method="PATCH", body={"name": "u41"}))[0] == 200
    status, answer = await place.start("u41")
    assert status == 409
    assert "Your home in team bugs was the claim team-bugs/home-u40--bugs" in answer["message"]
    assert "label it knada.nav.no/team=bugs,knada.nav.no/user=u41" in answer["message"]
    assert await place.homes("u41") == []
