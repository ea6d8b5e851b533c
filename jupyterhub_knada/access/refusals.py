"""A refusal on its way to a page of the hub."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING

from tornado.web import HTTPError

if TYPE_CHECKING:
    from jupyterhub_knada.errors import Refusal


class RefusedSignInError(HTTPError):
    """Makes JupyterHub answer with a refusal's status and text, escaped.

    It has no log message: tornado would log it with the whole address, which has the provider's code in it.

    Source: JupyterHub 5.3-6.1 handlers/base.py `write_error` shows `reason` as the title and
    `jupyterhub_message` below it, through an auto-escaping template.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, reason=responses[refusal.status])
        self.refusal = refusal
        self.jupyterhub_message = str(refusal)
