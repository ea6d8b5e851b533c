"""The address of the start page: opening it never starts a server, its own form does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import maybe_future
from tornado.escape import xhtml_escape
from tornado.httputil import HTTPInputError, parse_body_arguments
from tornado.web import HTTPError, authenticated

from jupyterhub_knada.servers.page_request import begin_page_request
from jupyterhub_knada.servers.raw_options import decode_query
from jupyterhub_knada.web.bodies import BodyTooLargeError, BoundedBodyHandler
from jupyterhub_knada.web.forms import MOST_BYTES

if TYPE_CHECKING:
    from jupyterhub_knada.servers.page_request import PageRequest

_OF_THE_HUB = ("next", "display_name")
"""Arguments of JupyterHub 5.3-6.1 itself: where to go after the start, how a server is called."""


class NamedFormHandler(SpawnHandler):
    """JupyterHub's own start page, whose form is about the server that its address names."""

    _page: PageRequest | None = None

    def begin_page(self, server_name: str | None) -> PageRequest:
        """Note that the page of this server is drawn for this request, until it has ended."""
        self._page = begin_page_request(self, server_name or "")
        return self._page

    def on_finish(self) -> None:
        """End what the page has of this request."""
        super().on_finish()
        if self._page is not None:
            self._page.end()

    @authenticated
    async def post(self, user_name: str | None = None, server_name: str = "") -> None:
        """Start what the form says, where such a server may be.

        Source: `SpawnHandler.post`, JupyterHub 5.3-6.1. Before 6.0 it asks neither whether there may be named
        servers nor how many, as its `get` and the REST API do.
        """
        self.begin_page(server_name)
        if server_name:
            owner = user_name or self.current_user.name
            await self._check_named_server(user_name=owner, server_name=server_name)
        await maybe_future(super().post(user_name, server_name))  # type: ignore[no-untyped-call]

    @needs_scope("servers")  # type: ignore[untyped-decorator, no-untyped-call]
    async def _check_named_server(self, *, user_name: str, server_name: str) -> None:
        """Check what JupyterHub 6 does, before the hub stores a server of this name.

        Raises:
            HTTPError: 400, with JupyterHub's words; 404 without the right.
        """
        if not self.allow_named_servers:
            raise HTTPError(400, "Named servers are not enabled.")
        limit = await self.get_current_user_named_server_limit()  # type: ignore[no-untyped-call]
        user = self.find_user(user_name)  # type: ignore[no-untyped-call]
        if user is None or limit <= 0 or server_name in user.orm_spawners:
            return
        if limit <= len([name for name in user.orm_spawners if name]):
            raise HTTPError(
                400,
                f"User {user.name} already has the maximum of {limit} named servers."
                "  One must be deleted before a new server can be created",
            )

    def render_template(self, name: str, sync: bool = False, **namespace: Any) -> Any:  # noqa: FBT001, FBT002
        """Render a page; the start page's template gets the spawner of the server that was asked for.

        Source: `BaseHandler.render_template`, `SpawnHandler._render_form`, JupyterHub 5.3-6.1, which gives
        the default server's.
        """
        if name == "spawn.html" and self._page is not None and self._page.server:
            namespace["spawner"] = namespace["for_user"].spawners[self._page.server]
        return super().render_template(name, sync, **namespace)  # type: ignore[no-untyped-call]


class StartPageHandler(BoundedBodyHandler, NamedFormHandler):
    """JupyterHub's own start page, but for links: what one names is selected, and nothing starts.

    A link starts a server in JupyterHub (5.3-6.1), and a GET carries no XSRF token: any page that somebody
    opens could start one, with options of its choice, in a team of its choice.
    """

    most_bytes = MOST_BYTES

    def get(self, user_name: str | None = None, server_name: str = "") -> Any:
        """Show the page, with what the address names selected.

        Source: `SpawnHandler.get`, JupyterHub 5.3-6.1: it starts a server where `request.query_arguments` has
        more than its own, so they are taken out; its own it reads in `request.arguments`.
        """
        query = {
            name: [value.decode(errors="replace") for value in values]
            for name, values in self.request.query_arguments.items()
            if name not in _OF_THE_HUB
        }
        self.begin_page(server_name).select(decode_query(query))
        self.request.query_arguments = {}
        return super().get(user_name, server_name)

    def read_body(self, body: bytes) -> None:
        """Read the form, with the hub's token in it, as Tornado does where a body is not read by pieces.

        Raises:
            HTTPError: 400, it is no form.

        Source: `HTTPServerRequest`, Tornado 6.5-6.6: `arguments` are those of the address and of the body.
        """
        request = self.request
        arguments: dict[str, list[bytes]] = {}
        try:
            kind = request.headers.get("Content-Type", "")
            parse_body_arguments(kind, body, arguments, request.files, request.headers)
        except HTTPInputError as error:
            raise HTTPError(400, f"Invalid body: {error}") from error
        request.body, request.body_arguments = body, arguments
        for name, values in arguments.items():
            request.arguments.setdefault(name, []).extend(values)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the hub's page for an error; of a form that was not read, a page that needs no session.

        Source: `BaseHandler.write_error`, JupyterHub 5.3-6.1; 5.3 cannot write one before it knows who asks.
        """
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, BodyTooLargeError):
            super().write_error(status_code, **kwargs)  # type: ignore[no-untyped-call]
            return
        for name, value in {"Content-Type": "text/html; charset=utf-8", **error.headers}.items():
            self.set_header(name, value)
        self.write(f'<!doctype html><html lang="en"><p>{xhtml_escape(error.jupyterhub_message)}</p></html>')

    async def spawn_single_user(self, *args: Any, **kwargs: Any) -> Any:
        """Start a server for a form; JupyterHub starts one for a GET, too, where the page is empty.

        Raises:
            HTTPError: 500, the request is no form.

        Source: `BaseHandler.spawn_single_user`, JupyterHub 5.3-6.1.
        """
        if self.request.method != "POST":
            raise HTTPError(500, "The start page is empty: KnadaSpawner.spawn_page gave no text.")
        return await super().spawn_single_user(*args, **kwargs)  # type: ignore[no-untyped-call]
