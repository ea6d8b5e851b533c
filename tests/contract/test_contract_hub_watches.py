"""The hub's own watches, on every cluster: they list once, and find their way after whatever cuts them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from jupyterhub_knada.servers import watch_calls, watch_loop
from jupyterhub_knada.servers.event_watch import EventWatch
from jupyterhub_knada.servers.pod_watch import PodsForbiddenError
from jupyterhub_knada.servers.watch_calls import Collection, WatchError
from tests.support.faulty_api import Fault, FaultyApi
from tests.support.hub_watches import LOG, count_calls, count_open, hub_of, pod_watch, watch_client
from tests.support.manifests import pod
from tests.support.sockets import collect_sockets
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from jupyterhub_knada.servers.pod_watch import PodWatch
    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi


@pytest_asyncio.fixture
async def faulty(backend: Backend) -> AsyncIterator[FaultyApi]:
    """Give a proxy in front of the cluster."""
    async with FaultyApi(backend.kubeconfig()) as found:
        yield found


@pytest_asyncio.fixture
async def hub_faulty(backend: Backend) -> AsyncIterator[FaultyApi]:
    """Give a proxy by which the hub's service account comes to the cluster."""
    async with FaultyApi(hub_of(backend)[0]) as found:
        yield found


@pytest_asyncio.fixture
async def hub_pods(
    backend: Backend, hub_faulty: FaultyApi, namespace: str, tmp_path: Path
) -> AsyncIterator[PodWatch]:
    """Give the watch of that account, as `pods`; it asks for more rights all the time."""
    file = hub_faulty.write_kubeconfig(tmp_path / "hub.kubeconfig")
    async with pod_watch(file, f"component={namespace}", 0.2, hub_of(backend)[1]) as found:
        yield found


@pytest_asyncio.fixture
async def pods(faulty: FaultyApi, namespace: str, tmp_path: Path) -> AsyncIterator[PodWatch]:
    """Give the watch of an admin, through the proxy, of the pods that `_make` makes; it is not begun."""
    async with pod_watch(faulty.write_kubeconfig(tmp_path / "kubeconfig"), f"component={namespace}") as found:
        yield found


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the next try."""
    monkeypatch.setattr(watch_loop, "LONGEST_WAIT_SECONDS", 0.3)
    monkeypatch.setattr(watch_loop, "FORBIDDEN_SECONDS", 0.3)


@pytest.fixture(autouse=True)
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Give what the watches tell the hub's log."""
    caplog.set_level(logging.INFO, LOG.name)
    return caplog


async def _make(api: KubernetesApi, namespace: str, *names: str, selected_by: str = "") -> None:
    for name in names:
        body = pod(name)
        body["metadata"]["labels"] = {"component": selected_by or namespace}
        (await api.post(f"/api/v1/namespaces/{namespace}/pods", body)).ok()


async def _opened(faulty: FaultyApi, resource: str = "pods") -> None:
    """Wait until a watch was asked for: what is listed is known a little before."""

    async def is_asked_for() -> bool:
        return count_calls(faulty, "watch", resource) > 0

    await eventually(is_asked_for)


async def _cut(faulty: FaultyApi) -> None:
    """Break the open watch, once there is one."""

    async def is_open() -> bool:
        return count_open(faulty) > 0

    await eventually(is_open)
    faulty.cut_watches()


def _expired(verb: str, resource: str, about: str) -> Fault:
    message = "too old resource version: 1 (2)"
    return Fault(verb, resource, about, status=410, reason="Expired", message=message)


async def _delete(api: KubernetesApi, namespace: str, name: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    (await api.delete(path, {"gracePeriodSeconds": 0})).ok()
    await api.until_gone(path)


@pytest.fixture(autouse=True)
def _collected_after_each() -> Iterator[None]:
    """Collect after each test: nowhere else are so many watches given up while they begin."""
    yield
    collect_sockets()


async def _until(pods: PodWatch, namespace: str, *names: str) -> None:
    """Wait until the watch knows exactly these pods of a namespace."""

    async def knows_them() -> bool:
        return {key for key in pods.pods if key.startswith(f"{namespace}/")} == {
            f"{namespace}/{name}" for name in names
        }

    await eventually(knows_them)


def _told(lines: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in lines.records)


async def test_first_look_lists_page_by_page_only_what_is_ours(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every page is taken in; of a pod only what is read is kept, and nothing of its environment."""
    monkeypatch.setattr(watch_calls, "PAGE", 2)
    await _make(api, namespace, "a", "b", "c", "d", "e")
    await _make(api, namespace, "x", selected_by="another")
    await pods.know(namespace)
    assert set(pods.pods) == {f"{namespace}/{name}" for name in "abcde"}
    assert count_calls(faulty, "list") == 3
    kept = pods.pods[f"{namespace}/a"]
    assert kept["metadata"]["labels"] == {"component": namespace}
    assert kept["status"]["phase"] == "Pending"
    assert kept["spec"]["containers"] == [{"name": "notebook", "image": "example.org/notebook:1"}]


async def test_open_watch_follows_what_changes(api: KubernetesApi, pods: PodWatch, namespace: str) -> None:
    """Pods come, change and go without anybody asking."""
    await pods.know(namespace)
    await _make(api, namespace, "a")
    await _until(pods, namespace, "a")
    path = f"/api/v1/namespaces/{namespace}/pods/a"
    (await api.patch(path, {"metadata": {"labels": {"seen": "yes"}}})).ok()

    async def is_changed() -> bool:
        return "seen" in pods.pods[f"{namespace}/a"]["metadata"]["labels"]

    await eventually(is_changed)
    await _delete(api, namespace, "a")
    await _until(pods, namespace)


async def test_watch_that_is_cut_goes_on_where_it_was(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    lines: pytest.LogCaptureFixture,
) -> None:
    """What came and went while nobody looked is seen afterwards, without another list; it is told once."""
    await _make(api, namespace, "a", "b")
    await pods.know(namespace)
    await _opened(faulty)
    away = faulty.add(Fault("watch", "pods", namespace, is_held_before=True))
    await _cut(faulty)
    await away.arrive()
    await _delete(api, namespace, "a")
    await _make(api, namespace, "c")
    assert set(pods.pods) == {f"{namespace}/a", f"{namespace}/b"}
    away.release()
    await _until(pods, namespace, "b", "c")
    assert count_calls(faulty, "list") == 1
    assert _told(lines, "The watch of pods in all namespaces is cut") == 1
    assert _told(lines, "in all namespaces is back") == 1


async def test_pod_that_makes_a_long_line_is_seen_as_any(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    lines: pytest.LogCaptureFixture,
) -> None:
    """An API server writes `<` as six letters: 7 MB in one line, and what comes after it is seen too."""
    await pods.know(namespace)
    await _opened(faulty)
    body = pod("long")
    body["metadata"]["labels"] = {"component": namespace}
    body["spec"]["containers"][0]["env"] = [{"name": "LONG", "value": "<" * 1_200_000}]
    (await api.post(f"/api/v1/namespaces/{namespace}/pods", body)).ok()
    await _make(api, namespace, "next")
    await _until(pods, namespace, "long", "next")
    assert count_calls(faulty, "list") == 1
    assert _told(lines, "is cut") == 0


async def test_watch_that_the_server_ends_goes_on_without_a_word(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    lines: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time of a watch runs out again and again: nothing is listed, nothing is lost, nobody is alarmed."""
    monkeypatch.setattr(watch_loop, "OPEN_SECONDS", 2)
    await pods.know(namespace)

    async def is_opened_again() -> bool:
        return count_calls(faulty, "watch") > 2

    await eventually(is_opened_again)
    await _make(api, namespace, "a")
    await _until(pods, namespace, "a")
    assert count_calls(faulty, "list") == 1
    assert _told(lines, "is cut") == 0


async def test_history_that_is_gone_takes_one_new_list(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    lines: pytest.LogCaptureFixture,
) -> None:
    """410: what went meanwhile is noticed, as is what came."""
    await _make(api, namespace, "a", "b")
    await pods.know(namespace)
    await _opened(faulty)
    faulty.hide("DELETED", "a")
    faulty.hide("ADDED", "c")
    await _delete(api, namespace, "a")
    await _make(api, namespace, "c")
    gone = faulty.add(_expired("watch", "pods", namespace))
    await _cut(faulty)
    await _until(pods, namespace, "b", "c")
    assert gone.seen == 1
    assert count_calls(faulty, "list") == 2
    assert _told(lines, "is not known any more") == 1
    assert _told(lines, "2 are there, 1 have gone") == 1


async def test_list_that_took_too_long_is_begun_again(
    api: KubernetesApi, faulty: FaultyApi, pods: PodWatch, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that comes too late for the cluster ends that list, and nothing else."""
    monkeypatch.setattr(watch_calls, "PAGE", 1)
    await _make(api, namespace, "a", "b", "c")
    first = faulty.add(Fault("list", "pods", namespace, is_held_after=True))
    knowing = asyncio.create_task(pods.know(namespace))
    await first.arrive()
    faulty.add(_expired("list", "pods", namespace))
    first.release()
    await knowing
    assert set(pods.pods) == {f"{namespace}/{name}" for name in "abc"}
    # Two, and the three of the new list; where other pods follow, one more finds none of ours.
    assert count_calls(faulty, "list") in {5, 6}


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_server_that_is_overloaded_is_asked_until_it_answers(
    api: KubernetesApi,
    faulty: FaultyApi,
    pods: PodWatch,
    namespace: str,
    lines: pytest.LogCaptureFixture,
    status: int,
) -> None:
    """Whoever waits for the pods waits on; however often it is tried, it is told once."""
    await _make(api, namespace, "a")
    faulty.add(Fault("list", "pods", namespace, times=3, status=status, message="too many requests"))
    faulty.add(Fault("watch", "pods", namespace, times=2, status=status, message="too many requests"))
    await pods.know(namespace)
    await _make(api, namespace, "b")
    await _until(pods, namespace, "a", "b")
    assert count_calls(faulty, "list") == 4
    assert _told(lines, f"is cut; what was seen last is used until it is back: {status}: too many") == 1
    assert _told(lines, "in all namespaces is back") == 1


async def test_server_that_says_when_to_ask_again_is_heard(faulty: FaultyApi, tmp_path: Path) -> None:
    """Retry-After comes with the error, for the wait that follows it."""
    faulty.add(Fault("list", "pods", "", status=429, headers={"Retry-After": "7"}))
    async with watch_client(faulty.write_kubeconfig(tmp_path / "kubeconfig")) as client:
        with pytest.raises(WatchError) as refused:
            await client.list(Collection("pods", None), lambda _: None)
    assert (refused.value.status, refused.value.retry_after) == (429, 7.0)


async def test_watch_whose_task_was_ended_begins_again_where_it_was(
    api: KubernetesApi, faulty: FaultyApi, pods: PodWatch, namespace: str
) -> None:
    """The next poll of any server notices, and nothing is listed."""
    await pods.know(namespace)
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "watch of pods in all namespaces")
    task.cancel()
    await asyncio.wait([task])
    await _make(api, namespace, "a")
    await pods.know(namespace)
    await _until(pods, namespace, "a")
    assert count_calls(faulty, "list") == 1


async def test_who_waits_in_vain_has_it_listed_anew(
    api: KubernetesApi, faulty: FaultyApi, pods: PodWatch, namespace: str
) -> None:
    """A change that a watch has swallowed is found by `refresh`; many who wait make one list."""
    await pods.know(namespace)
    await _opened(faulty)
    faulty.hide("ADDED", "a")
    await _make(api, namespace, "a")
    for _ in range(3):
        pods.refresh(namespace)
    await _until(pods, namespace, "a")
    assert count_calls(faulty, "list") == 2


async def test_stopped_watch_leaves_nothing_behind(faulty: FaultyApi, namespace: str, tmp_path: Path) -> None:
    """No task, and no connection."""
    before = asyncio.all_tasks()
    file = faulty.write_kubeconfig(tmp_path / "kubeconfig")
    async with pod_watch(file, f"component={namespace}") as pods:
        await pods.know(namespace)
        assert {task.get_name() for task in asyncio.all_tasks() - before} >= {
            "watch of pods in all namespaces"
        }

    async def has_no_watch() -> bool:
        return count_open(faulty) == 0

    await eventually(has_no_watch)
    ours = [task for task in asyncio.all_tasks() - before if "watch" in task.get_name()]
    assert ours == []


_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_RULES = [{"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["list", "watch"]}]
_HUB = {"kind": "ServiceAccount", "name": "hub", "namespace": "hub"}


async def _grant(api: KubernetesApi, namespace: str, *, everywhere: bool = False) -> None:
    """Let the hub see pods and events of a namespace, or of all by a ClusterRole of that name."""
    kind = "ClusterRole" if everywhere else "Role"
    base = _RBAC if everywhere else f"{_RBAC}/namespaces/{namespace}"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": namespace}
    plural = f"{kind.lower()}s"
    (await api.post(f"{base}/{plural}", {"metadata": {"name": namespace}, "rules": _RULES})).ok()
    binding = {"metadata": {"name": namespace}, "roleRef": reference, "subjects": [_HUB]}
    (await api.post(f"{base}/{kind.lower()}bindings", binding)).ok()


@pytest_asyncio.fixture
async def other(api: KubernetesApi, namespace: str) -> AsyncIterator[str]:
    """Give the name of a second namespace; it and what the hub may everywhere are deleted afterwards."""
    name = f"{namespace}-other"
    (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: found is not None)
    yield name
    await api.delete(f"{_RBAC}/clusterrolebindings/{namespace}")
    await api.delete(f"{_RBAC}/clusterroles/{namespace}")
    await api.delete(f"/api/v1/namespaces/{name}")


async def _may(hub: KubernetesApi, path: str, *, allowed: bool) -> None:
    """Wait until the cluster knows of a right, or of its end."""

    async def is_so() -> bool:
        return ((await hub.get(path, limit="1")).status == 200) == allowed

    await eventually(is_so)


async def test_rights_that_come_and_go_change_how_pods_are_watched(
    api: KubernetesApi,
    hub: KubernetesApi,
    hub_faulty: FaultyApi,
    hub_pods: PodWatch,
    other: str,
    lines: pytest.LogCaptureFixture,
) -> None:
    """By namespace where that is all the hub may, by one watch once it may, and back; no pod is lost."""
    namespace = other.removesuffix("-other")
    await _grant(api, namespace)
    await _may(hub, f"/api/v1/namespaces/{namespace}/pods", allowed=True)
    await _make(api, namespace, "a")
    await _make(api, other, "x", selected_by=namespace)
    await hub_pods.know(namespace)
    assert set(hub_pods.pods) == {f"{namespace}/a"}
    with pytest.raises(PodsForbiddenError, match="no right to watch pods there"):
        await hub_pods.know(other)
    await _grant(api, namespace, everywhere=True)
    await _until(hub_pods, other, "x")
    assert _told(lines, "one watch replaces the others") == 1
    (await api.delete(f"{_RBAC}/clusterrolebindings/{namespace}")).ok()
    await _may(hub, "/api/v1/pods", allowed=False)
    await _cut(hub_faulty)
    await _make(api, namespace, "b")
    await _until(hub_pods, namespace, "a", "b")
    assert _told(lines, "may not watch pods in all namespaces, so it watches those of its") == 2


async def test_right_that_is_missing_is_noticed_when_it_comes(
    api: KubernetesApi,
    hub: KubernetesApi,
    hub_pods: PodWatch,
    namespace: str,
) -> None:
    """Nobody has to start the hub again."""
    await _make(api, namespace, "a")
    with pytest.raises(PodsForbiddenError):
        await hub_pods.know(namespace)
    await _grant(api, namespace)
    await _may(hub, f"/api/v1/namespaces/{namespace}/pods", allowed=True)
    await _until(hub_pods, namespace, "a")

    async def may_watch() -> bool:
        # The list is answered a moment before the watch is.
        with contextlib.suppress(PodsForbiddenError):
            await hub_pods.know(namespace)
            return True
        return False

    await eventually(may_watch)


def _event(namespace: str, name: str, about: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": about},
        "reason": "Pulling",
        "message": "…",
        "type": "Normal",
    }


async def test_events_are_watched_while_something_starts(
    api: KubernetesApi, faulty: FaultyApi, namespace: str, tmp_path: Path
) -> None:
    """Those of the starting pod, from the start on and also after a cut; nothing is open before or after."""
    path = f"/api/v1/namespaces/{namespace}/events"
    (await api.post(path, _event(namespace, "old", "mine"))).ok()
    async with watch_client(faulty.write_kubeconfig(tmp_path / "kubeconfig")) as client:
        events = EventWatch(client, namespace, "involvedObject.kind=Pod", LOG, linger_seconds=0)
        assert faulty.calls == []
        start = asyncio.get_running_loop().create_future()
        await events.begin("mine", start, patience=30)
        await events.begin("mine", start, patience=30)
        (await api.post(path, _event(namespace, "first", "mine"))).ok()
        (await api.post(path, _event(namespace, "strange", "another"))).ok()

        def named(*names: str) -> Any:
            async def are_these() -> bool:
                return set(events.resources) == {f"{namespace}/{name}" for name in names}

            return are_these

        await eventually(named("first"))
        faulty.add(_expired("watch", "events", ""))
        await _cut(faulty)
        (await api.post(path, _event(namespace, "second", "mine"))).ok()
        await eventually(named("first", "second"))
        start.set_result(None)

        async def is_over() -> bool:
            return count_open(faulty) == 0 and not events.resources

        await eventually(is_over)
        await events.stop()
