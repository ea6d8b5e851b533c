"""The contract suite: each test runs once per backend, and the last lines tell how many ran on each."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.account import asked_backends, name_version
from tests.support.backends import Backend, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.kubernetes_api import KubernetesApi


@pytest.fixture(scope="session", params=asked_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Give a running cluster, one for the whole session."""
    with running(request.param) as found:
        name_version(request.config, found.name, found.ask_version())
        yield found


@pytest.fixture(scope="session")
def minor(backend: Backend) -> int:
    """Give the backend's minor version: 36 of 1.36.3."""
    return int(backend.ask_version().split(".")[1])


@pytest_asyncio.fixture
async def api(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the admin's client."""
    async with backend.api() as found:
        yield found


@pytest_asyncio.fixture
async def nobody(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the client of somebody without any right."""
    async with backend.api("nobody") as found:
        yield found


@pytest_asyncio.fixture
async def hub(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the client of the service account `hub:hub`, which has the rights that a test gives it."""
    async with backend.api("hub") as found:
        yield found


@pytest_asyncio.fixture
async def namespace(api: KubernetesApi) -> AsyncIterator[str]:
    """Give the name of a new namespace that has its service account; it is deleted afterwards."""
    name = f"contract-{secrets.token_hex(4)}"
    (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: found is not None)
    yield name
    await api.delete(f"/api/v1/namespaces/{name}")


def _is_usable(node: dict[str, Any] | None) -> bool:
    return node is not None and not node["spec"].get("taints")


@pytest_asyncio.fixture
async def node(api: KubernetesApi) -> AsyncIterator[str]:
    """Give the name of a new ready node, alone with its label `contract=NAME`; it is deleted afterwards."""
    name = f"node-{secrets.token_hex(4)}"
    status: dict[str, Any] = {
        "capacity": {"cpu": "2", "memory": "4Gi", "pods": "20"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}],
    }
    body = {"metadata": {"name": name, "labels": {"contract": name}}, "status": status}
    (await api.post("/api/v1/nodes", body)).ok()
    await api.until(f"/api/v1/nodes/{name}", _is_usable)
    yield name
    await api.delete(f"/api/v1/nodes/{name}")
