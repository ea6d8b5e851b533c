"""Asking again: which answers pass, and for how long."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from kubernetes_asyncio.client.rest import ApiException

from jupyterhub_knada.servers.patience import (
    LONGEST_LOGGED,
    LONGEST_RETRY_AFTER,
    ask_patiently,
    is_passing,
    is_unanswered,
    name_error,
)
from jupyterhub_knada.servers.refusing import ToldError

if TYPE_CHECKING:
    from collections.abc import Mapping


def api_error(status: int, reason: str = "", headers: Mapping[str, str] | None = None) -> ApiException:
    """Make what the client raises for an answer."""
    error: Any = ApiException(status=status, reason="x")
    error.body, error.headers = json.dumps({"reason": reason, "message": "m"}), headers
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        pytest.param(api_error(429), True, id="too many requests"),
        pytest.param(api_error(500), True, id="etcd is slow"),
        pytest.param(api_error(503), True, id="the server starts"),
        pytest.param(api_error(409, "Conflict"), True, id="two wrote one quota"),
        pytest.param(api_error(409, "AlreadyExists"), False, id="it is there already"),
        pytest.param(api_error(403, "Forbidden"), False, id="a no"),
        pytest.param(api_error(404, "NotFound"), False, id="not there"),
        pytest.param(api_error(501), False, id="never heard of it"),
        pytest.param(aiohttp.ServerDisconnectedError(), True, id="cut off"),
        pytest.param(ConnectionRefusedError(), True, id="nobody listens"),
        pytest.param(TimeoutError(), True, id="no answer"),
        pytest.param(ValueError(), False, id="a mistake of our own"),
    ],
)
def test_error_passes_only_where_asking_again_can_help(error: BaseException, *, passes: bool) -> None:
    """A no is a no; what is overloaded, restarting or cut off is asked again."""
    assert is_passing(error) is passes


async def test_call_is_made_again_until_it_is_answered_and_each_kind_of_no_is_told_once() -> None:
    """Without a limit it goes on; the log is not filled, and has what came second."""
    reset = ConnectionResetError
    answers: list[Any] = [api_error(500), reset(), api_error(500), api_error(503), reset(), "answer"]
    told: list[BaseException] = []

    async def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    assert await ask_patiently(call, None, told.append) == "answer"
    assert [getattr(error, "status", type(error)) for error in told] == [500, reset, 503]


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {"Retry-After": "Sat, 21 Nov"}])
async def test_call_that_is_not_answered_in_time_raises_its_last_error(headers: dict[str, str]) -> None:
    """Nor is it waited for where the server asks for more time than there is; a date is as nothing."""

    async def call() -> None:
        raise api_error(429, headers=headers)

    async with asyncio.timeout(10):
        with pytest.raises(ApiException) as raised:
            await ask_patiently(call, 0.3, lambda _: None)
    assert raised.value.status == 429


@pytest.mark.parametrize("asked", ["86400", "inf", "1e300"])
async def test_server_that_asks_to_wait_for_days_is_asked_again_in_a_minute(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """A stop that waits so long would not end with what is in its way."""
    answers: list[Any] = [api_error(503, headers={"Retry-After": asked}), "answer"]
    waited: list[float] = []

    async def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert await ask_patiently(call, None, lambda _: None) == "answer"
    assert waited == [LONGEST_RETRY_AFTER]


async def test_call_that_is_refused_is_made_once() -> None:
    """Nothing is asked again that was answered."""
    calls = []

    async def call() -> None:
        calls.append(1)
        raise api_error(403)

    with pytest.raises(ApiException):
        await ask_patiently(call, None, lambda _: None)
    assert len(calls) == 1


async def test_call_that_is_called_off_is_made_again() -> None:
    """A cancelled call is no cancelled start: JupyterHub would take that for a server that runs."""
    answers = ["answer", None]

    async def call() -> str:
        answer = answers.pop()
        if answer is None:
            raise asyncio.CancelledError
        return answer

    assert await ask_patiently(call, None, lambda _: None) == "answer"


@pytest.mark.parametrize("ticks", range(12))
async def test_call_that_ends_as_it_is_cancelled_is_not_made_again(ticks: int) -> None:
    """`asyncio.wait_for`, as KubeSpawner deletes pods by, loses a cancellation then (Python 3.11).

    A stop that asks for ever would let the hub never end.
    """

    async def refuse() -> None:
        await asyncio.sleep(0)
        raise api_error(403)

    async def call() -> None:
        await asyncio.wait_for(refuse(), 3)

    asking = asyncio.create_task(ask_patiently(call, None, lambda _: None, is_unanswered))
    for _ in range(ticks):
        await asyncio.sleep(0)
    asking.cancel()
    ended, _ = await asyncio.wait([asking], timeout=10)
    asking.cancel()
    assert ended == {asking}
    assert asking.cancelled()


@pytest.mark.parametrize("error", [None, ConnectionResetError()], ids=["answered", "not answered"])
async def test_cancellation_that_a_call_has_lost_ends_whoever_asks(error: Exception | None) -> None:
    """On every Python, and whatever lost it; one that came before the call is none of its."""

    async def call() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if error is not None:
                raise error from None
        return "answer"

    async def ask_after_a_cancellation() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return await ask_patiently(call, None, lambda _: None)
        return ""

    asking = asyncio.create_task(ask_after_a_cancellation())
    for _ in range(2):
        await asyncio.sleep(0)
        assert not asking.done()
        asking.cancel()
    ended, _ = await asyncio.wait([asking], timeout=10)
    asking.cancel()
    assert ended == {asking}
    assert asking.cancelled()


async def test_start_that_is_given_up_is_not_gone_on_with() -> None:
    """Who cancels is obeyed."""
    begun = asyncio.Event()

    async def call() -> None:
        begun.set()
        await asyncio.Event().wait()

    start = asyncio.create_task(ask_patiently(call, None, lambda _: None))
    await begun.wait()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start


def test_error_is_named_on_one_printable_line() -> None:
    """A webhook's message and the reason phrase of a proxy steer no terminal, and fill no log."""
    error: Any = ApiException(status=400, reason="Bad\x1b[2J")
    error.body = json.dumps({"message": "no\x07\n\u202eway" + "!" * 5_000})
    named = name_error(error)
    assert named.startswith("400 Bad [2J: no way!")
    assert len(named) < LONGEST_LOGGED + 50
    assert name_error(OSError("a\x1bb\nc")) == "OSError: a b c"
    assert name_error(ToldError(409, "What its owner is told.")) == "What its owner is told."
