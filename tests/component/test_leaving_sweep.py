"""The sweep over a real database: whose tokens end, which servers stop when, and what is tried again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub import orm, roles
from jupyterhub.user import UserDict

from benchmarks.leaving import Server
from jupyterhub_knada.access.leaving import ALWAYS
from jupyterhub_knada.access.named_groups import NamedGroups
from jupyterhub_knada.access.sweeping import INTERVAL, Sweep
from jupyterhub_knada.teams.hub_groups import read_teams
from jupyterhub_knada.teams.registry import Registry
from tests.support.team_files import write_files
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyterhub.user import User

NOW = datetime(2026, 12, 1, 8, 20, tzinfo=UTC)
ALFA = "namespace: alfa\nusers: [anna, bo]\n"
BETA = "namespace: beta\nusers: [bo]\n"


@dataclass
class Place:
    """What the sweep has of a hub, with a clock of its own."""

    folder: Path
    app: Any
    registry: Registry
    now: datetime = NOW
    stopped: list[str] = field(default_factory=list)
    unrouted: list[str] = field(default_factory=list)
    fails: bool = False

    def __post_init__(self) -> None:
        self.sweep = Sweep(self.app, self.registry, lambda: self.now, None)
        self.app.proxy = SimpleNamespace(delete_route=self._delete_route)

    async def _delete_route(self, route: str) -> None:
        self.unrouted.append(route)

    def add(self, name: str, *groups: str, admin: bool = False) -> orm.User:
        """Add somebody whom the hub has not met since it started, with a token."""
        found = [orm.Group.find(self.app.db, group) or orm.Group(name=group) for group in groups]  # type: ignore[no-untyped-call]
        user = orm.User(name=name, groups=found, admin=admin)
        self.app.db.add(user)
        self.app.db.commit()
        user.new_api_token(note="own", scopes=["inherit"])  # type: ignore[no-untyped-call]
        return user

    def serve(self, user: orm.User, team: str) -> Server:
        """Give somebody a running server with a token of its own."""
        wrapped = self.app.users[user]
        stored = orm.Spawner(user=user, name="", state={})
        self.app.db.add(stored)
        self.app.db.commit()
        token = user.new_api_token(note="Server at /user/", scopes=["inherit"])  # type: ignore[no-untyped-call]
        found = orm.APIToken.find(self.app.db, token)  # type: ignore[no-untyped-call]
        server = Server(stored, self.app.db, team, own_token_id=found.id)
        wrapped.spawners[""] = server
        object.__setattr__(wrapped, "stop", self._stopper(wrapped, server))
        return server

    def _stopper(self, user: User, server: Server) -> Callable[[str], Any]:
        async def stop(_: str) -> None:
            server.pending = "stop"
            await asyncio.sleep(0)
            server.pending = None
            if self.fails:
                raise RuntimeError("the cluster does not answer")
            server.active = False
            # As the spawner does, in a stop that has ended.
            self.app.db.delete(self.app.db.get(orm.APIToken, server.own_token_id))
            self.app.db.commit()
            self.stopped.append(user.name)

        return stop

    def tokens(self, user: orm.User) -> list[str]:
        """Give the notes of somebody's tokens."""
        found = self.app.db.query(orm.APIToken).filter(orm.APIToken.user_id == user.id)
        return sorted(token.note for token in found)

    def write(self, platform: str | None = None, **teams: str) -> None:
        """Change files, as the hub sees it."""
        write_files(self.folder, platform, **teams)
        self.registry.reload()

    async def go(self, after: timedelta = timedelta(0)) -> timedelta:
        """Sweep at a later moment, and let stops come to an end."""
        self.now += after
        pause = await self.sweep.sweep()
        while self.sweep._stops:
            await asyncio.wait(self.sweep._stops)
        return pause


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Two teams, and nobody yet."""
    write_files(tmp_path, "{}", alfa=ALFA, beta=BETA)
    db = orm.new_session_factory("sqlite:///:memory:")()  # type: ignore[no-untyped-call]
    for role in roles.get_default_roles():  # type: ignore[no-untyped-call]
        roles.create_role(db, role)  # type: ignore[no-untyped-call]
    # Whom JupyterHub's own tokens belong to (app.py `init_db`).
    db.add(orm.OAuthClient(identifier="jupyterhub", secret="", redirect_uri="", description=""))
    db.commit()
    users = UserDict(lambda: db, {})  # type: ignore[no-untyped-call]
    app = SimpleNamespace(db=db, users=users, log=logging.getLogger("sweep"))
    yield Place(tmp_path, app, Registry(tmp_path / "teams", tmp_path / "platform.yaml"))
    db.close()
    db.get_bind().dispose()


async def test_sweep_begins_when_the_hub_knows_which_servers_run(place: Place) -> None:
    """Before, all servers of its database would be stopped ones, and their tokens ended."""
    gone = place.add("gone", "alfa")
    place.app.tornado_settings = {"slow_spawn_timeout": 10}
    place.sweep._begin()
    await asyncio.sleep(0)
    assert place.tokens(gone) == ["own"]
    place.app.tornado_settings["users"] = place.app.users
    place.sweep._begin()
    assert place.sweep._task is not None

    async def is_ended() -> bool:
        return not place.tokens(gone)

    await eventually(is_ended)
    place.sweep._task.cancel()


async def test_tokens_end_of_people_in_no_team_and_of_nobody_else(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of those whom the hub has not met since it started; hub admins keep theirs."""
    gone, admin, member = place.add("gone", "alfa"), place.add("root", admin=True), place.add("anna", "alfa")
    cookies = {user.name: user.cookie_id for user in (gone, admin, member)}
    await place.go()
    assert [place.tokens(user) for user in (gone, admin, member)] == [[], ["own"], ["own"]]
    assert [user.name for user in (gone, admin, member) if user.cookie_id != cookies[user.name]] == ["gone"]
    assert [group.name for group in gone.groups] == []
    said = "gone is in no team any more (was in: alfa): sessions ended, tokens deleted: 1"
    assert caplog.messages == [said]
    await place.go()
    assert caplog.messages == [said]


async def test_server_of_somebody_in_no_team_keeps_its_own_token_until_it_is_stopped(place: Place) -> None:
    """Within the grace it works as before, for whoever comes back."""
    anna = place.add("anna", "alfa")
    place.serve(anna, "alfa")
    place.write(alfa=ALFA.replace("anna, ", ""))
    assert await place.go() == INTERVAL
    assert place.tokens(anna) == ["Server at /user/"]
    assert await place.go(timedelta(minutes=14, seconds=30)) == timedelta(seconds=30)
    assert place.stopped == []
    await place.go(timedelta(seconds=30))
    assert (place.stopped, place.unrouted, place.tokens(anna)) == (["anna"], ["/user/x/"], [])


async def test_server_of_a_team_that_somebody_left_ends_and_not_the_sessions(place: Place) -> None:
    """Whoever is in another team is still somebody here; tokens are no team's."""
    bo = place.add("bo", "alfa", "beta")
    server = place.serve(bo, "alfa")
    place.write("leaving: {grace: 0}\n", alfa=ALFA.replace(", bo", ""))
    await place.go()
    assert (place.stopped, place.tokens(bo)) == (["bo"], ["own"])
    assert server.departure is not None
    assert server.departure.stopped == NOW


async def test_server_that_cannot_be_stopped_is_tried_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """What the cluster says is in the log; the next sweep asks again."""
    place.serve(place.add("anna", "alfa"), "alfa")
    place.write("leaving: {grace: 0}\n", alfa=ALFA.replace("anna, ", ""))
    place.fails = True
    await place.go()
    assert place.stopped == []
    assert "The server of anna could not be stopped" in caplog.messages
    place.fails = False
    await place.go()
    assert place.stopped == ["anna"]


async def test_server_that_starts_or_stops_is_looked_at_again_soon(place: Place) -> None:
    """Nothing is concluded about it meanwhile."""
    server = place.serve(place.add("anna", "alfa"), "alfa")
    place.write("leaving: {grace: 0}\n", alfa=ALFA.replace("anna, ", ""))
    server.pending = "spawn"
    assert await place.go() == timedelta(seconds=5)
    assert (server.departure, place.stopped) == (None, [])
    server.pending = None
    await place.go()
    assert place.stopped == ["anna"]


async def test_grace_that_never_ends_stops_nothing_and_says_so(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """The departure is logged all the same."""
    place.serve(place.add("anna", "alfa"), "alfa")
    place.write("leaving: {grace: never}\n", alfa=ALFA.replace("anna, ", ""))
    await place.go()
    await place.go(timedelta(days=400))
    assert place.stopped == []
    assert any(message.endswith("server anna/ is left running") for message in caplog.messages)


async def test_spawner_of_another_kind_is_left_alone(place: Place) -> None:
    """A hub may have a spawner that knows of no team."""
    place.app.users[place.add("anna", "alfa")].spawners[""] = SimpleNamespace(active=True, pending=None)
    place.write("leaving: {grace: 0}\n", alfa=ALFA.replace("anna, ", ""))
    assert await place.go() == INTERVAL


def test_groups_are_named_always_where_nothing_was_written_down_and_else_since_now(place: Place) -> None:
    """A hub that begins has no claim that is older; later a group that comes back counts as new."""
    later = NOW + timedelta(days=1)

    def named(now: datetime) -> dict[str, datetime]:
        return NamedGroups(place.app).update(place.registry.snapshot, now)

    place.write(alfa=ALFA + "groups: [one]\n")
    assert named(NOW) == {"one": ALWAYS}
    place.write(alfa=ALFA + "groups: [one, two]\n")
    assert named(NOW) == {"one": ALWAYS, "two": NOW}
    place.write(alfa=ALFA + "groups: [two]\n")
    assert named(NOW) == {"two": NOW}
    place.write(alfa=ALFA + "groups: [one, two]\n")
    assert named(later) == {"one": later, "two": NOW}


def test_record_of_named_groups_is_no_teams_group(place: Place) -> None:
    """Whatever a team is called, the group of its members is another one."""
    place.add("anna", "claim-groups")
    place.write(alfa=ALFA + "groups: [one]\n")
    assert NamedGroups(place.app).update(place.registry.snapshot, NOW) == {"one": ALWAYS}
    [record] = [group for group in place.app.db.query(orm.Group) if group.properties]
    assert read_teams([record.name]) == frozenset()
    assert record.users == []


def test_groups_of_moments_without_anybody_are_deleted(place: Place) -> None:
    """People move on to later ones; an hour later the empty ones go."""
    place.add("anna", "claim-said:2026-12-01T08:00Z", "alfa")
    place.app.db.add(orm.Group(name="claim-said:2026-11-01T08:00Z"))
    place.app.db.add(orm.Group(name="empty"))
    place.app.db.commit()
    groups = NamedGroups(place.app)
    groups.tidy(NOW)
    names = {name for (name,) in place.app.db.query(orm.Group.name)}
    assert names == {"alfa", "empty", "claim-said:2026-12-01T08:00Z"}
