"""KubeSpawner that knows its pods by one watch, whatever their number, and events while something starts.

It takes the place of KubeSpawner's two reflectors, which list every pod and every event of each namespace
anew about every 10 s and decode them on the event loop, and which stop for good after a while of errors. See
the decision "One watch for all pods" in the docs; `benchmarks/watching.py` measures both.

A process without a hub gets it running by what a spawner does for `poll()`, inside a running event loop::

    spawner = KnadaSpawner(config=config, user=user, hub=hub, orm_spawner=orm_spawner)
    spawner.namespace = "team-alfa"
    await spawner._start_watching_pods()  # returns when the pods are known
    spawner.pod_reflector.pods["team-alfa/jupyter-e152435"]["status"]["phase"]
    await KnadaSpawner.stop_watching()

With the right to watch all namespaces that is all; without it, once for each namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from kubernetes_asyncio.client import Configuration
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.servers.event_watch import EventWatch
from jupyterhub_knada.servers.pod_watch import PodsUnknownError, PodWatch
from jupyterhub_knada.servers.refusing import ToldError
from jupyterhub_knada.servers.watch_calls import WatchClient

if TYPE_CHECKING:
    import logging


_POLLING: ContextVar[bool] = ContextVar("_POLLING", default=False)
"""Whether it is `poll` that wants to know the pods: nobody waits for that, and it comes again and again."""


class PodsUnseenError(ToldError):
    """Raised where a server cannot be started or stopped, as the hub cannot see its pod."""

    def __init__(self, namespace: str, error: PodsUnknownError) -> None:
        what = f"The hub cannot see servers in namespace {namespace}: {error}."
        super().__init__(HTTPStatus.CONFLICT, f"{what} Report this to whoever runs this hub.")


class _Watches:
    """The watches of one hub, and their connections."""

    def __init__(self, label_selector: str, log: logging.Logger) -> None:
        self.loop = asyncio.get_running_loop()
        self._client = WatchClient(Configuration.get_default_copy())
        self.pods = PodWatch(self._client, label_selector, log)
        self._events: dict[str, EventWatch] = {}
        self._log = log
        self._keeper = asyncio.create_task(self._keep(), name="connections of watches")

    def events_in(self, namespace: str, field_selector: str) -> EventWatch:
        """Give the events of a namespace; nothing is watched yet."""
        if namespace not in self._events:
            self._events[namespace] = EventWatch(self._client, namespace, field_selector, self._log)
        return self._events[namespace]

    async def stop(self) -> None:
        """End everything."""
        await asyncio.gather(self.pods.stop(), *(watch.stop() for watch in self._events.values()))
        self._keeper.cancel()
        await asyncio.wait([self._keeper])

    async def _keep(self) -> None:
        # JupyterHub ends by cancelling all tasks, and calls nothing of a spawner.
        try:
            await asyncio.Event().wait()
        finally:
            await self._client.close()


class WatchingKubeSpawner(KubeSpawner):
    """KubeSpawner whose pods and events come from our watches.

    Source: KubeSpawner 7.0 and 7.1. `_start_reflector` is private, and overridden because everything that
    needs a reflector goes through it: `_start`, `stop`, `poll` and `progress`. What it gives is found again
    by `pod_reflector` and `event_reflector`, which look into the dict `reflectors`. Tests pin all of these.
    """

    reflectors: dict[tuple[str, str | None], Any] = {}  # noqa: RUF012 - upstream's, and no ClassVar there
    """Ours alone: a stock spawner in the same process has its own."""
    _watches: ClassVar[_Watches | None] = None

    async def _start_reflector(
        self,
        kind: str,
        reflector_class: type,
        replace: bool = False,  # noqa: FBT001, FBT002 - upstream's signature
        **kwargs: Any,
    ) -> Any:
        """Give what knows the pods, or the events, of this spawner's namespace; wait until it does.

        Args:
            kind: `pods` or `events`; of anything else KubeSpawner takes care itself.
            reflector_class: KubeSpawner's own, for that.
            replace: Somebody waited for a change in vain; what is known is read anew, but for all
                together only every half minute.
            kwargs: `labels` and `fields` select what is watched.

        Raises:
            PodsUnseenError: the hub has no right to see the pods.
        """
        namespace = self.namespace
        if kind == "pods":
            pods = self._open_watches(_selector(kwargs["labels"])).pods
            self.reflectors["pods", namespace] = pods
            if replace:
                pods.refresh(namespace)
                return pods
            try:
                await pods.know(namespace, is_urgent=not _POLLING.get())
            except PodsUnknownError as error:
                raise PodsUnseenError(namespace, error) from error
            return pods
        if kind == "events":
            return await self._follow_events(_selector(kwargs["fields"]))
        return await super()._start_reflector(kind, reflector_class, replace, **kwargs)

    async def _follow_events(self, field_selector: str) -> EventWatch | None:
        watches = self._watches
        # `_start_future` is private: nothing public says whether a start goes on, and till when.
        start = self._start_future
        if watches is None or start is None:
            return None
        events = watches.events_in(self.namespace, field_selector)
        self.reflectors["events", self.namespace] = events
        await events.begin(self.pod_name, start, self.k8s_api_request_timeout)
        return events

    def _follow_events_until(self, end: asyncio.Future[Any]) -> None:
        """Follow the events of this server's pod on, after its start."""
        events = self.reflectors.get(("events", self.namespace))
        if isinstance(events, EventWatch):
            events.continue_until(end)

    def _open_watches(self, label_selector: str) -> _Watches:
        """Give the watches of this process; they are opened by the spawner that needs them first."""
        cls = WatchingKubeSpawner
        if cls._watches is None or cls._watches.loop is not asyncio.get_running_loop():
            cls.reflectors.clear()
            cls._watches = _Watches(label_selector, self.log)
        return cls._watches

    @classmethod
    async def stop_watching(cls) -> None:
        """End all watches and close their connections; the next spawner that needs them opens new ones."""
        watches, WatchingKubeSpawner._watches = WatchingKubeSpawner._watches, None
        cls.reflectors.clear()
        if watches is not None:
            await watches.stop()

    @classmethod
    async def _stop_all_reflectors(cls) -> None:
        """End all watches, so that the next spawner opens new ones and not those that have ended.

        Source: KubeSpawner 7.0 and 7.1, which stops what is in `reflectors`. Private, and overridden because
        the fixtures of KubeSpawner's own tests, and of those who copied them, call it between two hubs.
        """
        await cls.stop_watching()

    async def poll(self) -> int | None:
        """Tell whether the server runs (None) or how it ended; one that cannot be seen runs, as far as known.

        Source: `KubeSpawner.poll`, 7.1. JupyterHub 5.3-6.1 takes an exception at its start for a server that
        has ended, and deletes it (`init_spawners`): a hub without rights would stop everybody's work.
        """
        polling = _POLLING.set(True)
        try:
            with contextlib.suppress(PodsUnseenError):
                found: int | None = await super().poll()  # type: ignore[no-untyped-call]
                return found
        finally:
            _POLLING.reset(polling)
        return None


def _selector(terms: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in terms.items())
