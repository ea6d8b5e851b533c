"""Which starts count for a team's limit, on the spawner itself."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.servers.refusing import StartRefusedError
from jupyterhub_knada.servers.team_starts import count_starting
from tests.support.spawners import User

if TYPE_CHECKING:
    from jupyterhub_knada.servers.spawner import KnadaSpawner
    from tests.support.spawners import Spawners

PLATFORM = "concurrentStartsPerTeam: 1\n"
ALFA = "namespace: team-alfa\nusers: [anna, ola]\n"
BETA = "namespace: team-beta\nusers: [kim]\n"


def begin(spawners: Spawners, name: str) -> KnadaSpawner:
    """Begin a start as JupyterHub does: it is pending before the options are asked about."""
    spawner = spawners.make(User(name))
    spawner._spawn_pending = True
    spawner.apply_user_options(spawner, {})
    return spawner


async def test_start_counts_for_its_team_until_it_is_pending_no_more(spawners: Spawners) -> None:
    """However it ends, JupyterHub takes its mark away: nothing is given back, so nothing is forgotten."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    first = begin(spawners, "anna")
    begin_of_other_team = begin(spawners, "kim")
    assert (count_starting("alfa"), count_starting("alfa", but=first), count_starting("beta")) == (1, 0, 1)
    with pytest.raises(StartRefusedError, match=r"one server starts already.*KNADA-S015") as refused:
        begin(spawners, "ola")
    assert refused.value.status_code == 429
    first._spawn_pending = begin_of_other_team._spawn_pending = False
    assert (count_starting("alfa"), count_starting("beta")) == (0, 0)
    second = begin(spawners, "ola")
    assert count_starting("alfa") == 1
    second._spawn_pending, second._stop_pending = False, True
    assert count_starting("alfa") == 0


async def test_start_whose_spawner_is_gone_counts_no_more(spawners: Spawners) -> None:
    """JupyterHub makes another object for the next start where one failed."""
    spawners.write(PLATFORM, alfa=ALFA)
    begin(spawners, "anna")
    gc.collect()
    assert count_starting("alfa") == 0


async def test_refused_start_takes_no_place(spawners: Spawners) -> None:
    """What does not start does not keep others from it, nor does the same server that is asked for again."""
    spawners.write(PLATFORM, alfa=ALFA)
    spawner = spawners.make(User("anna"))
    spawner._spawn_pending = True
    with pytest.raises(StartRefusedError):
        spawner.apply_user_options(spawner, {"team": "gone"})
    assert count_starting("alfa") == 0
    for _ in range(2):
        spawner.apply_user_options(spawner, {})
    assert count_starting("alfa") == 1
