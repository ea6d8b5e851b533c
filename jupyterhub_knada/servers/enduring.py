"""KubeSpawner that loses no server where the cluster or the hub fails in the middle of something.

Stock KubeSpawner asks once, and JupyterHub takes a start or stop that failed for a server that is gone: its
pod may run on, and nobody knows of it. Nothing here knows of teams.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from jupyterhub.utils import exponential_backoff
from kubernetes_asyncio.client.rest import ApiException
from tornado.web import HTTPError

from jupyterhub_knada.errors import KnadaError
from jupyterhub_knada.servers.patience import (
    UNANSWERED,
    ask_patiently,
    call_off_is_unanswered,
    name_error,
    read_status,
)
from jupyterhub_knada.servers.progress import tell_refusal, tell_silence
from jupyterhub_knada.servers.telling import TellingKubeSpawner


class StartFailedError(HTTPError):
    """Raised where a start fails by the cluster, or by the way to it; tells the server's owner in words.

    An HTTPError, as the start page shows the text of no other exception, and the hub logs a traceback of any
    other.

    Source: JupyterHub 5.3-6.1, handlers/pages.py `_wrap_spawn_single_user`, user.py `spawn`.
    """

    def __init__(self, told: str, status: HTTPStatus = HTTPStatus.BAD_GATEWAY) -> None:
        # A percent sign in the text would be taken for a place to fill in.
        super().__init__(status, told.replace("%", "%%"))
        self.jupyterhub_message = told


class EnduringKubeSpawner(TellingKubeSpawner):
    """KubeSpawner that asks again, and knows which pod may be there."""

    _may_have_pod = False
    """A pod was asked for and the start has not ended well, nor was the pod stopped."""

    async def poll(self) -> int | None:
        """Tell whether the server runs (None) or how it ended; what is not known runs as far as known.

        Source: `KubeSpawner.poll`, 7.1. JupyterHub 5.3-6.1 stops a server only where this is None, and takes
        an exception for a server that has ended.
        """
        try:
            status: int | None = await super().poll()
        except UNANSWERED as error:
            self.log.warning("Server of %s cannot be looked at: %s", self._log_name, name_error(error))
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

    def _seen_pod(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.pod_reflector.pods.get(f"{self.namespace}/{self.pod_name}")
        return found

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
        """Stop the pod; see `TellingKubeSpawner.stop`."""
        await super().stop(now)
        self._may_have_pod = False

    async def _make_delete_pod_request(
        self, pod_name: str, delete_options: Any, grace_seconds: int, request_timeout: float
    ) -> bool:
        """Delete the pod, however long the cluster cannot be asked: until then the server is being stopped.

        Raises:
            ApiException: the cluster says no.

        Source: `KubeSpawner._make_delete_pod_request`, 7.1. Private, and overridden because JupyterHub takes
        a stop that fails for a server that is gone. A test compares its signature.
        """
        delete = super()._make_delete_pod_request

        async def ask() -> None:
            if not await delete(pod_name, delete_options, grace_seconds, request_timeout):  # type: ignore[no-untyped-call]
                raise TimeoutError

        await ask_patiently(ask, None, self._log_silence)
        return True

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """Create the pod; False where it has to be tried again.

        Raises:
            PodRefusedError: the cluster does not take it.

        Source: `KubeSpawner._make_create_pod_request`, 7.1. Private, and overridden because on any error it
        writes the whole pod into the hub's log, JUPYTERHUB_API_TOKEN with it, and tries nothing again. A test
        compares its signature.
        """

        async def create() -> None:
            async with asyncio.timeout(request_timeout):
                await self.api.create_namespaced_pod(self.namespace, pod)

        self._may_have_pod = True
        try:
            await ask_patiently(create, self.k8s_api_request_retry_timeout, self._log_silence)
        except TimeoutError:
            return False
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise self._refused_pod(pod, error) from None
            # One that was left, or this very one, where the answer to an earlier try was lost.
            self.log.info("Pod %s/%s exists already, stopping it first", self.namespace, self.pod_name)
            await self.stop(now=True)
            return False
        return True

    def _log_silence(self, error: BaseException) -> None:
        self.log.warning("Kubernetes is asked again for %s: %s", self._log_name, name_error(error))

    async def _tell_failure(self, stock: asyncio.Future[str]) -> str:
        try:
            url = await call_off_is_unanswered(super()._tell_failure(stock))
        except (HTTPError, TimeoutError):
            raise
        except KnadaError as error:
            self.log.warning("Start of %s failed: %s", self._log_name, error)
            raise StartFailedError(getattr(error, "jupyterhub_message", str(error))) from error
        except ApiException as error:
            self.log.warning("Start of %s failed: %s", self._log_name, name_error(error))
            answer, (_, message) = f"{error.status} {error.reason}", read_status(error.body)
            raise StartFailedError(tell_refusal(self.namespace, answer, message)) from None
        except UNANSWERED as error:
            self.log.warning("Start of %s failed: %s", self._log_name, name_error(error))
            raise StartFailedError(tell_silence()) from None
        self._may_have_pod = False
        return url
