"""A node for tests without processes: each pod runs at once, and one HTTP server is all servers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from jupyterhub_knada.devcluster.node.cluster import Listed, object_path
from jupyterhub_knada.devcluster.node.watching import follow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient


async def run_pods(client: ClusterClient) -> None:
    """Be a node that says of each pod at once that it runs, on this machine's own address."""
    status = {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "containerStatuses": [
            {"name": "notebook", "ready": True, "restartCount": 0, "image": "x", "imageID": ""}
        ],
    }
    async for seen in follow(client, "/api/v1/pods", {}):
        pods = seen.items if isinstance(seen, Listed) else (seen.item,)
        for pod in pods:
            meta = pod["metadata"]
            if "gpu" in str(pod["spec"]["containers"][0]["resources"]) or pod["status"].get("podIP"):
                continue
            with contextlib.suppress(Exception):  # it may be gone again
                path = object_path("v1", "pods", meta["namespace"], meta["name"]) + "/status"
                await client.patch(path, {"status": status})


async def answer_all(_: web.Request) -> web.Response:
    """Be every server."""
    return web.Response(text="{}")


@contextlib.asynccontextmanager
async def ready_pods(client: ClusterClient) -> AsyncIterator[int]:
    """Run the pods of a cluster; give the port that all their servers listen on."""
    servers = web.Application()
    servers.router.add_route("*", "/{path:.*}", answer_all)
    runner = web.AppRunner(servers)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node = asyncio.create_task(run_pods(client))
    try:
        yield int(runner.addresses[0][1])
    finally:
        node.cancel()
        await runner.cleanup()
