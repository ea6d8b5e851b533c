"""The node itself: everything of it, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import aiohttp

from jupyterhub_knada.devcluster.node.addresses import AddressesExhaustedError, AddressRange
from jupyterhub_knada.devcluster.node.claims import Provisioner
from jupyterhub_knada.devcluster.node.cluster import (
    ApiError,
    ApiUnreachableError,
    Listed,
    connect,
    object_path,
)
from jupyterhub_knada.devcluster.node.context import NodeContext
from jupyterhub_knada.devcluster.node.events import EventRecorder
from jupyterhub_knada.devcluster.node.images import inspect_image
from jupyterhub_knada.devcluster.node.kubelet_server import KubeletServer
from jupyterhub_knada.devcluster.node.leftovers import end_leftover, read_records, write_record
from jupyterhub_knada.devcluster.node.options import NodeOptions, OnExit
from jupyterhub_knada.devcluster.node.pods import Ending, PodRunner
from jupyterhub_knada.devcluster.node.pulls import Images
from jupyterhub_knada.devcluster.node.registration import Registration, build_capacity
from jupyterhub_knada.devcluster.node.watching import follow

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from types import TracebackType

    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.containers import ContainerRunner

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 2.0
_SHUTDOWN_GRACE_SECONDS = 10.0


class NodeError(Exception):
    """The node cannot run; the message says what to do."""


class LocalNode:
    """A node that runs pods as local processes, from `async with` to its end.

    Inside, the Node is registered and Ready. Leaving ends the pods' processes or keeps them, as the options
    say.

    Raises:
        NodeError: not Linux, or another node runs in the same root folder.
        ApiError: the API server refuses the node.
    """

    def __init__(self, options: NodeOptions) -> None:
        self.options = options
        self._stack = contextlib.AsyncExitStack()
        self._pods: dict[str, PodRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._records: dict[str, JsonObject] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._pods_folder = options.root / "pods"
        self._context: NodeContext
        self._registration: Registration

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def wait(self) -> None:
        """Wait for as long as the node's own tasks run; raises what broke one of them."""
        # Unlike gather, this does not end the tasks when the caller is cancelled: stopping needs them.
        done, _ = await asyncio.wait(self._background, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        options = self.options
        if sys.platform != "linux":
            raise NodeError(f"this node runs on Linux only (this is {sys.platform})")
        self._pods_folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(_lock(options))
        image = await inspect_image(options.image_python)
        addresses = stack.enter_context(contextlib.closing(AddressRange(options.root.resolve())))
        client = await stack.enter_async_context(connect(options.kubeconfig))
        events = EventRecorder(client, options.name)
        self._context = NodeContext(
            options=options,
            client=client,
            events=events,
            images=Images(options.missing_images, options.pull_seconds),
            image=image,
            addresses=addresses,
            session=await stack.enter_async_context(aiohttp.ClientSession()),
            allocatable=build_capacity(options),
        )
        self._records = read_records(self._pods_folder)
        addresses.reserve(record["address"] for record in self._records.values())
        kubelet = KubeletServer(options, self._find_container)
        await kubelet.start()
        stack.push_async_callback(kubelet.stop)
        self._registration = Registration(client, options, addresses.cidr, kubelet.port)
        await self._registration.register()
        provisioner = Provisioner(client, options, events)
        await provisioner.ensure_class()
        stack.push_async_callback(self._stop_background)
        for work in (events.run(), self._registration.run(), provisioner.run(), self._follow_pods()):
            self._run_in_background(work)
        stack.push_async_callback(self._stop_pods)
        logger.info("node %s is ready", options.name)

    def _run_in_background(self, work: Coroutine[None, None, None]) -> None:
        self._background.add(asyncio.create_task(work))

    async def _stop_background(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _stop_pods(self) -> None:
        """End the pods' processes, or leave them to the next node; say that this one is going."""
        tasks = [*self._tasks.values(), *self._endings]
        if self.options.on_exit is OnExit.STOP:
            with contextlib.suppress(ApiError, ApiUnreachableError, TimeoutError):
                async with asyncio.timeout(_FLUSH_SECONDS):
                    await self._registration.report(ready=False)
            for runner in self._pods.values():
                runner.end(Ending.SHUTDOWN, _SHUTDOWN_GRACE_SECONDS)
            if tasks:
                # Processes end within their grace; an API server that is away must not hold the rest up.
                await asyncio.wait(tasks, timeout=_SHUTDOWN_GRACE_SECONDS + _FLUSH_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._context.events.flush(_FLUSH_SECONDS)

    async def _follow_pods(self) -> None:
        query = {"fieldSelector": f"spec.nodeName={self.options.name}"}
        async for news in follow(self._context.client, object_path("v1", "pods"), query):
            if isinstance(news, Listed):
                self._take_list(news.items)
            elif news.deleted:
                self._forget(news.item["metadata"]["uid"])
            else:
                self._take(news.item)

    def _take_list(self, pods: tuple[JsonObject, ...]) -> None:
        """Take the whole list: what is not in it is gone, also what an earlier run left."""
        uids = {pod["metadata"]["uid"] for pod in pods}
        for uid in set(self._pods) - uids:
            self._forget(uid)
        for uid in set(self._records) - uids - set(self._pods):
            record = self._records.pop(uid)
            self._keep_until_done(asyncio.create_task(self._end_leftover(uid, record["address"])))
        for pod in pods:
            self._take(pod)

    async def _end_leftover(self, uid: str, address: str) -> None:
        await end_leftover(self._pods_folder / uid)
        self._context.addresses.release(address)

    def _take(self, pod: JsonObject) -> None:
        """Begin or go on with one pod."""
        uid = pod["metadata"]["uid"]
        runner = self._pods.get(uid)
        if runner is None:
            runner = self._begin(pod)
        runner.update(pod)

    def _begin(self, pod: JsonObject) -> PodRunner:
        uid = pod["metadata"]["uid"]
        folder = self._pods_folder / uid
        record = self._records.pop(uid, None)
        if record is None:
            record = write_record(folder, pod, self._take_address(), datetime.now(UTC).timestamp())
        else:
            logger.info("resuming pod %s/%s", record["namespace"], record["name"])
        runner = PodRunner(self._context, pod, folder, record)
        self._pods[uid] = runner
        self._tasks[uid] = asyncio.create_task(self._run(runner))
        return runner

    def _take_address(self) -> str:
        try:
            return self._context.addresses.take()
        except AddressesExhaustedError as failure:
            logger.warning("%s", failure)
            return ""  # the pod is refused

    async def _run(self, runner: PodRunner) -> None:
        try:
            await runner.run()
        except Exception:
            logger.exception("pod %s: the node failed", runner.uid)
        self._context.addresses.release(runner.address)

    def _forget(self, uid: str) -> None:
        """Let go of a pod whose object is gone; its processes are ended if they run."""
        runner = self._pods.pop(uid, None)
        task = self._tasks.pop(uid, None)
        if runner and task and not task.done():
            runner.end(Ending.VANISHED, 0)
            self._keep_until_done(task)

    def _keep_until_done(self, task: asyncio.Task[None]) -> None:
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _find_container(self, namespace: str, pod: str, container: str) -> ContainerRunner | None:
        for runner in self._pods.values():
            metadata = runner.pod["metadata"]
            if (metadata["namespace"], metadata["name"]) == (namespace, pod):
                return runner.find_container(container)
        return None


@contextlib.contextmanager
def _lock(options: NodeOptions) -> Iterator[None]:
    """Hold the root folder for one node at a time; the lock goes with the process."""
    with (options.root / "node.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as failure:
            raise NodeError(
                f"another node runs in {options.root}; stop it or give --root another folder"
            ) from failure
        yield
