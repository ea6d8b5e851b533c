"""Lifecycle hooks of a container: postStart and preStop.

Source: core/v1 LifecycleHandler: exec, httpGet or sleep.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.probes import Target


class HookError(Exception):
    """A hook failed."""


async def run_hook(hook: JsonObject, target: Target, session: aiohttp.ClientSession) -> None:
    """Run one hook to its end.

    Raises:
        HookError: with a kubelet's words.
    """
    if command := hook.get("exec"):
        exit_code, output = await target.run_command(command["command"])
        if exit_code:
            raise HookError(f"command '{' '.join(command['command'])}' exited with {exit_code}: {output}")
    elif request := hook.get("httpGet"):
        try:
            async with session.get(target.build_url(request), ssl=False) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise HookError(f"HTTP lifecycle hook failed: {failure}") from failure
    elif pause := hook.get("sleep"):
        await asyncio.sleep(pause["seconds"])
