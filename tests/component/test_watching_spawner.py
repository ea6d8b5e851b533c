"""KubeSpawner on our watches: it starts, polls and stops as before, and says what it cannot see."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from jupyterhub import orm
from jupyterhub.objects import Hub, Server
from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import kube_config
from kubespawner.clients import load_config, shared_client
from kubespawner.spawner import KubeSpawner
from traitlets.config import Config

from jupyterhub_knada.servers.telling import TellingKubeSpawner
from jupyterhub_knada.servers.watched_fields import kept_of_pod
from jupyterhub_knada.servers.watching import PodsUnseenError, WatchingKubeSpawner
from tests.support.backends import EMBEDDED, Backend, running
from tests.support.fake_node import fake_node
from tests.support.faulty_api import Fault, FaultyApi
from tests.support.hub_watches import LOG, count_calls, count_open
from tests.support.spawners import Group, User
from tests.support.team_files import SEED
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.support.kubernetes_api import KubernetesApi
    from tests.support.spawners import Spawners

_SECONDS = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[Backend]:
    """Give an embedded cluster."""
    with running(EMBEDDED) as found:
        yield found


@pytest.fixture
async def api(cluster: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the admin's plain client."""
    async with cluster.api() as found:
        yield found


@pytest.fixture
async def node(api: KubernetesApi) -> AsyncIterator[asyncio.Event]:
    """Give what has a node appear when it is set; it is gone afterwards."""
    wanted = asyncio.Event()

    async def play() -> None:
        await wanted.wait()
        async with fake_node(api):
            await asyncio.Event().wait()

    playing = asyncio.create_task(play())
    yield wanted
    playing.cancel()
    await asyncio.wait([playing])
    await api.delete("/api/v1/nodes/fake")


@pytest.fixture
async def faulty(cluster: Backend) -> AsyncIterator[FaultyApi]:
    """Give a proxy in front of it."""
    async with FaultyApi(cluster.kubeconfig()) as found:
        yield found


@pytest.fixture
async def make(
    cluster: Backend, faulty: FaultyApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Any]]:
    """Give what makes the spawner of a person, an admin's or that of an identity; watches are ended."""

    def spawner(name: str = "fake", identity: str = "") -> Any:
        file = cluster.folder / f"{identity}.kubeconfig"
        kubeconfig = file if identity else faulty.write_kubeconfig(tmp_path / "kubeconfig")
        # The client library reads KUBECONFIG when it is imported, once and for all.
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
        load_config.cache_clear()
        user = MagicMock()
        user.name = user.escaped_name = name
        user.id, user.url, user.last_activity = 1, f"/user/{name}/", None
        settings = {"namespace": "default", "cmd": ["jupyterhub-singleuser"], "start_timeout": _SECONDS}
        made: Any = TellingKubeSpawner(  # type: ignore[no-untyped-call] # upstream has no annotations
            config=Config(KubeSpawner=settings),
            user=user,
            hub=Hub(ip="127.0.0.1"),
            orm_spawner=orm.Spawner(name=""),
        )
        made.server, made.api_token, made.oauth_client_id, made.handler = Server(), "token", "client", None
        return made

    yield spawner
    await WatchingKubeSpawner.stop_watching()
    client: Any = shared_client("CoreV1Api")  # type: ignore[no-untyped-call] # upstream has no annotations
    await client.api_client.close()
    load_config.cache_clear()
    Configuration.set_default(None)


async def test_server_starts_and_stops_by_one_list(
    node: asyncio.Event, faulty: FaultyApi, make: Callable[..., Any]
) -> None:
    """Two people's servers: one list, one watch of pods, and none of events when both have started."""
    spawners = [make("ada"), make("bob")]
    node.set()
    async with asyncio.timeout(_SECONDS):
        for spawner in spawners:
            assert await spawner.start() == "http://127.1.2.3:8888"
            assert await spawner.poll() is None
        assert set(spawners[0].pod_reflector.pods) >= {f"default/{spawner.pod_name}" for spawner in spawners}
        for spawner in spawners:
            await spawner.stop()
            assert await spawner.poll() == 1
    assert count_calls(faulty, "list") == 1


async def test_server_starts_after_all_reflectors_were_stopped(
    node: asyncio.Event, faulty: FaultyApi, make: Callable[..., Any]
) -> None:
    """What ends a hub's watches in KubeSpawner's own fixtures leaves nothing that looks like one."""
    node.set()
    async with asyncio.timeout(_SECONDS):
        first = make("dora")
        await first.start()
        await type(first)._stop_all_reflectors()
        assert first.reflectors == {}
        assert count_open(faulty) == 0
        second = make("emil")
        assert await second.start() == "http://127.1.2.3:8888"
        assert await first.poll() is None
        for spawner in (first, second):
            await spawner.stop()
    assert count_calls(faulty, "list") == 2


async def test_start_tells_the_events_of_its_pod_until_it_is_over(
    api: KubernetesApi,
    node: asyncio.Event,
    faulty: FaultyApi,
    make: Callable[..., Any],
) -> None:
    """What becomes of the pod is told; nothing of an earlier one."""
    spawner = make("cleo")
    path = "/api/v1/namespaces/default/events"
    about = {"kind": "Pod", "namespace": "default", "name": spawner.pod_name}
    event = {"involvedObject": about, "type": "Normal", "reason": "Pulling", "message": 'image "a:1"'}
    (await api.post(path, {"metadata": {"name": "earlier", "namespace": "default"}, **event})).ok()
    starting = spawner.start()
    pod = f"/api/v1/namespaces/default/pods/{spawner.pod_name}"
    await api.until(pod, lambda found: found is not None)
    told = asyncio.create_task(_all(spawner.progress()))
    later = {"metadata": {"name": "later", "namespace": "default"}, **event, "message": 'image "b:2"'}
    (await api.post(path, later)).ok()

    async def is_known() -> bool:
        return len(spawner.events) > 0

    await eventually(is_known)
    assert count_calls(faulty, "watch", "events") == 1
    node.set()
    async with asyncio.timeout(_SECONDS):
        await starting
    messages = [step["message"] for step in await told]
    assert any("Fetching the image b:2" in message for message in messages)
    assert not any("a:1" in message for message in messages)


async def _all(steps: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [step async for step in steps]


async def test_server_that_cannot_be_seen_runs_as_far_as_known(make: Callable[..., Any]) -> None:
    """JupyterHub would take an error for a server that has ended, and delete it."""
    spawner = make(identity="nobody")
    assert await spawner.poll() is None
    with pytest.raises(PodsUnseenError) as refused:
        await spawner.start()
    assert refused.value.jupyterhub_message == (
        "The hub cannot see servers in namespace default: the hub has no right to watch pods there. "
        "Report this to whoever runs this hub."
    )


async def test_right_that_is_lost_ends_starts_and_no_servers(
    api: KubernetesApi, faulty: FaultyApi, make: Callable[..., Any]
) -> None:
    """A start is refused before anything is made for it; a server that is not seen any more still runs."""
    spawner = make("eve")
    assert await spawner.poll() == 1

    async def is_open() -> bool:
        return count_open(faulty) > 0

    await eventually(is_open)
    for verb in ("list", "watch"):
        faulty.add(Fault(verb, "pods", "", times=99, status=403, message="pods is forbidden"))
    faulty.cut_watches()

    async def is_not_seen() -> bool:
        return await spawner.poll() is None

    await eventually(is_not_seen)
    with pytest.raises(PodsUnseenError, match="no right to watch pods there"):
        await spawner.start()
    found = await api.get(f"/api/v1/namespaces/default/pods/{spawner.pod_name}")
    assert found.status == 404


async def test_poll_before_the_cluster_answers_waits(faulty: FaultyApi, make: Callable[..., Any]) -> None:
    """A hub that starts while the API server does takes no server for gone."""
    down = faulty.add(Fault("list", "pods", "", times=3, status=503, message="starting"))
    assert await make().poll() == 1
    assert down.seen == 3


async def test_start_goes_on_where_events_cannot_be_read(
    node: asyncio.Event, faulty: FaultyApi, make: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """There is less to tell; the server starts."""
    faulty.add(Fault("list", "events", "", times=99, status=403, message="events is forbidden"))
    spawner = make("dan")
    spawner.log = LOG
    node.set()
    async with asyncio.timeout(_SECONDS):
        assert await spawner.start() == "http://127.1.2.3:8888"
        await spawner.stop()
    assert "may not watch events in namespace default; it tries until it may" in caplog.text


async def test_watches_that_were_stopped_are_opened_by_who_needs_them(
    faulty: FaultyApi, make: Callable[..., Any]
) -> None:
    """Stopping leaves nothing open, and nothing that stands in the way."""
    spawner = make()
    assert await spawner.poll() == 1
    await spawner.stop_watching()

    async def is_closed() -> bool:
        return count_open(faulty) == 0

    await eventually(is_closed)
    assert not [task for task in asyncio.all_tasks() if "watch" in task.get_name()]
    assert await spawner.poll() == 1
    assert count_calls(faulty, "list") == 2


def test_reflectors_are_found_where_ours_are_put() -> None:
    """`pod_reflector` and `event_reflector` look into `reflectors`, by kind and namespace; ours is apart."""
    assert WatchingKubeSpawner.reflectors is not KubeSpawner.reflectors
    for name in ("pod_reflector", "event_reflector"):
        source = inspect.getsource(getattr(KubeSpawner, name).fget)
        assert "self.__class__.reflectors.get(key, None)" in source
    assert "return (kind, self.namespace)" in inspect.getsource(KubeSpawner._get_reflector_key)


async def test_labels_that_the_hub_sets_are_seen_however_many_a_team_adds(spawners: Spawners) -> None:
    """Upstream's and ours, none of which a team can push out of what is kept of a pod."""
    added = {f"a{number:03}": "x" for number in range(100)}
    spawners.write(None, alfa=f"{SEED}labels: {json.dumps(added)}\n")
    pod, _ = await spawners.start(spawners.make(User(groups=[Group("alfa")])), {})
    labels = dict(sorted(pod["metadata"]["labels"].items()))
    pod["metadata"] = {"name": "p", "namespace": "n", "labels": labels}
    assert added.keys() < labels.keys()
    assert kept_of_pod(pod)["metadata"]["labels"].keys() >= labels.keys() - added.keys()
