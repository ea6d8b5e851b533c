"""Patches of all three kinds do what a real API server does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.manifests import config_map, pod

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


async def test_patch_of_another_uid_is_invalid(api: KubernetesApi, namespace: str) -> None:
    """A status patch with the uid of an earlier pod is refused with 422, not 409."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod())).ok()
    body = {"metadata": {"uid": "other"}, "status": {"phase": "Running"}}
    answer = await api.patch(f"{path}/p/status", body, "strategic-merge")
    assert answer.refusal == (
        422,
        "Invalid",
        'Pod "p" is invalid: metadata.uid: Invalid value: "other": field is immutable',
    )


async def test_patch_merge_null_removes(api: KubernetesApi, namespace: str) -> None:
    """A merge patch sets, removes by null, and leaves the rest."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a", labels={"a": "1", "b": "1"}))).ok()
    patched = (await api.patch(f"{path}/a", {"metadata": {"labels": {"a": None, "c": "1"}}})).ok()
    assert patched["metadata"]["labels"] == {"b": "1", "c": "1"}
    assert patched["data"] == {"key": "value"}


async def test_patch_strategic_merges_lists_by_key(api: KubernetesApi, namespace: str) -> None:
    """A strategic merge patch knows that conditions are told apart by their type."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod())).ok()
    patched: Json = {}
    for kind, status in (("Ready", "False"), ("Initialized", "True"), ("Ready", "True")):
        condition = {"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}
        body = {"status": {"conditions": [condition]}}
        patched = (await api.patch(f"{path}/p/status", body, "strategic-merge")).ok()
    found = {item["type"]: item["status"] for item in patched["status"]["conditions"]}
    assert found | {"PodScheduled": ""} == {"Ready": "True", "Initialized": "True", "PodScheduled": ""}


async def test_patch_strategic_delete_directive_removes_item(api: KubernetesApi, namespace: str) -> None:
    """`$patch: delete` takes an item out of a keyed list; plain values are taken out by name."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    body = {"metadata": {"name": "a"}, "secrets": [{"name": "x"}, {"name": "y"}]}
    (await api.post(path, body)).ok()
    patch = {"secrets": [{"name": "x", "$patch": "delete"}, {"name": "z"}]}
    patched = (await api.patch(f"{path}/a", patch, "strategic-merge")).ok()
    assert sorted(item["name"] for item in patched["secrets"]) == ["y", "z"]
    finalizers = {"metadata": {"finalizers": ["example.org/a", "example.org/b"]}}
    (await api.patch(f"{path}/a", finalizers, "strategic-merge")).ok()
    drop = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.org/a"]}}
    patched = (await api.patch(f"{path}/a", drop, "strategic-merge")).ok()
    assert patched["metadata"]["finalizers"] == ["example.org/b"]
    (await api.patch(f"{path}/a", {"metadata": {"finalizers": None}})).ok()


async def test_patch_merge_replaces_lists(api: KubernetesApi, namespace: str) -> None:
    """A merge patch replaces lists as a whole."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    (await api.post(path, {"metadata": {"name": "a"}, "imagePullSecrets": [{"name": "x"}]})).ok()
    patched = (await api.patch(f"{path}/a", {"imagePullSecrets": [{"name": "y"}]})).ok()
    assert patched["imagePullSecrets"] == [{"name": "y"}]


async def test_patch_json_operations_in_order(api: KubernetesApi, namespace: str) -> None:
    """A JSON patch tests, adds, replaces and removes; one that does not fit changes nothing."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a", annotations={"x/y": "1"}))).ok()
    operations = [
        {"op": "test", "path": "/data/key", "value": "value"},
        {"op": "replace", "path": "/data/key", "value": "2"},
        {"op": "add", "path": "/data/new", "value": "3"},
        {"op": "remove", "path": "/metadata/annotations/x~1y"},
    ]
    patched = (await api.patch(f"{path}/a", operations, "json")).ok()
    assert patched["data"] == {"key": "2", "new": "3"}
    assert "annotations" not in patched["metadata"]
    for wrong in (
        {"op": "test", "path": "/data/key", "value": "other"},
        {"op": "remove", "path": "/data/absent"},
    ):
        answer = await api.patch(f"{path}/a", [{"op": "remove", "path": "/data/new"}, wrong], "json")
        assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert (await api.get(f"{path}/a")).body["data"] == {"key": "2", "new": "3"}
