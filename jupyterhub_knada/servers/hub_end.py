"""The end of the hub: whether it has come, and what the hub's database keeps of a server that outlives it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyterhub.orm import Server

if TYPE_CHECKING:
    from datetime import datetime

_ENDING: Final = "JupyterHub.shutdown_cancel_tasks"
_COLUMNS: Final = ("proto", "ip", "port", "base_url", "cookie_name")
_ending_loop: asyncio.AbstractEventLoop | None = None
"""The event loop of a hub that was found to end: what ends does not begin again."""


def is_hub_ending() -> bool:
    """Tell whether the hub that this event loop belongs to is on its way out.

    Looks through all tasks until it is, a millisecond where there are thousands: for what is rare.

    Source: JupyterHub 5.3-6.1, app.py: a signal, and `POST /shutdown`, begin `shutdown_cancel_tasks` in a
    task of its own. It stops all servers if `cleanup_servers` says so, waits for that without end, and
    cancels what else goes on. Nothing else tells that it has begun.
    """
    global _ending_loop  # noqa: PLW0603 - one process is one hub
    loop = asyncio.get_running_loop()
    if loop is _ending_loop:
        return True
    coroutines = (task.get_coro() for task in asyncio.all_tasks())
    if any(getattr(coroutine, "__qualname__", "") == _ENDING for coroutine in coroutines):
        _ending_loop = loop
        return True
    return False


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
