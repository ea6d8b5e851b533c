"""Events: one object, two API groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.manifests import pod

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


def _old(namespace: str, name: str = "e", **fields: Any) -> Json:
    involved = {
        "kind": "Pod",
        "namespace": namespace,
        "name": "p",
        "uid": "u-1",
        "fieldPath": "spec.containers{a}",
    }
    return {
        "metadata": {"name": name},
        "involvedObject": involved,
        "reason": "Pulling",
        "message": 'Pulling image "x"',
        "type": "Normal",
        "source": {"component": "kubelet", "host": "n"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
        **fields,
    }


async def test_old_event_is_seen_in_the_new_group(api: KubernetesApi, namespace: str) -> None:
    """An event of `v1` is shown by `events.k8s.io/v1` under the new names."""
    made = (await api.post(f"/api/v1/namespaces/{namespace}/events", _old(namespace))).ok()
    assert made["eventTime"] is None
    assert made["reportingInstance"] == ""
    found = (await api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e")).ok()
    assert (found["apiVersion"], found["kind"]) == ("events.k8s.io/v1", "Event")
    assert found["regarding"] == made["involvedObject"]
    assert found["note"] == 'Pulling image "x"'
    assert found["deprecatedCount"] == 1
    assert found["deprecatedSource"] == {"component": "kubelet", "host": "n"}
    assert found["metadata"]["uid"] == made["metadata"]["uid"]


async def test_new_event_is_seen_in_the_old_group(api: KubernetesApi, namespace: str) -> None:
    """An event of `events.k8s.io/v1` is shown by `v1` under the old names."""
    body = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "namespace": namespace, "name": "p"},
        "reason": "Waiting",
        "note": "for the moon",
        "type": "Normal",
        "action": "Wait",
        "eventTime": "2026-01-01T00:00:00.123456Z",
        "reportingController": "example.org/waiter",
        "reportingInstance": "waiter-1",
    }
    (await api.post(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", body)).ok()
    found = (await api.get(f"/api/v1/namespaces/{namespace}/events/e")).ok()
    assert found["message"] == "for the moon"
    assert found["involvedObject"]["name"] == "p"
    assert found["eventTime"] == "2026-01-01T00:00:00.123456Z"
    assert (found["firstTimestamp"], found["lastTimestamp"]) == (None, None)
    assert found["reportingComponent"] == "example.org/waiter"
    assert found["source"] == {}


async def test_event_selectors_of_both_groups(api: KubernetesApi, namespace: str) -> None:
    """Events are selected by what they are about, in each group by its own names."""
    path = f"/api/v1/namespaces/{namespace}/events"
    (await api.post(path, _old(namespace))).ok()
    (await api.post(path, _old(namespace, "f", reason="Failed", type="Warning"))).ok()
    old = "involvedObject.kind=Pod,involvedObject.name=p,type=Warning"
    assert [e["metadata"]["name"] for e in (await api.get(path, fieldSelector=old)).ok()["items"]] == ["f"]
    new = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    selector = "regarding.name=p,reason=Pulling"
    assert [e["metadata"]["name"] for e in (await api.get(new, fieldSelector=selector)).ok()["items"]] == [
        "e"
    ]
    answer = await api.get(new, fieldSelector="involvedObject.name=p")
    assert (answer.status, answer.message.endswith("field label not supported: involvedObject.name")) == (
        400,
        True,
    )
    assert len((await api.get(path, fieldSelector="source=kubelet")).ok()["items"]) == 2


async def test_event_watch_of_the_new_group_sees_old_events(api: KubernetesApi, namespace: str) -> None:
    """A watch shows events in its own group's form, whoever wrote them."""
    new = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    revision = (await api.get(new)).ok()["metadata"]["resourceVersion"]
    (await api.post(f"/api/v1/namespaces/{namespace}/events", _old(namespace))).ok()
    async with api.watch(new, resourceVersion=revision, timeoutSeconds=10) as watching:
        event = await watching.next()
    assert event is not None
    assert event["object"]["apiVersion"] == "events.k8s.io/v1"
    assert event["object"]["note"] == 'Pulling image "x"'


async def test_event_count_is_patched(api: KubernetesApi, namespace: str) -> None:
    """A component that repeats itself counts."""
    path = f"/api/v1/namespaces/{namespace}/events"
    (await api.post(path, _old(namespace))).ok()
    patch = {"count": 2, "lastTimestamp": "2026-01-01T00:01:00Z"}
    found = (await api.patch(f"{path}/e", patch, "strategic-merge")).ok()
    assert (found["count"], found["firstTimestamp"]) == (2, "2026-01-01T00:00:00Z")


async def test_event_about_another_namespace_is_invalid(api: KubernetesApi, namespace: str) -> None:
    """An event lies where the object lies that it is about."""
    body = _old("elsewhere")
    answer = await api.post(f"/api/v1/namespaces/{namespace}/events", body)
    why = 'Invalid value: "elsewhere": does not match event.namespace'
    assert answer.refusal == (422, "Invalid", f'Event "e" is invalid: involvedObject.namespace: {why}')


async def test_event_names_are_generated(api: KubernetesApi, namespace: str) -> None:
    """Events are made without a name of their own."""
    body = _old(namespace)
    body["metadata"] = {"generateName": "p."}
    made = (await api.post(f"/api/v1/namespaces/{namespace}/events", body)).ok()
    assert made["metadata"]["name"].startswith("p.")


async def test_pod_of_event_need_not_exist(api: KubernetesApi, namespace: str) -> None:
    """Events outlive what they are about."""
    (await api.post(f"/api/v1/namespaces/{namespace}/pods", pod(schedulerName="nobody"))).ok()
    (await api.post(f"/api/v1/namespaces/{namespace}/events", _old(namespace))).ok()
    (await api.delete(f"/api/v1/namespaces/{namespace}/pods/p")).ok()
    assert (await api.get(f"/api/v1/namespaces/{namespace}/events/e")).status == 200
