"""Lets a cluster forget how its objects were, so that what began before is too old."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from jupyterhub_knada.devcluster.api.store import HISTORY
from tests.kubernetes.control_plane import ETCD_ADDRESS
from tests.support.backends import EMBEDDED

if TYPE_CHECKING:
    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_AT_ONCE = 50


async def forget_events(backend: Backend, api: KubernetesApi, event: str, page: Json) -> Json:
    """Let a cluster forget the revision of a list of events.

    Events, because a real API server keeps no cache of theirs: only etcd remembers. Where etcd is out of
    reach (KUBECONFIG), the oldest revision of all stands in: after five minutes etcd is made to forget it.

    Args:
        backend: the cluster.
        api: the admin's client.
        event: the address of one that may be changed.
        page: a list's `metadata`, with a `continue` token.

    Returns:
        The `metadata` of a list of which nothing is remembered any more: the same one, but for KUBECONFIG.
    """
    if backend.name == EMBEDDED:
        await _fill(api, event)
        return page
    address = backend.folder / ETCD_ADDRESS
    if backend.given is not None or not address.is_file():
        aged = _aged(page)
        first = {"resourceVersion": aged["resourceVersion"], "resourceVersionMatch": "Exact"}
        still = await api.get(event.rpartition("/")[0], **first)
        assert still.status == 410, "This cluster forgets nothing in its first ten minutes: wait for them."
        return aged
    await _compact(address.read_text(encoding="utf-8"), (await api.get(event)).ok())
    return page


async def _fill(api: KubernetesApi, event: str) -> None:
    """Make more changes than are remembered."""
    for start in range(0, HISTORY + 1, _AT_ONCE):
        changes = (api.patch(event, {"count": start + number + 1}) for number in range(_AT_ONCE))
        for answer in await asyncio.gather(*changes):
            answer.ok()


async def _compact(etcd: str, event: Json) -> None:
    """Ask etcd itself: an API server's revisions are etcd's.

    Source: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/.
    """
    revision = event["metadata"]["resourceVersion"]
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{etcd}/v3/kv/compaction", json={"revision": revision, "physical": True}) as answer,
    ):
        assert answer.status == 200, await answer.text()


def _aged(page: Json) -> Json:
    token = page["continue"]
    said = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    aged = base64.urlsafe_b64encode(json.dumps(said | {"rv": 1}).encode()).decode().rstrip("=")
    return page | {"resourceVersion": "1", "continue": aged}
