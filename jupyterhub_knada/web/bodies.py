"""Bodies of requests, read piece by piece and no further than a bound.

Tornado reads up to 100 MiB of a body into memory before a handler is asked, and JupyterHub then decodes it on
its event loop, stores options and writes them into its log, all before anybody can check them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub.apihandlers.shares import ServerShareAPIHandler, ServerShareCodeAPIHandler
from jupyterhub.apihandlers.shares import default_handlers as handlers_of_shares
from jupyterhub.apihandlers.users import (
    ActivityAPIHandler,
    UserServerAPIHandler,
    UserTokenListAPIHandler,
)
from jupyterhub.apihandlers.users import default_handlers as handlers_of_users
from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import maybe_future
from tornado.escape import utf8
from tornado.ioloop import IOLoop
from tornado.web import stream_request_body

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.raw_options import MAX_TOTAL_LENGTH
from jupyterhub_knada.servers.refusing import StartRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

_WITH_BODY: Final = ("POST", "PUT", "PATCH", "DELETE")
_MOST_DISCARDED: Final = 16 * 1024 * 1024
"""Bytes of a refused body that are read on and thrown away, so that whoever sends it reads the answer: where
a connection is closed with something unread in it, the answer may be lost. Beyond that it is closed."""
_LONGEST_EXPECTED_SECONDS: Final = 2.0
"""How long a body may still begin that was refused: a client that waits for an invitation sends none."""
_DIGITS: Final = 15
"""A longer length is too much without being read as a number."""


class BodyTooLargeError(StartRefusedError):
    """Raised where a request's body is larger than its handler reads."""

    def __init__(self, most_bytes: int) -> None:
        message = f"The body of this request has more than {most_bytes} bytes."
        remedy = "Send only what the request needs; a start needs team, profile and the profile's options."
        super().__init__(Refusal(Code.BODY_TOO_LARGE, message, remedy, status=413))
        # Tornado closes a connection with an unread body; this says so to the other side.
        self.headers = {"Connection": "close"}


@stream_request_body
class BoundedBodyHandler(BaseHandler):
    """Mixin before a handler of the hub: its methods see a body of at most `most_bytes`, or are not called.

    What is declared too large is refused before it is read; what comes in chunks, when it is too much.

    The rest goes on as in the hub: it finds out who asks, and whether the request is forged, when the body is
    there.

    Source: `stream_request_body`, Tornado 6.5-6.6: `prepare`, then `data_received` for each piece, then the
    method; after a `finish` in between the connection is closed, and its answer may be lost.
    """

    most_bytes = MAX_TOTAL_LENGTH

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Begin with nothing received."""
        super().initialize(*args, **kwargs)
        self._pieces: list[bytes] = []
        self._received = 0
        self._is_refused = False
        self._is_answered = False

    def on_finish(self) -> None:
        """Note that the answer is complete."""
        super().on_finish()
        self._is_answered = True

    async def prepare(self) -> None:
        """Answer at once where the body is declared too large.

        Raises:
            BodyTooLargeError: it is too large to be thrown away.
        """
        if self.request.method not in _WITH_BODY:
            await super().prepare()  # type: ignore[no-untyped-call]
            return
        declared = self.request.headers.get("Content-Length", "")
        if not self._is_more(declared, self.most_bytes):
            return
        if self._is_more(declared, _MOST_DISCARDED):
            self._log_refusal()
            raise BodyTooLargeError(self.most_bytes)
        if "100-continue" in self.request.headers.get("Expect", "").lower():
            # Tornado invites nobody then. The client waits, but a proxy has invited it and sends on.
            del self.request.headers["Expect"]
            self.set_header("Connection", "close")
            IOLoop.current().call_later(_LONGEST_EXPECTED_SECONDS, self._give_up)
        self._refuse()

    @staticmethod
    def _is_more(declared: str, most_bytes: int) -> bool:
        # Anything else than digits is Tornado's to refuse.
        is_number = declared.isascii() and declared.isdigit()
        return is_number and (len(declared) > _DIGITS or int(declared) > most_bytes)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece, up to the bound; throw the others away."""
        self._received += len(chunk)
        if self.request.method not in _WITH_BODY or self._is_refused:
            if self._received > _MOST_DISCARDED and not self._is_answered:
                self.finish()  # type: ignore[no-untyped-call]
        elif self._received > self.most_bytes:
            self._refuse()
        else:
            self._pieces.append(chunk)

    def _refuse(self) -> None:
        """Answer, without an end: the connection stays open until the rest of the body has come."""
        self._log_refusal()
        self._pieces.clear()
        self._is_refused = True
        error = BodyTooLargeError(self.most_bytes)
        error.headers = {}
        self.set_status(error.status_code)
        self.write_error(error.status_code, exc_info=(type(error), error, None))  # type: ignore[no-untyped-call]
        self.flush()

    def _give_up(self) -> None:
        """Close the connection of a client that does not send what it was told not to."""
        if not self._is_answered and not self._received:
            self.finish()  # type: ignore[no-untyped-call]

    def _log_refusal(self) -> None:
        self.log.warning("Body of a %s refused: more than %d bytes", self.request.method, self.most_bytes)

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        """Write; a refusal says its length, so that it is whole before the body has been read."""
        if self._is_refused and not isinstance(chunk, dict):
            self.set_header("Content-Length", len(utf8(chunk)))
        super().write(chunk)

    def read_body(self, body: bytes) -> None:
        """Give the handler its body, as Tornado does where it is not read piece by piece."""
        self.request.body = body

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if self._is_refused:
            self.finish()  # type: ignore[no-untyped-call]
            return
        self.read_body(b"".join(self._pieces))
        await super().prepare()  # type: ignore[no-untyped-call]
        if not self._is_answered:
            await maybe_future(method(*args, **kwargs))  # type: ignore[no-untyped-call]

    async def post(self, *args: Any, **kwargs: Any) -> None:
        """Do what the hub's handler does, with the body."""
        await self._call(super().post, *args, **kwargs)

    async def put(self, *args: Any, **kwargs: Any) -> None:
        """Do what the hub's handler does, with the body."""
        await self._call(super().put, *args, **kwargs)

    async def patch(self, *args: Any, **kwargs: Any) -> None:
        """Do what the hub's handler does, with the body."""
        await self._call(super().patch, *args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> None:
        """Do what the hub's handler does, with the body."""
        await self._call(super().delete, *args, **kwargs)


def _bounded(handler: type[BaseHandler]) -> type[BaseHandler]:
    # The hub's metrics and logs have the handler's own name.
    return type(handler.__name__, (BoundedBodyHandler, handler), {"__module__": handler.__module__})


_REACHED_BY_MEMBERS: Final = (
    UserServerAPIHandler,
    UserTokenListAPIHandler,
    ActivityAPIHandler,
    ServerShareAPIHandler,
    ServerShareCodeAPIHandler,
)
BOUNDED_HANDLERS: Final[tuple[tuple[str, type[BaseHandler]], ...]] = tuple(
    (pattern, _bounded(handler))
    for pattern, handler, *_ in (*handlers_of_users, *handlers_of_shares)
    if handler in _REACHED_BY_MEMBERS
)
"""The hub's own endpoints that decode what a person who is no admin sends, or a person's server: start
options of servers (POST; PUT and PATCH since JupyterHub 6), notes of tokens, activity; and shares of servers,
where an admin's role lets people share. Patterns and handlers are the hub's.

All others ask for a scope that only admins and services have, before they read the body as JSON.

Source: `default_handlers` of `jupyterhub.apihandlers.users` and `.shares`, JupyterHub 5.3-6.1.
"""
