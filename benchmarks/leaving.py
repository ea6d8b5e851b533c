"""How long the sweep for people who have left keeps a hub's event loop from everything else.

Database, users and team files are as in a hub; servers only say whose and which team's they are, so that no
cluster is needed. Blocks are those of `metering`. The goal: none over 50 ms with 5,000 servers. Python's
garbage collector is kept from what was there before: looking through it costs a hub of this size a third of a
second whenever it happens, with or without a sweep, which makes it happen only where thousands leave.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import selectors
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from jupyterhub.user import UserDict
from rich.console import Console
from rich.table import Table

from benchmarks.facts import find_local_facts
from benchmarks.metering import Meter
from jupyterhub_knada.access.sweeping import Sweep
from jupyterhub_knada.teams.hub_groups import CLAIM_PREFIX, SAID_PREFIX
from jupyterhub_knada.teams.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.teams.departures import Departure

GOAL_SECONDS: Final = 0.05
_NOW: Final = datetime(2026, 12, 1, 8, 20, tzinfo=UTC)
_SAID: Final = f"{SAID_PREFIX}2026-12-01T08:00Z"


@dataclass
class Server:
    """A running server, as far as the sweep asks."""

    orm_spawner: Any
    session: Any
    served_team: str
    name: str = ""
    active: bool = True
    pending: str | None = None
    proxy_spec: str = "/user/x/"
    departure: Departure | None = None
    own_token_id: int | None = None

    def note_departure(self, departure: Departure | None) -> None:
        """Write it down as the spawner does, with a commit."""
        self.departure = departure
        self.orm_spawner.state = {"knada": {"departure": departure.to_state() if departure else None}}
        self.session.commit()


class Place:
    """A hub without a hub: database, users, servers and team files."""

    def __init__(self, folder: Path, servers: int, teams: int) -> None:
        self._folder = folder
        self._teams = teams
        (folder / "teams").mkdir()
        (folder / "platform.yaml").write_text("{}")
        for number in range(teams):
            self.write(number, range(number, servers, teams))
        self.db = orm.new_session_factory("sqlite:///:memory:")()  # type: ignore[no-untyped-call]
        self.users = UserDict(lambda: self.db, {})  # type: ignore[no-untyped-call]
        self.log = logging.getLogger("benchmark")
        self.log.disabled = True
        self._fill(servers)
        self.registry = Registry(folder / "teams", folder / "platform.yaml")
        self.app: Any = SimpleNamespace(db=self.db, users=self.users, log=self.log)

    def write(self, team: int, people: Iterable[int]) -> None:
        """Write a team's file: half of its people are in it by name, half by group."""
        listed = ", ".join(f"user-{number}" for number in people if number % 2)
        text = f"namespace: team-{team}\nusers: [{listed}]\ngroups: [group-{team}]\n"
        (self._folder / "teams" / f"team-{team}.yaml").write_text(text)

    def empty(self, teams: Iterable[int]) -> None:
        """Take everybody out of teams, name and group."""
        for team in teams:
            file = self._folder / "teams" / f"team-{team}.yaml"
            file.write_text(f"namespace: team-{team}\nusers: []\n")
        self.registry.reload()

    def _fill(self, servers: int) -> None:
        groups: dict[str, orm.Group] = {}
        for team in range(self._teams):
            for name in (f"team-{team}", f"{CLAIM_PREFIX}group-{team}"):
                groups[name] = orm.Group(name=name)
        said = orm.Group(name=_SAID)
        for number in range(servers):
            own = f"team-{number % self._teams}"
            claim = [] if number % 2 else [groups[f"{CLAIM_PREFIX}group-{number % self._teams}"]]
            user = orm.User(name=f"user-{number}", groups=[groups[own], said, *claim])
            self.db.add(user)
            self.db.add(orm.Spawner(user=user, name="", state={}))
        self.db.commit()
        for user in self.db.query(orm.User):
            wrapped = self.users[user]
            wrapped.spawners[""] = Server(
                user.orm_spawners[""], self.db, f"team-{(user.id - 1) % self._teams}"
            )


async def _measure(place: Place, meter: Meter, sweep: Sweep) -> dict[str, Any]:
    await asyncio.sleep(0)
    meter.reset()
    await sweep.sweep()
    measured = meter.read()
    return {name: measured[name] for name in ("seconds", "worst_block", "worst_block_cpu", "cpu")} | {
        "left": sum(user.spawners[""].departure is not None for user in place.users.values())
    }


async def _run(place: Place, meter: Meter, teams: int) -> list[dict[str, Any]]:
    sweep = Sweep(place.app, place.registry, lambda: _NOW, None)
    cases = []
    for name, gone in (
        ("everybody stays, for the first time", 0),
        ("everybody stays", 0),
        ("one team of fifty is emptied", max(1, teams // 50)),
        ("nothing has changed since", 0),
        ("half of all teams are emptied", teams // 2),
    ):
        if gone:
            place.empty(range(gone))
        cases.append({"case": name, **await _measure(place, meter, sweep)})
    return cases


def measure(servers: int, teams: int) -> dict[str, Any]:
    """Measure all cases; give them with what they were measured on."""
    with tempfile.TemporaryDirectory() as folder:
        selector = selectors.DefaultSelector()
        meter = Meter(selector)
        place = Place(Path(folder), servers, teams)
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            cases = runner.run(_run(place, meter, teams))
        gc.unfreeze()
        place.db.close()
    return {"facts": find_local_facts(), "parameters": {"servers": servers, "teams": teams}, "cases": cases}


def show(results: dict[str, Any]) -> Table:
    """Give the results as a table."""
    parameters = results["parameters"]
    title = f"A sweep of {parameters['servers']} servers of {parameters['teams']} teams"
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in ("", "have left", "seconds", "CPU, seconds", "worst block, ms", "its CPU, ms"):
        table.add_column(column, justify="left" if not column else "right")
    for case in results["cases"]:
        blocks = (f"{case[name] * 1000:.1f}" for name in ("worst_block", "worst_block_cpu"))
        times = (f"{case[name]:.2f}" for name in ("seconds", "cpu"))
        table.add_row(case["case"], str(case["left"]), *times, *blocks)
    return table


def main(words: list[str] | None = None) -> int:
    """Do what the words say; give the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.leaving", description=__doc__)
    parser.add_argument("--servers", type=int, default=5000, help="running servers, one for each user (5000)")
    parser.add_argument("--teams", type=int, default=200, help="teams that they are in (200)")
    parser.add_argument("--json", action="store_true", help="write JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a block's CPU is over 50 ms")
    given = parser.parse_args(words)
    results = measure(given.servers, given.teams)
    if given.json:
        print(json.dumps(results, indent=2))
    else:
        Console().print(show(results))
    worst = max(case["worst_block_cpu"] for case in results["cases"])
    return int(given.check and worst > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
