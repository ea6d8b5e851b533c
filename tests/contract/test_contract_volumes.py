"""Claims and volumes find each other, and stay while they are used."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.manifests import claim, on_node, volume

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_VOLUMES = "/api/v1/persistentvolumes"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@pytest_asyncio.fixture
async def name(api: KubernetesApi) -> AsyncIterator[str]:
    """Give a name for a volume and a class of this test alone; both are deleted afterwards."""
    found = f"contract-{secrets.token_hex(4)}"
    yield found
    for path in (f"{_VOLUMES}/{found}", f"{_CLASSES}/{found}"):
        await api.delete(path)


def _is(phase: str) -> Any:
    return lambda found: (found or {}).get("status", {}).get("phase") == phase


async def test_claim_and_reserved_volume_are_bound(api: KubernetesApi, namespace: str, name: str) -> None:
    """A volume that names a claim is bound to it, and both say so."""
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(claims, claim())).ok()
    reserved = volume(name, claimRef={"namespace": namespace, "name": "c"}, capacity={"storage": "5Gi"})
    made = (await api.post(_VOLUMES, reserved)).ok()
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    bound = await api.until(f"{claims}/c", _is("Bound"))
    assert bound["spec"]["volumeName"] == name
    assert bound["status"]["capacity"] == {"storage": "5Gi"}
    assert bound["status"]["accessModes"] == ["ReadWriteOnce"]
    annotations = bound["metadata"]["annotations"]
    assert annotations["pv.kubernetes.io/bind-completed"] == "yes"
    taken = await api.until(f"{_VOLUMES}/{name}", _is("Bound"))
    assert taken["spec"]["claimRef"]["uid"] == bound["metadata"]["uid"]


async def test_claim_takes_a_volume_that_fits(api: KubernetesApi, namespace: str, name: str) -> None:
    """Without a reservation a claim takes a volume of its class, its modes and enough size."""
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(_VOLUMES, volume(name, storageClassName=name, capacity={"storage": "2Gi"}))).ok()
    await api.until(f"{_VOLUMES}/{name}", _is("Available"))
    (await api.post(claims, claim("large", "3Gi", storageClassName=name))).ok()
    (await api.post(claims, claim("fits", "1Gi", storageClassName=name))).ok()
    bound = await api.until(f"{claims}/fits", _is("Bound"))
    assert bound["spec"]["volumeName"] == name
    assert (await api.get(f"{claims}/large")).ok()["status"]["phase"] == "Pending"


async def test_volume_of_deleted_claim_is_released(api: KubernetesApi, namespace: str, name: str) -> None:
    """A volume whose claim is gone is kept, and given to nobody else."""
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(_VOLUMES, volume(name, storageClassName=name))).ok()
    (await api.post(claims, claim(storageClassName=name))).ok()
    await api.until(f"{claims}/c", _is("Bound"))
    (await api.delete(f"{claims}/c")).ok()
    await api.until_gone(f"{claims}/c")
    await api.until(f"{_VOLUMES}/{name}", _is("Released"))


async def test_claim_of_a_class_asks_its_provisioner(api: KubernetesApi, namespace: str, name: str) -> None:
    """A claim of a class is marked for the class' provisioner, which makes the volume."""
    (await api.post(_CLASSES, {"metadata": {"name": name}, "provisioner": "example.org/maker"})).ok()
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(claims, claim(storageClassName=name))).ok()
    key = "volume.kubernetes.io/storage-provisioner"
    await api.until(
        f"{claims}/c",
        lambda found: (found or {})["metadata"].get("annotations", {}).get(key) == "example.org/maker",
    )


async def test_claim_without_class_gets_the_default_one(
    api: KubernetesApi, namespace: str, name: str
) -> None:
    """A claim that names no class gets the default one; one that names none on purpose gets none."""
    annotation = {"storageclass.kubernetes.io/is-default-class": "true"}
    body = {"metadata": {"name": name, "annotations": annotation}, "provisioner": "example.org/maker"}
    made = (await api.post(_CLASSES, body)).ok()
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    wanted = claim("default")
    del wanted["spec"]["storageClassName"]
    assert (await api.post(claims, wanted)).ok()["spec"]["storageClassName"] == name
    assert (await api.post(claims, claim("none"))).ok()["spec"]["storageClassName"] == ""


async def test_claim_that_waits_for_its_pod_is_told_the_node(
    api: KubernetesApi, namespace: str, name: str, node: str
) -> None:
    """With WaitForFirstConsumer the scheduler chooses the node first, then the volume is made for it."""
    body = {"metadata": {"name": name}, "provisioner": "x.org/y", "volumeBindingMode": "WaitForFirstConsumer"}
    (await api.post(_CLASSES, body)).ok()
    base = f"/api/v1/namespaces/{namespace}"
    (await api.post(f"{base}/persistentvolumeclaims", claim(storageClassName=name))).ok()
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    (await api.post(f"{base}/pods", on_node("p", node, volumes=volumes))).ok()
    key = "volume.kubernetes.io/selected-node"
    await api.until(
        f"{base}/persistentvolumeclaims/c",
        lambda found: (found or {})["metadata"].get("annotations", {}).get(key) == node,
    )
    reserved = volume(name, storageClassName=name, claimRef={"namespace": namespace, "name": "c"})
    (await api.post(_VOLUMES, reserved)).ok()
    await api.until(f"{base}/pods/p", lambda found: (found or {})["spec"].get("nodeName") == node)


async def test_claim_in_use_outlives_its_deletion(
    api: KubernetesApi, namespace: str, name: str, node: str
) -> None:
    """A claim that a pod on a node uses goes only after the pod."""
    base = f"/api/v1/namespaces/{namespace}"
    (await api.post(_VOLUMES, volume(name, storageClassName=name))).ok()
    (await api.post(f"{base}/persistentvolumeclaims", claim(storageClassName=name))).ok()
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    (await api.post(f"{base}/pods", on_node("p", node, volumes=volumes))).ok()
    await api.until(f"{base}/pods/p", lambda found: (found or {})["spec"].get("nodeName") == node)
    marked = (await api.delete(f"{base}/persistentvolumeclaims/c")).ok()
    assert marked["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    await _refuse_one_more(api, base, on_node("q", node, volumes=volumes))
    (await api.delete(f"{base}/pods/p", {"gracePeriodSeconds": 0})).ok()
    await api.until_gone(f"{base}/persistentvolumeclaims/c")


async def _refuse_one_more(api: KubernetesApi, base: str, pod: dict[str, Any]) -> None:
    """Make a pod until it is told that its claim is being deleted: a scheduler learns that a moment late."""
    path = f"{base}/pods/{pod['metadata']['name']}"
    for _ in range(10):
        (await api.post(f"{base}/pods", pod)).ok()
        decided = await api.until(path, lambda found: bool((found or {})["status"].get("conditions")))
        if 'persistentvolumeclaim "c" is being deleted' in str(decided["status"]):
            return
        (await api.delete(path, {"gracePeriodSeconds": 0})).ok()
        await api.until_gone(path)
    pytest.fail("the scheduler never learned that the claim is being deleted")


async def test_claim_whose_volume_vanished_is_lost(api: KubernetesApi, namespace: str, name: str) -> None:
    """A bound claim says that its volume is gone."""
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(_VOLUMES, volume(name, storageClassName=name))).ok()
    (await api.post(claims, claim(storageClassName=name))).ok()
    await api.until(f"{claims}/c", _is("Bound"))
    (await api.delete(f"{_VOLUMES}/{name}")).ok()
    (await api.patch(f"{_VOLUMES}/{name}", {"metadata": {"finalizers": None}})).ok()
    await api.until(f"{claims}/c", _is("Lost"))


async def test_volume_place_is_fixed(api: KubernetesApi, name: str) -> None:
    """Where a volume lies is not changed afterwards."""
    (await api.post(_VOLUMES, volume(name))).ok()
    answer = await api.patch(f"{_VOLUMES}/{name}", {"spec": {"hostPath": {"path": "/elsewhere"}}})
    assert (answer.status, answer.causes) == (422, [("spec.persistentvolumesource", "FieldValueForbidden")])
    answer = await api.patch(f"{_VOLUMES}/{name}", {"spec": {"capacity": {"storage": "9Gi"}}})
    assert answer.status == 200
