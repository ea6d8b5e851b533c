"""The request that a start page is drawn for: who asks, for which server, and what to select.

JupyterHub (5.3-6.1) names the request to a spawner by `Spawner.handler`, but leaves it there when the request
has ended, replaces it when somebody else opens the page meanwhile, and sets none before it draws the page of
a form that was refused. So what the page needs of its request is kept with the request: in a context
variable, which every request has for itself.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class PageRequest:
    """What one request says to the page that it draws.

    Args:
        handler: Who draws the page; None: JupyterHub's own handler, of which nothing is known here.
        server: Whose page it is, by the server's name; None: that of the spawner that is asked.
    """

    def __init__(self, handler: Any = None, server: str | None = None) -> None:
        self.server = server
        self._handler = handler
        self._named = _NOTHING

    @property
    def query(self) -> str | None:
        """The query of a form's address: the token of whoever asks, and this page as where to go next."""
        handler = self._handler
        if handler is None:
            return None
        return urlencode({"_xsrf": handler.xsrf_token, "next": handler.request.path})

    def is_of(self, handler: Any) -> bool:
        """Say whether this handler is the request's."""
        return handler is not None and handler is self._handler

    def is_by(self, user: object) -> bool:
        """Say whether the request is this hub user's own."""
        return self._handler is not None and self._handler.current_user is user

    def select(self, named: Mapping[str, object]) -> None:
        """Select these options on the page that this request draws."""
        self._named = named

    def pop_named(self) -> Mapping[str, object]:
        """Give what to select, once."""
        named, self._named = self._named, _NOTHING
        return named

    def end(self) -> None:
        """Let go of the request: what it started goes on, and has the context variable still."""
        self._handler, self._named = None, _NOTHING


_CURRENT: Final[ContextVar[PageRequest | None]] = ContextVar("page_request", default=None)


def begin_page_request(handler: Any, server: str) -> PageRequest:
    """Note which request this task answers from here on; `PageRequest.end` ends it."""
    request = PageRequest(handler, server)
    _CURRENT.set(request)
    return request


def current_page_request() -> PageRequest:
    """Give the request that this task answers; where nobody has begun one, one that says nothing."""
    request = _CURRENT.get()
    if request is None:
        request = PageRequest()
        _CURRENT.set(request)
    return request
