"""The end of the hub: whether it has come, and what the hub's database keeps of a server that outlives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyterhub.orm import Server

if TYPE_CHECKING:
    from datetime import datetime

_ENDING: Final = "JupyterHub.shutdown_cancel_tasks"
_COLUMNS: Final = ("proto", "ip", "port", "base_url", "cookie_name")


_looked: tuple[asyncio.AbstractEventLoop | None, float, bool] = (None, 0.0, False)
"""For which event loop it was looked last, when, and what was found."""


def is_hub_ending(*, stale_seconds: float = 0.0) -> bool:
    """Tell whether the hub that this event loop belongs to is on its way out.

    Looks through all tasks, a millisecond where thousands of servers are looked at.

    Args:
        stale_seconds: An answer that is not older will do.

    Source: JupyterHub 5.3-6.1, app.py: a signal, and `POST /shutdown`, begin `shutdown_cancel_tasks` in a
    task of its own. It stops all servers if `cleanup_servers` says so, waits for that without end, and
    cancels what else goes on. Nothing else tells that it has begun.
    """
    global _looked  # noqa: PLW0603 - one process is one hub
    loop = asyncio.get_running_loop()
    looked_by, looked_at, was_ending = _looked
    # What ends does not begin again.
    if looked_by is loop and (was_ending or loop.time() - looked_at < stale_seconds):
        return was_ending
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    is_ending = any(getattr(coroutine, "__qualname__", "") == _ENDING for coroutine in coroutines)
    _looked = (loop, loop.time(), is_ending)
    return is_ending


class StoredServer(NamedTuple):
    """What JupyterHub's database has of a server that is up."""

    columns: dict[str, Any]
    started: datetime | None

    @classmethod
    def of(cls, orm_spawner: Any) -> StoredServer | None:
        """Read it; None where there is none.

        Args:
            orm_spawner: JupyterHub's `orm.Spawner`.
        """
        server = orm_spawner.server if orm_spawner is not None else None
        if not isinstance(server, Server):
            return None
        return cls({name: getattr(server, name) for name in _COLUMNS}, orm_spawner.started)

    def put_back(self, orm_spawner: Any) -> None:
        """Store it again, where JupyterHub has forgotten it; its next commit writes that."""
        if orm_spawner.server is None:
            orm_spawner.server = Server(**self.columns)
            orm_spawner.started = self.started
