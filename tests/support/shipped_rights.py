"""The rights that `helm-values/manifests/` give the hub, read from there, and a cluster that has them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from tests.support.kubernetes_api import Kubeconfig
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]

MANIFESTS: Final = Path(__file__).parents[2] / "helm-values/manifests"
CHART_ROLE: Final = Path(__file__).parents[1] / "data/z2jh/hub-role.yaml"
HUB_ACCOUNT: Final = {"kind": "ServiceAccount", "name": "hub", "namespace": "hub"}
RBAC: Final = "rbac.authorization.k8s.io/v1"
_OWN_RIGHTS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PLURALS: Final = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "ServiceAccount": "serviceaccounts",
}


class Right(NamedTuple):
    """One verb on one resource, as one of the rules gives it."""

    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def read_manifest(name: str, namespace: str = "team-kyrre") -> list[Json]:
    """Read a manifest as an admin changes it: for a team's namespace, and for the hub of the tests."""
    text = (MANIFESTS / name).read_text(encoding="utf-8").replace("team-kyrre", namespace)
    objects = list(yaml.safe_load_all(text))
    for item in objects:
        if "subjects" in item:
            assert [subject["name"] for subject in item["subjects"]] == ["hub"]
            item["subjects"] = [HUB_ACCOUNT]
    return objects


def chart_rights(namespace: str) -> list[Json]:
    """Give the namespace of the hub itself, with the role that the chart makes there, and its binding."""
    role = yaml.safe_load(CHART_ROLE.read_text(encoding="utf-8"))
    role["metadata"]["namespace"] = namespace
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": "hub", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "hub"},
        "subjects": [HUB_ACCOUNT],
    }
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    return [made, role, binding]


def rights_of(role: Json) -> list[Right]:
    """Give what a role allows, one by one."""
    assert all(rule["apiGroups"] == [""] and "resourceNames" not in rule for rule in role["rules"])
    return [
        Right(resource, verb)
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def only(kind: str, objects: Iterable[Json]) -> Json:
    """Give the one object of a kind."""
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def without(right: Right, objects: Iterable[Json]) -> list[Json]:
    """Take one right away from the roles among some objects."""
    changed = copy.deepcopy(list(objects))
    for role in changed:
        for rule in role.get("rules", ()):
            if right.resource in rule["resources"]:
                rule["verbs"] = [verb for verb in rule["verbs"] if verb != right.verb]
        if "rules" in role:
            role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
    return changed


async def apply(api: KubernetesApi, objects: Iterable[Json]) -> None:
    """Create objects, and wait until the account that pods have is in a new namespace."""
    for item in objects:
        (await api.post(collection_of(item), item)).ok()
        if item["kind"] == "Namespace":
            path = f"/api/v1/namespaces/{item['metadata']['name']}/serviceaccounts/default"
            await api.until(path, lambda found: found is not None)


def collection_of(item: Json) -> str:
    """Give the address that an object is created at."""
    group, namespace = item["apiVersion"], item["metadata"].get("namespace")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{_PLURALS[item['kind']]}"


async def until_it_holds(
    hub: KubernetesApi, right: Right, namespace: str = "", *, is_given: bool = True
) -> None:
    """Wait until the hub has a right, or has it no more: a real API server learns of it by a watch."""
    attributes = {"namespace": namespace, "verb": right.verb, "resource": right.resource}

    async def holds() -> bool:
        answer = await hub.post(_OWN_RIGHTS, {"spec": {"resourceAttributes": attributes}})
        return bool(answer.ok()["status"]["allowed"]) is is_given

    await eventually(holds)


async def hub_kubeconfig(backend: Backend, api: KubernetesApi, folder: Path) -> Path:
    """Give a file by which a client of Kubernetes is the hub.

    A cluster of somebody else's has no such file, and the client that the hub uses does not know how to act
    as somebody: there the account is made where it is not there, for this run, and a token for it.
    """
    if backend.given is None:
        return backend.folder / "hub.kubeconfig"
    await make_hub_account(backend, api)
    path = "/api/v1/namespaces/hub/serviceaccounts/hub/token"
    token = (await api.post(path, {"spec": {"expirationSeconds": 3600}})).ok()["status"]["token"]
    given = Kubeconfig.load(backend.given)
    cluster = dict(given.cluster)
    if "certificate-authority" in cluster:
        cluster["certificate-authority"] = str(given.path.parent / cluster["certificate-authority"])
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "hub",
        "clusters": [{"name": "given", "cluster": cluster}],
        "users": [{"name": "hub", "user": {"token": token}}],
        "contexts": [{"name": "hub", "context": {"cluster": "given", "user": "hub"}}],
    }
    file = folder / "hub.kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file


async def make_hub_account(backend: Backend, api: KubernetesApi) -> None:
    """Make the hub's namespace and account where they are not there; the run deletes what it made."""
    for item in (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hub"}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hub", "namespace": "hub"}},
    ):
        path = f"{collection_of(item)}/hub"
        found = await api.get(path)
        if found.status == 200 and "deletionTimestamp" in found.body["metadata"]:  # a run has just ended
            await api.until_gone(path)
            found = await api.get(path)
        if found.status != 200:
            made = (await api.post(collection_of(item), item)).ok()
            backend.left[path] = made["metadata"]["uid"]
