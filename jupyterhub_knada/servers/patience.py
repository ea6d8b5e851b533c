"""Asking Kubernetes again where it could not answer: it restarts, is overloaded or out of reach."""

from __future__ import annotations

import asyncio
import contextlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import ClientError
from kubernetes_asyncio.client.rest import ApiException
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    stop_never,
    wait_random_exponential,
)

from jupyterhub_knada.servers.foreign_texts import on_one_line
from jupyterhub_knada.servers.hidden_values import HiddenValues

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

UNANSWERED: Final = (ApiException, ClientError, OSError, TimeoutError)
"""What a call to the cluster raises where it brings nothing."""
_MOST_TOLD: Final = 20
"""Different errors of one call that are told: the words of an answer may have a number of their own."""
LONGEST_LOGGED: Final = 1000
"""Characters of the API's message that are logged: a webhook may write pages."""
LONGEST_RETRY_AFTER: Final = 60.0
"""Seconds that a server may ask to wait: a proxy in its place maybe asks for days.

Source: Kubernetes' own flow control asks for 32 s at most, its `maxRetryAfter`.
"""
_PASSING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_Answer = TypeVar("_Answer")
_NOTHING_HIDDEN: Final = HiddenValues()
_SCATTERED_WAIT: Final = wait_random_exponential(multiplier=0.2, max=5.0)
"""Seconds: longer each time, and never all starts at once."""
_RARE_WAIT: Final = wait_random_exponential(multiplier=0.2, max=30.0)
"""After a no, which only people mend: each try is a line in two logs, the hub's and the API server's."""


def is_passing(error: BaseException) -> bool:
    """Tell whether the same call may well be answered a little later.

    A 409 is one where two wrote the same quota at once, which the API server leaves to the caller to repeat.
    """
    if not isinstance(error, ApiException):
        return isinstance(error, UNANSWERED)
    if error.status == HTTPStatus.CONFLICT:
        return read_status(error.body)[0] == "Conflict"
    return error.status in _PASSING


def is_no(error: ApiException) -> bool:
    """Tell whether the API has answered that it did not do what it was asked for.

    After a 5xx, it may have done it.
    """
    return HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR


def is_unanswered(error: BaseException) -> bool:
    """Tell whether a call brought nothing, be it a no: rights, a token or a webhook may be mended."""
    return isinstance(error, UNANSWERED)


async def ask_patiently(
    call: Callable[[], Awaitable[_Answer]],
    seconds: float | None,
    tell: Callable[[BaseException], None],
    passes: Callable[[BaseException], bool] = is_passing,
) -> _Answer:
    """Make a call until it is answered.

    Args:
        call: May be made several times: what it did although its answer was lost does no harm again.
        seconds: After how long the last error is raised; None: never.
        tell: Called with each error that passes and has not been met before, for a log. Two that take turns
            for hours fill none, nor do words that are always different: only some count.
        passes: Which errors are no answer.

    Raises:
        ApiException, ClientError, OSError, TimeoutError: one that does not pass, or the last one.
        CancelledError: whoever waits was cancelled, also where the call has lost that.
    """

    async def ask() -> _Answer:
        with no_cancellation_is_lost():
            return await call_off_is_unanswered(call())

    def wait(state: RetryCallState) -> float:
        error = _error_of(state)
        scattered = _SCATTERED_WAIT if is_passing(error) else _RARE_WAIT
        return max(scattered(state), _retry_after(error))

    told: set[tuple[object, ...]] = set()

    def tell_new(state: RetryCallState) -> None:
        error = _error_of(state)
        kind = (type(error), getattr(error, "status", None), read_status(getattr(error, "body", None)))
        if kind not in told and len(told) < _MOST_TOLD:
            told.add(kind)
            tell(error)

    asking = AsyncRetrying(
        retry=retry_if_exception(passes),
        wait=wait,
        stop=stop_never if seconds is None else stop_before_delay(seconds),
        before_sleep=tell_new,
        reraise=True,
    )
    return await asking(ask)


@contextlib.contextmanager
def no_cancellation_is_lost() -> Iterator[None]:
    """Raise at the end of the block what somebody has cancelled in it, whatever came of its calls.

    `asyncio.wait_for` of Python 3.11 gives the call's own end where both come at once, and KubeSpawner
    deletes pods by it: whoever asks again for ever would never end, nor would the hub.

    Source: https://github.com/python/cpython/issues/86296, mended in Python 3.12.

    Raises:
        CancelledError: the task was cancelled within the block.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


async def call_off_is_unanswered(call: Awaitable[_Answer]) -> _Answer:
    """Wait for a call; one that is cancelled although nobody cancelled who waits was not answered.

    JupyterHub takes a start that is cancelled for one that has ended well: it would know a server without a
    pod. aiohttp 3.9.0 cancels a request where an earlier one on the same connection was given up.

    Raises:
        ConnectionAbortedError: the call was called off.
    """
    try:
        return await call
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionAbortedError("the call was called off") from None


def read_status(body: bytes | str | None) -> tuple[str, str]:
    """Give `reason` and `message` of a Status, each on one printable line or empty. Never raises."""
    try:
        status = json.loads(body or "null")
    except ValueError:
        return "", ""
    if not isinstance(status, dict):
        return "", ""
    texts = (status.get("reason"), status.get("message"))
    reason, message = (on_one_line(text) if isinstance(text, str) else "" for text in texts)
    return reason, message


def name_answer(error: ApiException) -> str:
    """Give the status of HTTP that the API answered with, e.g. `403 Forbidden`."""
    return on_one_line(f"{error.status} {error.reason or ''}"[:LONGEST_LOGGED])


def name_error(error: BaseException, hidden: HiddenValues = _NOTHING_HIDDEN) -> str:
    """Name an error for the log: an answer of the API without its headers and its raw body.

    Args:
        error: What a call has raised.
        hidden: What is taken out of the API's message.
    """
    if isinstance(error, ApiException):
        message = hidden.take_out(read_status(error.body)[1])
        return f"{name_answer(error)}: {message[:LONGEST_LOGGED] or 'nothing more'}"
    told = getattr(error, "jupyterhub_message", "") or f"{type(error).__name__}: {error}"
    return on_one_line(told[:LONGEST_LOGGED])


def _error_of(state: RetryCallState) -> BaseException:
    """Give what the last try raised."""
    error = state.outcome.exception() if state.outcome is not None else None
    return error if error is not None else TimeoutError()


def _retry_after(error: BaseException) -> float:
    """Give the seconds to wait as the server asks; 0 where it does not."""
    headers = getattr(error, "headers", None) or {}
    return read_retry_after(headers.get("Retry-After")) or 0.0


def read_retry_after(value: object) -> float | None:
    """Give the seconds that a server asks to wait, at most `LONGEST_RETRY_AFTER`; None where it does not.

    Args:
        value: Of the header `Retry-After`, or of a Status' `retryAfterSeconds`.
    """
    try:
        return min(LONGEST_RETRY_AFTER, max(0.0, float(str(value))))
    except ValueError:  # a date, as HTTP allows and Kubernetes never sends, or nothing
        return None
