"""Run the probe in a fresh process and take in what it measures, with the traffic of each part."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.relay import Relay

Json = dict[str, Any]
_PATIENCE_SECONDS: Final = 120
"""For a load, on top of the seconds that are asked for."""
_LINE_LIMIT: Final = 1 << 20


async def run_probe(settings: Json, kubeconfig: Path, relay: Relay) -> tuple[Json, Json]:
    """Run it; give what the first load cost, and what the rest did.

    In the second `said` is what was logged, from warnings on.

    Args:
        settings: those of `probe.Settings`.
        kubeconfig: goes through the relay.
        relay: counts the traffic.

    Raises:
        RuntimeError: it ended without telling; with what it said.
        TimeoutError: it does not end.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.probe", json.dumps(settings)),
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stdout=PIPE,
        stderr=PIPE,
        limit=_LINE_LIMIT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(settings["seconds"] + _PATIENCE_SECONDS):
            before, parts = relay.traffic, []
            while line := await process.stdout.readline():
                now = relay.traffic
                parts.append({**json.loads(line), "traffic": asdict(now - before)})
                before = now
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or len(parts) != 2:
        raise RuntimeError(f"the probe ended with {process.returncode}:\n{said.decode(errors='replace')}")
    load, rest = parts
    return load, {**rest, "said": said.decode(errors="replace").splitlines()}
