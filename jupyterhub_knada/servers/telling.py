"""KubeSpawner that tells in words what happens, and does not fall over what Kubernetes leaves out.

Nothing here knows of teams. Each override mends something that stock does with what the cluster says.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.diagnosis import (
    Cause,
    PodState,
    diagnose,
    explain_event,
    explain_timeout,
    words_for_log,
)
from jupyterhub_knada.servers.diagnosis.refusals import explain_refusal
from jupyterhub_knada.servers.filling_in import FillingKubeSpawner
from jupyterhub_knada.servers.hidden_values import HiddenValues
from jupyterhub_knada.servers.patience import UNANSWERED, name_error, read_status
from jupyterhub_knada.servers.pausing import with_pauses
from jupyterhub_knada.servers.refusing import ToldError
from jupyterhub_knada.servers.watching import PodsUnseenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kubernetes_asyncio.client.rest import ApiException

    from jupyterhub_knada.servers.diagnosis import Diagnosis

LOOK_AGAIN_SECONDS: Final = 1.0
"""As often as KubeSpawner looks for new events."""
_UNSCHEDULED: Final = "FailedScheduling"
_TO_THE_SECOND: Final = len("2026-11-21T12:00:05")
_SHOWN_AT_ONCE: Final = frozenset(
    {Cause.CONFIGURATION, Cause.HOOK, Cause.IMAGE, Cause.MEMORY, Cause.PROGRAM, Cause.UNSCHEDULABLE}
)
"""What no start that goes well shows for a moment: said as soon as the pod says so, also without an event."""


class StartTimedOutError(ToldError, TimeoutError):
    """Raised where a server is not ready in time, with the reason in words for its owner.

    A TimeoutError, as JupyterHub 5.3-6.1 logs no traceback of one; an HTTPError, as its REST API shows the
    text of no other exception (5.3: apihandlers/base.py `write_error`).
    """

    def __init__(self, told: str) -> None:
        super().__init__(HTTPStatus.GATEWAY_TIMEOUT, told)


class PodRefusedError(ToldError):
    """Raised where the cluster does not take the pod; tells its owner what stands in the way.

    409 where the cluster said no, which is not a failure of the hub; 502 where it failed itself.
    """

    def __init__(self, namespace: str, error: ApiException, message: str) -> None:
        told = explain_refusal(namespace, error.status, message)
        said_no = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        super().__init__(HTTPStatus.CONFLICT if said_no else HTTPStatus.BAD_GATEWAY, told)


class TellingKubeSpawner(FillingKubeSpawner):
    """KubeSpawner whose progress and failures are plain sentences.

    `_log_name` is private to JupyterHub's Spawner, and used here and below all the same: log lines of one
    server have to be found by one name, whoever writes them. A test holds the private names used.
    """

    _hidden = HiddenValues()
    """What the variables of the pod say that this object has made."""
    _made_uid: str | None = None
    """Of the pod that this start has made; None: it has made none, as far as is known."""
    _failure = ""
    """Why the last start failed, in words; empty: it has not."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of this start's pod, oldest first; every field that is read is there.

        Source: `KubeSpawner.events`, 7.1, which sorts by `lastTimestamp or eventTime` and ends start and
        progress with a TypeError where an event has neither, as real ones may.
        """
        if not self.event_reflector:
            return []
        found = [event for event in self.event_reflector.resources.values() if self._is_mine(event)]
        found.sort(key=_event_time)
        uids = [event["metadata"].get("uid") for event in found]
        if self._last_event in uids:
            # Those up to `_last_event` belong to an earlier pod of this name. Nothing public says where this
            # start's begin: `_start` keeps the last one that it found.
            found = found[uids.index(self._last_event) + 1 :]
        blank = {"lastTimestamp": None, "eventTime": None, "type": "Normal", "message": "", "reason": ""}
        return self._with_newest_verdict([{**blank, **event} for event in found])

    def _with_newest_verdict(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put into the scheduler's last event what the scheduler says now.

        The pod's condition has it always. An event only where nothing was said before: what comes after is
        counted in a series, its words are lost (client-go `tools/events`, seen on Kubernetes 1.36.3 with
        pods whose volume comes a moment after them).
        """
        said = self._newest_verdict()
        failed = [number for number, event in enumerate(events) if event["reason"] == _UNSCHEDULED]
        if failed and said:
            events[failed[-1]] = {**events[failed[-1]], "message": said}
        return events

    def _newest_verdict(self) -> str:
        """Give why no machine takes the pod now; empty where one does, or it is not known yet."""
        status = (self._seen_pod() or {}).get("status") or {}
        conditions = status.get("conditions") or []
        said = [each.get("message") for each in conditions if each.get("reason") == "Unschedulable"]
        return said[0] or "" if said else ""

    def _is_mine(self, event: dict[str, Any]) -> bool:
        about = event.get("involvedObject") or {}
        return bool(about.get("name") == self.pod_name and event.get("metadata"))

    def is_pod_running(self, pod: dict[str, Any] | None) -> bool:
        """Tell whether a pod runs and is ready; a pod without a status yet is not.

        Source: `KubeSpawner.is_pod_running`, 7.1, which ends a start with a KeyError where `podIP` or
        `containerStatuses` are missing.
        """
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return False
        status = pod.get("status") or {}
        containers = status.get("containerStatuses") or []
        ready = bool(containers) and all(container.get("ready") for container in containers)
        return status.get("phase") == "Running" and bool(status.get("podIP")) and ready

    def _seen_pod(self) -> dict[str, Any] | None:
        """Give the pod of this server as the watch shows it; None: there is none."""
        pods = self.pod_reflector.pods if self.pod_reflector else {}
        found: dict[str, Any] | None = pods.get(f"{self.namespace}/{self.pod_name}")
        return found

    def diagnose(self) -> Diagnosis:
        """Decide why the server is not ready, from what is known of its pod now."""
        return diagnose(self._seen_pod(), self.events, self._made_uid)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Say in plain words what happens; never HTML, so that no name in it can become markup.

        Kubernetes' own words stay in `raw_event`.

        Source: `KubeSpawner.progress`, 7.1: dicts with `progress`, `message` and `raw_event`. It ends when
        `start` does; JupyterHub then waits for the server to answer, and may say as long as it does.
        """
        last: dict[str, Any] = {"message": ""}
        async for step in with_pauses(super().progress(), LOOK_AGAIN_SECONDS):  # type: ignore[no-untyped-call]
            if step and not step.get("raw_event"):
                yield step
                continue
            shown = self._describe(step) if step else self._as_it_is_now(last)
            if shown is None:
                continue
            if shown["message"] != last["message"]:
                yield shown
            last = shown
        while self.pending == "spawn":
            shown = self._as_it_is_now(last)
            if shown is not None and shown["message"] != last["message"]:
                yield shown
                last = shown
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _describe(self, step: dict[str, Any]) -> dict[str, Any]:
        pod = self._seen_pod()
        state = PodState.read(pod) if pod is not None else None
        return {**step, "message": explain_event(step["raw_event"], state, self._made_uid).ongoing}

    def _as_it_is_now(self, last: dict[str, Any]) -> dict[str, Any] | None:
        """Give what was said last with what is known now; None where there is nothing newer.

        The scheduler finds new words for an event that was there before, and a container's end has none.
        """
        if "raw_event" not in last:
            return None
        found, said = self.diagnose(), self._newest_verdict()
        if found.cause not in _SHOWN_AT_ONCE and not said:
            return None
        is_verdict = bool(said) and last["raw_event"]["reason"] == _UNSCHEDULED
        event = {**last["raw_event"], "message": said} if is_verdict else last["raw_event"]
        return {**last, "message": found.ongoing, "raw_event": event}

    def start(self) -> asyncio.Future[str]:  # type: ignore[override]  # KubeSpawner is no coroutine here either
        """Start the pod; a start that ends too late or badly says why.

        Source: `KubeSpawner.start`, 7.1, which keeps its future in `_start_future`, where `progress` ends
        with it; JupyterHub gives up after `start_timeout`, so that this has to be a little earlier.
        """
        self._made_uid, self._failure = None, ""
        stock: asyncio.Future[str] = super().start()  # type: ignore[no-untyped-call]
        # The stock future alone would end `progress` before the reason is there: nothing public replaces it.
        self._start_future = asyncio.ensure_future(self._tell_failure(stock))
        return self._start_future

    async def _tell_failure(self, stock: asyncio.Future[str]) -> str:
        # A tenth earlier than JupyterHub, but at most two seconds: whoever waits is told the reason.
        patience = self.start_timeout - min(2.0, self.start_timeout / 10)
        try:
            async with asyncio.timeout(patience):
                return await stock
        except TimeoutError as error:
            found = self.diagnose()
            # KubeSpawner ends earlier where a call was not answered: then there is no pod of this start.
            is_late = stock.cancelled() or self._seen_pod() is not None
            failure = explain_timeout(self.start_timeout, found) if is_late else found.explanation
            self._log_failure(failure, error)
            raise StartTimedOutError(failure) from error

    def _log_failure(self, failure: str, error: BaseException) -> None:
        """Keep why a start failed, and write it down with Kubernetes' own words, which no page shows."""
        self._failure = failure
        words = self._hidden.take_out(words_for_log(self._seen_pod(), self.events))
        cause = self._name_error(error)
        self.log.warning("Start of %s failed: %s (%s; %s)", self._log_name, failure, cause, words)

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - upstream's signature
        """Stop the pod; a failure is logged here, as JupyterHub drops it without a word.

        Source: `Spawner.stop`; JupyterHub 5.3-6.1, handlers/base.py `stop_single_user`, logs nothing.
        """
        try:
            await super().stop(now)  # type: ignore[no-untyped-call]
        except (*UNANSWERED, PodsUnseenError) as error:
            self.log.warning("%s not stopped: %s", self._named_pod(), self._name_error(error))
            raise
        except Exception:
            self.log.exception("%s not stopped", self._named_pod())
            raise

    def _named_pod(self) -> str:
        return f"Pod {self.namespace}/{self.pod_name} of {self._log_name}"

    def _name_error(self, error: BaseException) -> str:
        """Name an error for the log, without what no log shows of this server's pod."""
        return name_error(error, self._hidden)

    def _refused_pod(self, error: ApiException) -> PodRefusedError:
        self.log.warning("%s refused: %s", self._named_pod(), self._name_error(error))
        return PodRefusedError(self.namespace, error, self._hidden.take_out(read_status(error.body)[1]))


def _event_time(event: dict[str, Any]) -> str:
    """Give the second that an event is sorted by: as text, as all are RFC 3339 in UTC.

    Some have microseconds, others whole seconds. Those of one second stay in the order in which they came:
    `progress` tells by number what comes, and would never tell what is sorted before what was told.
    """
    times = (event.get(key) for key in ("lastTimestamp", "eventTime", "firstTimestamp"))
    made = (event.get("metadata") or {}).get("creationTimestamp")
    time = next((time for time in times if time), made) or ""
    return str(time)[:_TO_THE_SECOND]
