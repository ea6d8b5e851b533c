"""Follow a collection of the API for as long as the node lives."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, ApiUnreachableError, Changed, Listed, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient

logger = logging.getLogger(__name__)


async def follow(
    client: ClusterClient, path: str, query: Mapping[str, str]
) -> AsyncIterator[Listed | Changed]:
    """Yield the collection, then each change; never ends.

    A watch that the server ends (it does so after some minutes) resumes where it was. One that breaks, or
    whose version is too old (410), begins with a new `Listed`: what happened in between is in it. An API
    server that is away is asked again and again, with pauses, and yields nothing.
    """
    retry = Retry()
    while True:
        try:
            listed = await client.get(path, **query)
            yield Listed(tuple(listed["items"]))
            version = listed["metadata"]["resourceVersion"]
            retry.reset()
            while True:
                async for event in client.watch(path, version, query):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield Changed(event["object"], deleted=event["type"] == "DELETED")
                # A server that ends each watch at once must not be asked in a tight loop.
                await retry.pause()
        except (ApiError, ApiUnreachableError) as failure:
            logger.info("list again: %s", failure)
        await retry.pause()
