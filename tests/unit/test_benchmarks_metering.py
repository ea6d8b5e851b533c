"""What a meter takes for a block of the event loop, with a clock of its own."""

from __future__ import annotations

import selectors
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes_asyncio.client.rest import RESTClientObject

from benchmarks import metering
from benchmarks.metering import Meter


@dataclass
class _Clock:
    """Time that passes when it is told to; stands in for the module `time`."""

    now: float = 1000.0
    idle: list[float] = field(default_factory=list)
    """How long each look at the selector takes."""

    def perf_counter(self) -> float:
        """Give the time, of which all is this process' own."""
        return self.now

    thread_time = process_time = perf_counter

    def select(self, _timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, as a selector does."""
        self.now += self.idle.pop(0)
        return []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """Give the clock that the meter reads."""
    clock = _Clock()
    monkeypatch.setattr(metering, "time", clock)
    return clock


@pytest.fixture
def selector(clock: _Clock, monkeypatch: pytest.MonkeyPatch) -> selectors.BaseSelector:
    """Give a selector that waits on that clock; what the meter puts into the client is taken out again."""
    monkeypatch.setattr(RESTClientObject, "request", RESTClientObject.request)
    selector = selectors.DefaultSelector()
    monkeypatch.setattr(selector, "select", clock.select)
    return selector


def _work(clock: _Clock, selector: selectors.BaseSelector, busy: float, idle: float) -> None:
    clock.now += busy
    clock.idle.append(idle)
    selector.select()


def test_meter_counts_work_and_not_waiting(clock: _Clock, selector: selectors.BaseSelector) -> None:
    """A block is what lies between two looks at the selector, however long each look takes."""
    meter = Meter(selector)
    _work(clock, selector, 0.5, 9.0)
    _work(clock, selector, 0.2, 9.0)
    found = meter.read()
    assert found["worst_block"] == pytest.approx(0.5)
    assert found["loop_busy"] == pytest.approx(0.7)
    assert found["seconds"] == pytest.approx(18.7)


def test_meter_gives_the_worst_block_of_each_ten_seconds(
    clock: _Clock, selector: selectors.BaseSelector
) -> None:
    """A stretch without any work counts as one, too."""
    meter = Meter(selector)
    _work(clock, selector, 0.5, 21.5)
    _work(clock, selector, 0.3, 8.0)
    assert meter.read()["worst_blocks_by_10_s"] == pytest.approx([0.5, 0.0, 0.3])


def test_meter_begins_anew_when_reset(clock: _Clock, selector: selectors.BaseSelector) -> None:
    """The first load is none of the rest."""
    meter = Meter(selector)
    _work(clock, selector, 0.5, 1.0)
    meter.reset()
    _work(clock, selector, 0.1, 9.9)
    found = meter.read()
    assert found["worst_block"] == pytest.approx(0.1)
    assert found["seconds"] == pytest.approx(10.0)


async def test_meter_counts_requests_by_verb_and_resource(
    monkeypatch: pytest.MonkeyPatch, clock: _Clock, selector: selectors.BaseSelector
) -> None:
    """Each goes on to the client as it came."""
    seen: list[tuple[Any, ...]] = []

    async def request(_: RESTClientObject, *arguments: Any, **more: Any) -> str:
        seen.append((*arguments, more))
        return "answer"

    monkeypatch.setattr(RESTClientObject, "request", request)
    meter = Meter(selector)
    client = RESTClientObject.__new__(RESTClientObject)
    url = "https://127.0.0.1/api/v1/pods"
    assert await client.request("GET", url, query_params={"watch": True}, body=None) == "answer"
    _work(clock, selector, 0.0, 1.0)
    assert seen == [("GET", url, {"query_params": {"watch": True}, "body": None})]
    assert meter.read()["requests"] == {"watch pods": 1}
