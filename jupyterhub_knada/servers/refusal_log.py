"""One line in the hub's log for a start that is refused, and no traceback of one that failed in words.

What a spawner raises for its owner is no fault of the hub's code. JupyterHub logs it all the same: a refused
start by REST as an exception where it is raised, again where it is caught (5.x with a traceback), and once
more by Tornado. The line of ours, `Start of … refused: …`, says it; the line of the request stays.
"""

from __future__ import annotations

import logging
import sys
from typing import Final
from weakref import WeakSet

from tornado.log import app_log, gen_log

from jupyterhub_knada.servers.refusing import StartRefusedError, ToldError

_SAYS_IT_AGAIN: Final = frozenset(
    {
        ("user", "spawn"),
        ("pages", "_wrap_spawn_single_user"),
        ("web", "log_exception"),
    }
)
"""Module and function of a line without a traceback that has a refusal's text.

Source: JupyterHub 5.3-6.1, user.py and handlers/pages.py; Tornado 6.5, web.py. Where one changes, its line is
written again: a test has a real hub refuse a start.
"""


_LOGGED: Final[WeakSet[StartRefusedError]] = WeakSet()
"""Refusals that have their line, for as long as anybody has them."""


def log_refusal(log: logging.Logger, who: str, error: StartRefusedError) -> None:
    """Write the one line of a refused start; what the hub's own code writes of it is dropped from then on.

    Args:
        log: The spawner's.
        who: The server, as the hub's log names it.
        error: To be raised next.
    """
    log.warning("Start of %s refused: %s", who, error.refusal)
    _LOGGED.add(error)


class _RefusalFilter(logging.Filter):
    """Drops what is said again of a refused start, and the traceback of a start that failed in words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide whether a line is written. Side effects: takes the traceback from it."""
        raised = record.exc_info[1] if record.exc_info else None
        if _is_logged(raised):
            return False
        if raised is None or isinstance(raised, ToldError):
            # JupyterHub 6 has none of an HTTPError either (user.py `spawn`). 5.3 writes one of nothing where
            # a form's start has failed (pages.py `_wrap_spawn_single_user`).
            record.exc_info = None
        if (record.module, record.funcName) not in _SAYS_IT_AGAIN:
            return True
        return not (_is_logged(sys.exc_info()[1]) or _says_what_is_logged(record.getMessage()))


def _is_logged(error: BaseException | None) -> bool:
    return isinstance(error, StartRefusedError) and error in _LOGGED


def _says_what_is_logged(message: str) -> bool:
    """Say whether a line ends with a refusal: a start by form is waited for, and its exception then read."""
    return any(message.endswith(str(error)) for error in _LOGGED)


_FILTER: Final = _RefusalFilter()


def shorten_log_of_refusals(log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    """Have refusals written once, from now on in this process; more calls change nothing.

    Args:
        log: The hub's own, which its handlers and spawners write to; `User` writes to Tornado's.
    """
    own = log.logger if isinstance(log, logging.LoggerAdapter) else log
    for logger in (own, app_log, gen_log):
        logger.addFilter(_FILTER)
