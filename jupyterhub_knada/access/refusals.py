"""A refusal on its way to a page of the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tornado.web import HTTPError

if TYPE_CHECKING:
    from jupyterhub_knada.errors import Refusal


def to_http_error(refusal: Refusal) -> HTTPError:
    """Give the error that makes JupyterHub answer with the refusal's status and text, escaped.

    Source: JupyterHub 5.3-6.1 handlers/base.py `write_error` shows `jupyterhub_message` through an
    auto-escaping template; the text is an argument of the log message, so that a `%` in it is a character.
    """
    error = HTTPError(refusal.status, "%s", str(refusal))
    error.jupyterhub_message = str(refusal)  # type: ignore[attr-defined] # JupyterHub's own protocol
    return error
