"""KubeSpawner that shows a sentence where a hook of the hub fails, and has the traceback in the log.

JupyterHub shows a person the text of any exception of a start: of a hook it may be an address, or a secret.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub.utils import maybe_future
from tornado.web import HTTPError

from jupyterhub_knada.servers.refusing import ToldError
from jupyterhub_knada.servers.telling import TellingKubeSpawner

if TYPE_CHECKING:
    from collections.abc import Callable


class HubFailedError(ToldError):
    """Raised where the hub's own code or configuration fails in a start; the log has why."""

    def __init__(self) -> None:
        failure = (
            "A setting of this hub failed while the server was prepared. The hub's log has why. "
            "Report this to whoever runs this hub."
        )
        super().__init__(HTTPStatus.INTERNAL_SERVER_ERROR, failure)


class HubHooksKubeSpawner(TellingKubeSpawner):
    """KubeSpawner that shows nobody what a hook raises, but for what a hook raises for them."""

    async def run_pre_spawn_hook(self) -> None:
        """Run the hub's hook. Source: `Spawner.run_pre_spawn_hook`, JupyterHub 5.3-6.1; awaited there."""
        await self._run_hook("pre_spawn_hook", super().run_pre_spawn_hook)

    async def run_auth_state_hook(self, auth_state: Any) -> None:
        """Run the hub's hook. Source: `Spawner.run_auth_state_hook`, JupyterHub 5.3-6.1."""
        await self._run_hook("auth_state_hook", super().run_auth_state_hook, auth_state)

    async def _run_hook(self, name: str, hook: Callable[..., Any], *arguments: Any) -> None:
        try:
            await maybe_future(hook(*arguments))  # type: ignore[no-untyped-call]
        except Exception as error:
            if is_for_people(error):
                raise
            self.log.exception("Start of %s failed: %s", self._log_name, name)
            raise HubFailedError from error


def is_for_people(error: Exception) -> bool:
    """Decide whether a person may read an exception's text: whoever raised it says so.

    Source: `jupyterhub_message`, `HTTPError` and `SpawnException` (6.x, an HTTPError), JupyterHub 5.3-6.1.
    """
    return isinstance(error, HTTPError) or hasattr(error, "jupyterhub_message")
