"""The values that Kubernetes writes into an object where its author left them out.

Source: `pkg/apis/*/v1/defaults.go` of 1.36. Constant ones are a table by struct; the others are functions.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api.quantities import round_up_to_milli
from jupyterhub_knada.devcluster.api.schema import is_struct, struct

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

_RBAC: Final = "rbac.authorization.k8s.io"
_CONSTANTS: Final[dict[str, Json]] = {
    "core.PodSpec": {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
    },
    "core.PodStatus": {"phase": "Pending"},
    "core.Container": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"},
    "core.ContainerPort": {"protocol": "TCP"},
    "core.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.GRPCAction": {"service": ""},
    "core.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.SecretVolumeSource": {"defaultMode": 420},
    "core.ConfigMapVolumeSource": {"defaultMode": 420},
    "core.DownwardAPIVolumeSource": {"defaultMode": 420},
    "core.ProjectedVolumeSource": {"defaultMode": 420},
    "core.HostPathVolumeSource": {"type": ""},
    "core.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.PersistentVolumeClaimStatus": {"phase": "Pending"},
    "core.PersistentVolumeSpec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"},
    "core.PersistentVolumeStatus": {"phase": "Pending"},
    "core.Secret": {"type": "Opaque"},
    "core.NamespaceStatus": {"phase": "Active"},
    "core.ServiceSpec": {"type": "ClusterIP", "sessionAffinity": "None"},
    "core.ServicePort": {"protocol": "TCP"},
    "storage.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "networking.NetworkPolicyPort": {"protocol": "TCP"},
    "rbac.RoleRef": {"apiGroup": _RBAC},
}


def set_defaults(body: Json, type_name: str) -> None:
    """Fill in an object that was just decoded, in place."""
    _constants(body, type_name)
    calculated = _CALCULATED.get(type_name)
    if calculated is not None:
        calculated(body)


def _constants(value: Json, type_name: str) -> None:
    for key, default in _CONSTANTS.get(type_name, {}).items():
        # Fields that are always written are there already, as empty strings.
        if value.get(key, "") == "":
            value[key] = dict(default) if isinstance(default, dict) else default
    for key, declared in struct(type_name).items():
        inner = declared.type.removeprefix("[]")
        found = value.get(key)
        if found is not None and is_struct(inner):
            for item in found if isinstance(found, list) else [found]:
                _constants(item, inner)


def _pod(pod: Json) -> None:
    spec = pod["spec"]
    _addresses(pod["status"])
    for container in [*(spec.get("containers") or []), *spec.get("initContainers", [])]:
        _container(container)
    if spec.get("hostNetwork"):
        for container in spec.get("containers") or []:
            for port in container.get("ports", []):
                port.setdefault("hostPort", port["containerPort"])
    for volume in spec.get("volumes", []):
        if not any(key != "name" for key in volume):
            volume["emptyDir"] = {}


def _addresses(status: Json) -> None:
    """Keep a pod's address and its list of addresses in step: the one address counts."""
    addresses = status.get("podIPs", [])
    if status.get("podIP"):
        if not addresses or addresses[0].get("ip") != status["podIP"]:
            status["podIPs"] = [{"ip": status["podIP"]}]
    elif addresses:
        status["podIP"] = addresses[0].get("ip", "")


def _container(container: Json) -> None:
    if "imagePullPolicy" not in container:
        image = container.get("image", "")
        container["imagePullPolicy"] = "Always" if image_tag(image) == "latest" else "IfNotPresent"
    resources = container["resources"]
    for kind in ("limits", "requests"):
        if kind in resources:
            resources[kind] = {name: round_up_to_milli(value) for name, value in resources[kind].items()}
    if "limits" in resources:
        resources["requests"] = resources["limits"] | resources.get("requests", {})


def image_tag(image: str) -> str:
    """Give an image's tag; `latest` where there is neither a tag nor a digest, empty for a bare digest."""
    name, _, digest = image.partition("@")
    match = re.search(r":([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$", name.rsplit("/", 1)[-1])
    if match:
        return match[1]
    return "" if digest else "latest"


def _service(service: Json) -> None:
    spec = service["spec"]
    for port in spec.get("ports", []):
        if not port.get("targetPort"):
            port["targetPort"] = port["port"]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] in ("ClusterIP", "NodePort", "LoadBalancer"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})


def _secret(secret: Json) -> None:
    written = {
        key: base64.b64encode(value.encode()).decode() for key, value in secret.pop("stringData", {}).items()
    }
    if written:
        secret["data"] = secret.get("data", {}) | written


_LIMIT_LISTS: Final = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


def _limit_range(limit_range: Json) -> None:
    for item in limit_range["spec"].get("limits") or []:
        for key in set(_LIMIT_LISTS) & set(item):
            item[key] = {name: round_up_to_milli(value) for name, value in item[key].items()}
        if item["type"] != "Container":
            continue
        limits = item.get("max", {}) | item.get("default", {})
        requests = item.get("min", {}) | limits | item.get("defaultRequest", {})
        item |= {key: value for key, value in (("default", limits), ("defaultRequest", requests)) if value}


def _namespace(namespace: Json) -> None:
    name = namespace["metadata"].get("name")
    if name:
        labels = namespace["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = name


def _node(node: Json) -> None:
    status = node["status"]
    if "capacity" in status and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def _binding(binding: Json) -> None:
    for subject in binding.get("subjects", []):
        if "apiGroup" not in subject and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = _RBAC


def _network_policy(policy: Json) -> None:
    spec = policy["spec"]
    if "policyTypes" not in spec:
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


_CALCULATED: Final[dict[str, Callable[[Json], None]]] = {
    "core.Pod": _pod,
    "core.Service": _service,
    "core.Secret": _secret,
    "core.LimitRange": _limit_range,
    "core.Namespace": _namespace,
    "core.Node": _node,
    "rbac.RoleBinding": _binding,
    "rbac.ClusterRoleBinding": _binding,
    "networking.NetworkPolicy": _network_policy,
}
