"""A refusal on its way to a page of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import HTTPError

if TYPE_CHECKING:
    from jupyterhub_knada.errors import Refusal


class RefusedSignInError(HTTPError):
    """Makes JupyterHub answer with a refusal's status and text, escaped.

    Source: JupyterHub 5.3-6.1 handlers/base.py `write_error` shows `jupyterhub_message` through an
    auto-escaping template. The text is an argument of the log message: a `%` in it is only a character.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, "%s", str(refusal))
        self.refusal = refusal
        self.jupyterhub_message = str(refusal)
