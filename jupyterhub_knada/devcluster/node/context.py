"""What the parts of a node share, and what the containers of one pod share."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, object_path
from jupyterhub_knada.devcluster.node.environment import PodFields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    import aiohttp

    from jupyterhub_knada.devcluster.node.addresses import AddressRange
    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject
    from jupyterhub_knada.devcluster.node.events import EventRecorder
    from jupyterhub_knada.devcluster.node.images import Image
    from jupyterhub_knada.devcluster.node.options import NodeOptions
    from jupyterhub_knada.devcluster.node.pulls import Images

HOST_IP = "127.0.0.1"
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What every pod of a node uses."""

    options: NodeOptions
    client: ClusterClient
    events: EventRecorder
    images: Images
    image: Image
    addresses: AddressRange
    session: aiohttp.ClientSession
    """For http probes."""
    allocatable: dict[str, str]


@dataclass(frozen=True, slots=True)
class PodContext:
    """What the containers of one pod use."""

    node: NodeContext
    pod: JsonObject
    """As it was when the node took it on."""
    folder: Path
    address: str
    changed: Callable[[], None]
    """Called whenever a container's facts changed."""
    volumes: Callable[[], Awaitable[dict[str, Path]]]
    """Gives the volumes' folders, once they are there."""

    @property
    def fields(self) -> PodFields:
        """What references to the pod's own fields give."""
        return PodFields(self.pod, self.address, HOST_IP, self.node.allocatable)

    @property
    def label(self) -> str:
        """The pod as a kubelet's messages name it: `name_namespace(uid)`."""
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    @property
    def known_as(self) -> Path:
        """Where the pod's layers are seen: a path that the next pod of this name has, too."""
        metadata = self.pod["metadata"]
        return self.node.options.root.joinpath("python", metadata["namespace"], metadata["name"])

    async def read(self, kind: str, name: str) -> JsonObject | None:
        """Read a Secret or ConfigMap of the pod's namespace; None where it does not exist."""
        plural = {"Secret": "secrets", "ConfigMap": "configmaps"}[kind]
        try:
            return await self.node.client.get(
                object_path("v1", plural, self.pod["metadata"]["namespace"], name)
            )
        except ApiError as failure:
            if failure.status == _NOT_FOUND:
                return None
            raise


class Grace:
    """The time that a pod's processes have to end. It may be shortened while it runs, never prolonged."""

    def __init__(self, seconds: float) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._running: set[asyncio.Timeout] = set()

    def shorten(self, seconds: float) -> None:
        """Allow at most so long from now on."""
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)
        for timeout in self._running:
            timeout.reschedule(self._deadline)

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Raise TimeoutError in the body when the time is over."""
        async with asyncio.timeout_at(self._deadline) as timeout:
            self._running.add(timeout)
            try:
                yield
            finally:
                self._running.discard(timeout)
