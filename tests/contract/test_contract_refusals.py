"""What is wrong is refused in Kubernetes' own words: code, reason, sentence, fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, config_map, container, pod, volume

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and"
    " must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start"
    " and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and"
    " must start and"
    " end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for"
    " validation is"
    " '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def _metadata(**metadata: Any) -> Json:
    return {"metadata": {"name": "a"} | metadata, "data": {}}


@pytest.mark.parametrize(
    ("plural", "body", "sentence"),
    [
        pytest.param(
            "configmaps",
            {"metadata": {"name": "A_b"}},
            f'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": {_SUBDOMAIN}',
            id="name in upper case",
        ),
        pytest.param(
            "configmaps",
            {"metadata": {}},
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
            id="no name",
        ),
        pytest.param(
            "configmaps",
            {"metadata": {"name": "a" * 254}},
            f'ConfigMap "{"a" * 254}" is invalid: metadata.name: Invalid value: "{"a" * 254}": must be no'
            " more than 253"
            " characters",
            id="name too long",
        ),
        pytest.param(
            "configmaps",
            _metadata(labels={"a": "not a label"}),
            f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "not a label": {_LABEL_VALUE}',
            id="label value",
        ),
        pytest.param(
            "configmaps",
            _metadata(labels={"a": "x" * 64}),
            f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "{"x" * 64}": must be no more than'
            " 63 bytes",
            id="label value too long",
        ),
        pytest.param(
            "configmaps",
            _metadata(labels={"-a": "b"}),
            'ConfigMap "a" is invalid: metadata.labels: Invalid value: "-a": name part must consist of'
            " alphanumeric"
            " characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g."
            " 'MyName',  or"
            " 'my.name',  or '123-abc', regex used for validation is"
            " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            id="label key",
        ),
        pytest.param(
            "configmaps",
            _metadata(labels={"A B/c": "b"}),
            f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "A B/c": prefix part {_SUBDOMAIN}',
            id="label prefix",
        ),
        pytest.param(
            "configmaps",
            _metadata(annotations={"a": "x" * 262144}),
            'ConfigMap "a" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
            id="annotations too long",
        ),
        pytest.param(
            "configmaps",
            _metadata(finalizers=["unqualified"]),
            'ConfigMap "a" is invalid: metadata.finalizers[0]: Invalid value: "unqualified": name is'
            " neither a standard"
            " finalizer name nor is it fully qualified",
            id="finalizer without a domain",
        ),
        pytest.param(
            "configmaps",
            _metadata(ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "x"}]),
            'ConfigMap "a" is invalid: metadata.ownerReferences.uid: Invalid value: "": must not be empty',
            id="owner without uid",
        ),
        pytest.param(
            "configmaps",
            {"metadata": {"name": "a"}, "data": {"a b": ""}},
            'ConfigMap "a" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist of'
            " alphanumeric"
            " characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for"
            " validation is"
            " '[-._a-zA-Z0-9]+')",
            id="key of a config map",
        ),
        pytest.param(
            "configmaps",
            {"metadata": {"name": "a"}, "data": {"a": "x" * (1024 * 1024 + 1)}},
            'ConfigMap "a" is invalid: []: Too long: may not be more than 1048576 bytes',
            id="config map too large",
        ),
        pytest.param(
            "secrets",
            {"metadata": {"name": "a"}, "type": "kubernetes.io/tls"},
            'Secret "a" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]',
            id="TLS secret without keys",
        ),
        pytest.param(
            "secrets",
            {"metadata": {"name": "a"}, "type": "kubernetes.io/dockerconfigjson"},
            'Secret "a" is invalid: data[.dockerconfigjson]: Required value',
            id="pull secret without its key",
        ),
        pytest.param(
            "persistentvolumeclaims",
            claim() | {"spec": {}},
            'PersistentVolumeClaim "c" is invalid: [spec.accessModes: Required value: at least 1 access'
            " mode is"
            " required, spec.resources[storage]: Required value]",
            id="empty claim",
        ),
        pytest.param(
            "persistentvolumeclaims",
            claim(accessModes=["ReadWrite"]),
            'PersistentVolumeClaim "c" is invalid: spec.accessModes: Unsupported value: "ReadWrite":'
            " supported values:"
            ' "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
            id="access mode",
        ),
        pytest.param(
            "persistentvolumeclaims",
            claim(size="0"),
            'PersistentVolumeClaim "c" is invalid: spec.resources[storage]: Invalid value: "0": must be'
            " greater than"
            " zero",
            id="claim of nothing",
        ),
        pytest.param(
            "resourcequotas",
            {"metadata": {"name": "q"}, "spec": {"hard": {"bananas": "1"}}},
            'ResourceQuota "q" is invalid: [spec.hard[bananas]: Invalid value: "bananas": must be a'
            " standard resource"
            ' type or fully qualified, spec.hard[bananas]: Invalid value: "bananas": must be a standard'
            " resource for"
            " quota]",
            id="quota of an unknown resource",
        ),
        pytest.param(
            "secrets",
            {"metadata": {"name": "a"}, "type": "kubernetes.io/service-account-token"},
            'Secret "a" is invalid: metadata.annotations[kubernetes.io/service-account.name]: Required value',
            id="token secret of nobody",
        ),
        pytest.param(
            "services",
            {"metadata": {"name": "s"}, "spec": {}},
            'Service "s" is invalid: spec.ports: Required value',
            id="service without ports",
        ),
    ],
)
async def test_create_wrong_object_is_refused(
    api: KubernetesApi, namespace: str, plural: str, body: Json, sentence: str
) -> None:
    """A wrong object is refused with 422 and a sentence that names the field, the value and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/{plural}", body)
    assert answer.refusal == (422, "Invalid", sentence)


_ONE = "spec.containers[0]"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(pod(containers=[]), "spec.containers: Required value", id="no containers"),
        pytest.param(
            pod(containers=[{"image": "x"}]), f"{_ONE}.name: Required value", id="container without a name"
        ),
        pytest.param(container(name="A"), f'{_ONE}.name: Invalid value: "A": {_LABEL}', id="container name"),
        pytest.param(container(image=""), f"{_ONE}.image: Required value", id="no image"),
        pytest.param(
            container(image=" x"),
            f'{_ONE}.image: Invalid value: " x": must not have leading or trailing whitespace',
            id="space before the image",
        ),
        pytest.param(
            pod(containers=[{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]),
            'spec.containers[1].name: Duplicate value: "a"',
            id="two containers of one name",
        ),
        pytest.param(
            container(imagePullPolicy="Sometimes"),
            f'{_ONE}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always",'
            ' "IfNotPresent",'
            ' "Never"',
            id="pull policy",
        ),
        pytest.param(
            container(ports=[{"containerPort": 70000}]),
            f"{_ONE}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            id="port out of range",
        ),
        pytest.param(
            container(ports=[{"containerPort": 80, "name": "Much_too_long_a_name"}]),
            "["
            + ", ".join(
                f'{_ONE}.ports[0].name: Invalid value: "Much_too_long_a_name": {text}'
                for text in (
                    "must be no more than 15 characters",
                    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
                )
            )
            + "]",
            id="port name",
        ),
        pytest.param(
            container(env=[{"value": "x"}]), f"{_ONE}.env[0].name: Required value", id="env without name"
        ),
        pytest.param(
            container(env=[{"name": "a=b", "value": "x"}]),
            f'{_ONE}.env[0].name: Invalid value: "a=b": a valid environment variable name must consist'
            " only of printable"
            " ASCII characters other than '='",
            id="env name",
        ),
        pytest.param(
            container(
                env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
            ),
            f'{_ONE}.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
            id="env with value and source",
        ),
        pytest.param(
            container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.nope"}}}]),
            f'{_ONE}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.nope": error converting'
            " fieldPath:"
            " field label not supported: metadata.nope",
            id="env from an unknown field",
        ),
        pytest.param(
            container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]),
            f"{_ONE}.env[0].valueFrom.secretKeyRef.key: Required value",
            id="env from a secret without key",
        ),
        pytest.param(
            container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
            f'{_ONE}.volumeMounts[0].name: Not found: "v"',
            id="mount of a missing volume",
        ),
        pytest.param(
            pod(
                volumes=[{"name": "v", "emptyDir": {}}],
                containers=[
                    {
                        "name": "a",
                        "image": "x",
                        "volumeMounts": [{"name": "v", "mountPath": "/x"}, {"name": "v", "mountPath": "/x"}],
                    }
                ],
            ),
            f'{_ONE}.volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
            id="two mounts at one path",
        ),
        pytest.param(
            pod(
                volumes=[{"name": "v", "emptyDir": {}}],
                containers=[
                    {
                        "name": "a",
                        "image": "x",
                        "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "../y"}],
                    }
                ],
            ),
            f"{_ONE}.volumeMounts.subPath: Invalid value: \"../y\": must not contain '..'",
            id="sub path that climbs",
        ),
        pytest.param(
            pod(volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
            'spec.volumes[1].name: Duplicate value: "v"',
            id="two volumes of one name",
        ),
        pytest.param(
            pod(volumes=[{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]),
            "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
            id="volume of two types",
        ),
        pytest.param(
            pod(volumes=[{"name": "v", "persistentVolumeClaim": {}}]),
            "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
            id="volume without its claim's name",
        ),
        pytest.param(
            container(resources={"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}),
            f'{_ONE}.resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit'
            " of 1Gi",
            id="request above limit",
        ),
        pytest.param(
            container(resources={"requests": {"nvidia.com/gpu": "1"}}),
            f"{_ONE}.resources.limits: Required value: Limit must be set for non overcommitable resources",
            id="device without a limit",
        ),
        pytest.param(
            container(resources={"limits": {"nvidia.com/gpu": "500m"}}),
            f'[{_ONE}.resources.limits[nvidia.com/gpu]: Invalid value: "500m": must be an integer,'
            f' {_ONE}.resources.requests[nvidia.com/gpu]: Invalid value: "500m": must be an integer]',
            id="half a device",
        ),
        pytest.param(
            container(resources={"limits": {"memory": "-1"}}),
            f'[{_ONE}.resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0,'
            f' {_ONE}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0]',
            id="negative memory",
        ),
        pytest.param(
            container(resources={"limits": {"bananas": "1"}}),
            "["
            + ", ".join(
                f'{_ONE}.resources.{kind}[bananas]: Invalid value: "bananas": {text}'
                for kind in ("limits", "requests")
                for text in (
                    "must be a standard resource type or fully qualified",
                    "must be a standard resource for containers",
                )
            )
            + "]",
            id="unknown resource",
        ),
        pytest.param(
            container(readinessProbe={"periodSeconds": 1}),
            f"{_ONE}.readinessProbe: Required value: must specify a handler type",
            id="probe of nothing",
        ),
        pytest.param(
            pod(restartPolicy="Maybe"),
            'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure",'
            ' "Never"',
            id="restart policy",
        ),
        pytest.param(
            pod(nodeSelector={"a": "not a label"}),
            f'spec.nodeSelector: Invalid value: "not a label": {_LABEL_VALUE}',
            id="node selector",
        ),
        pytest.param(
            pod(tolerations=[{"operator": "Equal", "value": "x"}]),
            'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is'
            " empty, which"
            ' means "match all values and all keys"',
            id="toleration without a key",
        ),
        pytest.param(
            pod(securityContext={"fsGroup": -1}),
            "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            id="negative group",
        ),
        pytest.param(
            pod(activeDeadlineSeconds=0),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
            id="deadline of nothing",
        ),
    ],
)
async def test_create_wrong_pod_is_refused(
    api: KubernetesApi, namespace: str, body: Json, sentence: str
) -> None:
    """A pod that cannot be is refused with the field and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    told = _without_go_quoting(answer.message)
    assert (answer.status, answer.body.get("reason")) == (422, "Invalid")
    assert told == _without_go_quoting(f'Pod "p" is invalid: {sentence}')


def _without_go_quoting(text: str) -> str:
    """Sort the errors of a map's keys: Go walks maps in no order."""
    head, bracket, rest = text.partition(": [")
    return head + bracket + ", ".join(sorted(rest.removesuffix("]").split(", "))) if bracket else text


async def test_create_wrong_pod_names_every_cause(api: KubernetesApi, namespace: str) -> None:
    """All that is wrong is told at once, in `details` for programs."""
    body = pod(restartPolicy="Maybe", containers=[{"name": "A"}])
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    assert answer.causes == [
        ("spec.containers[0].image", "FieldValueRequired"),
        ("spec.containers[0].name", "FieldValueInvalid"),
        ("spec.restartPolicy", "FieldValueNotSupported"),
    ]
    details = answer.body["details"]
    assert (details["name"], details["kind"]) == ("p", "Pod")


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
    unknown = 'no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"'
    told = f'ConfigMap in version "v2" cannot be handled as a ConfigMap: {unknown}'
    assert answer.refusal == (400, "BadRequest", told)


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


async def test_pod_without_service_account_is_forbidden(api: KubernetesApi, namespace: str) -> None:
    """A pod's service account must be there."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", pod(serviceAccountName="absent"))
    why = f'error looking up service account {namespace}/absent: serviceaccount "absent" not found'
    assert answer.refusal == (403, "Forbidden", f'pods "p" is forbidden: {why}')


@pytest.mark.parametrize(
    ("patch", "sentence"),
    [
        pytest.param(
            {"spec": {"restartPolicy": "Never"}},
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
            " additions to existing"
            " tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was"
            " previously negative)",
            id="a fixed field",
        ),
        pytest.param(
            {"spec": {"containers": []}},
            "spec.containers: Forbidden: pod updates may not add or remove containers",
            id="no containers",
        ),
    ],
)
async def test_update_of_fixed_pod_field_is_refused(
    api: KubernetesApi, namespace: str, patch: Json, sentence: str
) -> None:
    """Most of a pod's spec is fixed once it exists."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod())).ok()
    answer = await api.patch(f"{path}/p", patch)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert sentence in answer.message


async def test_update_of_claim_is_refused_but_for_its_size(api: KubernetesApi, namespace: str) -> None:
    """A claim cannot change its class or modes."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(path, claim())).ok()
    answer = await api.patch(f"{path}/c", {"spec": {"storageClassName": "other"}})
    sentence = (
        'PersistentVolumeClaim "c" is invalid: spec: Forbidden: spec is immutable after creation except'
        " resources.requests and volumeAttributesClassName for bound claims"
    )
    assert (answer.status, answer.message.split("\n")[0]) == (422, sentence)


async def test_update_of_immutable_secret_is_refused(api: KubernetesApi, namespace: str) -> None:
    """`immutable: true` holds."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    (await api.post(path, {"metadata": {"name": "s"}, "immutable": True, "data": {"a": "eA=="}})).ok()
    answer = await api.patch(f"{path}/s", {"data": {"a": "eQ=="}})
    assert answer.refusal == (
        422,
        "Invalid",
        'Secret "s" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    )


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        pytest.param(
            "/api/v1/persistentvolumes",
            {"metadata": {"name": "v"}, "spec": {}},
            'PersistentVolume "v" is invalid: [spec.accessModes: Required value, spec.capacity: Required'
            " value,"
            ' spec.capacity: Unsupported value: null: supported values: "storage", spec: Required value:'
            " must specify a"
            " volume type]",
            id="empty volume",
        ),
        pytest.param(
            "/api/v1/persistentvolumes",
            volume("v", nfs={"server": "x", "path": "/x"}),
            'PersistentVolume "v" is invalid: spec.nfs: Forbidden: may not specify more than 1 volume type',
            id="volume in two places",
        ),
        pytest.param(
            "/apis/storage.k8s.io/v1/storageclasses",
            {"metadata": {"name": "s"}},
            'StorageClass.storage.k8s.io "s" is invalid: provisioner: Required value',
            id="class without a provisioner",
        ),
        pytest.param(
            "/apis/storage.k8s.io/v1/storageclasses",
            {"metadata": {"name": "s"}, "provisioner": "x", "volumeBindingMode": "Later"},
            'StorageClass.storage.k8s.io "s" is invalid: volumeBindingMode: Unsupported value: "Later"',
            id="binding mode",
        ),
        pytest.param(
            "/api/v1/namespaces",
            {"metadata": {"name": "a.b"}},
            'Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": must not contain dots',
            id="namespace with a dot",
        ),
        pytest.param(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            {"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"]}]},
            'ClusterRole.rbac.authorization.k8s.io "r" is invalid: rules[0].verbs: Required value: verbs'
            " must contain at"
            " least one value",
            id="rule without verbs",
        ),
        pytest.param(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            {
                "metadata": {"name": "r"},
                "roleRef": {"kind": "Role", "name": "x"},
                "subjects": [{"kind": "Cat", "name": "x"}],
            },
            'ClusterRoleBinding.rbac.authorization.k8s.io "r" is invalid: [roleRef.kind: Unsupported'
            ' value: "Role":'
            ' supported values: "ClusterRole", subjects[0].kind: Unsupported value: "Cat": supported values:'
            ' "ServiceAccount", "User", "Group"]',
            id="binding of nothing to nobody",
        ),
    ],
)
async def test_create_wrong_cluster_object_is_refused(
    api: KubernetesApi, path: str, body: Json, sentence: str
) -> None:
    """Kinds without namespaces are checked likewise."""
    answer = await api.post(path, body, dryRun="All")
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.message.startswith(sentence)


async def test_network_policy_wrong_block_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A policy that no enforcer could read is refused."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    body = {
        "metadata": {"name": "n"},
        "spec": {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]},
    }
    answer = await api.post(path, body)
    assert (answer.status, answer.causes) == (
        422,
        [("spec.egress[0].to[0].ipBlock.cidr", "FieldValueInvalid")],
    )


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
