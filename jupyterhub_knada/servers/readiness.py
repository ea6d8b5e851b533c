"""KubeSpawner that says why a server whose pod runs does not answer.

JupyterHub waits for the first answer itself, and says its own sentence where none comes: an address, which
means nothing to whoever reads it, and not the cause, which the pod has known for long.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner

from jupyterhub_knada.servers.diagnosis import PodState, explain_no_answer
from jupyterhub_knada.servers.hub_hooks import HubHooksKubeSpawner
from jupyterhub_knada.servers.telling import LOOK_AGAIN_SECONDS, StartTimedOutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyterhub.objects import Server


class ReadinessKubeSpawner(HubHooksKubeSpawner):
    """KubeSpawner whose wait for a first answer ends with the cause."""

    _is_awaited = False
    """JupyterHub waits for the server to answer."""

    @property
    def server(self) -> Any:
        """The server's address; its `wait_up` is ours.

        Source: JupyterHub 5.3-6.1, user.py `_wait_up`: `spawner.server.wait_up(http=True, timeout=…)`, whose
        exception is what the page, the API and `Spawner._failed` show of the start; `Spawner.server` is a
        property there, too, which makes a new object wherever the database has another one.
        """
        server = super().server
        if server is not None and "wait_up" not in vars(server):
            server.wait_up = partial(self._wait_for_answer, server.wait_up)
        return server

    @server.setter
    def server(self, server: Server | None) -> None:
        Spawner.server.fset(self, server)  # type: ignore[attr-defined]  # it is a property

    async def poll(self) -> int | None:
        """Say whether the server runs (None) or how it ended; while it is waited for, the wait says so.

        Source: `KubeSpawner.poll`, 7.1, deletes a pod whose container has ended although Kubernetes starts it
        again; handlers/base.py `spawn_single_user`, JupyterHub 5.3-6.1, then answers with the bare status.
        """
        return None if self._is_awaited else await super().poll()

    async def _wait_for_answer(self, wait_up: Callable[..., Awaitable[Any]], *args: Any, **how: Any) -> Any:
        """Wait for the server's first answer.

        Raises:
            StartTimedOutError: none came in time, or the pod is over: with the cause.
        """
        waiting = asyncio.ensure_future(wait_up(*args, **how))
        self._is_awaited = True
        self._follow_events_until(waiting)
        try:
            while not waiting.done() and not self._is_pod_over():
                await asyncio.wait({waiting}, timeout=LOOK_AGAIN_SECONDS)
            if waiting.done():
                return waiting.result()
            failure, error = self.diagnose().explanation, TimeoutError("the pod is over")
        except TimeoutError as late:
            failure, error = explain_no_answer(self.http_timeout, self.diagnose()), late
        finally:
            self._is_awaited = False
            waiting.cancel()
            await asyncio.wait({waiting})
        self._log_failure(failure, error)
        raise StartTimedOutError(failure) from error

    def _is_pod_over(self) -> bool:
        pod = self._seen_pod()
        return pod is None or PodState.read(pod).is_over
