"""What a person reads where a namespace's rules refuse their server: words, and never the API's own reply."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tornado.web import HTTPError

from jupyterhub_knada.servers import patience
from tests.support.live_spawners import live_spawners
from tests.support.manifests import container
from tests.support.shipped_rights import (
    Right,
    apply,
    chart_rights,
    hub_kubeconfig,
    read_manifest,
    until_it_holds,
)
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi
    from tests.support.live_spawners import LiveSpawners

Json = dict[str, Any]
OWNER = "e152435"
_ADMINS = "Report this to whoever runs this hub."


@asynccontextmanager
async def _team(
    backend: Backend, api: KubernetesApi, hub: KubernetesApi, folder: Path
) -> AsyncIterator[tuple[LiveSpawners, str]]:
    """Give spawners of a hub with one team, and that team's namespace, both as shipped."""
    namespace = f"refused-{secrets.token_hex(3)}"
    await apply(api, read_manifest("team-namespace.yaml", namespace))
    await apply(api, chart_rights(f"{namespace}-hub"))
    for right in (Right("pods", "watch"), Right("persistentvolumeclaims", "create")):
        await until_it_holds(hub, right, namespace)
    kubeconfig = await hub_kubeconfig(backend, api, folder)
    kyrre = f"namespace: {namespace}\nusers: [{OWNER}]\nmemoryLimit: 2GB\n"
    async with live_spawners(folder, kubeconfig, f"{namespace}-hub", kyrre=kyrre) as spawners:
        yield spawners, namespace
    for name in (namespace, f"{namespace}-hub"):
        await api.delete(f"/api/v1/namespaces/{name}")


async def _told(spawners: LiveSpawners) -> tuple[int, str]:
    """Start a server that is refused; give the status and the sentence that its owner reads."""
    with pytest.raises(HTTPError) as refused:
        await spawners.spawn(spawners.make(OWNER))
    error = refused.value
    told = getattr(error, "jupyterhub_message", "")
    assert str(error).endswith(f" ({told})")
    return error.status_code, told


@pytest.mark.parametrize(
    ("hard", "told"),
    [
        pytest.param(
            {"pods": "0"},
            "Kubernetes rejected the server in namespace {}: its quota is used up. "
            "Stop another server, or choose a smaller profile.",
            id="quota of pods",
        ),
        pytest.param(
            {"limits.memory": "1Gi"},
            "Kubernetes rejected the server in namespace {}: its quota is used up. "
            "Stop another server, or choose a smaller profile.",
            id="quota of memory",
        ),
        pytest.param(
            {"requests.storage": "1Gi"},
            f"Kubernetes rejected your home in namespace {{}}: its quota for storage is used up. {_ADMINS}",
            id="quota of storage",
        ),
    ],
)
async def test_start_over_a_quota_is_told_in_words(
    backend: Backend, api: KubernetesApi, hub: KubernetesApi, tmp_path: Path, hard: Json, told: str
) -> None:
    """Which of the namespace's quotas it is, and what to do; no numbers that the person cannot place."""
    async with _team(backend, api, hub, tmp_path) as (spawners, namespace):
        path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        (await api.post(path, {"metadata": {"name": "q"}, "spec": {"hard": hard}})).ok()
        await api.until(f"{path}/q", lambda found: bool((found or {}).get("status", {}).get("used")))
        assert await _told(spawners) == (409, told.format(namespace))
        assert (await api.get(f"/api/v1/namespaces/{namespace}/pods")).ok()["items"] == []


async def test_start_over_a_limit_range_is_told_in_words(
    backend: Backend, api: KubernetesApi, hub: KubernetesApi, tmp_path: Path
) -> None:
    """The namespace allows no server of this size, however little is used."""
    async with _team(backend, api, hub, tmp_path) as (spawners, namespace):
        limits = [{"type": "Container", "max": {"memory": "1Gi"}}]
        body = {"metadata": {"name": "l"}, "spec": {"limits": limits}}
        (await api.post(f"/api/v1/namespaces/{namespace}/limitranges", body)).ok()
        await _until_refused(api, namespace)
        told = "no server of this size is allowed there. Choose another profile."
        start = f"Kubernetes rejected the server in namespace {namespace}"
        assert await _told(spawners) == (409, f"{start}: {told}")


async def _until_refused(api: KubernetesApi, namespace: str) -> None:
    """Wait until a limit range holds: a real API server learns of it by a watch."""
    resources = {"limits": {"memory": "2Gi"}, "requests": {"memory": "1"}}

    async def is_refused() -> bool:
        body = container(resources=resources)
        answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body, dryRun="All")
        return "maximum memory usage" in answer.message

    await eventually(is_refused)


async def test_start_that_pod_security_forbids_is_told_in_words(
    backend: Backend, api: KubernetesApi, hub: KubernetesApi, tmp_path: Path
) -> None:
    """An admin's container beside the server lacks what the level asks for: no server can start there."""
    async with _team(backend, api, hub, tmp_path) as (spawners, namespace):
        spawners.config.KubeSpawner.extra_containers = [{"name": "beside", "image": "example.org/beside:1"}]
        told = "the pod security level restricted forbids part of it"
        sentence = f"Kubernetes rejected the server in namespace {namespace}: {told}. {_ADMINS}"
        assert await _told(spawners) == (409, sentence)


async def test_stop_in_a_namespace_that_is_gone_ends_when_it_is_made_again(
    backend: Backend,
    api: KubernetesApi,
    hub: KubernetesApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A hub that was down meanwhile is told 403 there; with its rights it sees that there is no pod."""
    monkeypatch.setattr(patience, "_RARE_WAIT", lambda _: 0.2)
    async with _team(backend, api, hub, tmp_path) as (spawners, namespace):
        path = f"/api/v1/namespaces/{namespace}"
        await api.delete(path)
        await api.until(path, lambda found: found is None)
        await until_it_holds(hub, Right("pods", "watch"), namespace, is_given=False)
        before = {"pod_name": f"jupyter-{OWNER}", "namespace": namespace, "knada": {"version": 1}}
        spawner = spawners.make(OWNER, state=before)
        assert (spawner.namespace, await spawner.poll()) == (namespace, None)
        stop = asyncio.create_task(spawner.stop())

        async def is_told() -> bool:
            return f"asked again for {spawner._log_name}: The hub cannot see servers" in caplog.text

        await eventually(is_told)
        assert not stop.done()
        await apply(api, read_manifest("team-namespace.yaml", namespace))
        await stop
        assert await spawner.poll() == 1


async def test_start_in_a_namespace_that_nobody_prepared_is_told_in_words(
    backend: Backend, api: KubernetesApi, hub: KubernetesApi, tmp_path: Path
) -> None:
    """Without the Role the hub cannot even look for the home; nothing is started, and nothing is made."""
    async with _team(backend, api, hub, tmp_path) as (spawners, namespace):
        (await api.delete(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/knada-hub")).ok()
        await until_it_holds(hub, Right("persistentvolumeclaims", "list"), namespace, is_given=False)
        _, told = await _told(spawners)
        assert told == (
            f"The hub cannot search namespace {namespace} for your home, so that nothing was started. "
            f"The hub has no right to read it: the namespace is not prepared. {_ADMINS}"
        )
