"""Pods that cannot be are refused in Kubernetes' own words: the field, the value, the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import container, pod
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_ONE = "spec.containers[0]"
_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start"
    " and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and"
    " must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345',"
    " regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_HALF = (
    f"[{_ONE}.resources.limits[nvidia.com/gpu]: Invalid value: {{0}}: must be an integer,"
    f" {_ONE}.resources.requests[nvidia.com/gpu]: Invalid value: {{0}}: must be an integer]"
)
_HALF_IN_GO = (
    "resource.Quantity{i:resource.int64Amount{value:500, scale:-3},"
    ' d:resource.infDecAmount{Dec:(*inf.Dec)(nil)}, s:"500m", Format:"DecimalSI"}'
)
_BANANAS = (
    "["
    + ", ".join(
        f"{_ONE}.resources.{kind}[bananas]: Invalid value: {{0}}: {text}"
        for kind in ("limits", "requests")
        for text in (
            "must be a standard resource type or fully qualified",
            "must be a standard resource for containers",
        )
    )
    + "]"
)


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
            ' "IfNotPresent", "Never"',
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
            " only of printable ASCII characters other than '='",
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
            f'{_ONE}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.nope": error'
            " converting fieldPath: field label not supported: metadata.nope",
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
            Wording(_HALF.format('"500m"'), oldest=_HALF.format(_HALF_IN_GO)),
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
            Wording(_BANANAS.format('"bananas"'), oldest=_BANANAS.format("bananas")),
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
            ' empty, which means "match all values and all keys"',
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
    api: KubernetesApi, namespace: str, body: Json, sentence: str | Wording, minor: int
) -> None:
    """A pod that cannot be is refused with the field and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    told = _without_go_quoting(answer.message)
    assert (answer.status, answer.body.get("reason")) == (422, "Invalid")
    expected = [f'Pod "p" is invalid: {text}' for text in said_by(minor, sentence)]
    assert told in map(_without_go_quoting, expected)


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
            " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set"
            " to 1 if it was previously negative)",
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
