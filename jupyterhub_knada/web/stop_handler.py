"""`POST /hub/knada/stop/<user>/<server>`: stops a server from the start page, also without scripts."""

from __future__ import annotations

from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado.web import HTTPError, authenticated


class StopHandler(BaseHandler):
    """What the button of the start page asks for; then the page comes back."""

    @authenticated
    async def post(self, user_name: str, server_name: str) -> None:
        """Stop the server, if it runs, and go on to `next`.

        The same right as for `DELETE /hub/api/users/<user>/servers/<server>`, and the hub's own check of the
        token that its forms carry.

        Raises:
            HTTPError: 404 without the right, or where there is no such server.

        Source: `BaseHandler.stop_single_user`, JupyterHub 5.3-6.1.
        """
        await self._stop(user_name=user_name, server_name=server_name)
        # It may go on for longer than JupyterHub waits for it: the page says so then.
        page = url_path_join(self.hub.base_url, "spawn")  # type: ignore[no-untyped-call]
        self.redirect(self.get_next_url(default=page))  # type: ignore[no-untyped-call]

    @needs_scope("delete:servers")  # type: ignore[untyped-decorator, no-untyped-call]
    async def _stop(self, *, user_name: str, server_name: str) -> None:
        user = self.find_user(user_name)  # type: ignore[no-untyped-call]
        if user is None or server_name not in user.spawners:
            raise HTTPError(404)
        if user.spawners[server_name].ready:
            await self.stop_single_user(user, server_name)  # type: ignore[no-untyped-call]
