"""Objects that cannot be are refused in Kubernetes' own words: the field, the value, the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, volume
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and"
    " must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and"
    " must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345',"
    " regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_TOO_LONG = f'ConfigMap "a" is invalid: metadata.labels: Invalid value: "{"x" * 64}": must be no more than'
_NO_UID = 'ConfigMap "a" is invalid: metadata.ownerReferences.uid: Invalid value: "":'
_BANANAS = (
    'ResourceQuota "q" is invalid: [spec.hard[bananas]: Invalid value: {0}: must be a standard resource type'
    " or fully qualified, spec.hard[bananas]: Invalid value: {0}: must be a standard resource for quota]"
)
_NO_CAPACITY = (
    'PersistentVolume "v" is invalid: [spec.accessModes: Required value, spec.capacity: Required value,'
    ' spec.capacity: Unsupported value: {}: supported values: "storage", spec: Required value: must specify'
    " a volume type]"
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
            " more than 253 characters",
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
            Wording(f"{_TOO_LONG} 63 bytes", oldest=f"{_TOO_LONG} 63 characters"),
            id="label value too long",
        ),
        pytest.param(
            "configmaps",
            _metadata(labels={"-a": "b"}),
            'ConfigMap "a" is invalid: metadata.labels: Invalid value: "-a": name part must consist of'
            " alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
            " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
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
            " neither a standard finalizer name nor is it fully qualified",
            id="finalizer without a domain",
        ),
        pytest.param(
            "configmaps",
            _metadata(ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "x"}]),
            Wording(f"{_NO_UID} must not be empty", oldest=f"{_NO_UID} uid must not be empty"),
            id="owner without uid",
        ),
        pytest.param(
            "configmaps",
            {"metadata": {"name": "a"}, "data": {"a b": ""}},
            'ConfigMap "a" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist'
            " of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or"
            " 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
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
            " mode is required, spec.resources[storage]: Required value]",
            id="empty claim",
        ),
        pytest.param(
            "persistentvolumeclaims",
            claim(accessModes=["ReadWrite"]),
            'PersistentVolumeClaim "c" is invalid: spec.accessModes: Unsupported value: "ReadWrite":'
            ' supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
            id="access mode",
        ),
        pytest.param(
            "persistentvolumeclaims",
            claim(size="0"),
            'PersistentVolumeClaim "c" is invalid: spec.resources[storage]: Invalid value: "0": must be'
            " greater than zero",
            id="claim of nothing",
        ),
        pytest.param(
            "resourcequotas",
            {"metadata": {"name": "q"}, "spec": {"hard": {"bananas": "1"}}},
            Wording(_BANANAS.format('"bananas"'), oldest=_BANANAS.format("bananas")),
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
    api: KubernetesApi, namespace: str, plural: str, body: Json, sentence: str | Wording, minor: int
) -> None:
    """A wrong object is refused with 422 and a sentence that names the field, the value and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/{plural}", body)
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.message in said_by(minor, sentence)


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
            Wording(_NO_CAPACITY.format("null"), oldest=_NO_CAPACITY.format("core.ResourceList(nil)")),
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
            " must contain at least one value",
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
            ' value: "Role": supported values: "ClusterRole", subjects[0].kind: Unsupported value: "Cat":'
            ' supported values: "ServiceAccount", "User", "Group"]',
            id="binding of nothing to nobody",
        ),
    ],
)
async def test_create_wrong_cluster_object_is_refused(
    api: KubernetesApi, path: str, body: Json, sentence: str | Wording, minor: int
) -> None:
    """Kinds without namespaces are checked likewise."""
    answer = await api.post(path, body, dryRun="All")
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.message.startswith(said_by(minor, sentence))


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
