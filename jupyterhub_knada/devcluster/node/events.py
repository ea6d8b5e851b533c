"""Events, as a kubelet writes them: told in order, repeated ones counted, none ever a reason to wait."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError, Retry, object_path
from jupyterhub_knada.devcluster.node.statuses import format_time

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject

logger = logging.getLogger(__name__)

_TRIES = 12
_REMEMBERED = 1000
_MESSAGE_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class _Told:
    """What makes two events the same, and what is needed to write one."""

    involved: tuple[tuple[str, str], ...]
    kind: str
    reason: str
    message: str


@dataclass(slots=True)
class _Written:
    path: str
    count: int


class EventRecorder:
    """Writes the node's events.

    `record` never waits and never fails; a writer sends them in order. What the API server refuses is logged
    and dropped: a namespace that is being deleted takes no events. While it is away, each is tried twelve
    times.
    """

    def __init__(self, client: ClusterClient, node_name: str) -> None:
        self._client = client
        self._node_name = node_name
        self._queue: asyncio.Queue[tuple[_Told, datetime]] = asyncio.Queue(maxsize=_REMEMBERED)
        self._written: dict[_Told, _Written] = {}

    def warn(self, about: JsonObject, reason: str, message: str, field_path: str = "") -> None:
        """Record a Warning about an object."""
        self._record("Warning", about, reason, message, field_path)

    def tell(self, about: JsonObject, reason: str, message: str, field_path: str = "") -> None:
        """Record a Normal event about an object."""
        self._record("Normal", about, reason, message, field_path)

    def _record(self, kind: str, about: JsonObject, reason: str, message: str, field_path: str) -> None:
        metadata = about["metadata"]
        involved = {
            "apiVersion": about.get("apiVersion", "v1"),
            "kind": about.get("kind", "Pod"),
            "name": metadata["name"],
            "namespace": metadata.get("namespace", ""),
            "uid": metadata["uid"],
            "fieldPath": field_path,
        }
        told = _Told(
            tuple((k, v) for k, v in involved.items() if v), kind, reason, message[:_MESSAGE_CHARACTERS]
        )
        try:
            self._queue.put_nowait((told, datetime.now(UTC)))
        except asyncio.QueueFull:
            logger.warning("event dropped, too many wait: %s %s", reason, message)

    async def run(self) -> None:
        """Write events for as long as the node lives."""
        while True:
            told, moment = await self._queue.get()
            try:
                await self._write_patiently(told, moment)
            finally:
                self._queue.task_done()

    async def flush(self, seconds: float) -> None:
        """Wait until all are written, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.warning("%d events were not written", self._queue.qsize())

    async def _write_patiently(self, told: _Told, moment: datetime) -> None:
        retry = Retry()
        for _ in range(_TRIES):
            try:
                await self._write(told, moment)
            except ApiUnreachableError:
                await retry.pause()
                continue
            except ApiError as refusal:
                logger.debug("event refused: %s", refusal)
            return
        logger.warning("event dropped, no API server: %s %s", told.reason, told.message)

    async def _write(self, told: _Told, moment: datetime) -> None:
        written = self._written.pop(told, None)
        if written:
            body = {"count": written.count + 1, "lastTimestamp": format_time(moment)}
            try:
                await self._client.patch(written.path, body)
            except ApiError:
                written = None  # it expired
            else:
                written.count += 1
        if not written:
            written = await self._create(told, moment)
        self._written[told] = written
        if len(self._written) > _REMEMBERED:
            self._written.pop(next(iter(self._written)))

    async def _create(self, told: _Told, moment: datetime) -> _Written:
        involved = dict(told.involved)
        namespace, name = involved.get("namespace", "default"), f"{involved['name']}.{time.time_ns():x}"
        await self._client.create(
            object_path("v1", "events", namespace),
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": involved,
                "type": told.kind,
                "reason": told.reason,
                "message": told.message,
                "count": 1,
                "firstTimestamp": format_time(moment),
                "lastTimestamp": format_time(moment),
                "eventTime": None,
                "source": {"component": "kubelet", "host": self._node_name},
                "reportingComponent": "kubelet",
                "reportingInstance": self._node_name,
            },
        )
        return _Written(object_path("v1", "events", namespace, name), 1)
