"""The API and its controllers, put together and run in the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from jupyterhub_knada.devcluster.api import controllers, kinds, rbac
from jupyterhub_knada.devcluster.api.identities import (
    Identity,
    Tokens,
    keep_tokens,
    kubeconfig,
    write_private,
)
from jupyterhub_knada.devcluster.api.objects import Objects
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.server import Server
from jupyterhub_knada.devcluster.api.storage import Storage
from jupyterhub_knada.devcluster.api.store import Store

if TYPE_CHECKING:
    from types import TracebackType

log = logging.getLogger(__name__)
_NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
_SHUTDOWN_SECONDS: Final = 5.0


class NotLoopbackError(ValueError):
    """An address that others could reach: never served."""


class EmbeddedCluster:
    """A small Kubernetes in this process, DEV/DEMO only: an async context manager.

    Args:
        state_dir: folder of its objects; made if it is not there, and used again by the next run.
        identities: short name → user; each gets a token, kept in the folder. None: everybody is admin.
        tokens: token → user, of a static token file, beside the identities.
        port: 0 picks a free one.
        host: a loopback address; anything else is refused.
        runs_controllers: whether scheduler, binder, quota and garbage collection run (a real API server
            alone has none).
    """

    def __init__(
        self,
        state_dir: Path | str,
        *,
        identities: dict[str, Identity] | None = None,
        tokens: dict[str, Identity] | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        runs_controllers: bool = True,
    ) -> None:
        if not _is_loopback(host):
            raise NotLoopbackError(
                f"host {host}: the embedded API is for demos and tests and listens on loopback only;"
                " use 127.0.0.1 or ::1"
            )
        self._folder = Path(state_dir)
        self._identities = identities or {}
        self._given_tokens = tokens or {}
        self._address = (host, port)
        self._runs_controllers = runs_controllers
        self._tokens: dict[str, str] = {}
        self.url = ""
        """`http://127.0.0.1:PORT`; set while it runs."""

    def token(self, user: str) -> str | None:
        """Give the bearer token of an identity; None where everybody is admin.

        Raises:
            KeyError: there are tokens, and none of that name.
        """
        if not self._tokens:
            return None
        return self._tokens[user]

    def write_kubeconfig(self, path: Path | str, user: str = "admin", namespace: str = "default") -> Path:
        """Write a kubeconfig (0600) for an identity.

        Raises:
            KeyError: there are tokens, and none of that name.
        """
        target = Path(path)
        write_private(target, kubeconfig(self.url, user, self.token(user), namespace))
        return target

    @property
    def is_open(self) -> bool:
        """Tell whether there are no tokens, so that everybody is admin."""
        return not self._tokens

    @property
    def users(self) -> tuple[str, ...]:
        """Give the names that `token` and `write_kubeconfig` take, in the order they were given."""
        return tuple(self._tokens) or ("admin",)

    async def __aenter__(self) -> Self:
        """Start; the API answers when this returns.

        Raises:
            StateError: the folder cannot be used.
            OSError: the port is in use.
        """
        self._storage = Storage(self._folder)
        self._running = contextlib.AsyncExitStack()
        self._running.callback(self._storage.close)
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def _start(self) -> None:
        store = Store(self._storage, kinds.STORED)
        objects = Objects(store)
        _bootstrap(objects)
        by_token = dict(self._given_tokens)
        self._tokens = {who.user: token for token, who in by_token.items()}
        if self._identities:
            self._tokens |= keep_tokens(self._folder / "tokens.csv", self._identities)
            by_token |= {self._tokens[name]: who for name, who in self._identities.items()}
        app = Server(objects, Tokens(by_token)).application()
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await runner.setup()
        self._running.push_async_callback(runner.cleanup)
        host, port = self._address
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound: Any = runner.addresses[0]
        self.url = f"http://[{host}]:{bound[1]}" if ":" in host else f"http://{host}:{bound[1]}"
        if self._runs_controllers:
            self._running.push_async_callback(_cancel, controllers.start(objects))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; open watches end, the folder is let go."""
        await self._running.aclose()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _bootstrap(objects: Objects) -> None:
    """Make what every cluster has, where an earlier run has not."""
    for name in _NAMESPACES:
        if objects.store.get(kinds.NAMESPACES, "", name) is None:
            objects.create(Request(kinds.NAMESPACES), {"metadata": {"name": name}})
    for resource, body in rbac.BOOTSTRAP:
        if objects.store.get(resource, "", body["metadata"]["name"]) is None:
            objects.create(Request(resource), body)
