"""The node is a kubelet to the cluster: its Node and Lease, and the homes that it provides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.node.cluster import object_path
from tests.support.faulty_api import Fault, FaultyApi
from tests.support.local_cluster import LocalCluster, in_phase, is_removed, local_cluster
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    """Give the embedded API, without a node."""
    async with local_cluster(tmp_path) as cluster:
        yield cluster


async def make_claim(cluster: LocalCluster, name: str) -> tuple[dict[str, Any], Path]:
    """Make a claim and wait until it is bound; give its volume and the volume's folder."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await cluster.create("persistentvolumeclaims", {"metadata": {"name": name}, "spec": spec})
    claim = await cluster.wait_for(name, in_phase("Bound"), "persistentvolumeclaims")
    assert claim["spec"]["storageClassName"] == "local-folder"
    volume = await cluster.client.get(
        object_path("v1", "persistentvolumes", name=claim["spec"]["volumeName"])
    )
    return volume, Path(volume["spec"]["hostPath"]["path"])


async def write_into(cluster: LocalCluster, claim: str) -> None:
    """Let a pod write a file into a claim."""
    container = {
        "command": ["sh", "-c", "echo kept > kept"],
        "volumeMounts": [{"name": "h", "mountPath": "/home/jovyan"}],
    }
    volumes = [{"name": "h", "persistentVolumeClaim": {"claimName": claim}}]
    await cluster.start_pod("writer", container, volumes=volumes)
    await cluster.wait_for("writer", in_phase("Succeeded"))
    await cluster.delete_pod("writer")
    await cluster.wait_gone("writer")


def mode_of(path: Path) -> int:
    """Give who may do what there."""
    return path.stat().st_mode & 0o777


async def test_claim_without_a_class_gets_a_folder_that_pods_write_into(cluster: LocalCluster) -> None:
    """The node's class is the default; the folder carries the claim's name and is the node's user's only."""
    async with cluster.node():
        _, folder = await make_claim(cluster, "claim-ada")
        await write_into(cluster, "claim-ada")
        assert (folder / "kept").read_text() == "kept\n"
        assert folder.name.startswith("default_claim-ada_")
        assert mode_of(folder) == 0o700


REFUSED = {
    "the class is not read": ("get", "storageclasses", "local-folder"),
    "the volume is not made": ("create", "persistentvolumes", "pvc-"),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
async def test_refused_call_for_a_claim_is_made_again(
    cluster: LocalCluster, tmp_path: Path, call: tuple[str, str, str]
) -> None:
    """A claim that waits does not change, so that no watch would tell of it again."""
    async with FaultyApi(cluster.kubeconfig) as api:
        fault = api.add(Fault(*call, status=500, times=2, message="no leader"))
        kubeconfig = api.write_kubeconfig(tmp_path / "faulty")
        async with cluster.node(kubeconfig=kubeconfig):
            _, folder = await make_claim(cluster, "claim-ada")
            assert fault.seen == 2
            await write_into(cluster, "claim-ada")
            assert (folder / "kept").exists()


async def test_deleted_claim_takes_its_folder_with_it(cluster: LocalCluster) -> None:
    """Reclaim policy Delete."""
    async with cluster.node():
        _, folder = await make_claim(cluster, "claim-ada")
        await write_into(cluster, "claim-ada")
        await cluster.client.delete(object_path("v1", "persistentvolumeclaims", "default", "claim-ada"))
        await eventually(lambda: is_removed(folder))


async def test_deleted_claim_with_retain_leaves_its_folder(cluster: LocalCluster) -> None:
    """Reclaim policy Retain: the volume is Released, its data stay."""
    async with cluster.node(reclaim_policy="Retain"):
        volume, folder = await make_claim(cluster, "claim-ada")
        await write_into(cluster, "claim-ada")
        await cluster.client.delete(object_path("v1", "persistentvolumeclaims", "default", "claim-ada"))

        async def is_released() -> bool:
            path = object_path("v1", "persistentvolumes", name=volume["metadata"]["name"])
            return bool((await cluster.client.get(path))["status"]["phase"] == "Released")

        await eventually(is_released)
        assert (folder / "kept").read_text() == "kept\n"


async def test_claim_that_grows_is_noted_on_claim_and_volume(cluster: LocalCluster) -> None:
    """The class allows expansion; the folder has no size, so it is done at once."""
    async with cluster.node():
        await make_claim(cluster, "claim-ada")
        path = object_path("v1", "persistentvolumeclaims", "default", "claim-ada")
        await cluster.client.patch(path, {"spec": {"resources": {"requests": {"storage": "3Gi"}}}})
        claim = await cluster.wait_for(
            "claim-ada",
            lambda claim: claim["status"]["capacity"]["storage"] == "3Gi",
            "persistentvolumeclaims",
        )
        volume = await cluster.client.get(
            object_path("v1", "persistentvolumes", name=claim["spec"]["volumeName"])
        )
        assert volume["spec"]["capacity"] == {"storage": "3Gi"}


async def test_node_registers_with_what_it_was_told(cluster: LocalCluster) -> None:
    """Capacity, labels and readiness; no Hostname address, no GPU unless told; a lease that is renewed."""
    told = {"cpu": "4", "memory": "8Gi", "pods": 20, "labels": {"pool": "demo"}, "lease_seconds": 0.2}
    async with cluster.node(name="one", capacity={"nvidia.com/gpu": "1"}, **told):
        node = await cluster.client.get("/api/v1/nodes/one")
        status = node["status"]
        assert status["capacity"] == {"cpu": "4", "memory": "8Gi", "pods": "20", "nvidia.com/gpu": "1"}
        assert [address["type"] for address in status["addresses"]] == ["InternalIP"]
        assert node["metadata"]["labels"]["pool"] == "demo"
        ready = next(condition for condition in status["conditions"] if condition["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("True", "KubeletReady")

        async def has_no_taint() -> bool:
            return not (await cluster.client.get("/api/v1/nodes/one"))["spec"].get("taints")

        await eventually(has_no_taint)
        path = object_path("coordination.k8s.io/v1", "leases", "kube-node-lease", "one")

        async def has_lease() -> bool:
            leases = await cluster.client.get(
                object_path("coordination.k8s.io/v1", "leases", "kube-node-lease")
            )
            return bool(leases["items"])

        await eventually(has_lease)
        first = (await cluster.client.get(path))["spec"]["renewTime"]

        async def is_renewed() -> bool:
            return bool((await cluster.client.get(path))["spec"]["renewTime"] > first)

        await eventually(is_renewed)


async def test_node_that_was_deleted_registers_again(cluster: LocalCluster) -> None:
    """Somebody's `kubectl delete node` is mended with the next heartbeat."""
    async with cluster.node(lease_seconds=0.2):
        first = (await cluster.client.get("/api/v1/nodes/local"))["metadata"]["uid"]
        await cluster.client.delete("/api/v1/nodes/local")

        async def is_back() -> bool:
            nodes = await cluster.client.get("/api/v1/nodes")
            return [node["metadata"]["uid"] != first for node in nodes["items"]] == [True]

        await eventually(is_back)
