"""Write a pod's status to the API server: the newest, in one update, only to the pod that is meant."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError, Retry, object_path
from jupyterhub_knada.devcluster.node.statuses import PodFacts, build_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject

logger = logging.getLogger(__name__)

_NOT_FOUND = 404
_OUTDATED = (409, 422)
"""A newer version, or another pod of the same name: a fence of `metadata.uid` is answered with 422."""


class StatusPublisher:
    """Publishes one pod's status.

    Attributes:
        pod: the newest version known; conditions of others are taken from it.
    """

    def __init__(self, client: ClusterClient, pod: JsonObject, build_facts: Callable[[], PodFacts]) -> None:
        self.pod = pod
        self._client = client
        self._uid = pod["metadata"]["uid"]
        self._build_facts = build_facts
        self._dirty = asyncio.Event()
        self._sent: JsonObject | None = None

    def wake(self) -> None:
        """Say that something changed."""
        self._dirty.set()

    async def run(self) -> None:
        """Publish changes until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self.publish()

    async def publish(self) -> None:
        """Write the status as it is now; returns once it is written, or the pod is gone."""
        retry = Retry()
        while True:
            status = build_status(self.pod, self._build_facts(), datetime.now(UTC))
            if status == self._sent:
                return
            try:
                if await self._try(status):
                    self._sent = status
                    return
            except ApiUnreachableError as failure:
                logger.info("status of %s waits: %s", self.pod["metadata"]["name"], failure)
                await retry.pause()

    async def _try(self, status: JsonObject) -> bool:
        """Write once; give whether that is the end of it."""
        metadata = self.pod["metadata"]
        path = object_path("v1", "pods", metadata["namespace"], metadata["name"])
        fence = {"uid": self._uid, "resourceVersion": metadata["resourceVersion"]}
        try:
            self.pod = await self._client.patch(f"{path}/status", {"metadata": fence, "status": status})
        except ApiError as refusal:
            if refusal.status == _NOT_FOUND:
                return True
            if refusal.status not in _OUTDATED:
                logger.warning("status of %s: %s", metadata["name"], refusal)
                return True
            return await self._is_gone(path)
        return True

    async def _is_gone(self, path: str) -> bool:
        """Read the pod again; give whether it is not there any more."""
        try:
            found = await self._client.get(path)
        except ApiError as refusal:
            return refusal.status == _NOT_FOUND
        if found["metadata"]["uid"] != self._uid:
            return True
        if found["metadata"]["resourceVersion"] == self.pod["metadata"]["resourceVersion"]:
            # Not outdated, so the status itself was refused: asking again would ask for ever.
            logger.warning("status of %s was refused as invalid", found["metadata"]["name"])
            return True
        self.pod = found
        return False
