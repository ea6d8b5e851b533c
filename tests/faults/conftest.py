"""The faults: each row of the table runs once per cluster, and many rows at the same time.

A module has `SCENARIOS`, by the row's name: what is done and held. Those of all its rows that were asked for
run together, each with a person of its own, when the first one is; each test then tells how its row ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.account import asked_backends, name_version
from tests.support.fault_place import Patience, Place, fault_place
from tests.support.fault_table import ROWS, Row
from tests.support.whole_cluster import WholeCluster, whole_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

_AT_ONCE = 6
_NODE = ("--cpu", "64", "--memory", "64Gi")


@pytest.fixture(scope="session", params=asked_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[WholeCluster]:
    """Give a cluster of our own, one for the whole session: its parts are killed."""
    with whole_cluster(request.param, node_options=_NODE) as found:
        name_version(request.config, request.param, found.backend.ask_version())
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(
    request: pytest.FixtureRequest, backend: WholeCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    """Give a hub with everybody in its teams, one for a module, as patient as the module says."""
    patience = getattr(request.module, "PATIENCE", Patience())
    folder: Path = tmp_path_factory.mktemp("hub")
    async with (
        backend.backend.api() as admin,
        fault_place(
            folder, admin, backend.kubeconfig("admin"), [row.person for row in ROWS], patience
        ) as found,
    ):
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcomes(
    request: pytest.FixtureRequest, place: Place, backend: WholeCluster
) -> Mapping[str, BaseException | None]:
    """Run the scenarios of this module's rows that were asked for; give how each ended, by its name."""
    rows = _asked_rows(request)
    scenarios = request.module.SCENARIOS
    if hasattr(request.module, "play_rows"):
        return await request.module.play_rows(rows, place, backend)  # type: ignore[no-any-return]
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(row: Row) -> None:
        async with at_once:
            await scenarios[row.person](await place.person(row.person, row.team))

    ended = await asyncio.gather(*map(run, rows), return_exceptions=True)
    return {row.person: error for row, error in zip(rows, ended, strict=True)}


def _asked_rows(request: pytest.FixtureRequest) -> Sequence[Row]:
    """Give the rows that are run of this module on this cluster: others may have been deselected."""
    asked: dict[str, Row] = {}
    for item in request.session.items:
        told: Any = getattr(item, "callspec", None)
        if item.path == request.path and told is not None and "row" in told.params:
            row = told.params["row"]
            asked[row.person] = row
    return list(asked.values())
