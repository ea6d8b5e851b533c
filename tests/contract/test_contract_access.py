"""Who may do what: roles, bindings, and a no that says what was asked."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.kubernetes_api import Kubeconfig, KubernetesApi
from tests.support.manifests import config_map, pod
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.backends import Backend

Json = dict[str, Any]
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_OWN_RIGHTS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_HUB = {"kind": "ServiceAccount", "name": "hub", "namespace": "hub"}


async def _grant(api: KubernetesApi, hub: KubernetesApi, namespace: str, *rules: Json) -> None:
    """Give the hub's service account a Role in a namespace, and wait until it holds."""
    base = f"{_RBAC}/namespaces/{namespace}"
    role = {"metadata": {"name": "r"}, "rules": list(rules)}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    (await api.post(f"{base}/roles", role)).ok()
    binding = {"metadata": {"name": "r"}, "roleRef": reference, "subjects": [_HUB]}
    (await api.post(f"{base}/rolebindings", binding)).ok()
    first = {key: rules[0][key][0] for key in ("verbs", "resources", "apiGroups")}
    name = rules[0].get("resourceNames", [""])[0]
    await _until_allowed(
        hub, namespace, first["verbs"], first["resources"], group=first["apiGroups"], name=name
    )


async def _until_allowed(
    hub: KubernetesApi, namespace: str, verb: str, resource: str, *, group: str = "", name: str = ""
) -> None:
    """Wait until the hub may: a real API server learns of new rights through its own watch."""
    attributes = {"namespace": namespace, "verb": verb, "resource": resource, "group": group, "name": name}

    async def is_allowed() -> bool:
        answer = await hub.post(_OWN_RIGHTS, {"spec": {"resourceAttributes": attributes}})
        return bool(answer.ok()["status"]["allowed"])

    await eventually(is_allowed)


def _rule(resources: str, verbs: str, group: str = "", **more: Any) -> Json:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split(), **more}


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        pytest.param(
            "GET",
            "/api/v1/namespaces/{ns}/pods",
            'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" in the namespace'
            ' "{ns}"',
            id="list",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/{ns}/pods?watch=1",
            'pods is forbidden: User "nobody" cannot watch resource "pods" in API group "" in the'
            ' namespace "{ns}"',
            id="watch",
        ),
        pytest.param(
            "GET",
            "/api/v1/pods",
            'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" at the cluster'
            " scope",
            id="list across namespaces",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/{ns}/secrets/s",
            'secrets "s" is forbidden: User "nobody" cannot get resource "secrets" in API group "" in the'
            ' namespace "{ns}"',
            id="get",
        ),
        pytest.param(
            "POST",
            "/api/v1/namespaces/{ns}/pods",
            'pods is forbidden: User "nobody" cannot create resource "pods" in API group "" in the'
            ' namespace "{ns}"',
            id="create",
        ),
        pytest.param(
            "DELETE",
            "/api/v1/namespaces/{ns}/pods",
            'pods is forbidden: User "nobody" cannot deletecollection resource "pods" in API group "" in the'
            ' namespace "{ns}"',
            id="delete all",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/{ns}/pods/p/log",
            'pods "p" is forbidden: User "nobody" cannot get resource "pods/log" in API group "" in the'
            ' namespace "{ns}"',
            id="subresource",
        ),
        pytest.param(
            "GET",
            "/api/v1/namespaces/{ns}",
            'namespaces "{ns}" is forbidden: User "nobody" cannot get resource "namespaces" in API group'
            ' "" in the namespace "{ns}"',
            id="namespace",
        ),
        pytest.param(
            "POST",
            "/api/v1/namespaces",
            'namespaces is forbidden: User "nobody" cannot create resource "namespaces" in API group ""'
            " at the cluster scope",
            id="create a namespace",
        ),
        pytest.param(
            "GET",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
            'roles.rbac.authorization.k8s.io is forbidden: User "nobody" cannot list resource "roles" in'
            ' API group "rbac.authorization.k8s.io" in the namespace "{ns}"',
            id="another group",
        ),
    ],
)
async def test_request_without_right_is_forbidden(
    nobody: KubernetesApi, namespace: str, method: str, path: str, sentence: str
) -> None:
    """A no names the user, the verb, the resource, its group and the scope."""
    body = {"metadata": {"name": "x"}} if method == "POST" else None
    answer = await nobody.call(method, path.format(ns=namespace), body)
    assert answer.refusal == (403, "Forbidden", sentence.format(ns=namespace))


async def test_missing_object_is_forbidden_before_it_is_missing(
    nobody: KubernetesApi, namespace: str
) -> None:
    """Somebody without rights does not learn what is there."""
    answer = await nobody.get(f"/api/v1/namespaces/{namespace}/secrets/absent")
    assert answer.status == 403


async def test_role_gives_what_it_says_where_it_says(
    api: KubernetesApi, hub: KubernetesApi, namespace: str
) -> None:
    """A Role holds in its namespace, for its verbs and resources, and nowhere else."""
    await _grant(api, hub, namespace, _rule("pods configmaps", "get list create"))
    base = f"/api/v1/namespaces/{namespace}"
    assert (await hub.get(f"{base}/pods")).status == 200
    assert (await hub.post(f"{base}/pods", pod())).status == 201
    assert (await hub.delete(f"{base}/pods/p")).status == 403
    assert (await hub.get(f"{base}/secrets")).status == 403
    assert (await hub.patch(f"{base}/pods/p/status", {"status": {}})).status == 403
    assert (await hub.get("/api/v1/namespaces/default/pods")).status == 403
    assert (await hub.get("/api/v1/pods")).status == 403


async def test_role_taken_away_holds_no_more(api: KubernetesApi, hub: KubernetesApi, namespace: str) -> None:
    """Rights end with their binding."""
    await _grant(api, hub, namespace, _rule("pods", "list"))
    assert (await hub.get(f"/api/v1/namespaces/{namespace}/pods")).status == 200
    (await api.delete(f"{_RBAC}/namespaces/{namespace}/rolebindings/r")).ok()

    async def is_forbidden() -> bool:
        return (await hub.get(f"/api/v1/namespaces/{namespace}/pods")).status == 403

    await eventually(is_forbidden)


async def test_rule_with_names_is_for_these_names(
    api: KubernetesApi, hub: KubernetesApi, namespace: str
) -> None:
    """`resourceNames` narrows a rule; a list by that one name is allowed."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("a", "b"):
        (await api.post(path, config_map(name))).ok()
    await _grant(api, hub, namespace, _rule("configmaps", "get list update", resourceNames=["a"]))
    assert (await hub.get(f"{path}/a")).status == 200
    assert (await hub.get(f"{path}/b")).status == 403
    assert (await hub.get(path)).status == 403
    assert (await hub.get(path, fieldSelector="metadata.name=a")).status == 200


async def test_rule_with_star_is_for_all(api: KubernetesApi, hub: KubernetesApi, namespace: str) -> None:
    """`*` stands for every resource, subresources included."""
    await _grant(api, hub, namespace, _rule("*", "*"))
    assert (await hub.get(f"/api/v1/namespaces/{namespace}/secrets")).status == 200
    assert (await hub.get(f"{_RBAC}/namespaces/{namespace}/roles")).status == 403
    assert (await hub.get(f"/api/v1/namespaces/{namespace}/pods/x/log")).status == 404


async def test_cluster_role_bound_in_a_namespace_stays_there(
    api: KubernetesApi, hub: KubernetesApi, namespace: str, cluster_role: str
) -> None:
    """A ClusterRole in a RoleBinding holds in that namespace only."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [_HUB]}
    (await api.post(f"{_RBAC}/namespaces/{namespace}/rolebindings", binding)).ok()
    await _until_allowed(hub, namespace, "list", "pods")
    assert (await hub.get(f"/api/v1/namespaces/{namespace}/pods")).status == 200
    assert (await hub.get("/api/v1/pods")).status == 403


async def test_cluster_role_binding_holds_everywhere(
    api: KubernetesApi, hub: KubernetesApi, namespace: str, cluster_role: str
) -> None:
    """A ClusterRoleBinding holds in every namespace and across them."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role}
    binding = {"metadata": {"name": cluster_role}, "roleRef": reference, "subjects": [_HUB]}
    (await api.post(f"{_RBAC}/clusterrolebindings", binding)).ok()
    try:
        await _until_allowed(hub, "", "list", "pods")
        assert (await hub.get("/api/v1/pods")).status == 200
        assert (await hub.get(f"/api/v1/namespaces/{namespace}/pods")).status == 200
    finally:
        (await api.delete(f"{_RBAC}/clusterrolebindings/{cluster_role}")).ok()


@pytest_asyncio.fixture
async def cluster_role(api: KubernetesApi) -> AsyncIterator[str]:
    """Give the name of a ClusterRole that lists pods; it is deleted afterwards."""
    name = f"contract-{secrets.token_hex(4)}"
    (
        await api.post(
            f"{_RBAC}/clusterroles", {"metadata": {"name": name}, "rules": [_rule("pods", "list")]}
        )
    ).ok()
    yield name
    await api.delete(f"{_RBAC}/clusterroles/{name}")


async def test_role_binding_keeps_its_role(api: KubernetesApi, hub: KubernetesApi, namespace: str) -> None:
    """A binding cannot be turned to another role."""
    await _grant(api, hub, namespace, _rule("pods", "list"))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "other"}
    answer = await api.patch(f"{_RBAC}/namespaces/{namespace}/rolebindings/r", {"roleRef": reference})
    assert (answer.status, answer.causes) == (422, [("roleRef", "FieldValueInvalid")])


async def test_granting_more_than_one_has_is_forbidden(
    api: KubernetesApi, hub: KubernetesApi, namespace: str
) -> None:
    """Somebody who may write roles cannot give themselves more by it."""
    await _grant(
        api,
        hub,
        namespace,
        _rule("roles rolebindings", "get create update", "rbac.authorization.k8s.io"),
        _rule("pods", "list"),
    )
    path = f"{_RBAC}/namespaces/{namespace}/roles"
    same = await hub.post(path, {"metadata": {"name": "same"}, "rules": [_rule("pods", "list")]})
    assert same.status == 201
    more = await hub.post(path, {"metadata": {"name": "more"}, "rules": [_rule("secrets", "get")]})
    assert (more.status, more.body["reason"]) == (403, "Forbidden")
    assert more.message.startswith(
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "system:serviceaccount:hub:hub" (groups=['
    )
    assert more.message.endswith(
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [_HUB]}
    bound = await hub.post(f"{_RBAC}/namespaces/{namespace}/rolebindings", binding)
    assert bound.status == 403


async def test_access_review_tells_one_s_own_rights(
    api: KubernetesApi, hub: KubernetesApi, namespace: str
) -> None:
    """Anybody may ask what they may do (`kubectl auth can-i`)."""
    await _grant(api, hub, namespace, _rule("pods", "create"))
    for verb, allowed in (("create", True), ("delete", False)):
        attributes = {"namespace": namespace, "verb": verb, "resource": "pods"}
        answer = await hub.post(_OWN_RIGHTS, {"spec": {"resourceAttributes": attributes}})
        assert (answer.status, answer.body["status"]["allowed"]) == (201, allowed)


async def test_wrong_token_is_unauthorized(backend: Backend, namespace: str) -> None:
    """A token that nobody has is no identity at all."""
    stranger = replace(Kubeconfig.load(backend.kubeconfig()), user={"token": "wrong"})
    async with KubernetesApi(stranger) as api:
        answer = await api.get(f"/api/v1/namespaces/{namespace}/pods")
    assert answer.refusal == (401, "Unauthorized", "Unauthorized")


async def test_anybody_may_discover(nobody: KubernetesApi) -> None:
    """Who has a token may read what the API serves, and nothing else."""
    for path in ("/api", "/apis", "/api/v1", "/version", "/readyz"):
        assert (await nobody.get(path)).status == 200
    answer = await nobody.get("/metrics")
    assert answer.refusal == (403, "Forbidden", 'forbidden: User "nobody" cannot get path "/metrics"')
