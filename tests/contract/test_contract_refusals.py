"""Requests that make no sense are refused: code, reason and sentence as from a real API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, config_map

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(
            {"spec": "x"},
            "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec",
            id="a string for an object",
        ),
        pytest.param(
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type"
            " []v1.Container",
            id="an object for a list",
        ),
        pytest.param(
            {"spec": {"terminationGracePeriodSeconds": "1"}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds"
            " of type int64",
            id="a string for a number",
        ),
        pytest.param(
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
            id="a number for a string",
        ),
        pytest.param(
            {"spec": {"hostNetwork": "yes"}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
            id="a string for a boolean",
        ),
        pytest.param(
            {"spec": {"containers": [{"resources": {"limits": {"memory": "much"}}}]}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            id="no quantity",
        ),
    ],
)
async def test_create_wrong_type_is_a_bad_request(
    api: KubernetesApi, namespace: str, body: Json, sentence: str
) -> None:
    """A value of the wrong type is refused before any rule is asked."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    told = f'Pod in version "v1" cannot be handled as a Pod: {sentence}'
    assert answer.refusal == (400, "BadRequest", told)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{", 400, id="no JSON"),
        pytest.param(b"[]", 400, id="a list"),
        pytest.param(b"", 400, id="nothing"),
    ],
)
async def test_create_unreadable_body_is_a_bad_request(
    api: KubernetesApi, namespace: str, body: bytes, code: int
) -> None:
    """What is no object is refused."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    assert (answer.status, answer.body["reason"]) == (code, "BadRequest")


async def test_create_of_another_kind_is_a_bad_request(api: KubernetesApi, namespace: str) -> None:
    """The body's kind and version must be those of the address."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    answer = await api.post(path, {"metadata": {"name": "a"}, "kind": "Secret", "apiVersion": "v1"})
    converting = "converting (v1.Secret) to (core.ConfigMap): unknown conversion"
    told = f'Secret in version "v1" cannot be handled as a ConfigMap: {converting}'
    assert answer.refusal == (400, "BadRequest", told)
    answer = await api.post(path, config_map("a") | {"kind": "ConfigMap", "apiVersion": "v2"})
    unknown = 'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:'
    assert answer.refusal[:2] == (400, "BadRequest")
    assert answer.message.startswith(f'ConfigMap in version "v2" cannot be handled as a ConfigMap: {unknown}')


async def test_create_in_another_namespace_is_a_bad_request(api: KubernetesApi, namespace: str) -> None:
    """The body's namespace must be that of the address."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a", namespace="other"))
    assert answer.refusal == (
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    )


async def test_update_of_another_name_is_a_bad_request(api: KubernetesApi, namespace: str) -> None:
    """The body's name must be that of the address."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    answer = await api.put(f"{path}/a", config_map("b"))
    assert answer.refusal == (
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    )


async def test_update_without_name_is_a_bad_request(api: KubernetesApi, namespace: str) -> None:
    """A PUT says in its body, too, whom it is for."""
    answer = await api.put(f"/api/v1/namespaces/{namespace}/configmaps/a", {"data": {}})
    told = "the name of the object (a based on URL) was undeterminable: name must be provided"
    assert answer.refusal == (400, "BadRequest", told)


async def test_update_with_a_wrong_version_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A resourceVersion that is no number is nobody's."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    answer = await api.put(f"{path}/a", config_map("a", resourceVersion="x"))
    assert (answer.status, answer.message) == (500, 'strconv.ParseUint: parsing "x": invalid syntax')


async def test_patch_into_a_wrong_object_is_invalid(api: KubernetesApi, namespace: str) -> None:
    """What a patch breaks is the patch's fault: 422, whatever it is."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    wrong_type = await api.patch(f"{path}/a", {"data": {"x": 1}})
    assert (wrong_type.status, wrong_type.causes) == (422, [("patch", "FieldValueInvalid")])
    assert wrong_type.message.endswith(
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    )
    unknown = await api.patch(f"{path}/a", {"dat": {}}, "strategic-merge", fieldValidation="Strict")
    assert (unknown.status, unknown.causes) == (422, [("patch", "FieldValueInvalid")])
    assert unknown.message.endswith('strict decoding error: unknown field "dat"')


@pytest.mark.parametrize(
    ("kind", "patch", "code"),
    [
        pytest.param("strategic-merge", [], 400, id="a list for an object"),
        pytest.param("json", {}, 400, id="an object for a list"),
        pytest.param("json", [{"op": "shake", "path": "/data"}], 422, id="an operation that is none"),
        pytest.param("merge", b"{", 400, id="no JSON"),
    ],
)
async def test_patch_of_the_wrong_shape_is_refused(
    api: KubernetesApi, namespace: str, kind: str, patch: Any, code: int
) -> None:
    """A patch has the shape that its content type says."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    answer = await api.patch(f"{path}/a", patch, kind)
    assert (answer.status, answer.body["kind"]) == (code, "Status")


async def test_create_taken_name_already_exists(api: KubernetesApi, namespace: str) -> None:
    """A name is given once."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(path, claim())).ok()
    answer = await api.post(path, claim())
    assert answer.refusal == (409, "AlreadyExists", 'persistentvolumeclaims "c" already exists')
    assert answer.body["details"] == {"name": "c", "kind": "persistentvolumeclaims"}


async def test_create_with_version_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A new object has no resourceVersion yet."""
    answer = await api.post(
        f"/api/v1/namespaces/{namespace}/configmaps", config_map("a", resourceVersion="1")
    )
    assert answer.status == 500
    assert "resourceVersion" in answer.message


async def test_missing_object_and_namespace_are_not_found(api: KubernetesApi, namespace: str) -> None:
    """What is not there is told by kind and name, in its group's full name."""
    assert (await api.get(f"/api/v1/namespaces/{namespace}/pods/x")).refusal == (
        404,
        "NotFound",
        'pods "x" not found',
    )
    role = await api.get(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/x")
    assert role.refusal == (404, "NotFound", 'roles.rbac.authorization.k8s.io "x" not found')
    assert role.body["details"] == {"name": "x", "group": "rbac.authorization.k8s.io", "kind": "roles"}
    made = await api.post("/api/v1/namespaces/absent/configmaps", config_map("a"))
    assert made.refusal == (404, "NotFound", 'namespaces "absent" not found')


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        pytest.param("GET", "/api/v1/bananas", 404, "NotFound", id="unknown kind"),
        pytest.param(
            "GET", "/apis/rbac.authorization.k8s.io/v2/roles", 404, "NotFound", id="unknown version"
        ),
        pytest.param("POST", "/api/v1/pods", 405, "MethodNotAllowed", id="create across namespaces"),
        pytest.param(
            "PUT", "/api/v1/namespaces/default/pods", 405, "MethodNotAllowed", id="update a collection"
        ),
        pytest.param(
            "POST", "/api/v1/namespaces/default/pods/x", 405, "MethodNotAllowed", id="create with a name"
        ),
        pytest.param(
            "GET", "/api/v1/namespaces/default/pods/x/banana", 404, "NotFound", id="unknown subresource"
        ),
        pytest.param(
            "DELETE",
            "/api/v1/namespaces/default/pods/x/status",
            405,
            "MethodNotAllowed",
            id="delete a status",
        ),
    ],
)
async def test_unknown_address_is_refused(
    api: KubernetesApi, method: str, path: str, code: int, reason: str
) -> None:
    """What is not served is refused as a Status, never guessed."""
    answer = await api.call(method, path, {} if method in ("POST", "PUT") else None)
    assert (answer.status, answer.body["kind"], answer.body["reason"]) == (code, "Status", reason)


async def test_wrong_content_type_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A body in a form that is not read is refused with those that are."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    answer = await api.call("PATCH", f"{path}/a", {}, content_type="text/plain")
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
    answer = await api.call("POST", path, b"x", content_type="text/html")
    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
