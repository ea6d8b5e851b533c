"""One pod, from the moment it is bound to the node until nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.admission import find_refusal
from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError, Retry, object_path
from jupyterhub_knada.devcluster.node.containers import ContainerRunner
from jupyterhub_knada.devcluster.node.context import HOST_IP, Grace, NodeContext, PodContext
from jupyterhub_knada.devcluster.node.processes import kill_marked
from jupyterhub_knada.devcluster.node.publishing import StatusPublisher
from jupyterhub_knada.devcluster.node.statuses import PodFacts
from jupyterhub_knada.devcluster.node.volumes import MountError, PodVolumes, remove_folder

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.devcluster.node.cluster import JsonObject

logger = logging.getLogger(__name__)

_MOUNT_RETRY_SECONDS = (0.5, 5.0)
_TERMINAL = frozenset({"Succeeded", "Failed"})
_SHUTDOWN = ("Terminated", "Pod was terminated in response to imminent node shutdown.")
_NO_ADDRESS = ("OutOfpods", "Pod was rejected: Node didn't have enough resource: pods")
_NO_GRACE = 2.0
"""A kubelet's own least grace, where an object vanished or the deadline passed with none."""


class Ending(Enum):
    """Why a pod's processes are ended."""

    DELETED = auto()
    """The object waits for this node to confirm its deletion."""
    VANISHED = auto()
    """The object is gone already: deleted by force, or with another API server's memory."""
    SHUTDOWN = auto()
    """The node stops."""


class PodRunner:
    """Runs one pod."""

    def __init__(self, node: NodeContext, pod: JsonObject, folder: Path, record: JsonObject) -> None:
        self.address: str = record["address"]
        self.uid: str = pod["metadata"]["uid"]
        self._node = node
        self._started_at = datetime.fromtimestamp(record["started_at"], UTC)
        self._context = PodContext(node, pod, folder, self.address, self._on_change, self._get_volumes)
        self._publisher = StatusPublisher(node.client, pod, self._build_facts)
        self._init_runners = self._build_runners("initContainers")
        self._runners = self._build_runners("containers")
        self._volumes: dict[str, Path] | None = None
        self._has_address = False
        self._is_over = False
        self._was_over = pod.get("status", {}).get("phase") in _TERMINAL
        """Ended under an earlier node; what that one said of it stays said."""
        self._verdict = ("", "")
        self._extra_conditions: tuple[tuple[str, str, str], ...] = ()
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._grace: Grace | None = None

    def _build_runners(self, kind: str) -> list[ContainerRunner]:
        specs = self._context.pod["spec"].get(kind) or []
        return [ContainerRunner(self._context, spec, is_init=kind == "initContainers") for spec in specs]

    @property
    def pod(self) -> JsonObject:
        """The newest version of the pod that the node has seen."""
        return self._publisher.pod

    def find_container(self, name: str) -> ContainerRunner | None:
        """Find a container by its name."""
        return next((c for c in [*self._init_runners, *self._runners] if c.facts.name == name), None)

    def update(self, pod: JsonObject) -> None:
        """Take a newer version of the pod: it may be deleted now, or its grace shorter."""
        self._publisher.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self.end(Ending.DELETED, float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def end(self, ending: Ending, grace_seconds: float) -> None:
        """Ask for the end of the pod's processes; a second call can only shorten the grace."""
        if self._grace:
            self._grace.shorten(grace_seconds)
        else:
            self._grace = Grace(max(grace_seconds, _NO_GRACE) if ending is Ending.VANISHED else grace_seconds)
        if not self._ending.done():
            self._ending.set_result(ending)

    async def run(self) -> None:
        """Run the pod until nothing of it is left; when cancelled, leave its processes to the next node."""
        publishing = asyncio.create_task(self._publisher.run())
        work = asyncio.create_task(self._work_or_fail())
        try:
            ending = await self._ending
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            await self._finish(ending)
        finally:
            for task in (work, publishing):
                task.cancel()
            await asyncio.gather(work, publishing, return_exceptions=True)
            for runner in [*self._init_runners, *self._runners]:
                runner.detach()

    async def _work_or_fail(self) -> None:
        """Work; whatever breaks here, a full disk for one, the pod must not hang without a word."""
        try:
            await self._work()
        except Exception:
            logger.exception("pod %s", self._context.label)
            await self._stop_containers(Grace(self._default_grace_seconds))
            self._fail("UnexpectedNodeError", "The node failed to run this pod; the node's log says why.")

    async def _work(self) -> None:
        """Bring the pod up and keep it up."""
        is_known = self._restore()
        if self._was_over:
            return
        try:
            if refusal := _NO_ADDRESS if not self.address else find_refusal(self._context.pod):
                self._node.events.warn(
                    self._context.pod, refusal[0], refusal[1].removeprefix("Pod was rejected: ")
                )
                self._fail(*refusal)
                return
            async with asyncio.timeout(self._remaining_seconds()):
                await self._run_containers(is_known=is_known)
        except TimeoutError:
            await self._stop_containers(Grace(self._default_grace_seconds))
            self._fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
        self._is_over = True
        self._on_change()

    async def _run_containers(self, *, is_known: bool) -> None:
        if not is_known:
            self._on_change()
            await self._get_volumes()
        self._has_address = True
        self._on_change()
        for runner in self._init_runners:
            ended = await runner.run()
            if ended.exit_code:
                return
        async with asyncio.TaskGroup() as group:
            for runner in self._runners:
                group.create_task(runner.run())

    def _restore(self) -> bool:
        is_known = [runner.restore() for runner in [*self._init_runners, *self._runners]]
        self._has_address = any(is_known)
        return self._has_address

    async def _get_volumes(self) -> dict[str, Path]:
        delay, longest = _MOUNT_RETRY_SECONDS
        volumes = PodVolumes(
            self._node.client, self._context.fields, self._context.read, self._context.folder / "volumes"
        )
        while self._volumes is None:
            try:
                self._volumes = await volumes.prepare()
            except (MountError, ApiError) as failure:
                self._node.events.warn(self._context.pod, "FailedMount", str(failure))
            except ApiUnreachableError:
                pass  # it comes back
            if self._volumes is None:
                await asyncio.sleep(delay)
                delay = min(delay * 2, longest)
        return self._volumes

    async def _finish(self, ending: Ending) -> None:
        """End the processes, say so, and remove what is left."""
        await self._stop_containers(self._grace or Grace(0))
        was_over, self._is_over = self._is_over or self._was_over, True
        if ending is Ending.SHUTDOWN and not was_over:
            self._verdict = _SHUTDOWN
            self._extra_conditions = (("DisruptionTarget", "TerminationByKubelet", _SHUTDOWN[1]),)
        if ending is not Ending.VANISHED and not self._was_over:
            await self._publisher.publish()
        if ending is Ending.DELETED:
            await self._confirm_deletion()
        # What a command in a container left behind is no child of the container's process.
        await asyncio.to_thread(kill_marked, str(self._context.folder))
        if ending is not Ending.SHUTDOWN:
            await asyncio.to_thread(remove_folder, self._context.folder)

    async def _stop_containers(self, grace: Grace) -> None:
        await asyncio.gather(*(runner.stop(grace) for runner in [*self._init_runners, *self._runners]))

    async def _confirm_deletion(self) -> None:
        metadata = self.pod["metadata"]
        path = object_path("v1", "pods", metadata["namespace"], metadata["name"])
        retry = Retry()
        while True:
            try:
                await self._node.client.delete(
                    path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
                )
            except ApiUnreachableError:
                await retry.pause()
                continue
            except ApiError as refusal:
                # 404: it is gone; 409: another pod has the name by now.
                logger.debug("deletion of %s: %s", self._context.label, refusal)
            return

    def _remaining_seconds(self) -> float | None:
        allowed = self._context.pod["spec"].get("activeDeadlineSeconds")
        if allowed is None:
            return None
        return max(0.0, float(allowed) - (datetime.now(UTC) - self._started_at).total_seconds())

    @property
    def _default_grace_seconds(self) -> float:
        seconds = self._context.pod["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if seconds is None else float(seconds)

    def _fail(self, reason: str, message: str) -> None:
        self._verdict = (reason, message)
        self._is_over = True
        self._on_change()

    def _on_change(self) -> None:
        if not self._was_over:
            self._publisher.wake()

    def _build_facts(self) -> PodFacts:
        return PodFacts(
            started_at=self._started_at,
            host_ip=HOST_IP,
            pod_ip=self.address if self._has_address else None,
            init_containers=tuple(runner.facts for runner in self._init_runners),
            containers=tuple(runner.facts for runner in self._runners),
            is_over=self._is_over,
            reason=self._verdict[0],
            message=self._verdict[1],
            extra_conditions=self._extra_conditions,
        )
