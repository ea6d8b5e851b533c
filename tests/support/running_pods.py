"""Pods that run at once, all of them the same small HTTP server of the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from jupyterhub_knada.devcluster.node.cluster import ApiError, Listed, object_path
from jupyterhub_knada.devcluster.node.watching import follow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient

_RUNNING = {
    "phase": "Running",
    "podIP": "127.0.0.1",
    "containerStatuses": [
        {"name": "notebook", "ready": True, "restartCount": 0, "image": "x", "imageID": ""},
    ],
}


@contextlib.asynccontextmanager
async def running_pods(
    client: ClusterClient, takes: Callable[[dict[str, Any]], bool] = bool
) -> AsyncIterator[int]:
    """Be a node whose pods are ready as soon as they are made; give the port that answers for all of them.

    Args:
        client: Of the cluster.
        takes: Says of a pod whether the node takes it.
    """
    servers = web.Application()
    servers.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(servers)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    node = asyncio.create_task(_run_pods(client, takes))
    try:
        yield runner.addresses[0][1]
    finally:
        node.cancel()
        await runner.cleanup()


async def _answer(_: web.Request) -> web.Response:
    return web.Response(text="{}")


async def _run_pods(client: ClusterClient, takes: Callable[[dict[str, Any]], bool]) -> None:
    async for seen in follow(client, "/api/v1/pods", {}):
        for pod in seen.items if isinstance(seen, Listed) else (seen.item,):
            if takes(pod) and not pod["status"].get("podIP"):
                meta = pod["metadata"]
                path = object_path("v1", "pods", meta["namespace"], meta["name"]) + "/status"
                with contextlib.suppress(ApiError):  # it may be gone again
                    await client.patch(path, {"status": _RUNNING})
