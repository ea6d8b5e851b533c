"""The manifests on the embedded Kubernetes API: it takes them, and they let the hub work and no more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
import yaml

from jupyterhub_knada.devcluster.api import EmbeddedCluster, Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MANIFESTS: Final = Path(__file__).parents[2] / "helm-values/manifests"
PLURALS: Final = {
    "Namespace": "namespaces",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "NetworkPolicy": "networkpolicies",
}
HUB: Final = Identity(
    "system:serviceaccount:knada:hub", ("system:serviceaccounts", "system:serviceaccounts:knada")
)
POD: Final = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "jupyter-e152435", "labels": {"component": "singleuser-server"}},
    "spec": {"containers": [{"name": "notebook", "image": "quay.io/jupyter/minimal-notebook:2026-11-02"}]},
}
CLAIM: Final = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "claim-e152435"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
SECRET: Final = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "mine"},
    "stringData": {"key": "x"},
}


class Api:
    """The embedded API as one identity calls it."""

    def __init__(self, cluster: EmbeddedCluster, session: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._session = session

    async def call(self, who: str, verb: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        """Give status and answer of one call."""
        headers = {"Authorization": f"Bearer {self._cluster.token(who)}"}
        async with self._session.request(
            verb, self._cluster.url + path, json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def apply(self, item: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create one object of a manifest, as the admin."""
        group = item["apiVersion"]
        root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        namespace = item["metadata"].get("namespace")
        place = f"/namespaces/{namespace}" if namespace else ""
        return await self.call("admin", "POST", f"{root}{place}/{PLURALS[item['kind']]}", item)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Give an embedded API with the hub's namespace, an admin and the chart's service account of the hub."""
    identities = {"admin": Identity("admin", ("system:masters",)), "hub": HUB}
    async with (
        EmbeddedCluster(tmp_path, identities=identities, runs_controllers=False) as cluster,
        aiohttp.ClientSession() as session,
    ):
        made = Api(cluster, session)
        status, _ = await made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "knada"}})
        assert status == 201
        yield made


@pytest.fixture
async def applied(api: Api) -> Api:
    """Give the API with all manifests applied; the team's namespace first, as its file has it."""
    paths = sorted(MANIFESTS.glob("*.yaml"), key=lambda path: path.name != "team-namespace.yaml")
    for path in paths:
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            status, answer = await api.apply(item)
            assert status == 201, f"{path.name}: {answer.get('message')}"
    # What the controllers, which are off here, make in each namespace.
    account = {"name": "default", "namespace": "team-kyrre"}
    status, _ = await api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    assert status == 201
    return api


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        pytest.param("GET", "/pods", None, id="list pods"),
        pytest.param("GET", "/events", None, id="list events"),
        pytest.param("GET", "/persistentvolumeclaims", None, id="list claims"),
        pytest.param("POST", "/pods", POD, id="create a pod"),
        pytest.param("POST", "/persistentvolumeclaims", CLAIM, id="create a claim"),
    ],
)
async def test_hub_in_a_team_namespace_may_do_its_work(
    applied: Api, verb: str, path: str, body: object
) -> None:
    """With the Role and its binding, the chart's hub can start a server there."""
    status, answer = await applied.call("hub", verb, f"/api/v1/namespaces/team-kyrre{path}", body)
    assert status in {200, 201}, answer.get("message")


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        pytest.param("GET", "/namespaces/team-kyrre/secrets", None, id="read the team's secrets"),
        pytest.param("POST", "/namespaces/team-kyrre/secrets", SECRET, id="write a secret"),
        pytest.param("GET", "/namespaces/team-kyrre/configmaps", None, id="read config maps"),
        pytest.param(
            "DELETE", "/namespaces/team-kyrre/persistentvolumeclaims/claim-e152435", None, id="delete a home"
        ),
        pytest.param("GET", "/namespaces/default/pods", None, id="look into another namespace"),
        pytest.param("GET", "/pods", None, id="look into all namespaces"),
        pytest.param("GET", "/nodes", None, id="look at nodes"),
        pytest.param("DELETE", "/namespaces/team-kyrre", None, id="delete the namespace"),
    ],
)
async def test_hub_in_a_team_namespace_may_do_nothing_else(
    applied: Api, verb: str, path: str, body: object
) -> None:
    """What the Role does not name is refused by Kubernetes itself."""
    status, _ = await applied.call("hub", verb, f"/api/v1{path}", body)
    assert status == 403


async def test_hub_without_the_role_is_refused_in_kubernetes_words(api: Api) -> None:
    """What an admin sees who forgot a team's manifest, as the docs quote it."""
    await api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-brreg"}})
    status, answer = await api.call("hub", "POST", "/api/v1/namespaces/team-brreg/pods", POD)
    assert status == 403
    assert 'cannot create resource "pods" in API group "" in the namespace "team-brreg"' in answer["message"]
