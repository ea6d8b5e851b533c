"""The node's own objects: its Node, the Ready condition, and its Lease."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError, Retry, object_path
from jupyterhub_knada.devcluster.node.context import HOST_IP
from jupyterhub_knada.devcluster.node.statuses import format_time

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject
    from jupyterhub_knada.devcluster.node.options import NodeOptions

logger = logging.getLogger(__name__)

_CONFLICT = 409
_NOT_FOUND = 404
_LEASES = "kube-node-lease"
_LEASE_PERIODS = 4
_STATUS_PERIODS = 6
_NOT_READY_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def build_node(options: NodeOptions, pod_cidr: str) -> JsonObject:
    """Build the Node object without its status."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {
        "kubernetes.io/hostname": options.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        **options.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": options.name, "labels": labels},
        "spec": {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]},
    }


def build_capacity(options: NodeOptions) -> dict[str, str]:
    """Build what the node can be asked for; nothing is enforced on its processes."""
    return {"cpu": options.cpu, "memory": options.memory, "pods": str(options.pods), **options.capacity}


def build_node_status(options: NodeOptions, kubelet_port: int, *, ready: bool, now: datetime) -> JsonObject:
    """Build the Node's status.

    No Hostname address: the API server would prefer it for logs and ask DNS. `ExtendWebSocketsToKubelet`:
    without it Kubernetes 1.36 speaks SPDY to a kubelet.
    """
    conditions = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
        if ready
        else ("Ready", "False", "KubeletNotReady", "node is shutting down"),
    ]
    return {
        "capacity": build_capacity(options),
        "allocatable": build_capacity(options),
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": format_time(now),
                "lastTransitionTime": format_time(now),
            }
            for kind, status, reason, message in conditions
        ],
        "addresses": [{"type": "InternalIP", "address": HOST_IP}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
        "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        "nodeInfo": _build_node_info(),
    }


def _build_node_info() -> JsonObject:
    def read(path: str) -> str:
        try:
            return Path(path).read_text().strip()
        except OSError:
            return ""

    return {
        "machineID": read("/etc/machine-id"),
        "systemUUID": read("/etc/machine-id"),
        "bootID": read("/proc/sys/kernel/random/boot_id"),
        "kernelVersion": platform.release(),
        "osImage": f"{os.uname().sysname} (pods are local processes; demos and tests only)",
        "containerRuntimeVersion": f"process://{platform.python_version()}",
        "kubeletVersion": "v0.0.0-process",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": platform.machine(),
    }


class Registration:
    """Keeps the node known and alive in the API."""

    def __init__(self, client: ClusterClient, options: NodeOptions, pod_cidr: str, kubelet_port: int) -> None:
        self._client = client
        self._options = options
        self._pod_cidr = pod_cidr
        self._kubelet_port = kubelet_port
        self._path = object_path("v1", "nodes", name=options.name)
        self._ready_since: dict[str, tuple[str, str]] = {}

    async def register(self) -> JsonObject:
        """Create or update the Node and make it ready, waiting for an API server that is away.

        Raises:
            ApiError: the API server refuses the node.
        """
        retry = Retry()
        while True:
            try:
                await self._ensure_node()
                return await self.report(ready=True)
            except ApiUnreachableError as failure:
                logger.info("waiting for the API server: %s", failure)
                await retry.pause()

    async def run(self) -> None:
        """Renew the lease and repeat the status for as long as the node lives."""
        loop = asyncio.get_running_loop()
        reported = loop.time()
        while True:
            try:
                await self._renew_lease()
                if loop.time() - reported >= self._options.lease_seconds * _STATUS_PERIODS:
                    reported = loop.time()
                    await self.report(ready=True)
            except ApiError as refusal:
                if refusal.status == _NOT_FOUND:
                    await self._register_again()
                else:
                    logger.warning("heartbeat refused: %s", refusal)
            except ApiUnreachableError as failure:
                logger.info("heartbeat not heard: %s", failure)
            await asyncio.sleep(self._options.lease_seconds)

    async def report(self, *, ready: bool) -> JsonObject:
        """Write the Node's status, and take its not-ready taints away if the node may and is ready."""
        status = build_node_status(self._options, self._kubelet_port, ready=ready, now=datetime.now(UTC))
        for condition in status["conditions"]:
            value, since = self._ready_since.get(condition["type"], ("", ""))
            if value == condition["status"]:
                condition["lastTransitionTime"] = since
            self._ready_since[condition["type"]] = (condition["status"], condition["lastTransitionTime"])
        node = await self._client.patch(f"{self._path}/status", {"status": status})
        if ready:
            await self._clear_taints(node)
        return node

    async def _ensure_node(self) -> None:
        node = build_node(self._options, self._pod_cidr)
        try:
            await self._client.create(object_path("v1", "nodes"), node)
        except ApiError as refusal:
            if refusal.status != _CONFLICT:
                raise
            # The range of an existing Node cannot be changed.
            await self._client.patch(self._path, {"metadata": {"labels": node["metadata"]["labels"]}})

    async def _register_again(self) -> None:
        try:
            await self._ensure_node()
            await self.report(ready=True)
            await self._renew_lease()
        except (ApiError, ApiUnreachableError) as failure:
            logger.warning("the Node object is gone and cannot be made again: %s", failure)

    async def _clear_taints(self, node: JsonObject) -> None:
        taints = node["spec"].get("taints") or []
        kept = [taint for taint in taints if taint["key"] not in _NOT_READY_TAINTS]
        if len(kept) == len(taints):
            return
        fence = {"resourceVersion": node["metadata"]["resourceVersion"]}
        try:
            await self._client.patch(self._path, {"metadata": fence, "spec": {"taints": kept or None}})
        except ApiError as refusal:
            logger.debug("taints are left to the node controller: %s", refusal)

    async def _renew_lease(self) -> None:
        path = object_path("coordination.k8s.io/v1", "leases", _LEASES)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            await self._client.patch(f"{path}/{self._options.name}", {"spec": {"renewTime": now}})
        except ApiError as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            node = await self._client.get(self._path)
            owner = {
                "apiVersion": "v1",
                "kind": "Node",
                "name": self._options.name,
                "uid": node["metadata"]["uid"],
            }
            seconds = int(self._options.lease_seconds * _LEASE_PERIODS) or 1
            lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._options.name, "namespace": _LEASES, "ownerReferences": [owner]},
                "spec": {
                    "holderIdentity": self._options.name,
                    "leaseDurationSeconds": seconds,
                    "renewTime": now,
                },
            }
            await self._client.create(path, lease)
