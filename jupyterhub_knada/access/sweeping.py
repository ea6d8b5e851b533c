"""The sweep: who has left loses sessions, tokens and, after the grace, servers.

It runs in the hub's own process, as nobody else knows what each running server was started with: after each
change of the files, when a grace ends, and once a minute. Every rule is in `leaving`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from jupyterhub import orm
from jupyterhub.utils import new_token

from jupyterhub_knada.access.leaving import (
    Person,
    decide_departure,
    decide_stop,
    find_reason,
    is_in_no_team,
    judge_person,
)
from jupyterhub_knada.access.loop_calls import on_this_loop
from jupyterhub_knada.access.named_groups import NamedGroups
from jupyterhub_knada.access.server_tokens import delete_tokens_of_stopped_servers
from jupyterhub_knada.teams.hub_groups import build_hub_groups, read_teams
from jupyterhub_knada.teams.quantities import format_duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from datetime import datetime

    from jupyterhub.user import User

    from jupyterhub_knada.access.leaving import Standing
    from jupyterhub_knada.teams.departures import Departure
    from jupyterhub_knada.teams.registry import Registry
    from jupyterhub_knada.teams.snapshots import Snapshot

INTERVAL: Final = timedelta(minutes=1)
"""Between two sweeps where no file changes and no grace ends: so late is seen what the provider said at a
refresh. 5,000 servers cost less than half a second of CPU, in slices (`benchmarks/leaving.py`)."""

_AGAIN: Final = timedelta(seconds=5)
"""Until a server is looked at again that was just starting or stopping."""

_SLICE_SECONDS: Final = 0.01
"""After so long the event loop serves others, a fifth of what it may stand still."""

_USERS_AT_ONCE: Final = 200
"""Rows of one query of the hub's database: some milliseconds."""

_STOPS_AT_ONCE: Final = 10
"""As the culler's; each is a call to the cluster and a wait for its pod to end."""


class Sweep:
    """Looks at all running servers and all users of one hub; to be made and used on its event loop."""

    def __init__(
        self, app: Any, registry: Registry, now: Callable[[], datetime], only_team: str | None
    ) -> None:
        """Prepare it.

        Args:
            app: The `JupyterHub` application.
            registry: The team files.
            now: Gives the moment, UTC.
            only_team: The one team that this hub serves.
        """
        self._app = app
        self._registry = registry
        self._now = now
        self._only_team = only_team
        self._named = NamedGroups(app)
        self._changed = asyncio.Event()
        self._stops: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Semaphore(_STOPS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to sweep once the hub has its users, until the event loop ends.

        A timer, as `jupyterhub token` ends its loop at once: a task would be reported as left behind.
        """
        changed = on_this_loop(self._changed.set)
        self._registry.subscribe(lambda _: changed())
        self._begin_later()

    def _begin_later(self) -> None:
        asyncio.get_running_loop().call_later(_AGAIN.total_seconds(), self._begin)

    def _begin(self) -> None:
        """Begin where the hub knows which servers run: who has left keeps what those need.

        Source: JupyterHub 5.3-6.1 app.py `initialize`: from where the settings get `users` until all servers
        of the database are known as active, nothing else runs in the loop.
        """
        if "users" in self._app.tornado_settings:
            self._task = asyncio.get_running_loop().create_task(self._run())
        else:
            self._begin_later()

    async def _run(self) -> None:
        self._end_old_tokens()
        while True:
            self._changed.clear()
            try:
                pause = await self.sweep()
            except Exception:  # the edge of the task: the next sweep is a new chance
                self._app.log.exception("The sweep for people who have left failed")
                pause = INTERVAL
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._changed.wait()

    def _end_old_tokens(self) -> None:
        try:
            ended = delete_tokens_of_stopped_servers(self._app.db, list(self._app.users.values()))
        except Exception:  # the edge of the task: the sweep goes on without it
            self._app.log.exception("Tokens of servers that do not run could not be deleted")
            return
        if ended:
            self._app.log.warning("Tokens deleted of servers that do not run: %d", ended)

    async def sweep(self) -> timedelta:
        """Look at everybody once; say after how long to look again.

        Side effects: departures are written down and logged; groups are synced, sessions and tokens ended,
        servers stopped, for whom the rules say so.
        """
        snapshot, now = self._registry.snapshot, self._now()
        if not snapshot.is_readable:
            return INTERVAL
        named_since = self._named.update(snapshot, now)
        pause = INTERVAL
        breather = _Breather()
        for user in list(self._app.users.values()):
            await breather.breathe()
            pause = min(pause, self._look_at_servers(user, snapshot, named_since, now))
        async for user_id in self._find_people_in_no_team(snapshot, named_since, now):
            await breather.breathe()
            self._end_access(self._app.users[user_id], snapshot, now)
        self._named.tidy(now)
        return max(pause, timedelta(0))

    def _look_at_servers(
        self, user: User, snapshot: Snapshot, named_since: dict[str, datetime], now: datetime
    ) -> timedelta:
        """Look at each running server of one person; say after how long to look again."""
        pause, grace = INTERVAL, _grace(snapshot)
        standing: Standing | None = None
        for name, spawner in list(user.spawners.items()):
            team = getattr(spawner, "served_team", None)
            if team is None or not spawner.active:
                continue
            if spawner.pending:
                pause = min(pause, _AGAIN)
                continue
            standing = standing or judge_person(_person(user), snapshot, now)
            reason = find_reason(standing, team, snapshot, named_since, self._only_team)
            departure = decide_departure(spawner.departure, team, reason, now)
            if departure != spawner.departure:
                self._note(user, spawner, departure, grace)
            if departure is None:
                continue
            left = decide_stop(departure, grace, now)
            if left is not None and left <= timedelta(0):
                self._stop(user, name, departure)
            elif left is not None:
                pause = min(pause, left)
        return pause

    def _note(
        self, user: User, spawner: Any, departure: Departure | None, grace: int | Literal["never"]
    ) -> None:
        """Write down that somebody left or came back, and log it: once each."""
        server = f"{user.name}/{spawner.name}"
        if departure is None:
            self._app.log.info(
                "%s is in team %s again: server %s stays", user.name, spawner.served_team, server
            )
        else:
            when = (
                "left running"
                if grace == "never"
                else f"stopped after {format_duration(grace)}"
                if grace
                else "stopped"
            )
            said = (user.name, departure.team, departure.reason, server, when)
            self._app.log.warning("%s has left team %s: %s; server %s is %s", *said)
        spawner.note_departure(departure)

    def _stop(self, user: User, name: str, departure: Departure) -> None:
        task = asyncio.get_running_loop().create_task(self._stop_server(user, name, departure))
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_server(self, user: User, name: str, departure: Departure) -> None:
        """Stop one server and take its route away, as JupyterHub does.

        Source: JupyterHub 5.3-6.1 handlers/base.py `stop_single_user`, which needs a request; user.py `stop`
        says that the server is stopping before it waits for anything.
        """
        async with self._stopping:
            spawner = user.spawners.get(name)
            if spawner is None or spawner.pending or spawner.departure != departure:
                return
            self._app.log.warning(
                "Stopping the server of %s, who has left team %s", user.name, departure.team
            )
            spawner.note_departure(replace(departure, stopped=self._now()))
            unrouted = asyncio.ensure_future(self._app.proxy.delete_route(spawner.proxy_spec))
            stopped = user.stop(name)  # type: ignore[no-untyped-call]
            await _logged(self._app.log, stopped, f"The server of {user.name} could not be stopped")
            await _logged(self._app.log, unrouted, f"The route of {user.name}'s server could not be deleted")
            self._changed.set()

    async def _find_people_in_no_team(
        self, snapshot: Snapshot, named_since: dict[str, datetime], now: datetime
    ) -> Any:
        """Give the ids of users who are in no team and have something to lose, a few rows at a time."""
        last = 0
        while rows := self._read_users(last):
            last = rows[-1][0]
            unlisted = [row for row in rows if not row[2] and not snapshot.teams_of_user(row[1])]
            for user_id, person, has_tokens in self._read_people(unlisted):
                standing = judge_person(person, snapshot, now)
                if is_in_no_team(standing, snapshot, named_since) and (
                    has_tokens or read_teams(person.hub_groups)
                ):
                    yield user_id
            await asyncio.sleep(0)

    def _read_users(self, last: int) -> Sequence[tuple[int, str, bool]]:
        user = orm.User
        query = self._app.db.query(user.id, user.name, user.admin).filter(user.id > last)
        return [tuple(row) for row in query.order_by(user.id).limit(_USERS_AT_ONCE)]

    def _read_people(self, rows: Sequence[tuple[int, str, bool]]) -> Iterator[tuple[int, Person, bool]]:
        """Read the groups of users, and whether they have tokens beside those of their own servers."""
        if not rows:
            return
        db, ids = self._app.db, [row[0] for row in rows]
        groups: dict[int, set[str]] = {user_id: set() for user_id in ids}
        joined = db.query(orm.User.id, orm.Group.name).join(orm.User.groups).filter(orm.User.id.in_(ids))
        for user_id, group in joined:
            groups[user_id].add(group)
        tokens: dict[int, set[int]] = {user_id: set() for user_id in ids}
        token = orm.APIToken
        for token_id, user_id in db.query(token.id, token.user_id).filter(token.user_id.in_(ids)):
            tokens[user_id].add(token_id)
        for user_id, name, is_admin in rows:
            loaded = dict.get(self._app.users, user_id)
            ended = tokens[user_id].difference(_own_tokens(loaded) if loaded is not None else ())
            yield user_id, Person(name, frozenset(groups[user_id]), bool(is_admin)), bool(ended)

    def _end_access(self, user: User, snapshot: Snapshot, now: datetime) -> None:
        """End the sessions and tokens of somebody in no team, but for what their running servers need.

        Side effects: all cookies of the person are void; tokens and codes of sign-ins under way are deleted;
        groups are synced. A server's own token goes with the server.
        """
        db, orm_user = self._app.db, cast("orm.User", user.orm_user)
        standing = judge_person(_person(user), snapshot, now)
        was_in = read_teams(standing.person.hub_groups)
        kept = set(_own_tokens(user))
        ended = [token for token in orm_user.api_tokens if token.id not in kept]
        for token in (*ended, *orm_user.oauth_codes):
            db.delete(token)
        orm_user.cookie_id = new_token()  # type: ignore[no-untyped-call]
        db.commit()
        user.sync_groups(build_hub_groups(standing.decision, standing.claim))  # type: ignore[no-untyped-call]
        teams = ", ".join(sorted(was_in)) or "none"
        self._app.log.warning(
            "%s is in no team any more (was in: %s): sessions ended, tokens deleted: %d",
            user.name,
            teams,
            len(ended),
        )


class _Breather:
    """Lets the event loop serve others after each slice of work."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    async def breathe(self) -> None:
        """Pause, where the slice is over."""
        if self._loop.time() - self._began >= _SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began = self._loop.time()


async def _logged(log: Any, work: Awaitable[Any], failure: str) -> None:
    """Wait for what may fail, and log it: the next sweep tries again."""
    try:
        await work
    except Exception:  # whatever the cluster or the proxy says
        log.exception("%s", failure)


def _own_tokens(user: User) -> Iterator[int | None]:
    """Give the ids of the tokens of somebody's running servers."""
    return (getattr(one, "own_token_id", None) for one in user.spawners.values() if one.active)


def _person(user: User) -> Person:
    return Person(user.name, frozenset(group.name for group in user.groups), bool(user.admin))


def _grace(snapshot: Snapshot) -> int | Literal["never"]:
    """Give the platform's grace; whoever asks has a platform file that can be read."""
    return snapshot.platform.platform.leaving.grace if snapshot.platform else "never"
