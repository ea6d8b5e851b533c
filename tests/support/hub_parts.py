"""Parts for a real hub without a cluster and without a proxy process; imported by the hub of a test."""

from __future__ import annotations

from typing import Any

from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from traitlets import Unicode

from jupyterhub_knada.teams.registry import Registry, open_registry


class NoProxy(Proxy):
    """Remembers routes and serves none: the tests talk to the hub itself."""

    should_start = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.routes: dict[str, dict[str, Any]] = {}

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """Remember a route."""
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        """Forget a route."""
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Give what is remembered."""
        return self.routes


class _AnyPage(RequestHandler):
    def get(self) -> None:
        self.finish("ready")


class QuietSpawner(Spawner):
    """A server that does nothing: it answers on a port of the hub's process and so is idle from its start.

    It keeps the state that KnadaSpawner keeps, of the team that its options name.
    """

    teams_dir = Unicode(config=True)
    _listener: HTTPServer | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._knada: dict[str, Any] = {}

    @property
    def registry(self) -> Registry:
        """As KnadaSpawner's."""
        return open_registry(self.teams_dir, None)

    async def start(self) -> tuple[str, int]:
        """Listen."""
        self._knada = {"team": self.user_options.get("team"), "idle_timeout": 3600}
        sock, port = bind_unused_port()
        self._listener = HTTPServer(Application([(".*", _AnyPage)]))
        self._listener.add_sockets([sock])
        return "127.0.0.1", port

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002,FBT001,FBT002 - the base class's signature
        """Stop listening."""
        if self._listener:
            self._listener.stop()
            self._listener = None

    async def poll(self) -> int | None:
        """Give None while it listens."""
        return None if self._listener else 0

    def get_state(self) -> dict[str, Any]:
        """Give what KnadaSpawner's state has for the culler."""
        return {**super().get_state(), "knada": self._knada}  # type: ignore[no-untyped-call]

    def clear_state(self) -> None:
        """Forget it."""
        super().clear_state()  # type: ignore[no-untyped-call]
        self._knada = {}
