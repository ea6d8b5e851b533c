"""KubeSpawner that loses no server where the cluster or the hub fails in the middle of something.

Stock KubeSpawner asks once, and JupyterHub takes a start or stop that failed for a server that is gone: its
pod may run on, and nobody knows of it. Nothing here knows of teams.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.utils import exponential_backoff
from kubernetes_asyncio.client.rest import ApiException
from tornado.web import HTTPError

from jupyterhub_knada.errors import KnadaError
from jupyterhub_knada.servers.diagnosis.refusals import (
    explain_refusal,
    explain_silence,
    explain_stop_refusal,
)
from jupyterhub_knada.servers.hidden_values import HiddenValues
from jupyterhub_knada.servers.hub_end import StoredServer, is_hub_ending
from jupyterhub_knada.servers.hub_hooks import HubFailedError, is_for_people
from jupyterhub_knada.servers.patience import (
    UNANSWERED,
    ask_patiently,
    call_off_is_unanswered,
    is_no,
    is_passing,
    is_unanswered,
    name_answer,
    read_status,
)
from jupyterhub_knada.servers.readiness import ReadinessKubeSpawner
from jupyterhub_knada.servers.refusing import ToldError
from jupyterhub_knada.servers.telling import LOOK_AGAIN_SECONDS
from jupyterhub_knada.servers.watching import PodsUnseenError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_IS_FINAL: Final[ContextVar[bool]] = ContextVar("_IS_FINAL", default=False)
"""Whether JupyterHub forgets the server when this stop ends, however it ends."""
HAS_ASKED: Final = "has_asked"
"""In the spawner's state: whether a pod was asked for since the last stop. It is stored before one is."""
_CLEARED_SECONDS: Final = 10.0
"""What a node may take, after a pod's grace period, until the pod is gone."""


class StartFailedError(ToldError):
    """Raised where a start fails by the cluster, or by the way to it; tells the server's owner in words."""

    def __init__(self, told: str, status: HTTPStatus = HTTPStatus.BAD_GATEWAY) -> None:
        super().__init__(status, told)


class StopFailedError(ToldError):
    """Raised where the hub ends and may not stop a server first."""

    def __init__(self, answer: str) -> None:
        super().__init__(HTTPStatus.BAD_GATEWAY, f"Kubernetes does not stop the server: {answer}.")


class EnduringKubeSpawner(ReadinessKubeSpawner):
    """KubeSpawner that asks again, and knows which pod may be there."""

    _may_have_pod = False
    """A pod was asked for and not refused for sure; the start has not ended well, nor was the pod stopped."""
    _has_asked = False
    """The last start has asked for a pod, or an earlier hub may have."""
    _why_not_stopped = ""
    """What the cluster has against the deletion that it is asked for, in words; else empty."""
    _outliving: StoredServer | None = None
    """What is stored of the server, where the hub ends before its pod is deleted."""

    async def poll(self) -> int | None:
        """Tell whether the server runs (None) or how it ended; what is not known runs as far as known.

        Source: `KubeSpawner.poll`, 7.1. JupyterHub 5.3-6.1 stops a server only where this is None, and takes
        an exception for a server that has ended.
        """
        if self._has_nothing_there():
            return 1
        # JupyterHub looks at each server that it stops as it ends.
        is_hurried = self.pending == "stop" and is_hub_ending()
        try:
            async with asyncio.timeout(self.k8s_api_request_retry_timeout if is_hurried else None):
                status: int | None = await super().poll()
        except UNANSWERED as error:
            self.log.warning("Server of %s cannot be checked: %s", self._log_name, self._name_error(error))
            return None
        if self._may_have_pod:
            # The watch may not have shown it yet, nor may the answer to its making have come.
            return None
        if status is None and self._is_ending():
            # Nobody takes a deletion back: JupyterHub, started again in the middle of a stop, would wait for
            # the server to answer.
            return 1
        return status

    def _is_ending(self) -> bool:
        pod = self._seen_pod()
        return pod is not None and "deletionTimestamp" in pod["metadata"]

    def start(self) -> asyncio.Future[str]:  # type: ignore[override]  # KubeSpawner is no coroutine here either
        """Start the pod; see `TellingKubeSpawner.start`."""
        self._has_asked, self._why_not_stopped = False, ""
        return super().start()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell what happens, and where a start failed and its pod cannot be deleted, both.

        Source: JupyterHub 5.3-6.1, user.py `spawn`: why a start failed is told when its stop has ended.
        """
        async for step in super().progress():
            yield step
        while self.pending == "stop":
            if self._why_not_stopped:
                why = self._failure or "The start did not succeed."
                yield {"progress": 99, "message": f"{why} {self._why_not_stopped}"}
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def get_url(self) -> str:
        """Give the server's address; where the hub was started again in the middle of a start, wait for it.

        Source: `Spawner.get_url`, JupyterHub 5.3-6.1: called at the hub's start for each server that `poll`
        gives as running. An exception here would end the hub.
        """
        try:
            await exponential_backoff(  # type: ignore[no-untyped-call]
                self._is_settled, "the pod is not ready", timeout=self.start_timeout
            )
        except TimeoutError:
            self.log.warning("Server of %s is not ready after the hub's start", self._log_name)
        # KubeSpawner puts the pod's address where JupyterHub keeps it.
        await self.poll()
        return str(self.server.url)

    def _is_settled(self) -> bool:
        pod = self._seen_pod()
        return pod is None or self._is_ending() or self.is_pod_running(pod)

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - upstream's signature
        """Stop the pod; see `TellingKubeSpawner.stop`.

        JupyterHub asks for it without `now`, and forgets the server then, also where this raises: until the
        cluster has taken the deletion, or shows that there is no pod, this does not end. With `now`,
        KubeSpawner asks for a pod that has ended or is in the way, and a refusal is raised.

        Source: JupyterHub 5.3-6.1, user.py `stop`.
        """
        final = _IS_FINAL.set(not now)
        stored = None if now else StoredServer.of(self.orm_spawner)
        try:
            if await self._has_nothing_to_stop():
                return
            await super().stop(now)
        except BaseException as error:
            self._outliving = stored if is_hub_ending() else None
            if isinstance(error, ApiException) and not now:
                # JupyterHub writes what it is given into its log, the API's raw reply with it.
                raise StopFailedError(name_answer(error)) from None
            raise
        finally:
            _IS_FINAL.reset(final)
        self._may_have_pod = False

    def clear_state(self) -> None:
        """Forget the server; one that outlives the hub is stored again instead, for the next hub.

        Source: JupyterHub 5.3-6.1, user.py `stop`: whatever ends it, be it the end of the hub, the server is
        taken out of the database, then this is called, then `get_state`, whose result is stored.
        """
        if self._outliving is None:
            super().clear_state()  # type: ignore[no-untyped-call]
            self._has_asked = False
            return
        self._outliving.put_back(self.orm_spawner)
        self.log.warning("%s is there when the hub ends; the next hub knows it", self._named_pod())

    def get_state(self) -> dict[str, Any]:
        """Give what is kept in the hub's database; see `HAS_ASKED`.

        Source: `KubeSpawner.get_state`, 7.1.
        """
        state: dict[str, Any] = super().get_state()  # type: ignore[no-untyped-call]
        return {**state, HAS_ASKED: self._has_asked}

    def load_state(self, state: dict[str, Any]) -> None:
        """Read what `get_state` gave; of what does not say whether a pod was asked for, one may have been.

        Source: `KubeSpawner.load_state`, 7.1. JupyterHub 5.3-6.1 calls it with `{}` where nothing is stored.
        """
        super().load_state(state)  # type: ignore[no-untyped-call]
        self._has_asked = bool(state) and state.get(HAS_ASKED) is not False

    def _has_nothing_there(self) -> bool:
        """Tell whether there can be no pod: none was asked for, nothing is about to, and none is seen.

        A start that is refused ends so, and JupyterHub stops it like any other. Nobody needs to see pods for
        that, which the hub may not in its own namespace, where a server is that has had no team yet.

        `_start_future` is private to KubeSpawner: nothing public says whether a start goes on.
        """
        is_over = self._start_future is None or self._start_future.done()
        is_asked = self._has_asked or self._may_have_pod
        return is_over and not is_asked and not (self.pod_reflector and self._seen_pod())

    async def _has_nothing_to_stop(self) -> bool:
        """Wait until the pod can be seen, or tell that there cannot be one to stop.

        `_start_watching_pods` is private to KubeSpawner: nothing public says whether pods are seen.
        """
        if self._has_nothing_there():
            return True
        await self._ask_to_the_end(self._start_watching_pods, self._log_silence, _is_unseen)
        return False

    async def _ask_to_the_end(
        self,
        call: Callable[[], Awaitable[object]],
        tell: Callable[[BaseException], None],
        passes: Callable[[BaseException], bool],
    ) -> None:
        """Make a call until it is answered; where the hub ends, for a while: JupyterHub waits for it.

        Raises:
            ApiException, ClientError, OSError, TimeoutError: the last that the call has raised, or none came.
        """
        if not is_hub_ending():
            await ask_patiently(call, None, tell, passes)
            return
        seconds = self.k8s_api_request_retry_timeout
        last: BaseException | None = None

        async def ask() -> None:
            nonlocal last
            try:
                await call()
            except UNANSWERED as error:
                last = error
                raise

        try:
            async with asyncio.timeout(seconds):
                await ask_patiently(ask, seconds, tell)
        except TimeoutError:
            # Of a call that hangs, or of a wait that took a moment too long: the last answer is the reason.
            if last is None:
                raise
            raise last from None

    async def _make_delete_pod_request(
        self, pod_name: str, delete_options: Any, grace_seconds: int, request_timeout: float
    ) -> bool:
        """Delete the pod, however long the cluster cannot be asked: until then the server is being stopped.

        Side effects: waits for a pod that may take longer to end than KubeSpawner waits for it.

        Raises:
            ApiException: the cluster says no, and JupyterHub does not forget the server for that.

        Source: `KubeSpawner._make_delete_pod_request`, 7.1. Private, and overridden because JupyterHub takes
        a stop that fails for a server that is gone. A test compares its signature.
        """
        delete = super()._make_delete_pod_request
        may_come = self._may_have_pod

        async def ask() -> None:
            nonlocal may_come
            try:
                if not await delete(pod_name, delete_options, grace_seconds, request_timeout):  # type: ignore[no-untyped-call]
                    raise TimeoutError
            except UNANSWERED as error:
                self._note_why_not_stopped(error)
                is_there = await self._is_there()
                # What the watch has shown once is there or gone, and no answer to its making is awaited.
                may_come = may_come and not is_there
                if is_there is not False or may_come:
                    raise
                self.log.info("%s is gone, somebody else has deleted it", self._named_pod())

        passes = is_unanswered if _IS_FINAL.get() else is_passing
        await self._ask_to_the_end(ask, self._log_silence, passes)
        if grace_seconds:
            await self._outwait_grace(grace_seconds)
        return True

    async def _outwait_grace(self, grace_seconds: int) -> None:
        """Wait for the pod's end as much longer than `stop` does as the pod may take.

        Source: `KubeSpawner.stop`, 7.0 and 7.1, which then waits for `start_timeout`, give or take a tenth,
        and raises: JupyterHub would forget the server while it runs on.
        """
        seconds = grace_seconds + _CLEARED_SECONDS - 0.9 * self.start_timeout
        if seconds <= 0 or is_hub_ending():
            # A server that outlives the hub is known to the next one.
            return
        with contextlib.suppress(TimeoutError):
            await exponential_backoff(  # type: ignore[no-untyped-call]
                lambda: self._seen_pod() is None, "the pod is there", timeout=seconds, timeout_tolerance=0
            )

    async def _is_there(self) -> bool | None:
        """Tell whether the pod is there; None where the hub cannot see that.

        `_start_watching_pods` is private to KubeSpawner: nothing public says whether pods are seen.
        """
        try:
            await self._start_watching_pods()  # type: ignore[no-untyped-call]
        except PodsUnseenError:
            return None
        return self._seen_pod() is not None

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """Create the pod; False where it has to be tried again.

        Raises:
            PodRefusedError: the cluster does not take it.

        Source: `KubeSpawner._make_create_pod_request`, 7.1. Private, and overridden because on any error it
        writes the whole pod into the hub's log, JUPYTERHUB_API_TOKEN with it, and tries nothing again. A test
        compares its signature.
        """

        async def create() -> None:
            could_be_there, self._may_have_pod = self._may_have_pod, True
            try:
                async with asyncio.timeout(request_timeout):
                    made = await self.api.create_namespaced_pod(self.namespace, pod)
            except ApiException as error:
                if is_no(error):
                    self._may_have_pod = could_be_there
                raise
            self._made_uid = made.metadata.uid

        self._has_asked, self._hidden = True, HiddenValues.of_pod(pod)
        try:
            await ask_patiently(create, self.k8s_api_request_retry_timeout, self._log_silence)
        except TimeoutError:
            return False
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise self._refused_pod(error) from None
            # One that was left, or this very one, where the answer to an earlier try was lost.
            self.log.info("Pod %s/%s exists already, stopping it first", self.namespace, self.pod_name)
            self._may_have_pod = True
            await self.stop(now=True)
            return False
        return True

    def _note_why_not_stopped(self, error: BaseException) -> None:
        if isinstance(error, ApiException) and not is_passing(error):
            message = read_status(error.body)[1]
            self._why_not_stopped = explain_stop_refusal(self.namespace, error.status, message)

    def _log_silence(self, error: BaseException) -> None:
        self.log.warning("Kubernetes is asked again for %s: %s", self._log_name, self._name_error(error))

    async def _tell_failure(self, stock: asyncio.Future[str]) -> str:
        try:
            url = await call_off_is_unanswered(super()._tell_failure(stock))
        except HTTPError as error:
            self._failure = self._failure or getattr(error, "jupyterhub_message", "")
            raise
        except KnadaError as error:
            raise self._start_failed(getattr(error, "jupyterhub_message", str(error)), error) from error
        except ApiException as error:
            failure = explain_refusal(self.namespace, error.status, read_status(error.body)[1])
            raise self._start_failed(failure, error) from None
        except UNANSWERED as error:
            raise self._start_failed(explain_silence(), error) from None
        except Exception as error:
            if is_for_people(error):
                raise
            self.log.exception("Start of %s failed", self._log_name)
            raise HubFailedError from error
        self._may_have_pod = False
        return url

    def _start_failed(self, failure: str, error: BaseException) -> StartFailedError:
        self._log_failure(failure, error)
        return StartFailedError(failure)


def _is_unseen(error: BaseException) -> bool:
    return isinstance(error, PodsUnseenError)
