"""Every field of a pod, a claim and a volume is stored as it came, or refused by the embedded API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.api.schema import is_struct, struct
from jupyterhub_knada.devcluster.api.unserved import FIELDS
from tests.support.backends import EMBEDDED
from tests.support.manifests import claim, pod, volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_FOLDER = Path(__file__).parent
_TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "namespaces": ["x"]}
_TERM |= {
    "namespaceSelector": {"matchLabels": {"c": "d"}},
    "matchLabelKeys": ["e"],
    "mismatchLabelKeys": ["f"],
}
_WEIGHTED = [{"weight": 3, "podAffinityTerm": _TERM}]
_PROBE = {"initialDelaySeconds": 2, "timeoutSeconds": 3, "periodSeconds": 4, "failureThreshold": 5}
_CONTAINER: Json = {
    "name": "notebook",
    "image": "example.org/notebook:1",
    "command": ["jupyterhub-singleuser"],
    "args": ["--x"],
    "workingDir": "/home/jovyan",
    "stdin": True,
    "stdinOnce": True,
    "tty": True,
    "imagePullPolicy": "Never",
    "terminationMessagePath": "/x",
    "terminationMessagePolicy": "FallbackToLogsOnError",
    "ports": [
        {"name": "web", "containerPort": 8888, "protocol": "TCP", "hostPort": 8888, "hostIP": "127.0.0.1"}
    ],
    "envFrom": [
        {"prefix": "A", "configMapRef": {"name": "c", "optional": True}},
        {"secretRef": {"name": "s", "optional": True}},
    ],
    "env": [
        {"name": "A", "value": "b"},
        {"name": "B", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
        {
            "name": "C",
            "valueFrom": {
                "resourceFieldRef": {"containerName": "notebook", "resource": "limits.cpu", "divisor": "1m"}
            },
        },
        {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": True}}},
        {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
    ],
    "livenessProbe": {
        **_PROBE,
        "successThreshold": 1,
        "httpGet": {
            "path": "/p",
            "port": "web",
            "host": "127.0.0.1",
            "scheme": "HTTPS",
            "httpHeaders": [{"name": "X", "value": "y"}],
        },
    },
    "readinessProbe": {**_PROBE, "successThreshold": 2, "tcpSocket": {"port": 8888, "host": "127.0.0.1"}},
    "startupProbe": {**_PROBE, "successThreshold": 1, "grpc": {"port": 5, "service": "s"}},
    "lifecycle": {"postStart": {"exec": {"command": ["x"]}}, "preStop": {"sleep": {"seconds": 1}}},
    "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 100,
        "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
        "appArmorProfile": {"type": "Unconfined"},
        "seLinuxOptions": {"level": "s0"},
        "procMount": "Default",
    },
    "volumeMounts": [
        {"name": "empty", "mountPath": "/a", "readOnly": True, "subPath": "b"},
        {"name": "home", "mountPath": "/c", "subPathExpr": "$(A)"},
    ],
}
_VOLUMES: list[Json] = [
    {"name": "empty", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
    {"name": "home", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
    {
        "name": "secret",
        "secret": {
            "secretName": "s",
            "optional": True,
            "defaultMode": 256,
            "items": [{"key": "k", "path": "p", "mode": 288}],
        },
    },
    {"name": "map", "configMap": {"name": "c", "optional": True, "defaultMode": 256}},
    {
        "name": "projected",
        "projected": {
            "defaultMode": 256,
            "sources": [
                {"secret": {"name": "s", "optional": True}},
                {"configMap": {"name": "c", "optional": True}},
                {"serviceAccountToken": {"path": "t", "audience": "a", "expirationSeconds": 700}},
                {
                    "downwardAPI": {
                        "items": [
                            {"path": "n", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}
                        ]
                    }
                },
            ],
        },
    },
    {
        "name": "downward",
        "downwardAPI": {
            "defaultMode": 256,
            "items": [
                {
                    "path": "cpu",
                    "mode": 256,
                    "resourceFieldRef": {
                        "containerName": "notebook",
                        "resource": "limits.cpu",
                        "divisor": "1m",
                    },
                }
            ],
        },
    },
    {"name": "host", "hostPath": {"path": "/srv", "type": "Directory"}},
    {"name": "nfs", "nfs": {"server": "s", "path": "/p", "readOnly": True}},
    {
        "name": "driver",
        "csi": {
            "driver": "d.example.org",
            "readOnly": True,
            "fsType": "ext4",
            "volumeAttributes": {"a": "b"},
            "nodePublishSecretRef": {"name": "s"},
        },
    },
]
_FULL: Json = {
    "containers": [_CONTAINER],
    "initContainers": [{"name": "side", "image": "x:1", "restartPolicy": "Always"}],
    "volumes": _VOLUMES,
    "restartPolicy": "OnFailure",
    "terminationGracePeriodSeconds": 5,
    "activeDeadlineSeconds": 600,
    "dnsPolicy": "None",
    "dnsConfig": {
        "nameservers": ["127.0.0.1"],
        "searches": ["example.org"],
        "options": [{"name": "ndots", "value": "2"}],
    },
    "nodeSelector": {"a": "b"},
    "nodeName": "nowhere",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "automountServiceAccountToken": False,
    "shareProcessNamespace": True,
    "hostNetwork": True,
    "hostIPC": True,
    "hostname": "h",
    "subdomain": "s",
    "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["h"]}],
    "schedulerName": "nobody",
    "imagePullSecrets": [{"name": "p"}],
    "priorityClassName": "system-node-critical",
    "enableServiceLinks": False,
    "os": {"name": "linux"},
    "securityContext": {
        "runAsUser": 1,
        "runAsGroup": 2,
        "runAsNonRoot": True,
        "fsGroup": 100,
        "fsGroupChangePolicy": "OnRootMismatch",
        "supplementalGroups": [3],
        "seccompProfile": {"type": "Localhost", "localhostProfile": "p"},
    },
    "tolerations": [
        {"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute", "tolerationSeconds": 3}
    ],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
                        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}],
                    }
                ]
            },
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}
            ],
        },
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": _WEIGHTED},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": _WEIGHTED},
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"a": "b"}},
            "nodeAffinityPolicy": "Ignore",
            "nodeTaintsPolicy": "Honor",
            "matchLabelKeys": ["x"],
        }
    ],
}
_OF_DRIVERS: Json = {
    "driver": "d.example.org",
    "volumeHandle": "h",
    "readOnly": True,
    "fsType": "ext4",
    "volumeAttributes": {"a": "b"},
    "controllerPublishSecretRef": {"name": "s", "namespace": "n"},
    "nodeStageSecretRef": {"name": "s", "namespace": "n"},
    "nodePublishSecretRef": {"name": "s", "namespace": "n"},
    "controllerExpandSecretRef": {"name": "s", "namespace": "n"},
    "nodeExpandSecretRef": {"name": "s", "namespace": "n"},
}


def _missing(given: Any, stored: Any, path: str = "") -> Iterator[str]:
    """Give the paths of what was given and is not there as it was."""
    if isinstance(given, dict) and isinstance(stored, dict):
        for key, value in given.items():
            yield from _missing(value, stored.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(stored, list) and len(given) <= len(stored):
        for index, (one, other) in enumerate(zip(given, stored, strict=False)):
            yield from _missing(one, other, f"{path}[{index}]")
    elif given != stored:
        yield path


async def test_pod_with_every_field_comes_back_as_it_was(api: KubernetesApi, namespace: str) -> None:
    """Nothing of a pod is lost on its way, nor changed."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, {"metadata": {"name": "p"}, "spec": _FULL}, dryRun="All")).ok()
    assert list(_missing(_FULL, made["spec"])) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({"csi": _OF_DRIVERS}, id="a driver's"),
        pytest.param({"nfs": {"server": "s", "path": "/p", "readOnly": True}}, id="of NFS"),
        pytest.param({"hostPath": {"path": "/p", "type": "Directory"}}, id="of a host"),
    ],
)
async def test_volume_with_every_field_comes_back_as_it_was(api: KubernetesApi, source: Json) -> None:
    """Nothing of a volume is lost."""
    given = volume("contract-fields", mountOptions=["soft"], persistentVolumeReclaimPolicy="Retain")["spec"]
    given = {key: value for key, value in given.items() if key != "hostPath"} | source
    body = {"metadata": {"name": "contract-fields"}, "spec": given}
    made = (await api.post("/api/v1/persistentvolumes", body, dryRun="All")).ok()
    assert list(_missing(given, made["spec"])) == []


async def test_claim_with_every_field_comes_back_as_it_was(api: KubernetesApi, namespace: str) -> None:
    """Nothing of a claim is lost."""
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    body = claim(selector=selector, volumeMode="Block", volumeName="v", storageClassName="s")
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    made = (await api.post(path, body, dryRun="All")).ok()
    assert list(_missing(body["spec"], made["spec"])) == []


@pytest.mark.parametrize(
    "root", ["core.PodSpec", "core.PersistentVolumeSpec", "core.PersistentVolumeClaimSpec"]
)
def test_every_field_that_is_served_is_in_the_suite(root: str) -> None:
    """A field of the embedded API's schema is sent by some test, or is on its list of those refused."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.py"))
    unsent = [where for where, name in _served(root, set()) if not re.search(rf"\b{name}\b", text)]
    assert unsent == []


def _served(type_name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    if type_name in seen:
        return
    seen.add(type_name)
    for name, field in struct(type_name).items():
        if name in FIELDS.get(type_name, ()):
            continue
        yield f"{type_name}.{name}", name
        inner = re.sub(r"^(\[\]|\{\})*", "", field.type)
        if is_struct(inner):
            yield from _served(inner, seen)


def _samples() -> Iterator[Any]:
    """Give a pod, a claim or a volume for each field that is refused."""
    for type_name, names in FIELDS.items():
        for name in sorted(names):
            yield pytest.param(type_name, name, id=f"{type_name.removeprefix('core.')}.{name}")


_PLACES: dict[str, Any] = {
    "core.PodSpec": lambda part: pod(**part),
    "core.PodSecurityContext": lambda part: pod(securityContext=part),
    "core.WindowsSecurityContextOptions": lambda part: pod(securityContext={"windowsOptions": part}),
    "core.TopologySpreadConstraint": lambda part: pod(topologySpreadConstraints=[part]),
    "core.Container": lambda part: pod(containers=[{"name": "n", "image": "x", **part}]),
    "core.ResourceRequirements": lambda part: _PLACES["core.Container"]({"resources": part}),
    "core.Lifecycle": lambda part: _PLACES["core.Container"]({"lifecycle": part}),
    "core.Probe": lambda part: _PLACES["core.Container"]({"livenessProbe": {"exec": {}, **part}}),
    "core.VolumeMount": lambda part: _PLACES["core.Container"]({"volumeMounts": [part]}),
    "core.EnvVarSource": lambda part: _PLACES["core.Container"]({"env": [{"name": "A", "valueFrom": part}]}),
    "core.Volume": lambda part: pod(volumes=[{"name": "v", **part}]),
    "core.VolumeProjection": lambda part: pod(volumes=[{"name": "v", "projected": {"sources": [part]}}]),
    "core.PersistentVolumeSpec": lambda part: volume("v", **part),
    "core.PersistentVolumeClaimSpec": lambda part: claim(**part),
}


def _value(type_name: str) -> Any:
    if type_name.startswith("[]"):
        return [_value(type_name[2:])]
    if type_name.startswith("{}"):
        return {"x": _value(type_name[2:])}
    return (
        {}
        if is_struct(type_name)
        else {"bool": True, "int32": 1, "int64": 1, "quantity": "1"}.get(type_name, "x")
    )


@pytest.mark.parametrize(("type_name", "name"), list(_samples()))
async def test_field_that_is_not_served_is_refused_by_its_name(
    api: KubernetesApi, backend: Backend, namespace: str, type_name: str, name: str
) -> None:
    """The embedded API says which one; a real API server stores it, or says what is wrong with it."""
    body = _PLACES[type_name]({name: _value(struct(type_name)[name].type)})
    plural = {
        "core.PersistentVolumeSpec": "persistentvolumes",
        "core.PersistentVolumeClaimSpec": "persistentvolumeclaims",
    }
    kind = plural.get(type_name, "pods")
    place = "" if kind == "persistentvolumes" else f"/namespaces/{namespace}"
    answer = await api.post(f"/api/v1{place}/{kind}", body, dryRun="All")
    if backend.name == EMBEDDED:
        assert (answer.status, answer.message.endswith(f".{name}")) == (501, True)
    else:
        assert answer.status in (201, 403, 422)
