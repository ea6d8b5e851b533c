"""The hub's watches as a test has them: against any cluster, through a proxy that can go wrong."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import load_kube_config

from jupyterhub_knada.servers.pod_watch import ASK_AGAIN_SECONDS, PodWatch
from jupyterhub_knada.servers.watch_calls import WatchClient
from tests.support.backends import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.faulty_api import FaultyApi

LOG = logging.getLogger("tests.watches")


@contextlib.asynccontextmanager
async def watch_client(kubeconfig: Path, acts_as: str = "") -> AsyncIterator[WatchClient]:
    """Give the connections of whom a kubeconfig is about, or of whom an admin acts as."""
    configuration = Configuration()
    await load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    client = WatchClient(configuration)
    if acts_as:
        client._client.set_default_header("Impersonate-User", acts_as)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def pod_watch(
    kubeconfig: Path, label_selector: str, ask_again_seconds: float = ASK_AGAIN_SECONDS, acts_as: str = ""
) -> AsyncIterator[PodWatch]:
    """Give a watch of pods; it is stopped afterwards."""
    async with watch_client(kubeconfig, acts_as) as client:
        watch = PodWatch(client, label_selector, LOG, ask_again_seconds)
        try:
            yield watch
        finally:
            await watch.stop()


def hub_of(backend: Backend) -> tuple[Path, str]:
    """Give the kubeconfig of the hub's service account, or an admin's and as whom the admin acts."""
    if backend.given is None:
        return backend.folder / "hub.kubeconfig", ""
    return backend.given, IDENTITIES["hub"]


def count_calls(faulty: FaultyApi, verb: str, resource: str = "pods") -> int:
    """Count what has come through a proxy."""
    return sum((call.verb, call.resource) == (verb, resource) for call in faulty.calls)


def count_open(faulty: FaultyApi) -> int:
    """Count the watches through a proxy whose reader is still there."""
    transports = [request.transport for request in faulty._open.values()]
    return sum(transport is not None and not transport.is_closing() for transport in transports)
