"""What a person is told, as JupyterHub carries it: an HTTPError whose text is shown as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import HTTPError

if TYPE_CHECKING:
    from jupyterhub_knada.errors import Refusal


class ToldError(HTTPError):
    """Raised where something fails, with words for the server's owner.

    An HTTPError, as the start page shows the text of no other exception, and the hub logs a traceback of any
    other.

    Source: `jupyterhub_message`, JupyterHub 5.3-6.1: text for the person, escaped by the hub's pages;
    handlers/pages.py `_wrap_spawn_single_user`, user.py `spawn`. `HTTPError`, Tornado 6.4-6.6: a text without
    arguments is taken as it is, percent signs and all.
    """

    def __init__(self, status: int, told: str) -> None:
        super().__init__(status, told)
        self.jupyterhub_message = told


class StartRefusedError(ToldError):
    """Raised where a start is refused; the hub shows the refusal's text and its status.

    JupyterHub 6 does not count an HTTPError below 500 as a failure of the hub; on 5.x the forms and links are
    refused before the spawn, which is where failures are counted.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, str(refusal))
        self.refusal = refusal


class PageAskedError(Exception):
    """Raised where a link names no server to start: JupyterHub then shows the start page, without an error.

    Source: `SpawnHandler._get`, JupyterHub 5.3-6.1: any exception falls back to the page, with its
    `jupyterhub_message` above; an empty one is not shown.
    """

    jupyterhub_message = ""
