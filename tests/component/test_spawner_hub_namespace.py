"""A team whose file names the hub's own namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.servers.refusing import StartRefusedError
from tests.support.spawners import HUB_NAMESPACE

if TYPE_CHECKING:
    from tests.support.spawners import Spawners

TEAM = f"namespace: {HUB_NAMESPACE}\nusers: [e152435]\n"


async def test_start_in_the_hubs_namespace_is_refused_with_a_sentence(spawners: Spawners) -> None:
    """A file cannot take its team to where the hub's identity and the homes of older hubs are."""
    spawners.write(alfa=TEAM)
    spawners.claims.add(HUB_NAMESPACE, "claim-e152435")
    with pytest.raises(StartRefusedError, match="KNADA-S012") as refused:
        await spawners.start(spawners.make(), {})
    assert refused.value.status_code == 409
    assert "the hub's own" in refused.value.jupyterhub_message


async def test_hub_of_one_team_runs_it_beside_itself_and_finds_older_homes(spawners: Spawners) -> None:
    """One hub for each team stands in the team's namespace: what is there is the team's."""
    spawners.write(alfa=TEAM)
    spawners.config.KnadaSpawner.team = "alfa"
    spawners.claims.add(HUB_NAMESPACE, "claim-e152435")
    pod, _ = await spawners.start(spawners.make(), {})
    claims = [volume.get("persistentVolumeClaim") for volume in pod["spec"]["volumes"]]
    assert claims == [{"claimName": "claim-e152435"}]
