"""The address of the start page: opening it never starts a server, its own form does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub.handlers.pages import SpawnHandler
from tornado.escape import xhtml_escape
from tornado.httputil import HTTPInputError, parse_body_arguments
from tornado.web import HTTPError

from jupyterhub_knada.servers.raw_options import decode_query
from jupyterhub_knada.web.bodies import BodyTooLargeError, BoundedBodyHandler
from jupyterhub_knada.web.forms import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_THE_HUB = ("next", "display_name")
"""Arguments of JupyterHub 5.3-6.1 itself: where to go after the start, how a server is called."""


class StartPageHandler(BoundedBodyHandler, SpawnHandler):
    """JupyterHub's own start page, but for links: what one names is selected, and nothing starts.

    A link starts a server in JupyterHub (5.3-6.1), and a GET carries no XSRF token: any page that somebody
    opens could start one, with options of its choice, in a team of its choice.
    """

    most_bytes = MOST_BYTES
    link_options: Mapping[str, object]
    """What the address names, for `KnadaSpawner.get_options_form`."""

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
        self.link_options = decode_query(query)
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
