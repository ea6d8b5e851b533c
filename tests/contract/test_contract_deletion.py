"""Deletion: with grace, preconditions and finalizers, and of what belongs to what is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, config_map, on_node, pod

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
PODS_GO_FIRST = 33
"""The minor version since which a namespace loses its pods before anything else."""
_GROUP = "rbac.authorization.k8s.io"


async def _scheduled(api: KubernetesApi, namespace: str, node: str, **spec: Any) -> str:
    """Make a pod on a node; give its address."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, on_node("p", node, **spec))).ok()
    await api.until(f"{path}/p", lambda found: found is not None and "nodeName" in found["spec"])
    return f"{path}/p"


def _owner(kind: str, body: Json, **more: Any) -> Json:
    metadata = body["metadata"]
    return {"apiVersion": "v1", "kind": kind, "name": metadata["name"], "uid": metadata["uid"], **more}


async def test_delete_answers_with_a_status(api: KubernetesApi, namespace: str) -> None:
    """Most kinds are gone at once, and the answer says what went."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = (await api.post(path, config_map("a"))).ok()["metadata"]["uid"]
    answer = await api.delete(f"{path}/a")
    assert answer.status == 200
    assert answer.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": uid},
    }
    assert (await api.delete(f"{path}/a")).refusal == (404, "NotFound", 'configmaps "a" not found')


async def test_delete_pod_without_node_is_immediate(api: KubernetesApi, namespace: str) -> None:
    """Nothing runs of a pod that has no node: it needs no grace."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="nobody"))).ok()
    answer = await api.delete(f"{path}/p")
    assert (answer.status, answer.body["kind"]) == (200, "Pod")
    assert (await api.get(f"{path}/p")).status == 404


async def test_delete_pod_on_node_waits_for_the_node(api: KubernetesApi, namespace: str, node: str) -> None:
    """A pod on a node is marked, and goes when the node confirms."""
    path = await _scheduled(api, namespace, node, terminationGracePeriodSeconds=7)
    marked = (await api.delete(path)).ok()["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 7
    assert "deletionTimestamp" in marked
    assert (await api.get(path)).ok()["metadata"]["deletionTimestamp"] == marked["deletionTimestamp"]
    (await api.delete(path, {"gracePeriodSeconds": 0})).ok()
    assert (await api.get(path)).status == 404


async def test_delete_pod_again_can_only_shorten(api: KubernetesApi, namespace: str, node: str) -> None:
    """A second deletion may be in more of a hurry, never in less."""
    path = await _scheduled(api, namespace, node)
    seconds = []
    for grace in (20, 5, 60):
        body = (await api.delete(path, {"gracePeriodSeconds": grace})).ok()
        seconds.append(body["metadata"]["deletionGracePeriodSeconds"])
    assert seconds == [20, 5, 5]
    (await api.delete(path, gracePeriodSeconds=0)).ok()


async def test_delete_finished_pod_is_immediate(api: KubernetesApi, namespace: str, node: str) -> None:
    """A pod that has ended needs no grace, either."""
    path = await _scheduled(api, namespace, node)
    (await api.patch(f"{path}/status", {"status": {"phase": "Succeeded"}})).ok()
    (await api.delete(path)).ok()
    assert (await api.get(path)).status == 404


async def test_delete_other_uid_is_a_conflict(api: KubernetesApi, namespace: str) -> None:
    """A deletion that is meant for an earlier object does not hit its successor."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = (await api.post(path, config_map("a"))).ok()["metadata"]
    answer = await api.delete(f"{path}/a", {"preconditions": {"uid": "other"}})
    sentence = (
        'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does not'
        f" match the UID in record ({made['uid']}). The object might have been deleted and then recreated"
    )
    assert answer.refusal == (409, "Conflict", sentence)
    answer = await api.delete(f"{path}/a", {"preconditions": {"resourceVersion": "1"}})
    sentence = (
        'Operation cannot be fulfilled on ConfigMap "a": the ResourceVersion in the precondition (1) does'
        " not match the"
        f" ResourceVersion in record ({made['resourceVersion']}). The object might have been modified"
    )
    assert answer.refusal == (409, "Conflict", sentence)
    wanted = {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}
    (await api.delete(f"{path}/a", {"preconditions": wanted})).ok()


async def test_delete_wrong_policy_is_invalid(api: KubernetesApi, namespace: str) -> None:
    """Options that do not exist are refused."""
    answer = await api.delete(
        f"/api/v1/namespaces/{namespace}/configmaps/a", {"propagationPolicy": "Sometimes"}
    )
    why = 'Unsupported value: "Sometimes": supported values: "Foreground", "Background", "Orphan", "nil"'
    told = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {why}'
    assert answer.refusal == (422, "Invalid", told)


async def test_delete_dry_run_deletes_nothing(api: KubernetesApi, namespace: str) -> None:
    """`dryRun` answers as if."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    (await api.delete(f"{path}/a", dryRun="All")).ok()
    assert (await api.get(f"{path}/a")).status == 200


async def test_delete_with_finalizer_waits_for_it(api: KubernetesApi, namespace: str) -> None:
    """An object with a finalizer stays, marked, until the last one is taken off."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a", finalizers=["example.org/x"]))).ok()
    answer = await api.delete(f"{path}/a")
    marked = (await api.get(f"{path}/a")).ok()
    assert answer.body["kind"] == "ConfigMap"
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    refused = await api.patch(f"{path}/a", {"metadata": {"finalizers": ["example.org/x", "example.org/y"]}})
    why = "no new finalizers can be added if the object is being deleted, found new finalizers"
    told = f'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: {why} []string{{"example.org/y"}}'
    assert refused.refusal == (422, "Invalid", told)
    (await api.patch(f"{path}/a", {"metadata": {"finalizers": None}})).ok()
    assert (await api.get(f"{path}/a")).status == 404


async def test_delete_collection_takes_what_is_selected(api: KubernetesApi, namespace: str) -> None:
    """A collection is deleted by its selectors."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "1"}), ("c", {})):
        (await api.post(path, {"metadata": {"name": name, "labels": labels}})).ok()
    answer = (await api.delete(path, labelSelector="x=1")).ok()
    assert answer["kind"] == "SecretList"
    assert [item["metadata"]["name"] for item in (await api.get(path)).ok()["items"]] == ["c"]


async def test_delete_owner_takes_its_dependents(api: KubernetesApi, namespace: str) -> None:
    """What an object owns goes after it; what has another owner left stays."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    one = (await api.post(path, config_map("one"))).ok()
    two = (await api.post(path, config_map("two"))).ok()
    owners = [_owner("ConfigMap", one)]
    (await api.post(path, config_map("only", ownerReferences=owners))).ok()
    (await api.post(path, config_map("both", ownerReferences=[*owners, _owner("ConfigMap", two)]))).ok()
    (await api.delete(f"{path}/one")).ok()
    await api.until_gone(f"{path}/only")
    assert (await api.get(f"{path}/both")).status == 200


async def test_delete_owner_by_orphan_policy_keeps_its_dependents(api: KubernetesApi, namespace: str) -> None:
    """With `Orphan` the dependents lose their owner, and nothing else."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    one = (await api.post(path, config_map("one"))).ok()
    (await api.post(path, config_map("child", ownerReferences=[_owner("ConfigMap", one)]))).ok()
    (await api.delete(f"{path}/one", {"propagationPolicy": "Orphan"})).ok()
    await api.until_gone(f"{path}/one")
    assert "ownerReferences" not in (await api.get(f"{path}/child")).ok()["metadata"]


async def test_delete_owner_in_foreground_goes_last(api: KubernetesApi, namespace: str) -> None:
    """With `Foreground` the owner waits until its dependents are gone."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    one = (await api.post(path, config_map("one"))).ok()
    owners = [_owner("ConfigMap", one, blockOwnerDeletion=True)]
    (await api.post(path, config_map("child", ownerReferences=owners, finalizers=["example.org/x"]))).ok()
    marked = (await api.delete(f"{path}/one", {"propagationPolicy": "Foreground"})).ok()
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    await api.until(
        f"{path}/child", lambda found: found is not None and "deletionTimestamp" in found["metadata"]
    )
    assert (await api.get(f"{path}/one")).status == 200
    (await api.patch(f"{path}/child", {"metadata": {"finalizers": None}})).ok()
    await api.until_gone(f"{path}/one")


async def test_create_with_absent_owner_is_collected(api: KubernetesApi, namespace: str) -> None:
    """An owner that is not there, or another with its name, owns nothing."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    one = (await api.post(path, config_map("one"))).ok()
    owners = [_owner("ConfigMap", one) | {"uid": "00000000-0000-0000-0000-000000000000"}]
    (await api.post(path, config_map("child", ownerReferences=owners))).ok()
    await api.until_gone(f"{path}/child")


async def test_delete_namespace_takes_everything_along(
    api: KubernetesApi, namespace: str, node: str, minor: int
) -> None:
    """A namespace is Terminating while it is emptied, pods first; it takes nothing new, and is then gone."""
    base = f"/api/v1/namespaces/{namespace}"
    (await api.post(f"{base}/configmaps", config_map("a"))).ok()
    # A real cluster looks again after half of the longest grace of the pods: the least is a second.
    (await api.post(f"{base}/pods", pod(schedulerName="nobody", terminationGracePeriodSeconds=1))).ok()
    (await api.post(f"{base}/pods", pod("runs", nodeName=node, terminationGracePeriodSeconds=1))).ok()
    marked = (await api.delete(base)).ok()
    assert (marked["kind"], marked["status"]["phase"]) == ("Namespace", "Terminating")
    refused = await api.post(f"{base}/configmaps", config_map("b"))
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    assert refused.refusal == (403, "Forbidden", f'configmaps "b" is forbidden: {why}')
    assert refused.causes == [("metadata.namespace", "NamespaceTerminating")]
    await api.until(f"{base}/pods/runs", lambda found: "deletionTimestamp" in (found or {})["metadata"])
    await api.until_gone(f"{base}/pods/p")
    if minor >= PODS_GO_FIRST:
        (await api.get(f"{base}/configmaps/a")).ok()
    assert (await api.get(base)).ok()["status"]["phase"] == "Terminating"
    (await api.delete(f"{base}/pods/runs", {"gracePeriodSeconds": 0})).ok()
    await api.until_gone(base)


async def test_delete_default_namespace_is_forbidden(api: KubernetesApi) -> None:
    """Some namespaces stay."""
    answer = await api.delete("/api/v1/namespaces/default")
    sentence = 'namespaces "default" is forbidden: this namespace may not be deleted'
    assert answer.refusal == (403, "Forbidden", sentence)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/api/v1/namespaces/{}/persistentvolumeclaims", "PersistentVolumeClaim", id="claim"),
        pytest.param("/api/v1/namespaces/{}/serviceaccounts", "ServiceAccount", id="service account"),
        pytest.param("/api/v1/namespaces/{}/secrets", "Status", id="secret"),
        pytest.param(f"/apis/{_GROUP}/v1/namespaces/{{}}/roles", "Status", id="role"),
    ],
)
async def test_delete_answer_kind_is_as_ever(
    api: KubernetesApi, namespace: str, path: str, kind: str
) -> None:
    """Some kinds answer with the object that went, others with a Status: readers count on it."""
    collection = path.format(namespace)
    body = claim("x") if kind == "PersistentVolumeClaim" else {"metadata": {"name": "x"}}
    (await api.post(collection, body)).ok()
    assert (await api.delete(f"{collection}/x")).ok()["kind"] == kind
