"""Every pod of ours that there is, seen by one watch of all namespaces, or by one of each namespace."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import KnadaError
from jupyterhub_knada.servers.packed import PackedObjects
from jupyterhub_knada.servers.watch_calls import Collection, WatchClient
from jupyterhub_knada.servers.watch_loop import TRANSIENT, Watch, WatchLog, key_of
from jupyterhub_knada.servers.watched_fields import kept_of_pod

if TYPE_CHECKING:
    import logging

ASK_AGAIN_SECONDS: Final = 600.0
"""How often a hub that may not watch all namespaces asks whether it may by now, by two small requests."""
MOST_QUIET_ROUNDS: Final = 12
"""Of these, how many a namespace without pods is watched on although nobody asks for it: two hours. A start,
which asks at its beginning, lasts one at most."""


class PodsUnknownError(KnadaError):
    """Raised where the pods of a namespace are not known, and will not be for now."""


class PodsForbiddenError(PodsUnknownError):
    """Raised where that is because the hub has no right to see them."""


class PodWatch:
    """What is known of the pods, whichever rights the hub has.

    With the right to watch all namespaces (a ClusterRole) it is one watch, however many teams there are.
    Without it each namespace that somebody asks for gets its own. Which of the two is found out by trying,
    and again when rights are taken or given while the hub runs. A namespace that has no pods, and that nobody
    has asked for in a long time, is not watched any more until somebody does.
    """

    def __init__(
        self,
        client: WatchClient,
        label_selector: str,
        log: logging.Logger,
        ask_again_seconds: float = ASK_AGAIN_SECONDS,
    ) -> None:
        self.pods = PackedObjects()
        """`namespace/name` -> what is kept of a pod; see `watched_fields`."""
        self._client, self._label_selector, self._log = client, label_selector, log
        self._ask_again_seconds = ask_again_seconds
        self._watch_log = WatchLog("pods", log)
        self._quiet_rounds: dict[str, int] = {}
        """Each namespace that is asked for -> rounds since it last was."""
        self._namespaces: dict[str, Watch] = {}
        self._everywhere: Watch | None = self._make(None)
        self._asking: asyncio.Task[None] | None = None
        self._is_stopped = False

    @property
    def resources(self) -> PackedObjects:
        """The pods, under the name that all of KubeSpawner's reflectors have for what they hold."""
        return self.pods

    async def know(self, namespace: str, *, is_urgent: bool = False) -> None:
        """Wait until the pods of a namespace are known; from then on this costs nothing.

        Args:
            namespace: Where they are.
            is_urgent: Somebody starts or stops one: where the hub had no right to see them, it tries now.

        Side effects: starts the watch that it takes, also one that was ended from outside.

        Raises:
            PodsForbiddenError: the hub has no right to see them, or has it no more.
            PodsUnknownError: the watch is stopped.
        """
        while not self._is_stopped:
            watch = self._watch_that_sees(namespace)
            watch.start()
            if is_urgent:
                watch.try_again()
            if watch.is_loaded and not watch.is_forbidden:
                return
            await watch.settled()
            if watch.is_forbidden and not self._is_stopped:
                raise PodsForbiddenError("the hub has no right to watch pods there")
        raise PodsUnknownError("the watch of pods is stopped")

    def refresh(self, namespace: str) -> None:
        """List the pods of a namespace anew, as somebody waits for a change in vain; see `Watch.refresh`."""
        if not self._is_stopped:
            self._watch_that_sees(namespace).refresh()

    async def stop(self) -> None:
        """End all watches, and wait until they have ended."""
        self._is_stopped = True
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        watches = [*self._namespaces.values(), *([self._everywhere] if self._everywhere else ())]
        await asyncio.gather(*(watch.stop() for watch in watches))

    def put(self, found: dict[str, Any]) -> None:
        """Take a pod that is new or has changed. Source: `watch_loop.Store`, as all three."""
        self.pods.put(key_of(found), kept_of_pod(found))

    def drop(self, found: dict[str, Any]) -> None:
        """Forget a pod that is gone."""
        self.pods.drop(key_of(found))

    def keep_only(self, collection: Collection, keys: set[str]) -> int:
        """Forget the pods that went while nobody looked."""
        prefix = "" if collection.namespace is None else f"{collection.namespace}/"
        gone = [key for key in self.pods if key.startswith(prefix) and key not in keys]
        for key in gone:
            self.pods.drop(key)
        return len(gone)

    def _make(self, namespace: str | None) -> Watch:
        collection = Collection("pods", namespace, label_selector=self._label_selector)
        on_forbidden = self._split if namespace is None else None
        return Watch(self._client, collection, self, self._watch_log, on_forbidden=on_forbidden)

    def _watch_that_sees(self, namespace: str) -> Watch:
        self._quiet_rounds[namespace] = 0
        return self._everywhere or self._watch_namespace(namespace)

    def _watch_namespace(self, namespace: str) -> Watch:
        if namespace not in self._namespaces:
            self._namespaces[namespace] = self._make(namespace)
        return self._namespaces[namespace]

    def _split(self) -> None:
        """Go on with a watch of each namespace."""
        if self._is_stopped:
            return
        self._log.info(
            "The hub may not watch pods in all namespaces, so it watches those of its servers one by one"
        )
        self._everywhere = None
        for key in [key for key in self.pods if key.partition("/")[0] not in self._quiet_rounds]:
            self.pods.drop(key)
        for namespace in self._quiet_rounds:
            self._watch_namespace(namespace).start()
        self._asking = asyncio.create_task(self._ask_again(), name="right to watch pods in all namespaces")

    async def _ask_again(self) -> None:
        while not await self._may_watch_everywhere():
            await self._end_quiet_ones()
        self._log.info("The hub may watch pods in all namespaces now: one watch replaces the others")
        watches, self._namespaces = [*self._namespaces.values()], {}
        self._everywhere = self._make(None)
        self._everywhere.start()
        await asyncio.gather(*(watch.stop() for watch in watches))
        # A right that goes again is told again.
        self._watch_log.forget_refusals()

    async def _end_quiet_ones(self) -> None:
        """End the watches of namespaces that nobody needs: their teams may have gone or moved."""
        for namespace in self._quiet_rounds:
            self._quiet_rounds[namespace] += 1
        with_pods = {key.partition("/")[0] for key in self.pods}
        for namespace in [*self._quiet_rounds.keys() - with_pods]:
            # Somebody may ask while the one before ends, or has waited for an answer all the time.
            is_quiet = self._quiet_rounds[namespace] > MOST_QUIET_ROUNDS
            if is_quiet and self._namespaces[namespace].is_settled:
                del self._quiet_rounds[namespace]
                words = "Nobody has asked for servers in namespace %s for long, so it is not watched any more"
                self._log.info(words, namespace)
                # Who asks from here on gets a new watch.
                await self._namespaces.pop(namespace).stop()

    async def _may_watch_everywhere(self) -> bool:
        """Wait a while, then try."""
        await asyncio.sleep(self._ask_again_seconds * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
        everywhere = Collection("pods", None, label_selector=self._label_selector)
        try:
            revision = await self._client.revision(everywhere)
            async with self._client.changes(everywhere, revision, 1):
                return True
        except (*TRANSIENT, ValueError) as error:
            self._log.debug("Still no watch of pods in all namespaces: %s", error)
            return False
