"""The client library that KubeSpawner uses gets on with every backend: types, watches, refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from kubernetes_asyncio import client, config, watch

from tests.support.manifests import claim, on_node, pod, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


@pytest_asyncio.fixture
async def core(backend: Backend) -> AsyncIterator[Any]:
    """Give kubernetes_asyncio's CoreV1Api for the admin."""
    made = await config.new_client_from_config(config_file=str(backend.kubeconfig()))
    async with made as api_client:
        yield client.CoreV1Api(api_client)


async def test_client_reads_what_it_wrote(core: Any, namespace: str) -> None:
    """Objects pass the library's own validation of answers, in both directions."""
    spec = client.V1PodSpec(containers=[client.V1Container(name="a", image="x:1", args=["--a"])])
    body = client.V1Pod(metadata=client.V1ObjectMeta(name="p", labels={"a": "b"}), spec=spec)
    made = await core.create_namespaced_pod(namespace, body)
    found = await core.read_namespaced_pod("p", namespace)
    assert found.spec.containers[0].args == ["--a"]
    assert found.metadata.uid == made.metadata.uid
    assert found.metadata.creation_timestamp.tzinfo is not None
    listed = await core.list_namespaced_pod(namespace, label_selector="a=b")
    assert [item.metadata.name for item in listed.items] == ["p"]
    gone = await core.delete_namespaced_pod("p", namespace, grace_period_seconds=0)
    assert gone.metadata.name == "p"


async def test_client_refusal_is_an_api_exception(core: Any, namespace: str) -> None:
    """The library raises with status and body, as KubeSpawner looks at them."""
    with pytest.raises(client.ApiException) as caught:
        await core.read_namespaced_pod("absent", namespace)
    assert caught.value.status == 404
    assert json.loads(caught.value.body or "")["reason"] == "NotFound"
    await core.create_namespaced_persistent_volume_claim(namespace, claim())
    with pytest.raises(client.ApiException) as caught:
        await core.create_namespaced_persistent_volume_claim(namespace, claim())
    assert caught.value.status == 409


async def test_client_reads_running_pod_status(
    core: Any, api: KubernetesApi, namespace: str, node: str
) -> None:
    """A status as a kubelet writes it passes the library's validation."""
    path = f"/api/v1/namespaces/{namespace}/pods/p"
    made = (await api.post(path.removesuffix("/p"), on_node("p", node))).ok()
    await api.until(path, lambda found: "nodeName" in (found or {})["spec"])
    (await api.patch(f"{path}/status", {"status": running(made)}, "strategic-merge")).ok()
    found = await core.read_namespaced_pod("p", namespace)
    assert found.status.container_statuses[0].ready is True
    assert found.status.pod_ip == "127.1.2.3"


async def test_client_watch_begins_and_ends(core: Any, namespace: str) -> None:
    """The library's watch sees what is there and what comes, and ends with its time."""
    await core.create_namespaced_pod(namespace, pod("one", schedulerName="nobody"))
    seen = []
    async with watch.Watch() as watching:
        async for event in watching.stream(core.list_namespaced_pod, namespace, timeout_seconds=2):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 1:
                await core.create_namespaced_pod(namespace, pod("two", schedulerName="nobody"))
    assert seen == [("ADDED", "one"), ("ADDED", "two")]


async def test_client_raw_list_is_kubespawner_s(core: Any, namespace: str) -> None:
    """KubeSpawner reads lists as raw JSON: what it indexes is there on every item."""
    await core.create_namespaced_pod(namespace, pod(schedulerName="nobody"))
    answer = await core.list_namespaced_pod(namespace, _preload_content=False)
    body: Json = json.loads(await answer.read())
    assert body["metadata"]["resourceVersion"]
    for item in body["items"]:
        assert {"name", "namespace", "resourceVersion", "uid"} <= set(item["metadata"])


async def test_client_patch_kinds_are_told_apart(core: Any, namespace: str) -> None:
    """A list goes as a JSON patch, an object as a strategic merge patch: the library's own choice."""
    await core.create_namespaced_pod(namespace, pod(schedulerName="nobody"))
    added = await core.patch_namespaced_pod(
        "p", namespace, [{"op": "add", "path": "/metadata/labels", "value": {"a": "1"}}]
    )
    assert added.metadata.labels == {"a": "1"}
    merged = await core.patch_namespaced_pod("p", namespace, {"metadata": {"labels": {"b": "2"}}})
    assert merged.metadata.labels == {"a": "1", "b": "2"}


async def test_client_lists_events_of_both_groups(core: Any, namespace: str, node: str) -> None:
    """Events pass the library's validation, whoever wrote them."""
    await core.create_namespaced_pod(namespace, on_node("p", node))
    async with watch.Watch() as watching:
        async for event in watching.stream(core.list_namespaced_event, namespace, timeout_seconds=20):
            assert event["object"].involved_object.name == "p"
            break
    events = client.EventsV1Api(core.api_client)
    listed = await events.list_namespaced_event(namespace)
    assert listed.items[0].regarding.name == "p"


async def test_client_version_and_groups(core: Any) -> None:
    """The API says which version's words it speaks, and which groups it has."""
    found = await client.VersionApi(core.api_client).get_code()
    assert found.major == "1"
    groups = await client.ApisApi(core.api_client).get_api_versions()
    names = {group.name for group in groups.groups}
    assert {"events.k8s.io", "storage.k8s.io", "coordination.k8s.io", "rbac.authorization.k8s.io"} <= names
    resources = await core.get_api_resources()
    verbs = {item.name: set(item.verbs) for item in resources.resources}
    assert {"create", "delete", "get", "list", "patch", "update", "watch"} <= verbs["pods"]
    assert "pods/status" in verbs
