"""The hub's watches where lists, rights and connections come and go as no cluster plays it twice."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.servers import pod_watch, watch_loop
from jupyterhub_knada.servers.event_watch import EventWatch
from jupyterhub_knada.servers.pod_watch import PodsForbiddenError, PodWatch
from jupyterhub_knada.servers.watch_calls import Collection, ForbiddenError, WatchError
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LOG = logging.getLogger("tests.watch_loop")
Change = tuple[str, dict[str, Any]]


class FakeClient:
    """A cluster that has objects, and says no when it is told to. Stands for `WatchClient`."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.revision_now = 1
        self.refuse: Callable[[Collection], Exception | None] = lambda _: None
        """What each call of a collection raises."""
        self.refuse_revision: Callable[[str], Exception | None] = lambda _: None
        """What a watch from a revision on raises."""
        self.asked: list[tuple[str, str | None]] = []
        """`list` or `watch`, and the namespace."""
        self.opened: list[asyncio.Queue[Change | Exception]] = []
        """Of each watch, what comes on it."""
        self.may_list = asyncio.Event()
        self.may_list.set()

    def _ask(self, verb: str, collection: Collection) -> None:
        self.asked.append((verb, collection.namespace))
        error = self.refuse(collection)
        if error is not None:
            raise error

    async def list(self, collection: Collection, take: Callable[[dict[str, Any]], None]) -> str:
        """Give what there is when it may."""
        self._ask("list", collection)
        found, revision = [*self.found], self.revision_now
        await self.may_list.wait()
        for each in found:
            take(each)
        return str(revision)

    async def revision(self, collection: Collection) -> str:
        """Give where it is."""
        self._ask("list", collection)
        return str(self.revision_now)

    @contextlib.asynccontextmanager
    async def changes(
        self, collection: Collection, revision: str, seconds: int
    ) -> AsyncIterator[AsyncIterator[Change]]:
        """Give what has come since, as the API does, and what comes."""
        del seconds
        self._ask("watch", collection)
        error = self.refuse_revision(revision)
        if error is not None:
            raise error
        coming: asyncio.Queue[Change | Exception] = asyncio.Queue()
        for each in self.found:
            if int(each["metadata"]["resourceVersion"]) > int(revision):
                coming.put_nowait(("ADDED", each))
        self.opened.append(coming)

        async def come() -> AsyncIterator[Change]:
            while True:
                change = await coming.get()
                if isinstance(change, Exception):
                    raise change
                yield change

        yield come()

    def add(self, found: dict[str, Any]) -> None:
        """Have one more object."""
        self.revision_now = int(found["metadata"]["resourceVersion"])
        self.found.append(found)

    async def cut(self, error: Exception) -> None:
        """Break the watch that was opened last, once there is one."""

        async def is_open() -> bool:
            return bool(self.opened)

        await eventually(is_open)
        self.opened.pop().put_nowait(error)

    def count(self, verb: str, namespace: str | None) -> int:
        """Count calls."""
        return self.asked.count((verb, namespace))


def _pod(name: str, revision: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "alfa", "resourceVersion": str(revision)}}


def _event(name: str, revision: int, about: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "alfa", "resourceVersion": str(revision)}
    return {"metadata": metadata, "involvedObject": {"name": about}, "message": name}


def _no(*namespaces: str | None) -> Callable[[Collection], Exception | None]:
    """Refuse these; None: all namespaces."""
    forbidden = ForbiddenError(403, "403: no")
    return lambda collection: forbidden if collection.namespace in namespaces else None


def _down(_: Collection) -> Exception:
    return OSError("refused")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the next try."""
    monkeypatch.setattr(watch_loop, "SHORTEST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(watch_loop, "LONGEST_WAIT_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Give what the watches tell the hub's log."""
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


@pytest.fixture
def client() -> FakeClient:
    """Give the cluster."""
    return FakeClient()


@pytest.fixture
async def pods(client: FakeClient) -> AsyncIterator[PodWatch]:
    """Give a watch of its pods; it is not begun."""
    found = PodWatch(client, "component=x", LOG)  # type: ignore[arg-type] # it stands for it
    yield found
    await found.stop()


@pytest.fixture
async def events(client: FakeClient) -> AsyncIterator[EventWatch]:
    """Give a watch of its events that ends with the start that opened it."""
    found = EventWatch(client, "alfa", "", LOG, linger_seconds=0)  # type: ignore[arg-type] # it stands for it
    yield found
    await found.stop()


async def _told(lines: pytest.LogCaptureFixture, words: str, times: int = 1) -> None:
    """Wait until something was told so often."""

    async def is_told() -> bool:
        return sum(words in record.getMessage() for record in lines.records) == times

    await eventually(is_told, seconds=10)


async def _ended(events: EventWatch) -> None:
    async def is_over() -> bool:
        return not any(task.get_name().startswith("watch of events") for task in asyncio.all_tasks())

    await eventually(is_over)
    assert not events.resources


@pytest.mark.parametrize(
    "error",
    [ValueError("no JSON"), KeyError("type")],
    ids=["no answer that can be read", "an unexpected one"],
)
async def test_change_that_cannot_be_read_takes_a_new_list(
    client: FakeClient, pods: PodWatch, error: Exception
) -> None:
    """From the same revision on it would come again and again, and nothing after it."""
    await pods.know("alfa")
    client.refuse = lambda _: None
    await client.cut(error)

    async def is_listed_anew() -> bool:
        return client.count("list", None) == 2 and bool(client.opened)

    await eventually(is_listed_anew)


async def test_watch_that_lost_its_right_tells_later_cuts_and_their_end(
    client: FakeClient, pods: PodWatch, lines: pytest.LogCaptureFixture
) -> None:
    """All namespaces were cut, then forbidden: nobody waits for them to be back."""
    client.refuse = _down
    knowing = asyncio.create_task(pods.know("alfa"))
    await _told(lines, "in all namespaces is cut")
    client.refuse = _no(None)
    await knowing
    client.refuse = _down
    await client.cut(OSError("cut"))
    await _told(lines, "in namespace alfa is cut")
    assert lines.records[-1].levelno == logging.WARNING
    client.refuse = _no(None)
    await eventually(lambda: _is_open(client))
    client.add(_pod("a", 2))
    client.opened[-1].put_nowait(("ADDED", _pod("a", 2)))
    await _told(lines, "in namespace alfa is back")


async def _is_open(client: FakeClient) -> bool:
    return bool(client.opened)


async def test_watch_that_is_stopped_while_it_is_cut_is_not_back(
    client: FakeClient, events: EventWatch, lines: pytest.LogCaptureFixture
) -> None:
    """It ends without a word, and the next cut is told again."""
    for times in (1, 2):
        client.refuse = lambda _: None
        start = asyncio.get_running_loop().create_future()
        await events.begin("mine", start, patience=10)
        client.refuse = _down
        await client.cut(OSError("cut"))
        await _told(lines, "is cut", times)
        start.set_result(None)
        await _ended(events)
    await _told(lines, "in namespace alfa is back", 0)


async def test_start_after_a_pause_hears_nothing_of_the_server_before(
    client: FakeClient, events: EventWatch
) -> None:
    """What happened while no event was watched is not part of it; what happens then is."""
    for server in (1, 2):
        client.add(_event(f"before {server}", 10 * server, "mine"))
        start = asyncio.get_running_loop().create_future()
        await events.begin("mine", start, patience=10)
        await eventually(lambda: _is_open(client))
        client.opened.pop().put_nowait(("ADDED", _event(f"during {server}", 10 * server + 5, "mine")))

        async def is_there() -> bool:
            return bool(events.resources)

        await eventually(is_there)
        assert set(events.resources) == {f"alfa/during {server}"}
        start.set_result(None)
        await _ended(events)


async def test_events_that_may_not_be_watched_are_told_once(
    client: FakeClient, events: EventWatch, lines: pytest.LogCaptureFixture
) -> None:
    """Not for each start; and once more when it may again."""
    client.refuse = _no("alfa")
    for _ in range(2):
        start = asyncio.get_running_loop().create_future()
        await events.begin("mine", start, patience=10)
        start.set_result(None)
        await _ended(events)
    await _told(lines, "The hub may not watch events in namespace alfa")
    client.refuse = lambda _: None
    await events.begin("mine", asyncio.get_running_loop().create_future(), patience=10)
    await _told(lines, "The hub may watch events in namespace alfa now")


async def test_right_that_is_lost_is_told_to_the_next_start(client: FakeClient, pods: PodWatch) -> None:
    """What was known before does not help it; when the right is back, it goes on at once."""
    client.refuse = _no(None)
    await pods.know("alfa")
    client.refuse = _no(None, "alfa")
    await client.cut(OSError("cut"))
    watched = client.count("watch", "alfa")

    async def is_refused() -> bool:
        return client.count("watch", "alfa") > watched

    await eventually(is_refused)
    with pytest.raises(PodsForbiddenError):
        await pods.know("alfa")
    with pytest.raises(PodsForbiddenError):
        await pods.know("alfa", is_urgent=True)
    client.refuse = _no(None)
    async with asyncio.timeout(10):
        await pods.know("alfa", is_urgent=True)
        await pods.know("alfa")
    assert client.count("list", "alfa") == 1


async def test_namespace_that_nobody_asks_for_is_asked_less_and_less(
    client: FakeClient, pods: PodWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait is twice the one before, up to ten minutes."""
    waits: list[float] = []

    def count(seconds: float) -> asyncio.Timeout:
        waits.append(seconds)
        return asyncio.timeout(seconds / 10_000)

    monkeypatch.setattr(watch_loop, "timeout", count)
    client.refuse = _no(None, "alfa")
    with pytest.raises(PodsForbiddenError):
        await pods.know("alfa")

    async def has_waited() -> bool:
        return len(waits) > 7

    await eventually(has_waited)
    expected = [15, 30, 60, 120, 240, 480, 600, 600]
    assert waits[:8] == [pytest.approx(seconds, rel=0.11) for seconds in expected]


async def test_start_tries_at_once_where_the_right_was_missing(client: FakeClient, pods: PodWatch) -> None:
    """Several that ask together make one try; nobody waits for the next one."""
    client.refuse = _no(None, "alfa")
    with pytest.raises(PodsForbiddenError):
        await pods.know("alfa", is_urgent=True)
    asked = client.count("list", "alfa")
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            *(pods.know("alfa", is_urgent=True) for _ in range(3)), return_exceptions=True
        )
    assert [type(answer) for answer in answers] == [PodsForbiddenError] * 3
    assert client.count("list", "alfa") == asked + 1


async def test_list_that_is_under_way_is_not_begun_again(
    client: FakeClient, pods: PodWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starts that fail one after another would never let it end."""
    monkeypatch.setattr(watch_loop, "REFRESH_SECONDS", 0.0)
    await pods.know("alfa")
    client.add(_pod("new", 50))
    client.may_list.clear()
    for _ in range(5):
        pods.refresh("alfa")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    client.may_list.set()

    async def is_seen() -> bool:
        return "alfa/new" in pods.pods

    await eventually(is_seen)
    assert client.count("list", None) == 2


async def test_stopped_watch_is_not_begun_again(client: FakeClient, pods: PodWatch) -> None:
    """A start that fails while the hub ends leaves no task behind."""
    await pods.know("alfa")
    await pods.stop()
    before = asyncio.all_tasks()
    pods.refresh("alfa")
    pods.refresh("beta")
    assert asyncio.all_tasks() == before
    assert client.count("list", None) == 1


@pytest.mark.parametrize("is_cut", [False, True], ids=["never read", "watched before"])
async def test_wait_that_the_server_asks_for_is_cut_by_nobody(
    client: FakeClient, pods: PodWatch, *, is_cut: bool
) -> None:
    """It has too much work; servers that end slowly, anybody's, would make it more."""
    if is_cut:
        await pods.know("alfa")
        await eventually(lambda: _is_open(client))
    client.refuse = lambda _: WatchError(429, "429: later", 60.0)
    knowing = asyncio.create_task(pods.know("alfa"))
    if is_cut:
        await client.cut(ValueError("no JSON"))
    asked = len(client.asked)

    async def is_refused() -> bool:
        return len(client.asked) > asked

    await eventually(is_refused)
    asked = len(client.asked)
    for _ in range(3):
        pods.refresh("alfa")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(client.asked) == asked
    knowing.cancel()
    await asyncio.wait([knowing])


@pytest.mark.parametrize(
    ("seconds", "lists"), [(30.0, 2), (0.0, 5)], ids=["within half a minute", "after the time"]
)
async def test_who_asks_soon_after_the_last_one_gets_no_new_list(
    client: FakeClient, pods: PodWatch, monkeypatch: pytest.MonkeyPatch, seconds: float, lists: int
) -> None:
    """Servers that end slowly, anybody's, would have the pods of all teams listed again and again."""
    monkeypatch.setattr(watch_loop, "REFRESH_SECONDS", seconds)
    await pods.know("alfa")

    async def is_watched() -> bool:
        return client.count("watch", None) == client.count("list", None)

    for namespace in ("alfa", "beta", "gamma", "delta"):
        await eventually(is_watched)
        pods.refresh(namespace)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await eventually(is_watched)
    assert client.count("list", None) == lists


@pytest.mark.parametrize(
    ("status", "lists"),
    [
        pytest.param(400, 2, id="a revision that is none"),
        pytest.param(504, 2, id="one that is still to come"),
        pytest.param(429, 1, id="too much work"),
        pytest.param(503, 1, id="no server"),
    ],
)
async def test_revision_that_is_refused_again_and_again_takes_a_new_list(
    client: FakeClient, pods: PodWatch, status: int, lists: int
) -> None:
    """It would be refused for ever; where the server is only busy, a list would be worse."""
    await pods.know("alfa")
    client.add(_pod("new", 50))
    refused: list[str] = []

    def refuse(revision: str) -> Exception | None:
        if revision == "50" or len(refused) == 20:
            return None
        refused.append(revision)
        return WatchError(status, f"{status}: no")

    client.refuse_revision = refuse
    await client.cut(OSError("cut"))

    async def is_seen() -> bool:
        return "alfa/new" in pods.pods

    await eventually(is_seen)
    assert client.count("list", None) == lists
    assert len(refused) == (5 if lists == 2 else 20)


async def test_right_that_is_lost_twice_is_told_twice(
    client: FakeClient, pods: PodWatch, lines: pytest.LogCaptureFixture
) -> None:
    """Between the two it came by the right to all namespaces, so that nobody asked for that of one."""
    pods._ask_again_seconds = 0.01
    client.refuse = _no(None, "alfa")
    with pytest.raises(PodsForbiddenError):
        await pods.know("alfa")
    client.refuse = lambda _: None
    await _told(lines, "may watch pods in all namespaces now")
    await pods.know("alfa")
    client.refuse = _no(None, "alfa")
    await client.cut(OSError("cut"))
    await _told(lines, "The hub may not watch pods in namespace alfa", 2)


def _watched() -> set[str]:
    names = {task.get_name() for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith("watch of pods")}


async def test_namespace_that_nobody_needs_is_watched_no_more(
    client: FakeClient, pods: PodWatch, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a pod is, or somebody asks, the watch stays, and where one ended, it begins anew when asked."""
    monkeypatch.setattr(pod_watch, "MOST_QUIET_ROUNDS", 3)
    pods._ask_again_seconds = 0.001
    client.add(_pod("a", 2))
    client.refuse = _no(None, "gone")
    with pytest.raises(PodsForbiddenError):
        await pods.know("gone")
    client.refuse = _no(None, "gone", "beta")
    with pytest.raises(PodsForbiddenError):
        await pods.know("beta")
    await pods.know("alfa")
    quiet: dict[str, int] = {}

    async def has_ended() -> bool:
        with contextlib.suppress(PodsForbiddenError):
            await pods.know("beta")
        quiet.update(pods._quiet_rounds)
        return quiet["alfa"] > 20

    await eventually(has_ended)
    assert _watched() == {f"watch of pods in namespace {name}" for name in ("alfa", "beta")}
    await _told(lines, "Nobody has asked for servers in namespace gone for long")
    client.refuse = _no(None)
    await pods.know("gone")
    assert client.count("watch", "gone") == 1
    assert "alfa/a" in pods.pods


async def test_namespace_that_somebody_waits_for_is_watched_on(
    client: FakeClient, pods: PodWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API server answers nothing for hours: that is not the time to forget who asked."""
    monkeypatch.setattr(pod_watch, "MOST_QUIET_ROUNDS", 1)
    pods._ask_again_seconds = 0.001
    client.refuse = _no(None)
    client.may_list.clear()
    knowing = asyncio.create_task(pods.know("alfa"))

    async def has_been_long() -> bool:
        return pods._quiet_rounds.get("alfa", 0) > 10

    await eventually(has_been_long)
    client.may_list.set()
    async with asyncio.timeout(10):
        await knowing
    assert client.count("list", "alfa") == 1


async def test_second_to_ask_for_events_waits_for_the_same_watch(
    client: FakeClient, events: EventWatch
) -> None:
    """A start's page asks first; the start makes no pod before the watch knows from when on."""
    client.revision_now = 7
    may_ask = asyncio.Event()
    revision = client.revision

    async def ask(collection: Collection) -> str:
        await may_ask.wait()
        return await revision(collection)

    client.revision = ask  # type: ignore[method-assign] # it answers later
    start = asyncio.get_running_loop().create_future()
    page, starting = (asyncio.create_task(events.begin("mine", start, patience=10)) for _ in range(2))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not starting.done()
    page.cancel()
    may_ask.set()
    await starting
    events.put(_event("earlier", 7, "mine"))
    events.put(_event("now", 8, "mine"))
    assert set(events.resources) == {"alfa/now"}
