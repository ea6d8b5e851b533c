"""One container of a pod: pulled, made, started, watched, started again, ended."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.node.attempts import Attempt
from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError
from jupyterhub_knada.devcluster.node.commands import run_in_container
from jupyterhub_knada.devcluster.node.context import Grace
from jupyterhub_knada.devcluster.node.environment import ConfigError
from jupyterhub_knada.devcluster.node.hooks import HookError, run_hook
from jupyterhub_knada.devcluster.node.launching import (
    ContainerFolders,
    Launch,
    LaunchError,
    build_request,
    prepare_launch,
)
from jupyterhub_knada.devcluster.node.probes import ProbeFailedError, Target, run_probes
from jupyterhub_knada.devcluster.node.processes import ProcessHandle, StartError, read_outcome, spawn
from jupyterhub_knada.devcluster.node.pulls import ensure_image
from jupyterhub_knada.devcluster.node.statuses import (
    ContainerFacts,
    Running,
    Terminated,
    Waiting,
    should_restart,
)
from jupyterhub_knada.devcluster.node.volumes import remove_folder

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.context import PodContext

_CONFIG_RETRY_SECONDS = (0.5, 5.0)
_DEFAULT_GRACE_SECONDS = 30


class ContainerRunner:
    """Runs one container of one pod; its `facts` say how it stands.

    Everything that must survive the node is in the folders of the tries; `restore` reads it back.
    """

    def __init__(self, pod: PodContext, spec: JsonObject, *, is_init: bool) -> None:
        self._pod = pod
        self._spec = spec
        self._is_init = is_init
        self._folder = pod.folder / "containers" / spec["name"]
        self._handle: ProcessHandle | None = None
        self._attempt: Attempt | None = None
        self._crash_delay: float | None = None
        """None before the first crash: the first restart is at once."""
        self._given_up = asyncio.Event()
        self._unhealthy_kind = ""
        has_init = bool(pod.pod["spec"].get("initContainers"))
        self.facts = ContainerFacts(
            name=spec["name"],
            image=spec["image"],
            state=Waiting("PodInitializing" if has_init else "ContainerCreating"),
        )

    @property
    def attempts(self) -> list[Attempt]:
        """The tries that are kept, oldest first."""
        return Attempt.find_all(self._folder)

    @property
    def running(self) -> tuple[Attempt, ProcessHandle] | None:
        """The try that runs now and its process, or None."""
        return (self._attempt, self._handle) if self._attempt and self._handle else None

    def restore(self) -> bool:
        """Take up where an earlier node left off: adopt a running process, read how one ended.

        Returns: whether there was anything.
        """
        attempts = self.attempts
        if not attempts:
            return False
        attempt = attempts[-1]
        last = attempts[-2].read_end(self._message_policy) if len(attempts) > 1 else None
        self._attempt = attempt
        self._handle = attempt.find_process()
        self._crash_delay = 0.0 if attempt.number else None
        self._set(
            state=Running(attempt.started_at) if self._handle else attempt.read_end(self._message_policy),
            last=last,
            restart_count=attempt.number,
            container_id=attempt.container_id,
            image_id=self._pod.node.image.image_id,
            **self._read_reported(attempt.container_id),
        )
        return True

    def _read_reported(self, container_id: str) -> dict[str, bool]:
        """Read what an earlier node said of a process that runs: the probes correct it, it does not flap."""
        status = self._pod.pod.get("status") or {}
        statuses = status.get("initContainerStatuses" if self._is_init else "containerStatuses") or []
        reported = next((known for known in statuses if known.get("containerID") == container_id), None)
        if not reported or not self._handle:
            return {}
        return {"ready": bool(reported.get("ready")), "started": bool(reported.get("started"))}

    async def run(self) -> Terminated:
        """Run to the end after which the restart policy starts it no more."""
        policy = self._pod.pod["spec"].get("restartPolicy", "Always")
        ended = None
        if self._attempt:
            ended = await self._follow(self._attempt) if self._handle else self.facts.ended
        while True:
            if ended:
                if not should_restart(policy, ended.exit_code, is_init=self._is_init):
                    return ended
                await self._back_off(ended)
            ended = await self._try_once()

    async def stop(self, grace: Grace, reason: str = "") -> None:
        """End the process: preStop hook, SIGTERM, and SIGKILL when the grace is over.

        Args:
            grace: for hook and process together.
            reason: of the Killing event; by default that the pod is stopped.
        """
        handle, attempt = self._handle, self._attempt
        if handle is None or attempt is None:
            return
        self._tell("Killing", reason or f"Stopping container {self.facts.name}")
        with suppress(TimeoutError):
            async with grace.limit():
                await self._run_pre_stop()
                handle.terminate()
                await handle.wait()
        handle.kill()
        await handle.wait()
        self._end(attempt)

    def detach(self) -> None:
        """Leave the process to the next node."""
        if self._handle:
            self._handle.detach()

    # Probes tell what they found (`probes.Watcher`).

    def on_started(self) -> None:
        """See `Watcher`."""
        self._set(started=True)

    def on_ready(self, *, ready: bool) -> None:
        """See `Watcher`."""
        self._set(ready=ready and not self._is_init)

    def on_unhealthy(self, kind: str) -> None:
        """See `Watcher`."""
        self._unhealthy_kind = kind
        self._given_up.set()

    def on_probe_failure(self, kind: str, message: str) -> None:
        """See `Watcher`."""
        self._warn("Unhealthy", f"{kind} probe failed: {message}")

    async def _try_once(self) -> Terminated:
        image_id = await ensure_image(self._pod.node, self._spec, self._wait, self._tell, self._warn)
        self._set(image_id=image_id)
        launch = await self._prepare()
        attempt = self._attempt = Attempt.create(self._folder)
        self._tell("Created", "Container created")
        try:
            await self._start(launch, attempt)
        except LaunchError as failure:
            self._warn("Failed", f"Error: {failure}")
            attempt.write_start_failure(str(failure))
            return self._end(attempt)
        self._tell("Started", "Container started")
        return await self._follow(attempt)

    async def _prepare(self) -> Launch:
        """Wait until everything is there that the container refers to."""
        delay, longest = _CONFIG_RETRY_SECONDS
        while True:
            try:
                return await prepare_launch(self._pod, self._spec)
            except ConfigError as failure:
                self._wait("CreateContainerConfigError", str(failure))
                self._warn("Failed", f"Error: {failure}")
            except ApiError as refusal:
                self._wait("CreateContainerConfigError", str(refusal))
                self._warn("Failed", f"Error: {refusal}")
            except ApiUnreachableError:
                pass  # it comes back; the pod's own state has not changed
            await asyncio.sleep(delay)
            delay = min(delay * 2, longest)

    async def _start(self, launch: Launch, attempt: Attempt) -> None:
        folders = ContainerFolders(
            layer=self._folder / "layer",
            seen_as=self._pod.known_as / self.facts.name,
            scratch=self._folder / "root",
        )
        await asyncio.to_thread(remove_folder, folders.scratch)
        await asyncio.to_thread(self._pod.node.image.build_layer, folders.layer, folders.seen_as)
        request = await asyncio.to_thread(build_request, self._pod, launch, attempt, folders)
        self._handle, outcome = spawn(request)
        try:
            await read_outcome(outcome)
        except StartError as failure:
            await self._handle.wait()
            raise LaunchError(f'exec: "{request.argv[0]}": {str(failure).lower()}') from failure
        except ConnectionError as failure:
            await self._handle.wait()
            raise LaunchError(str(failure)) from failure

    async def _follow(self, attempt: Attempt) -> Terminated:
        """Watch a running process to its end."""
        handle = self._handle
        if handle is None:
            return self._end(attempt)
        last = self.facts.ended or self.facts.last
        self._given_up.clear()
        self._set(
            state=Running(attempt.started_at),
            last=last,
            restart_count=attempt.number,
            container_id=attempt.container_id,
        )
        watch = asyncio.create_task(self._watch(attempt, handle))
        try:
            await handle.wait()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return self._end(attempt)

    async def _watch(self, attempt: Attempt, handle: ProcessHandle) -> None:
        """Run hook and probes beside a running process; end it where they give it up."""
        target = self._build_target(attempt, handle)
        name, seconds = self.facts.name, self._pod.pod["spec"].get("terminationGracePeriodSeconds")
        reason = ""
        if hook := (self._spec.get("lifecycle") or {}).get("postStart"):
            try:
                await run_hook(hook, target, self._pod.node.session)
            except (HookError, ProbeFailedError):
                self._warn("FailedPostStartHook", "PostStartHook failed")
                reason = "FailedPostStartHook"
        if not reason:
            probes = asyncio.create_task(run_probes(self._spec, target, self._pod.node.session, self))
            try:
                await self._given_up.wait()
            finally:
                probes.cancel()
                await asyncio.gather(probes, return_exceptions=True)
            reason = f"Container {name} failed {self._unhealthy_kind} probe, will be restarted"
        await self.stop(Grace(_DEFAULT_GRACE_SECONDS if seconds is None else seconds), reason)

    async def _run_pre_stop(self) -> None:
        hook = (self._spec.get("lifecycle") or {}).get("preStop")
        if hook and self._attempt and self._handle:
            try:
                await run_hook(hook, self._build_target(self._attempt, self._handle), self._pod.node.session)
            except (HookError, ProbeFailedError):
                self._warn("FailedPreStopHook", "PreStopHook failed")

    def _build_target(self, attempt: Attempt, handle: ProcessHandle) -> Target:
        ports = {
            port["name"]: port["containerPort"] for port in self._spec.get("ports") or [] if port.get("name")
        }
        return Target(
            address=self._pod.address,
            ports=ports,
            list_pids=handle.list_pids,
            run_command=lambda command: run_in_container(attempt, command),
        )

    async def _back_off(self, ended: Terminated) -> None:
        backoff = self._pod.node.options.backoff
        if backoff.is_forgiven((ended.finished_at - ended.started_at).total_seconds()):
            self._crash_delay = None
        if self._crash_delay is None:
            self._crash_delay = 0.0
            return
        self._crash_delay = backoff.next_delay(self._crash_delay)
        name, label = self.facts.name, self._pod.label
        self._warn("BackOff", f"Back-off restarting failed container {name} in pod {label}")
        told = (
            f"back-off {_format_duration(self._crash_delay)} restarting failed container={name} pod={label}"
        )
        self._wait("CrashLoopBackOff", told)
        since = (datetime.now(UTC) - ended.finished_at).total_seconds()
        await asyncio.sleep(max(0.0, self._crash_delay - since))

    def _end(self, attempt: Attempt) -> Terminated:
        """Note that the process is gone."""
        self._handle = None
        state = self.facts.state
        if isinstance(state, Terminated) and state.container_id == attempt.container_id:
            return state  # noted by whoever ended it
        last = self.facts.last if isinstance(state, Running) else self.facts.ended
        ended = attempt.read_end(self._message_policy)
        self._set(
            state=ended,
            last=last,
            restart_count=attempt.number,
            container_id=attempt.container_id,
            ready=self._is_init and ended.exit_code == 0,
            started=False,
        )
        return ended

    def _wait(self, reason: str, message: str = "") -> None:
        self._set(state=Waiting(reason, message), last=self.facts.ended, ready=False, started=False)

    @property
    def _message_policy(self) -> str:
        return str(self._spec.get("terminationMessagePolicy") or "File")

    @property
    def _field_path(self) -> str:
        return f"spec.{'initContainers' if self._is_init else 'containers'}{{{self.facts.name}}}"

    def _tell(self, reason: str, message: str) -> None:
        self._pod.node.events.tell(self._pod.pod, reason, message, self._field_path)

    def _warn(self, reason: str, message: str) -> None:
        self._pod.node.events.warn(self._pod.pod, reason, message, self._field_path)

    def _set(self, **changes: Any) -> None:
        facts = dataclasses.replace(self.facts, **changes)
        if facts != self.facts:
            self.facts = facts
            self._pod.changed()


def _format_duration(seconds: float) -> str:
    """Write a duration as Go does: `10s`, `1m20s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
