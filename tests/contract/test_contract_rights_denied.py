"""What a hub with the rights of `helm-values/` may not do, in the words of each cluster."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import pytest_asyncio

from tests.support.manifests import claim, config_map, pod
from tests.support.shipped_rights import (
    HUB_ACCOUNT,
    RBAC,
    Right,
    apply,
    chart_rights,
    collection_of,
    only,
    read_manifest,
    until_it_holds,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
pytestmark = pytest.mark.asyncio(loop_scope="module")

HUB: Final = "system:serviceaccount:hub:hub"
_RBAC: Final = f"/apis/{RBAC}"
_TEAM: Final = "/api/v1/namespaces/{team}"
_OTHER: Final = "/api/v1/namespaces/{other}"


@dataclass(frozen=True)
class Asked:
    """One request that is refused; `{team}` has the hub's rights, `{other}` has not."""

    id: str
    method: str
    path: str
    verb: str
    resource: str
    """With its subresource."""
    body: Any = None

    @property
    def group(self) -> str:
        """Give the API group."""
        return self.path.split("/")[2] if self.path.startswith("/apis") else ""


def _role(kind: str, *rules: Json) -> Json:
    return {"kind": kind, "apiVersion": RBAC, "metadata": {"name": "mine"}, "rules": list(rules)}


def _binding(kind: str, role: str) -> Json:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return {"kind": kind, "metadata": {"name": "mine"}, "roleRef": reference, "subjects": [HUB_ACCOUNT]}


_ALL: Final = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
_SECRET: Final = {"metadata": {"name": "s"}, "stringData": {"key": "value"}}
_SHELL: Final = {"spec": {"ephemeralContainers": [{"name": "e", "image": "example.org/shell:1"}]}}

DENIED: Final = [
    Asked("read a secret", "GET", f"{_TEAM}/secrets/s", "get", "secrets"),
    Asked("list secrets", "GET", f"{_TEAM}/secrets", "list", "secrets"),
    Asked("watch secrets", "GET", f"{_TEAM}/secrets?watch=1", "watch", "secrets"),
    Asked("list all secrets", "GET", "/api/v1/secrets", "list", "secrets"),
    Asked("write a secret", "POST", f"{_TEAM}/secrets", "create", "secrets", _SECRET),
    Asked("read config maps", "GET", f"{_TEAM}/configmaps", "list", "configmaps"),
    Asked("write a config map", "POST", f"{_TEAM}/configmaps", "create", "configmaps", config_map("c")),
    Asked("open a shell", "POST", f"{_TEAM}/pods/p/exec?command=sh", "create", "pods/exec"),
    Asked("open a shell by GET", "GET", f"{_TEAM}/pods/p/exec?command=sh", "get", "pods/exec"),
    Asked("attach to a pod", "POST", f"{_TEAM}/pods/p/attach", "create", "pods/attach"),
    Asked("forward a port", "POST", f"{_TEAM}/pods/p/portforward", "create", "pods/portforward"),
    Asked("go through a proxy", "GET", f"{_TEAM}/pods/p/proxy", "get", "pods/proxy"),
    Asked("read a log", "GET", f"{_TEAM}/pods/p/log", "get", "pods/log"),
    Asked("read one pod", "GET", f"{_TEAM}/pods/p", "get", "pods"),
    Asked("change a pod", "PATCH", f"{_TEAM}/pods/p", "patch", "pods", {"metadata": {"labels": {"a": "b"}}}),
    Asked("replace a pod", "PUT", f"{_TEAM}/pods/p", "update", "pods", pod()),
    Asked("say that a pod runs", "PATCH", f"{_TEAM}/pods/p/status", "patch", "pods/status", {"status": {}}),
    Asked(
        "add a container to a pod",
        "PATCH",
        f"{_TEAM}/pods/p/ephemeralcontainers",
        "patch",
        "pods/ephemeralcontainers",
        _SHELL,
    ),
    Asked(
        "evict a pod",
        "POST",
        f"{_TEAM}/pods/p/eviction",
        "create",
        "pods/eviction",
        {"metadata": {"name": "p"}},
    ),
    Asked(
        "place a pod", "POST", f"{_TEAM}/pods/p/binding", "create", "pods/binding", {"target": {"name": "n"}}
    ),
    Asked("delete all pods", "DELETE", f"{_TEAM}/pods", "deletecollection", "pods"),
    Asked("delete a home", "DELETE", f"{_TEAM}/persistentvolumeclaims/c", "delete", "persistentvolumeclaims"),
    Asked(
        "delete all homes",
        "DELETE",
        f"{_TEAM}/persistentvolumeclaims",
        "deletecollection",
        "persistentvolumeclaims",
    ),
    Asked(
        "change a home",
        "PATCH",
        f"{_TEAM}/persistentvolumeclaims/c",
        "patch",
        "persistentvolumeclaims",
        {"metadata": {"labels": {"a": "b"}}},
    ),
    Asked("write an event", "POST", f"{_TEAM}/events", "create", "events", {"metadata": {"name": "e"}}),
    Asked("make a service", "POST", f"{_TEAM}/services", "create", "services", {"metadata": {"name": "s"}}),
    Asked("list service accounts", "GET", f"{_TEAM}/serviceaccounts", "list", "serviceaccounts"),
    Asked(
        "get a token of the team's account",
        "POST",
        f"{_TEAM}/serviceaccounts/default/token",
        "create",
        "serviceaccounts/token",
        {"spec": {}},
    ),
    Asked("lift a quota", "DELETE", f"{_TEAM}/resourcequotas/q", "delete", "resourcequotas"),
    Asked(
        "open the network",
        "DELETE",
        "/apis/networking.k8s.io/v1/namespaces/{team}/networkpolicies/knada-servers",
        "delete",
        "networkpolicies",
    ),
    Asked("read its own role", "GET", f"{_RBAC}/namespaces/{{team}}/roles/knada-hub", "get", "roles"),
    Asked(
        "give itself more by a role",
        "POST",
        f"{_RBAC}/namespaces/{{team}}/roles",
        "create",
        "roles",
        _role("Role", _ALL),
    ),
    Asked(
        "give itself more in its own role",
        "PATCH",
        f"{_RBAC}/namespaces/{{team}}/roles/knada-hub",
        "patch",
        "roles",
        {"rules": [_ALL]},
    ),
    Asked(
        "give itself another role",
        "POST",
        f"{_RBAC}/namespaces/{{team}}/rolebindings",
        "create",
        "rolebindings",
        _binding("RoleBinding", "cluster-admin"),
    ),
    Asked(
        "make a cluster role",
        "POST",
        f"{_RBAC}/clusterroles",
        "create",
        "clusterroles",
        _role("ClusterRole", _ALL),
    ),
    Asked(
        "become an admin of the cluster",
        "POST",
        f"{_RBAC}/clusterrolebindings",
        "create",
        "clusterrolebindings",
        _binding("ClusterRoleBinding", "cluster-admin"),
    ),
    Asked("start a pod elsewhere", "POST", f"{_OTHER}/pods", "create", "pods", pod()),
    Asked(
        "start a pod beside the API", "POST", "/api/v1/namespaces/kube-system/pods", "create", "pods", pod()
    ),
    Asked("stop a pod elsewhere", "DELETE", f"{_OTHER}/pods/p", "delete", "pods"),
    Asked(
        "make a home elsewhere",
        "POST",
        f"{_OTHER}/persistentvolumeclaims",
        "create",
        "persistentvolumeclaims",
        claim(),
    ),
    Asked(
        "look at homes elsewhere", "GET", f"{_OTHER}/persistentvolumeclaims", "list", "persistentvolumeclaims"
    ),
    Asked("look at all homes", "GET", "/api/v1/persistentvolumeclaims", "list", "persistentvolumeclaims"),
    Asked("look at events elsewhere", "GET", f"{_OTHER}/events", "list", "events"),
    Asked("look at all events", "GET", "/api/v1/events", "list", "events"),
    Asked("look at namespaces", "GET", "/api/v1/namespaces", "list", "namespaces"),
    Asked(
        "make a namespace", "POST", "/api/v1/namespaces", "create", "namespaces", {"metadata": {"name": "n"}}
    ),
    Asked(
        "loosen a namespace",
        "PATCH",
        "/api/v1/namespaces/{team}",
        "patch",
        "namespaces",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
    ),
    Asked("delete a namespace", "DELETE", "/api/v1/namespaces/{team}", "delete", "namespaces"),
    Asked("look at nodes", "GET", "/api/v1/nodes", "list", "nodes"),
    Asked("look at volumes", "GET", "/api/v1/persistentvolumes", "list", "persistentvolumes"),
]
BY_THE_ROLE_ALONE: Final = [
    Asked("list pods elsewhere", "GET", f"{_OTHER}/pods", "list", "pods"),
    Asked("watch pods elsewhere", "GET", f"{_OTHER}/pods?watch=1", "watch", "pods"),
    Asked("list all pods", "GET", "/api/v1/pods", "list", "pods"),
]
"""Denied where there is no ClusterRole."""


@dataclass(frozen=True)
class Place:
    """A cluster with a team's namespace, another one, and a hub with its rights."""

    api: KubernetesApi
    hub: KubernetesApi
    names: dict[str, str]

    async def ask(self, asked: Asked) -> None:
        """Ask as the hub; the answer has to be no, in full."""
        answer = await self.hub.call(asked.method, asked.path.format(**self.names), asked.body)
        what = f'User "{HUB}" cannot {asked.verb} resource "{asked.resource}" in API group "{asked.group}"'
        refused = (answer.status, answer.body.get("kind"), answer.body.get("reason"))
        assert refused == (403, "Status", "Forbidden"), asked.id
        assert what in answer.message


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(backend: Backend) -> AsyncIterator[Place]:
    """Give a team's namespace as shipped, with a server, a home and a secret; and the chart's Role."""
    prefix = f"denied-{secrets.token_hex(3)}"
    names = {key: f"{prefix}-{key}" for key in ("team", "other", "hub")}
    async with backend.api() as api, backend.api("hub") as hub:
        await apply(api, read_manifest("team-namespace.yaml", names["team"]))
        await apply(api, chart_rights(names["hub"]))
        await apply(api, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names["other"]}}])
        (await api.post(f"/api/v1/namespaces/{names['team']}/secrets", _SECRET)).ok()
        (await api.post(f"/api/v1/namespaces/{names['other']}/pods", pod())).ok()
        for path in ("persistentvolumeclaims", "secrets"):
            assert (await api.get(f"/api/v1/namespaces/{names['team']}/{path}")).status == 200
        await until_it_holds(hub, Right("persistentvolumeclaims", "create"), names["team"])
        await until_it_holds(hub, Right("secrets", "get"), names["hub"])
        yield Place(api, hub, names)
        for name in names.values():
            await api.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize("asked", [*DENIED, *BY_THE_ROLE_ALONE], ids=lambda asked: asked.id)
async def test_hub_with_its_role_may_not(place: Place, asked: Asked) -> None:
    """What the Role of a team's namespace does not name is refused."""
    await place.ask(asked)


async def test_hub_with_the_cluster_role_may_not_either(place: Place) -> None:
    """Seeing all pods is all that the ClusterRole adds."""
    objects = read_manifest("hub-cluster-role.yaml")
    name = place.names["hub"]
    for item in objects:
        item["metadata"]["name"] = name
    only("ClusterRoleBinding", objects)["roleRef"]["name"] = name
    await apply(place.api, objects)
    try:
        await until_it_holds(place.hub, Right("pods", "watch"))
        assert (await place.hub.get("/api/v1/pods")).status == 200
        for asked in DENIED:
            await place.ask(asked)
    finally:
        for item in objects:
            (await place.api.delete(f"{collection_of(item)}/{name}")).ok()
        await until_it_holds(place.hub, Right("pods", "watch"), is_given=False)


@pytest.mark.parametrize("user", ["admin", "system:serviceaccount:kube-system:default"])
async def test_hub_may_not_act_as_somebody_else(place: Place, user: str) -> None:
    """Newer API servers name the right by what is done as whom; all say that it is not there."""
    path = f"/api/v1/namespaces/{place.names['team']}/pods"
    async with place.hub.session.get(path, headers={"Impersonate-User": user}) as response:
        body = await response.json()
    assert (response.status, body["kind"], body["reason"]) == (403, "Status", "Forbidden")
    assert f'User "{HUB}" cannot impersonate' in body["message"]


async def test_every_shipped_manifest_is_taken_and_gives_the_hub_no_more(place: Place) -> None:
    """Beside those of the hub, an admin may apply the others; none of them is about rights."""
    others = ("egress-internet.yaml", "workload-identity.yaml", "team-files.yaml")
    for name in others:
        objects = read_manifest(name, place.names["other"])
        assert not any(item["kind"].endswith(("Role", "Binding")) for item in objects)
        for item in objects:
            item["metadata"]["namespace"] = place.names["other"]
        await apply(place.api, objects)
