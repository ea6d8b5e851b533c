"""What the scheduler says now is told, although Kubernetes keeps the words of its first events only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada import KnadaSpawner
from jupyterhub_knada.servers import telling
from jupyterhub_knada.servers.pausing import with_pauses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.support.spawners import Spawners

TEAM = "namespace: team-alfa\nusers: [e152435]\n"
UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
NO_GPU = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available"
MADE = "Waiting for the volume of your home to be made."
GPU = "No machine can run the server now: none has a free GPU."


class _Place:
    """A spawner whose pod and events are what a test says."""

    def __init__(self, spawner: KnadaSpawner, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spawner = spawner
        self._pods: dict[str, Any] = {}
        self._events: dict[str, Any] = {}
        pods = type("Pods", (), {"pods": self._pods})
        events = type("Events", (), {"resources": self._events})
        reflectors: dict[Any, Any] = KnadaSpawner.reflectors
        for kind, reflector in (("pods", pods), ("events", events)):
            monkeypatch.setitem(reflectors, spawner._get_reflector_key(kind), reflector)

        async def watch() -> None:
            pass

        monkeypatch.setattr(spawner, "_start_watching_events", watch)

    def happens(self, number: int, reason: str, message: str, time: str = "") -> None:
        """Add an event, of the second that its number is, or of a time."""
        self._events[str(number)] = {
            "metadata": {"uid": str(number)},
            "involvedObject": {"name": self.spawner.pod_name},
            "eventTime": time or f"2026-11-21T12:00:{number:02}Z",
            "reason": reason,
            "message": message,
            "type": "Warning",
        }

    def scheduler_says(self, message: str) -> None:
        """Change the pod's condition; an empty message: it is scheduled."""
        condition = {"type": "PodScheduled", "status": "True"}
        if message:
            condition = {**condition, "status": "False", "reason": "Unschedulable", "message": message}
        pod = {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "False"}, condition]}}
        self._pods[f"{self.spawner.namespace}/{self.spawner.pod_name}"] = pod


@pytest.fixture
async def place(spawners: Spawners, monkeypatch: pytest.MonkeyPatch) -> _Place:
    """Give a spawner with a pod."""
    spawners.write(alfa=TEAM)
    return _Place(spawners.make(), monkeypatch)


async def test_failure_tells_what_the_scheduler_says_last(place: _Place) -> None:
    """The event still says that the volume is not there; the pod's condition knows better."""
    place.happens(1, "FailedScheduling", UNBOUND)
    place.happens(2, "FailedScheduling", UNBOUND)
    place.scheduler_says(UNBOUND)
    assert "volume of your home was not made" in place.spawner.diagnose().explanation
    place.scheduler_says(NO_GPU)
    assert "none has a free GPU" in place.spawner.diagnose().explanation
    assert [event["message"] for event in place.spawner.events] == [UNBOUND, NO_GPU]


async def test_event_stays_as_it_is_once_the_pod_is_scheduled(place: _Place) -> None:
    """A condition that is no complaint changes nothing."""
    place.happens(1, "FailedScheduling", UNBOUND)
    place.happens(2, "Scheduled", "Successfully assigned a/b to c")
    place.scheduler_says("")
    assert place.spawner.events[0]["message"] == UNBOUND


async def test_progress_tells_new_words_without_a_new_event(
    place: _Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits reads what stands in the way now, each thing once."""
    monkeypatch.setattr(telling, "LOOK_AGAIN_SECONDS", 0.01)
    place.spawner._start_future = asyncio.get_running_loop().create_future()
    place.happens(1, "FailedScheduling", UNBOUND)
    place.scheduler_says(UNBOUND)
    told: list[str] = []
    async with asyncio.timeout(30):
        async for step in place.spawner.progress():
            told.append(step["message"])
            if step["message"] == MADE:
                place.scheduler_says(NO_GPU)
            elif step["message"].startswith(GPU):
                place.scheduler_says("")
                place.happens(2, "Scheduled", "Successfully assigned a/b to c")
            else:
                place.spawner._start_future.set_result(None)
    assert [message.partition(" It starts")[0] for message in told] == [
        MADE,
        GPU,
        "A machine was found: c.",
    ]


async def test_progress_tells_no_event_before_its_turn(
    place: _Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pause only what was told last is told anew: newer events come in their order, once, with a bar."""
    monkeypatch.setattr(telling, "LOOK_AGAIN_SECONDS", 0.01)
    place.spawner._start_future = asyncio.get_running_loop().create_future()
    steps: list[dict[str, Any]] = []
    place.happens(1, "Scheduled", "Successfully assigned a/b to c")
    async with asyncio.timeout(30):
        async for step in place.spawner.progress():
            steps.append(step)
            if len(steps) == 1:
                # KubeSpawner looks a second later; there are many pauses until then.
                for number, reason in enumerate(("Pulled", "Created", "Started"), 2):
                    place.happens(number, reason, reason)
            elif len(steps) == 4:
                place.spawner._start_future.set_result(None)
    assert [step["raw_event"]["reason"] for step in steps] == ["Scheduled", "Pulled", "Created", "Started"]
    bar = [step["progress"] for step in steps]
    assert bar == sorted(bar)


async def test_progress_tells_a_later_event_whose_time_is_less_exact(
    place: _Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler writes microseconds, then the kubelet whole seconds: each is told, and once."""
    monkeypatch.setattr(telling, "LOOK_AGAIN_SECONDS", 0.01)
    start = place.spawner._start_future = asyncio.get_running_loop().create_future()
    place.happens(1, "Scheduled", "Successfully assigned a/b to c", "2026-11-21T12:00:05.900000Z")
    reasons: list[str] = []
    async with asyncio.timeout(30):
        async for step in place.spawner.progress():
            reasons.append(step["raw_event"]["reason"])
            if not start.done():
                place.happens(2, "Pulled", "Pulled", "2026-11-21T12:00:05Z")
                start.set_result("")
    assert reasons == ["Scheduled", "Pulled"]


async def test_pauses_are_told_and_steps_closed() -> None:
    """Nothing is lost between steps, and whoever stops listening stops the steps."""
    is_closed = asyncio.Event()
    go_on = asyncio.Event()

    async def steps() -> AsyncGenerator[int, None]:
        try:
            yield 1
            await go_on.wait()
            yield 2
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    found: list[int | None] = []
    pauses = with_pauses(steps(), 0.01)
    async for step in pauses:
        found.append(step)
        if step is None:
            go_on.set()
        if step == 2:
            break
    await pauses.aclose()
    assert is_closed.is_set()
    assert [step for step in found if step] == [1, 2]
    assert None in found


async def test_pauses_pass_on_what_breaks_the_steps() -> None:
    """An error is whoever listens to them's."""

    async def steps() -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        _ = [step async for step in with_pauses(steps(), 10)]
