"""A node that runs nothing: it says of every pod that it runs, and lets go of it when asked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from tests.support.manifests import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.kubernetes_api import KubernetesApi

_CONDITIONS = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}]


@contextlib.asynccontextmanager
async def fake_node(api: KubernetesApi, name: str = "fake") -> AsyncIterator[None]:
    """Register a ready node and play it until the block ends."""
    status = {"capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"}, "conditions": _CONDITIONS}
    (await api.post("/api/v1/nodes", {"metadata": {"name": name}, "status": status})).ok()
    task = asyncio.create_task(_play(api, name))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def played_pods(api: KubernetesApi, namespace: str, told: asyncio.Event) -> AsyncIterator[None]:
    """Play a kubelet for the pods of one namespace, wherever they are, until the block ends.

    Args:
        api: an admin's.
        namespace: whose pods.
        told: a pod begins with an event, and runs once this is set.
    """
    task = asyncio.create_task(_play_namespace(api, namespace, told))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _play_namespace(api: KubernetesApi, namespace: str, told: asyncio.Event) -> None:
    async with api.watch(f"/api/v1/namespaces/{namespace}/pods") as watching:
        while (event := await watching.next(seconds=600)) is not None:
            pod = event["object"]
            if event["type"] == "ADDED":
                (await api.post(f"/api/v1/namespaces/{namespace}/events", _pulling(pod["metadata"]))).ok()
                await told.wait()
            if event["type"] != "DELETED":
                await _follow(api, pod)


def _pulling(pod: dict[str, Any]) -> dict[str, Any]:
    about = {key: pod[key] for key in ("name", "namespace", "uid")}
    return {
        "metadata": {"name": f"{pod['name']}.{pod['uid'][:8]}"},
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", **about},
        "reason": "Pulling",
        "message": 'Pulling image "example.org/notebook:1"',
        "type": "Normal",
        "firstTimestamp": pod["creationTimestamp"],
        "lastTimestamp": pod["creationTimestamp"],
    }


async def _play(api: KubernetesApi, name: str) -> None:
    while True:
        async with api.watch("/api/v1/pods", fieldSelector=f"spec.nodeName={name}") as watching:
            while (event := await watching.next(seconds=600)) is not None:
                if event["type"] in ("ADDED", "MODIFIED"):
                    await _follow(api, event["object"])


async def _follow(api: KubernetesApi, pod: dict[str, Any]) -> None:
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if "deletionTimestamp" in metadata:
        await api.delete(path, {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}})
    elif pod["status"]["phase"] == "Pending":
        body = {"metadata": {"uid": metadata["uid"]}, "status": running(pod)}
        await api.patch(f"{path}/status", body, "strategic-merge")
