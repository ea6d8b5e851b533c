"""The managed service that stops idle servers.

jupyterhub-idle-culler walks the hub's users and deletes servers; what is ours is the rule, handed in as its
`cull_arbiter`. It is only ever told to stop servers: it deletes no users, no named servers and no homes, and
no server is stopped for its age.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from jupyterhub_knada.culling.policy import IdlePolicy, ServerActivity, decide
from jupyterhub_knada.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POLICIES_PATH: Final = "/knada/culling-policies"
"""Below the hub's API."""

_PAGE_SIZE: Final = 200
"""Users a request; the most that JupyterHub gives by default, and a third faster than its usual 50."""

_NO_LIMIT: Final = 0
"""For jupyterhub-idle-culler's own limits, none of which is used: the policies decide."""

_LOOK_SECONDS: Final = 5
"""How long a culler may outlive a hub that was killed."""

log = logging.getLogger("jupyterhub_knada.culling")


@dataclass(frozen=True, slots=True)
class Culler:
    """One culler of one hub."""

    api_url: str
    """As JUPYTERHUB_API_URL, without a slash at the end."""
    api_token: str = field(repr=False)

    async def cull_once(self) -> bool:
        """Stop every server that has been idle for longer than its policy allows.

        Returns:
            False where the hub could not be asked; then nothing was stopped and the log says why.
        """
        from jupyterhub_idle_culler import cull_idle  # noqa: PLC0415 - an extra; the hub imports this package

        try:
            policies = await self._fetch_policies()
            await cull_idle(  # type: ignore[no-untyped-call]
                url=self.api_url,
                api_token=self.api_token,
                inactive_limit=_NO_LIMIT,
                logger=log,
                max_age=_NO_LIMIT,
                api_page_size=_PAGE_SIZE,
                cull_users=False,
                remove_named_servers=False,
                cull_arbiter=build_arbiter(policies, datetime.now(UTC)),
            )
        except (HTTPClientError, OSError) as error:
            log.error(_explain_stop(self.api_url, error))  # noqa: TRY400 - the sentence says all
            return False
        except (ValueError, KeyError) as error:
            log.error(_explain_stop(self.api_url, error))  # noqa: TRY400 - as above
            return False
        return True

    async def _fetch_policies(self) -> dict[str, IdlePolicy | None]:
        """Ask the hub for every running server's policy, by `<user>/<server name>`."""
        request = HTTPRequest(
            self.api_url + POLICIES_PATH, headers={"Authorization": f"token {self.api_token}"}
        )
        response = await AsyncHTTPClient().fetch(request)
        answer = json.loads(response.body)
        servers = answer.get("servers") if isinstance(answer, dict) else None
        if not isinstance(servers, dict):
            raise ValueError("not a mapping of servers")  # noqa: TRY004 - what the network said, not a caller
        return {name: IdlePolicy.from_dict(told) for name, told in servers.items()}

    async def run(self, every_seconds: int) -> None:
        """Cull until the hub that started this service is gone.

        Args:
            every_seconds: From the end of one pass to the start of the next.
        """
        hub = os.getppid()
        is_managed = "JUPYTERHUB_SERVICE_NAME" in os.environ

        def is_hub_there() -> bool:
            return not is_managed or os.getppid() == hub

        while is_hub_there():
            await self.cull_once()
            rest = every_seconds
            while rest > 0 and is_hub_there():
                await asyncio.sleep(min(rest, _LOOK_SECONDS))
                rest -= _LOOK_SECONDS
        log.warning("The hub that started this culler is gone; it ends, too")


def build_arbiter(policies: Mapping[str, IdlePolicy | None], now: datetime) -> Callable[..., bool]:
    """Make the rule that jupyterhub-idle-culler asks for each running server.

    Args:
        policies: By `<user>/<server name>`, as the server model's `full_name`.
        now: UTC; the start of the pass.

    Source: jupyterhub-idle-culler 2.0 `cull_idle`, which calls it with `inactive`, `inactive_limit`, `server`
    after it has left out servers that are being started or stopped.
    """

    def arbitrate(*, server: Mapping[str, Any], **_: object) -> bool:
        name = str(server.get("full_name"))
        decision = decide(ServerActivity.from_server(server), policies.get(name), now)
        told = "is stopped" if decision.is_culled else "runs on"
        log.log(
            logging.INFO if decision.is_culled else logging.DEBUG, "%s %s: %s", name, told, decision.reason
        )
        return decision.is_culled

    return arbitrate


def _explain_stop(api_url: str, error: Exception) -> str:
    """Say why a pass stopped, without the reply or the token."""
    if isinstance(error, HTTPClientError) and error.code == 403:  # noqa: PLR2004 - HTTP "Forbidden"
        why = (
            f"{api_url} gave 403; the service's role lacks a scope, or its token is not known; "
            "configure() writes the role into JupyterHub.load_roles: does a later line replace it?"
        )
    elif isinstance(error, HTTPClientError) and error.code == 404:  # noqa: PLR2004 - HTTP "Not Found"
        why = (
            f"{api_url}{POLICIES_PATH} gave 404; configure() adds it to KnadaAuthenticator.hub_handlers: "
            "does a later line replace that?"
        )
    elif isinstance(error, (HTTPClientError, OSError)):
        told = f"{error.code}" if isinstance(error, HTTPClientError) else type(error).__name__
        why = f"{api_url} did not answer ({told}); the next pass tries again"
    else:
        why = f"{api_url} answered in another shape ({type(error).__name__}); is this a hub with the package?"
    return f"Culler pass stopped, nothing culled: {why} [{Code.CULLER_STOPPED}]"
