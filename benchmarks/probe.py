"""One spawner class' watching in a bare process: `python -m benchmarks.probe SETTINGS`, JSON in and out.

Two lines come out: one after the first load, one after the rest. SETTINGS is the JSON of `Settings`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import selectors
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

from kubespawner.spawner import KubeSpawner
from traitlets.config import Config

from benchmarks.metering import Meter, read_memory
from benchmarks.variants import KNADA, STOCK
from jupyterhub_knada import KnadaSpawner

SPAWNERS: Final[dict[str, type[KubeSpawner]]] = {STOCK: KubeSpawner, KNADA: KnadaSpawner}
_SETTLING_SECONDS = 5
"""A stock reflector lists twice at the beginning; the second list belongs to the first load."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a probe does."""

    spawner: str
    """One of `SPAWNERS`."""
    is_one_for_all: bool
    """Stock only: `enable_user_namespaces`, one reflector of a kind instead of one for each namespace."""
    namespaces: tuple[str, ...]
    pods: int
    """How many there are; the probe fails where it does not see them all."""
    seconds: float
    """Of the rest."""


def make_spawners(settings: Settings) -> list[KubeSpawner]:
    """Make the spawners of a hub with a server in each namespace, as far as watching needs them."""
    config = Config({"KubeSpawner": {"enable_user_namespaces": settings.is_one_for_all}})
    spawners = []
    for namespace in settings.namespaces:
        # What upstream's own tests make: without a hub and a user.
        spawner = SPAWNERS[settings.spawner](_mock=True, config=config)
        spawner.namespace = namespace
        spawners.append(spawner)
    return spawners


async def watch(spawners: list[KubeSpawner]) -> None:
    """Begin to watch as a hub does that starts with running servers; return when all is loaded.

    Source: `KubeSpawner._start`, 7.0-7.1, for each server; private, and what both classes share.
    """
    names = ("_start_watching_pods", "_start_watching_events")
    await asyncio.gather(*(getattr(one, name)() for one in spawners for name in names))


def count_known(spawners: list[KubeSpawner]) -> dict[str, int]:
    """Count the pods and events that these spawners know."""
    pods = {key for one in spawners for key in one.pod_reflector.pods}
    events = {key for one in spawners if one.event_reflector for key in one.event_reflector.resources}
    return {"pods": len(pods), "events": len(events)}


async def measure(settings: Settings, meter: Meter) -> None:
    """Load, then rest; print what each costs.

    Raises:
        SystemExit: not all pods are known afterwards.
    """
    spawners = make_spawners(settings)
    gc.collect()
    before = read_memory()["memory"]
    meter.reset()
    began = time.perf_counter()
    await watch(spawners)
    took = time.perf_counter() - began
    await asyncio.sleep(_SETTLING_SECONDS)
    told: dict[str, Any] = {"took": took, "memory_before": before, "known": count_known(spawners)}
    print(json.dumps({**meter.read(), **told}), flush=True)
    meter.reset()
    await asyncio.sleep(settings.seconds)
    known = count_known(spawners)
    print(json.dumps({**meter.read(), "known": known}), flush=True)
    if known["pods"] != settings.pods:
        raise SystemExit(f"{settings.spawner} knows {known['pods']} pods of {settings.pods}")


def main() -> None:
    """Do what the first argument says."""
    settings = Settings(**json.loads(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    selector = selectors.DefaultSelector()
    meter = Meter(selector)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(measure(settings, meter))


if __name__ == "__main__":
    main()
