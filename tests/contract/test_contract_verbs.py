"""Every kind, verb and subresource that discovery tells of: those of the embedded API are asked for here."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.api import kinds
from jupyterhub_knada.devcluster.api.addresses import UNSERVED
from tests.support.backends import EMBEDDED
from tests.support.manifests import claim, config_map, pod, volume

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource
    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "contract-absent"}
_RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
BODIES: dict[str, Json] = {
    "Namespace": {},
    "Node": {},
    "Pod": pod(schedulerName="nobody"),
    "PersistentVolumeClaim": claim(),
    "PersistentVolume": volume("v"),
    "Secret": {"stringData": {"a": "b"}},
    "ConfigMap": config_map("c"),
    "Service": {"spec": {"ports": [{"port": 80}]}},
    "ServiceAccount": {},
    "ResourceQuota": {"spec": {"hard": {"secrets": "100"}}},
    "LimitRange": {"spec": {"limits": []}},
    "StorageClass": {"provisioner": "example.org/nobody"},
    "Lease": {"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 40}},
    "Role": {"rules": _RULES},
    "RoleBinding": {"roleRef": _ROLE},
    "ClusterRole": {"rules": _RULES},
    "ClusterRoleBinding": {"roleRef": _ROLE},
    "NetworkPolicy": {"spec": {"podSelector": {}}},
}
_EVENT = {"reason": "Test", "type": "Normal"}
_READ = [found for found in kinds.RESOURCES if "get" in found.verbs]


def _base(resource: Resource) -> str:
    return f"/apis/{resource.group}/v1" if resource.group else "/api/v1"


def _body(resource: Resource, namespace: str, name: str) -> Json:
    about = {"kind": "Pod", "namespace": namespace, "name": "p"}
    if resource is kinds.EVENTS:
        body: Json = {**_EVENT, "involvedObject": about}
    elif resource is kinds.NEW_EVENTS:
        who = {"action": "Test", "reportingController": "example.org/test", "reportingInstance": "one"}
        body = {**_EVENT, **who, "regarding": about, "eventTime": "2026-01-01T00:00:00.000000Z"}
    else:
        body = dict(BODIES[resource.kind])
    return body | {"metadata": {"name": name, "labels": {"contract": name.rpartition("-")[0]}}}


@pytest.mark.parametrize("resource", _READ, ids=lambda resource: resource.qualified)
async def test_kind_can_be_asked_for_all_that_it_says(
    api: KubernetesApi, namespace: str, resource: Resource
) -> None:
    """Each verb works: create, get, list, watch, update, patches, delete and delete of many."""
    mark = f"contract-{secrets.token_hex(4)}"
    inner = f"/namespaces/{namespace}" if resource.namespaced else ""
    path = f"{_base(resource)}{inner}/{resource.plural}"
    for name in (f"{mark}-a", f"{mark}-b"):
        (await api.post(path, _body(resource, namespace, name))).ok()
    listed = (await api.get(path, labelSelector=f"contract={mark}")).ok()
    assert [item["metadata"]["name"] for item in listed["items"]] == [f"{mark}-a", f"{mark}-b"]
    revision = listed["metadata"]["resourceVersion"]
    one = f"{path}/{mark}-a"
    found = (await api.get(one)).ok()
    assert (found["kind"], found["apiVersion"]) == (resource.kind, resource.group_version)
    found["metadata"]["annotations"] = {"put": "1"}
    found["metadata"].pop("resourceVersion" if resource.unconditional_update else "selfLink", None)
    (await api.put(one, found)).ok()
    (await api.patch(one, {"metadata": {"annotations": {"merge": "1"}}})).ok()
    (await api.patch(one, {"metadata": {"annotations": {"strategic": "1"}}}, "strategic-merge")).ok()
    step = {"op": "add", "path": "/metadata/annotations/json", "value": "1"}
    changed = (await api.patch(one, [step], "json")).ok()
    assert (
        changed["metadata"]["annotations"].items()
        >= dict.fromkeys(("put", "merge", "strategic", "json"), "1").items()
    )
    async with api.watch(path, resourceVersion=revision, labelSelector=f"contract={mark}") as watching:
        event = await watching.next()
    assert event is not None
    assert (event["type"], event["object"]["kind"]) == ("MODIFIED", resource.kind)
    (await api.delete(one)).ok()
    many = await api.delete(path, labelSelector=f"contract={mark}")
    if "deletecollection" in resource.verbs:
        many.ok()
    else:
        assert many.refusal[:2] == (405, "MethodNotAllowed")
        (await api.delete(f"{path}/{mark}-b")).ok()


@pytest.mark.parametrize(
    "resource", [found for found in _READ if "status" in found.subresources], ids=lambda found: found.plural
)
async def test_kind_has_a_status_of_its_own(api: KubernetesApi, namespace: str, resource: Resource) -> None:
    """The status is read, replaced and patched apart from the rest."""
    mark = f"contract-{secrets.token_hex(4)}"
    inner = f"/namespaces/{namespace}" if resource.namespaced else ""
    path = f"{_base(resource)}{inner}/{resource.plural}"
    (await api.post(path, _body(resource, namespace, f"{mark}-a"))).ok()
    one = f"{path}/{mark}-a"
    (await api.patch(f"{one}/status", {"metadata": {"annotations": {"a": "b"}}})).ok()
    found = (await api.get(f"{one}/status")).ok()
    assert found["kind"] == resource.kind
    found["metadata"].pop("resourceVersion")
    (await api.put(f"{one}/status", found)).ok()
    (await api.delete(one)).ok()


@pytest.mark.parametrize("resource", kinds.RESOURCES, ids=lambda resource: resource.qualified)
async def test_discovery_tells_what_a_kind_is(
    api: KubernetesApi, backend: Backend, resource: Resource
) -> None:
    """Names, verbs and subresources are a real API server's; what is missing is known to be."""
    entries = (await api.get(_base(resource))).ok()["resources"]
    found = {entry["name"]: entry for entry in entries}
    entry = found[resource.plural]
    assert (entry["kind"], entry["namespaced"]) == (resource.kind, resource.namespaced)
    assert entry["singularName"] == resource.singular
    assert set(entry["verbs"]) == set(resource.verbs)
    assert tuple(entry.get("shortNames", ())) == resource.short_names
    below = {name.partition("/")[2] for name in found if name.startswith(f"{resource.plural}/")}
    assert below >= resource.subresources
    assert below - resource.subresources <= (set() if backend.name == EMBEDDED else UNSERVED)
