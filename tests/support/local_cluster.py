"""The embedded API with the node, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import EmbeddedCluster
from jupyterhub_knada.devcluster.node import LocalNode, NodeOptions
from jupyterhub_knada.devcluster.node.cluster import ApiError, connect, object_path
from jupyterhub_knada.devcluster.node.options import Backoff
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient

Json = dict[str, Any]
NAMESPACE = "default"
QUICK = Backoff(initial_seconds=0.2, maximum_seconds=300.0)
"""A kubelet's ten seconds, shortened."""


@dataclass(frozen=True)
class LocalCluster:
    """A cluster as a test sees it."""

    client: ClusterClient
    kubeconfig: Path
    root: Path

    def options(self, **changes: Any) -> NodeOptions:
        """Make a node's options."""
        return NodeOptions(**{"kubeconfig": self.kubeconfig, "root": self.root, "backoff": QUICK, **changes})

    @contextlib.asynccontextmanager
    async def node(self, **changes: Any) -> AsyncIterator[LocalNode]:
        """Run a node; its pods' processes end with it."""
        async with LocalNode(self.options(**changes)) as node:
            yield node

    async def create(self, plural: str, body: Json, group_version: str = "v1") -> Json:
        """Create an object in the tests' namespace."""
        return await self.client.create(object_path(group_version, plural, NAMESPACE), body)

    async def start_pod(self, name: str, *containers: Json, **spec: Any) -> Json:
        """Create a pod; a container without a name is called `notebook`."""
        named = [{"name": "notebook", "image": "example/notebook:1", **container} for container in containers]
        # Without it a pod ends after thirty seconds at the latest, and so would a failing test.
        defaults = {"restartPolicy": "OnFailure", "terminationGracePeriodSeconds": 5}
        return await self.create(
            "pods", {"metadata": {"name": name}, "spec": {**defaults, "containers": named, **spec}}
        )

    async def get(self, plural: str, name: str) -> Json | None:
        """Read an object of the tests' namespace; None where it does not exist."""
        try:
            return await self.client.get(object_path("v1", plural, NAMESPACE, name))
        except ApiError as refusal:
            if refusal.status == 404:
                return None
            raise

    async def delete_pod(self, name: str, **options: Any) -> None:
        """Ask for a pod's deletion."""
        await self.client.delete(object_path("v1", "pods", NAMESPACE, name), options)

    async def wait_for(self, name: str, condition: Callable[[Json], bool], plural: str = "pods") -> Json:
        """Wait until an object is as it should be; give it.

        Raises:
            AssertionError: it is not in time; says how it is.
        """
        found: Json | None = None

        async def holds() -> bool:
            nonlocal found
            found = await self.get(plural, name)
            return found is not None and condition(found)

        try:
            await eventually(holds, seconds=30)
        except TimeoutError as late:
            raise AssertionError(f"{plural} {name}: {found and found.get('status')}") from late
        assert found is not None
        return found

    async def wait_gone(self, name: str) -> None:
        """Wait until a pod does not exist any more."""

        async def is_gone() -> bool:
            return await self.get("pods", name) is None

        await eventually(is_gone, seconds=30)

    async def events(self, name: str) -> list[str]:
        """List a pod's events as `reason: message`, oldest first."""
        found = await self.client.get(object_path("v1", "events", NAMESPACE))
        own = [event for event in found["items"] if event["involvedObject"]["name"] == name]
        own.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        return [f"{event['reason']}: {event['message']}" for event in own]

    async def wait_for_event(self, name: str, text: str) -> None:
        """Wait until an event of a pod holds a text."""

        async def is_told() -> bool:
            return any(text in event for event in await self.events(name))

        await eventually(is_told, seconds=30)


@contextlib.asynccontextmanager
async def local_cluster(folder: Path) -> AsyncIterator[LocalCluster]:
    """Run the embedded API, without a node."""
    async with EmbeddedCluster(folder / "state") as cluster:
        kubeconfig = folder / "kubeconfig"
        cluster.write_kubeconfig(kubeconfig)
        async with connect(kubeconfig) as client:
            yield LocalCluster(client, kubeconfig, folder / "node")


def state_of(pod: Json, index: int = 0) -> Json:
    """Give a container's state; empty before there is one."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[index].get("state") or {})


def waiting_reason(pod: Json) -> str:
    """Give why the first container waits; empty where it does not."""
    return str(state_of(pod).get("waiting", {}).get("reason", ""))


def is_ready(pod: Json) -> bool:
    """Tell whether a pod is Ready."""
    conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions") or []}
    return conditions.get("Ready") == "True"


def in_phase(*phases: str) -> Callable[[Json], bool]:
    """Make a condition: the pod's phase is one of these."""
    return lambda pod: pod.get("status", {}).get("phase") in phases


def lives(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def is_dead(pid: int) -> bool:
    """Tell whether a process is gone."""
    return not lives(pid)


async def is_removed(path: Path) -> bool:
    """Tell whether nothing lies there."""
    return not path.exists()  # noqa: ASYNC240 - a look at a local folder


async def read_http(address: str, port: int, path: str = "/") -> str:
    """Read a page of a pod's server: status line and body."""
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    return text
