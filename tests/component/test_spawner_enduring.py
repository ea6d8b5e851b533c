"""What the hub is told of a server of which not everything is known."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import kubespawner.spawner
import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.user import User
from kubernetes_asyncio.client import V1ObjectMeta, V1Pod
from kubernetes_asyncio.client.rest import ApiException
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.servers import enduring
from jupyterhub_knada.servers.enduring import StopFailedError
from jupyterhub_knada.servers.hub_end import is_hub_ending
from jupyterhub_knada.servers.pod_watch import PodsForbiddenError
from jupyterhub_knada.servers.telling import PodRefusedError
from jupyterhub_knada.servers.watching import PodsUnseenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from jupyterhub_knada.servers.spawner import KnadaSpawner
    from tests.support.spawners import Spawners

TEAM = "namespace: team-alfa\nusers: [e152435]\n"
RUNS = {"metadata": {"name": "jupyter-e152435"}, "status": {"phase": "Running", "containerStatuses": []}}
_UNSEEN = PodsUnseenError("team-alfa", PodsForbiddenError("no right"))
ENDS = {"metadata": {"name": "jupyter-e152435", "deletionTimestamp": "2026-11-21T12:00:00Z"}}


@pytest.fixture
async def spawner(spawners: Spawners) -> KnadaSpawner:
    """Give a spawner of a team."""
    spawners.write(alfa=TEAM)
    return spawners.make()


def _records(caplog: pytest.LogCaptureFixture, spawner: KnadaSpawner) -> list[logging.LogRecord]:
    """Give what the hub has logged; asyncio may log what the collector finds of other tests."""
    return [record for record in caplog.records if record.name == spawner.log.name]


@pytest.mark.parametrize(
    ("pod", "stock", "told"),
    [
        pytest.param(RUNS, None, None, id="one that runs"),
        pytest.param(ENDS, None, 1, id="one that is being deleted has ended"),
        pytest.param(None, 1, 1, id="one that is not there"),
        pytest.param(RUNS, 137, 137, id="one that ended by itself"),
        pytest.param(RUNS, ApiException(status=403), None, id="one that the hub may not look at"),
        pytest.param(RUNS, aiohttp.ServerDisconnectedError(), None, id="one that it cannot look at"),
    ],
)
async def test_poll_takes_nothing_for_gone_that_is_only_not_known(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, pod: Any, stock: Any, told: int | None
) -> None:
    """JupyterHub forgets a server that ended, and takes an exception for one."""

    async def poll(_: KubeSpawner) -> int | None:
        if isinstance(stock, Exception):
            raise stock
        found: int | None = stock
        return found

    monkeypatch.setattr(KubeSpawner, "poll", poll)
    pods = {f"{spawner.namespace}/{spawner.pod_name}": pod}
    monkeypatch.setattr(KubeSpawner, "pod_reflector", SimpleNamespace(pods=pods))
    assert await spawner.poll() == told


async def test_stop_that_is_refused_is_logged_in_words(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line has the answer's message, and neither its headers nor its raw body."""
    error: Any = ApiException(status=403, reason="Forbidden")
    error.headers = {"Audit-Id": "4711"}
    error.body = json.dumps({"reason": "Forbidden", "message": "pods is forbidden", "details": "raw"})

    _Cluster(monkeypatch, spawner).answers = [error]
    with pytest.raises(ApiException):
        await spawner.stop(now=True)
    (record,) = _records(caplog, spawner)
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage().endswith("not stopped: 403 Forbidden: pods is forbidden")


class _Cluster:
    """What a spawner asks of the cluster in a stop; the pod is gone as soon as it is deleted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, spawner: KnadaSpawner) -> None:
        self.answers: list[Exception] = []
        self.looks: list[Exception | None] = []
        """How each look at the pods ends; all others are well."""
        self.goes_after = 0
        """After how many refusals somebody else deletes the pod; 0: nobody does."""
        self.hangs_after = 0
        """After how many refusals a deletion is not answered any more; 0: each is."""
        self.refused = self.deleted = self.refreshed = 0
        self.goes_when_deleted = True
        """False: it ends later."""
        self.pods: dict[str, Any] = {f"{spawner.namespace}/{spawner.pod_name}": RUNS}

        async def see(_: KubeSpawner, replace: bool = False) -> None:  # noqa: FBT001, FBT002 - upstream's
            self.refreshed += replace
            look = self.looks.pop(0) if self.looks else None
            if look is not None:
                raise look

        async def delete(*_: Any) -> bool:
            if self.hangs_after and self.refused == self.hangs_after:
                await asyncio.Event().wait()
            if self.answers:
                self.refused += 1
                if self.refused == self.goes_after:
                    self.pods.clear()
                raise self.answers.pop(0)
            self.deleted += 1
            if self.goes_when_deleted:
                self.pods.clear()
            return True

        monkeypatch.setattr(KubeSpawner, "_start_watching_pods", see)
        monkeypatch.setattr(KubeSpawner, "_make_delete_pod_request", delete)
        monkeypatch.setattr(KubeSpawner, "pod_reflector", SimpleNamespace(pods=self.pods))


def _no(status: int, message: str = 'cannot delete resource "pods"') -> ApiException:
    error: Any = ApiException(status=status, reason="No")
    error.body = json.dumps({"reason": "No", "message": message})
    return error  # type: ignore[no-any-return]


class _Node:
    """A node that lets go of a pod after a while, in seconds that only count the waits of a stop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cluster: _Cluster, takes: float) -> None:
        self.waited = 0.0
        self._cluster, self._takes = cluster, takes
        cluster.goes_when_deleted = False
        monkeypatch.setattr(enduring, "exponential_backoff", self._wait)
        monkeypatch.setattr(kubespawner.spawner, "exponential_backoff", self._wait)

    async def _wait(
        self,
        call: Callable[[], Any],
        fail_message: str,
        *,
        timeout: float,  # noqa: ASYNC109 - upstream's name
        timeout_tolerance: float = 0.1,
    ) -> Any:
        """Wait as JupyterHub's does, which may end a tenth too early."""
        answer = call()
        if await answer if inspect.isawaitable(answer) else answer:
            return True
        self.waited += timeout * (1 - timeout_tolerance)
        if self.waited >= self._takes:
            self._cluster.pods.clear()
        if not call():
            raise TimeoutError(fail_message)
        return True


@pytest.mark.parametrize(
    ("start_timeout", "grace_period"),
    [(1, 300), (300, 300), (60, 60), (60, 1), (1, 1)],
    ids=lambda seconds: f"{seconds} s",
)
async def test_stop_waits_for_as_long_as_the_pod_may_take(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, start_timeout: int, grace_period: int
) -> None:
    """JupyterHub forgets the server when its stop ends; a pod that ends in time is gone then."""
    cluster = _Cluster(monkeypatch, spawner)
    spawner.start_timeout, spawner.delete_grace_period = start_timeout, grace_period
    # A node that kills it at the end of the period needs a little more.
    _Node(monkeypatch, cluster, takes=grace_period + 5)
    await spawner.stop()
    assert (cluster.pods, cluster.refreshed) == ({}, 0)


@pytest.mark.parametrize(
    ("is_ending", "now"),
    [(True, False), (False, True)],
    ids=["the hub ends", "the pod is not given any time"],
)
async def test_stop_that_need_not_waits_no_longer_than_kubespawner(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, *, is_ending: bool, now: bool
) -> None:
    """The next hub knows a server that outlives this one."""
    cluster = _Cluster(monkeypatch, spawner)
    spawner.start_timeout, spawner.delete_grace_period = 10, 300
    node = _Node(monkeypatch, cluster, takes=300)
    monkeypatch.setattr(enduring, "is_hub_ending", lambda: is_ending)
    with pytest.raises(TimeoutError, match="did not disappear"):
        await spawner.stop(now=now)
    assert (node.waited, cluster.refreshed) == (9, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 422])
async def test_stop_that_the_hub_asks_for_ends_only_when_the_pod_is_deleted(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """JupyterHub forgets the server then, so a no is asked again; the log has one line about it."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers = [_no(status), _no(status)]
    await spawner.stop()
    assert (cluster.answers, cluster.deleted) == ([], 1)
    (record,) = _records(caplog, spawner)
    assert record.levelname == "WARNING"
    assert f"{status} No: cannot delete resource" in record.getMessage()


async def test_stop_waits_until_the_hub_may_see_the_pod(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that is started again without its rights forgets no server."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.looks = [_UNSEEN]
    await spawner.stop()
    assert cluster.deleted == 1


async def test_stop_that_is_refused_ends_when_somebody_else_has_deleted_the_pod(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin who may do what the hub may not frees the server's owner."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers, cluster.goes_after = [_no(403)] * 9, 2
    await spawner.stop()
    assert (cluster.refused, cluster.deleted) == (2, 0)


async def test_stop_that_is_refused_does_not_end_while_nobody_sees_the_pod(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen before the hub lost its right says nothing of now."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.pods.clear()
    spawner.load_state({**spawner.get_state(), "has_asked": True})
    # The first two looks are before the pod is asked for.
    cluster.answers, cluster.looks = [_no(403)] * 9, [None, None, _UNSEEN, _UNSEEN]
    await spawner.stop()
    assert (cluster.refused, cluster.deleted, cluster.looks) == (3, 0, [])


@pytest.mark.parametrize(
    ("state", "runs"),
    [
        pytest.param({}, False, id="nothing stored"),
        pytest.param({"pod_name": "jupyter-e152435"}, True, id="stored by stock KubeSpawner"),
        pytest.param({"pod_name": "jupyter-e152435", "has_asked": True}, True, id="a pod was asked for"),
        pytest.param(
            {"pod_name": "jupyter-e152435", "has_asked": False}, False, id="stopped, nothing asked for"
        ),
    ],
)
async def test_server_of_which_nobody_can_see_a_pod_runs_only_where_one_was_asked_for(
    spawner: KnadaSpawner,
    monkeypatch: pytest.MonkeyPatch,
    state: dict[str, Any],
    runs: bool,  # noqa: FBT001
) -> None:
    """In the hub's own namespace it may see no pods: a server that has had no team has none there."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.pods.clear()
    cluster.looks = [_UNSEEN] * 9
    spawner.load_state(state)
    assert (await spawner.poll() is None) is runs


@pytest.mark.parametrize(
    ("status", "refused", "deleted"),
    [
        pytest.param(403, 1, 0, id="refused"),
        pytest.param(504, 9, 1, id="the answer was lost"),
    ],
)
async def test_stop_of_a_pod_that_was_not_made_ends_and_of_one_that_may_come_does_not(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch, status: int, refused: int, deleted: int
) -> None:
    """A team's Role may lack the rights to make and to delete; an answer that was lost is another thing."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make()
    await spawners.start(spawner, {})
    cluster = _Cluster(monkeypatch, spawner)
    cluster.pods.clear()
    cluster.answers = [_no(403)] * 9
    monkeypatch.setattr("jupyterhub_knada.servers.patience._RARE_WAIT", lambda _: 0.0)

    async def refuse(*_: Any) -> None:
        raise _no(status)

    spawner.api.create_namespaced_pod = refuse
    spawner.k8s_api_request_retry_timeout = 0
    with pytest.raises(PodRefusedError):
        await spawner._make_create_pod_request(await spawner.get_pod_manifest(), 3)
    await spawner.stop()
    assert (cluster.refused, cluster.deleted) == (refused, deleted)


async def test_reason_that_comes_later_is_told(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The API server is away, a right is missing, a webhook says no: log and start page have each."""
    right = 'pods "jupyter-x" is forbidden: User "hub" cannot delete resource "pods"'
    webhook = 'admission webhook "freeze.example.org" denied the request: no changes on Fridays'
    monkeypatch.setattr("jupyterhub_knada.servers.patience._RARE_WAIT", lambda _: 0.0)
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers = [
        _no(503),
        _no(403, right),
        _no(503),
        _no(403, right),
        _no(403, webhook),
        _no(403, webhook),
    ]
    await spawner.stop()
    told = [record.getMessage() for record in _records(caplog, spawner)]
    assert [text.partition(": ")[2][:16] for text in told] == [
        "503 No: cannot d",
        '403 No: pods "ju',
        "403 No: admissio",
    ]
    assert "freeze.example.org" in await _last_told(spawner, monkeypatch)
    cluster.answers = [_no(403, webhook), _no(403, right)]
    cluster.pods[f"{spawner.namespace}/{spawner.pod_name}"] = RUNS
    await spawner.stop()
    assert "the hub has no right to stop servers there" in await _last_told(spawner, monkeypatch)


async def test_reasons_that_are_always_different_do_not_fill_the_log(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A webhook may number its answers."""
    monkeypatch.setattr("jupyterhub_knada.servers.patience._RARE_WAIT", lambda _: 0.0)
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers = [_no(403, f"request {number} denied") for number in range(25)]
    await spawner.stop()
    assert cluster.refused == 25
    assert len(_records(caplog, spawner)) == 20


@pytest.mark.parametrize("is_over", [True, False], ids=["cancelled", "under way"])
async def test_progress_of_a_start_without_an_error_tells_why_it_is_not_stopped(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, *, is_over: bool
) -> None:
    """JupyterHub cancels a start that takes too long, and whoever reads its progress is still there."""
    _Cluster(monkeypatch, spawner).answers = [_no(403)]
    await spawner.stop()
    spawner._start_future = asyncio.get_running_loop().create_future()
    if is_over:
        spawner._start_future.cancel()
    assert (await _last_told(spawner, monkeypatch)).startswith("The start did not succeed. Kubernetes does")


async def _last_told(spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give what the start page says last while a server is being stopped."""

    async def nothing(stock: KubeSpawner) -> AsyncIterator[dict[str, Any]]:
        if stock.pending is None:
            yield {}

    monkeypatch.setattr(KubeSpawner, "progress", nothing)
    spawner._stop_pending = True
    return [str(step["message"]) async for step in spawner.progress()][-1]


@pytest.fixture
async def _ending_hub() -> AsyncIterator[None]:
    """Let a hub be about to end: it waits for its servers to be stopped."""
    cleanup = asyncio.Event().wait
    hub: Any = SimpleNamespace(log=logging.getLogger("ending"), cleanup=cleanup)
    ending = asyncio.create_task(JupyterHub.shutdown_cancel_tasks(hub))  # type: ignore[no-untyped-call]
    yield
    ending.cancel()
    await asyncio.wait([ending])


@pytest.mark.usefixtures("_ending_hub")
@pytest.mark.parametrize(
    ("answer", "refused"),
    [pytest.param(403, range(1, 2), id="refused"), pytest.param(503, range(2, 99), id="not answered")],
)
async def test_stop_at_the_end_of_the_hub_is_given_up(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, answer: int, refused: range
) -> None:
    """JupyterHub waits for it, and would be killed: a no is a no, and no answer is asked for in bounds."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers = [_no(answer)] * 99
    spawner.k8s_api_request_retry_timeout = 1
    with pytest.raises(StopFailedError) as failed:
        await spawner.stop()
    assert str(failed.value).endswith(f"(Kubernetes does not stop the server: {answer} No.)")
    assert cluster.refused in refused
    assert cluster.deleted == 0


@pytest.mark.usefixtures("_ending_hub")
async def test_stop_at_the_end_of_the_hub_tells_the_last_answer_though_a_later_call_is_not_answered(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two bounds comes first, that of the tries or that of all, is a matter of milliseconds."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.answers, cluster.hangs_after = [_no(503)], 1
    spawner.k8s_api_request_retry_timeout = 1
    with pytest.raises(StopFailedError, match="503 No"):
        await spawner.stop()
    assert (cluster.refused, cluster.deleted) == (1, 0)


@pytest.mark.usefixtures("_ending_hub")
async def test_stop_at_the_end_of_the_hub_does_not_wait_for_rights(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor for a watch that nothing is heard of."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.looks = [_UNSEEN]
    with pytest.raises(PodsUnseenError):
        await spawner.stop()

    async def hear_nothing(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(KubeSpawner, "_start_watching_pods", hear_nothing)
    spawner.k8s_api_request_retry_timeout, spawner._stop_pending = 0, True
    assert await spawner.poll() is None
    with pytest.raises(TimeoutError):
        await spawner.stop()
    assert (cluster.refused, cluster.deleted) == (0, 0)


@pytest.mark.parametrize("is_stopped", [True, False], ids=["being stopped", "at rest"])
async def test_look_at_a_server_asks_for_the_end_of_the_hub_only_where_it_is_stopped(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, *, is_stopped: bool
) -> None:
    """Thousands are looked at all the time, and finding out goes through thousands of tasks."""
    looks = []

    def look() -> bool:
        looks.append("hub")
        return False

    _Cluster(monkeypatch, spawner)
    monkeypatch.setattr(enduring, "is_hub_ending", look)
    spawner._stop_pending = is_stopped
    await spawner.poll()
    assert looks == ["hub"] * is_stopped


async def test_end_of_a_hub_is_found_when_it_comes_and_is_one_for_good() -> None:
    """With thousands of servers to be stopped, each asks for it."""
    assert not is_hub_ending()
    hub: Any = SimpleNamespace(log=logging.getLogger("ending"), cleanup=asyncio.Event().wait)
    ending = asyncio.create_task(JupyterHub.shutdown_cancel_tasks(hub))  # type: ignore[no-untyped-call]
    assert is_hub_ending()
    ending.cancel()
    await asyncio.wait([ending])
    assert is_hub_ending()


def test_end_of_a_hub_still_begins_in_one_place() -> None:
    """A signal and a request both begin it in a task, which is how we know of it."""
    assert "asyncio.ensure_future(self.shutdown_cancel_tasks(s))" in inspect.getsource(JupyterHub.init_signal)
    assert "add_callback(self.shutdown_cancel_tasks)" in inspect.getsource(JupyterHub.stop)


def test_stop_that_fails_still_forgets_the_server_before_its_state() -> None:
    """What outlives the hub is stored again in between, and is what is committed last."""
    _, _, source = inspect.getsource(User.stop).partition("finally:")
    marks = ["spawner.server = None", "spawner.clear_state()", "spawner.get_state()", "self.db.commit()"]
    places = [source.rindex(mark) for mark in marks]
    assert places == sorted(places)


SECRET = "very-secret-value"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_refusal_that_passes_is_logged_without_what_the_pod_says(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """A webhook may answer with any status, and quote the pod where it is made and where it is deleted."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make()
    await spawners.start(spawner, {})
    spawner.api_token = SECRET
    pod = await spawner.get_pod_manifest()
    quoting: Any = ApiException(status=status, reason="No")
    quoting.body = json.dumps({"message": f'webhook "x" denied: JUPYTERHUB_API_TOKEN={SECRET}'})
    answers = [quoting]

    async def make(*_: Any) -> V1Pod:
        if answers:
            raise answers.pop()
        return V1Pod(metadata=V1ObjectMeta(uid="1"))

    spawner.api.create_namespaced_pod = make
    assert await spawner._make_create_pod_request(pod, 3)
    _Cluster(monkeypatch, spawner).answers = [quoting, _no(403)]
    with pytest.raises(ApiException):
        await spawner.stop(now=True)
    assert caplog.text.count("denied: JUPYTERHUB_API_TOKEN=…") == 2
    assert SECRET not in caplog.text


async def test_refused_deletion_of_what_has_ended_is_raised(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a server does not wait for rights."""
    _Cluster(monkeypatch, spawner).answers = [_no(403)]
    with pytest.raises(ApiException):
        await spawner.stop(now=True)


async def test_start_that_asked_for_no_pod_has_nothing_to_stop(
    spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the hub may not see pods, its start fails once, and its clean-up does not."""
    cluster = _Cluster(monkeypatch, spawner)
    cluster.pods.clear()
    cluster.looks = [_UNSEEN, _UNSEEN]

    async def refused(_: KubeSpawner) -> str:
        raise _UNSEEN

    monkeypatch.setattr(KubeSpawner, "start", lambda self: asyncio.ensure_future(refused(self)))
    with pytest.raises(PodsUnseenError):
        await spawner.start()
    caplog.clear()
    await spawner.stop()
    assert (len(cluster.looks), cluster.deleted, _records(caplog, spawner)) == (2, 0, [])
