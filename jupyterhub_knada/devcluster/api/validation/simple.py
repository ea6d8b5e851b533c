"""The rules of nodes, secrets, config maps, services, quotas, leases and events.

Source: `pkg/apis/core/validation`, `pkg/apis/coordination/validation` of 1.36.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names, quotas
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    duplicate,
    forbidden_value,
    invalid,
    required,
    too_long,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation.containers import port_or_name
from jupyterhub_knada.devcluster.api.validation.fields import NOT_NEGATIVE, named, quantity, told
from jupyterhub_knada.devcluster.api.validation.metadata import IMMUTABLE, check_labels

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
_LARGEST: Final = 1024 * 1024
_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_IMMUTABLE_DATA: Final = "field is immutable when `immutable` is set"
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def check_node(node: Json) -> list[FieldError]:
    """Check a node's taints."""
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(node["spec"].get("taints", [])):
        path = f"metadata.taints[{index}]"
        key, effect = taint.get("key", ""), taint.get("effect", "")
        errors += told(f"{path}.key", key, names.label_key_errors(key))
        wrong = names.label_value_errors(taint.get("value", ""))
        errors += [invalid(f"{path}.value", taint["value"], ";".join(wrong))] if wrong else []
        if not effect:
            errors.append(required(f"{path}.effect"))
        elif effect not in _EFFECTS:
            errors.append(unsupported(f"{path}.effect", effect, _EFFECTS))
        if (key, effect) in seen:
            errors.append(duplicate(path, taint))
        seen.add((key, effect))
    return errors


def _data(body: Json, path: str, size: int) -> tuple[list[FieldError], int]:
    errors: list[FieldError] = []
    for key, value in body.get(path, {}).items():
        errors += told(f"{path}[{key}]", key, names.data_key_errors(key))
        size += len(value.encode()) if path == "data" else len(base64.b64decode(value))
    return errors, size


_REQUIRED_KEYS: Final = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def check_secret(secret: Json) -> list[FieldError]:
    """Check a secret's keys, size and what its type demands; its values are never shown."""
    data = secret.get("data", {})
    errors: list[FieldError] = []
    for key in data:
        errors += told(f"data[{key}]", key, names.data_key_errors(key))
    if sum(len(base64.b64decode(value)) for value in data.values()) > _LARGEST:
        errors.append(too_long("data", _LARGEST))
    kind = secret["type"]
    errors += [required(f"data[{key}]") for key in _REQUIRED_KEYS.get(kind, ()) if key not in data]
    annotations = secret["metadata"].get("annotations", {})
    if kind == "kubernetes.io/service-account-token" and not annotations.get(_ACCOUNT_NAME):
        errors.append(required(f"metadata.annotations[{_ACCOUNT_NAME}]"))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        errors += [required("data[username]"), required("data[password]")]
    if kind in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"):
        errors += _docker(_REQUIRED_KEYS[kind][0], data)
    return errors


def _docker(key: str, data: dict[str, str]) -> list[FieldError]:
    try:
        json.loads(base64.b64decode(data[key]))
    except KeyError:
        return []
    except ValueError:
        return [invalid(f"data[{key}]", "<secret contents redacted>", "invalid character in JSON")]
    return []


def check_secret_update(new: Json, old: Json) -> list[FieldError]:
    """Check a secret's type, and its data where it is immutable."""
    errors = [] if new["type"] == old["type"] else [invalid("type", new["type"], IMMUTABLE)]
    return errors + _immutable(new, old, ("data",))


def check_config_map(body: Json) -> list[FieldError]:
    """Check a config map's keys and size."""
    errors, size = _data(body, "data", 0)
    more, size = _data(body, "binaryData", size)
    both = set(body.get("data", {})) & set(body.get("binaryData", {}))
    errors += [invalid(f"data[{key}]", key, "duplicate of key present in binaryData") for key in sorted(both)]
    if size > _LARGEST:
        more.append(too_long("[]", _LARGEST))
    return errors + more


def check_config_map_update(new: Json, old: Json) -> list[FieldError]:
    """Check an immutable config map's data."""
    return _immutable(new, old, ("data", "binaryData"))


def _immutable(new: Json, old: Json, keys: tuple[str, ...]) -> list[FieldError]:
    if not old.get("immutable"):
        return []
    errors = [] if new.get("immutable") else [forbidden_value("immutable", _IMMUTABLE_DATA)]
    return errors + [forbidden_value(key, _IMMUTABLE_DATA) for key in keys if new.get(key) != old.get(key)]


def check_service(service: Json) -> list[FieldError]:
    """Check a service's type, ports and selector."""
    spec = service["spec"]
    kind, ports = spec["type"], spec.get("ports", [])
    errors: list[FieldError] = []
    if not ports and spec.get("clusterIP") != "None" and kind != "ExternalName":
        errors.append(required("spec.ports"))
    if kind == "ExternalName":
        errors += named("spec.externalName", spec.get("externalName", "").removesuffix("."), label=False)
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        name = port.get("name", "")
        if name or len(ports) > 1:
            errors += named(f"{path}.name", name)
        if name and name in seen:
            errors.append(duplicate(f"{path}.name", name))
        seen.add(name)
        errors += told(f"{path}.port", port["port"], names.port_errors(port["port"]))
        if port["protocol"] not in ("SCTP", "TCP", "UDP"):
            errors.append(unsupported(f"{path}.protocol", port["protocol"], ("SCTP", "TCP", "UDP")))
        errors += port_or_name(port["targetPort"], f"{path}.targetPort")
    errors += check_labels(spec.get("selector", {}), "spec.selector")
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if kind not in kinds:
        errors.append(unsupported("spec.type", kind, kinds))
    return errors


def check_quota(quota: Json) -> list[FieldError]:
    """Check what a quota limits, and its scopes."""
    spec = quota["spec"]
    errors: list[FieldError] = []
    for name, value in spec.get("hard", {}).items():
        path = f"spec.hard[{name}]"
        errors += told(path, name, names.label_key_errors(name))
        if "/" not in name and name not in _QUOTA_NAMES:
            errors.append(invalid(path, name, "must be a standard resource type or fully qualified"))
            errors.append(invalid(path, name, "must be a standard resource for quota"))
        errors += quantity(path, name, value)
    scopes = spec.get("scopes", [])
    errors += [
        invalid("spec.scopes", scopes, "unsupported scope") for scope in scopes if scope not in quotas.SCOPES
    ]
    return errors


_QUOTA_NAMES: Final = frozenset(
    {
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "persistentvolumeclaims",
        "configmaps",
        "services.nodeports",
        "services.loadbalancers",
    }
)


def check_lease(lease: Json) -> list[FieldError]:
    """Check a lease's numbers."""
    spec = lease["spec"]
    errors: list[FieldError] = []
    if spec.get("leaseDurationSeconds", 1) <= 0:
        errors.append(
            invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0")
        )
    if spec.get("leaseTransitions", 0) < 0:
        errors.append(invalid("spec.leaseTransitions", spec["leaseTransitions"], NOT_NEGATIVE))
    return errors


def check_event(event: Json) -> list[FieldError]:
    """Check that an event lies where the object lies that it is about."""
    namespace, involved = event["metadata"].get("namespace", ""), event["involvedObject"]
    about = involved.get("namespace", "")
    if about and about != namespace:
        return [invalid("involvedObject.namespace", about, "does not match event.namespace")]
    if not about and namespace not in ("default", "kube-system"):
        return [invalid("involvedObject.namespace", about, "does not match event.namespace")]
    return []


RULES: Final[dict[str, Callable[[Json], list[FieldError]]]] = {
    "Node": check_node,
    "Secret": check_secret,
    "ConfigMap": check_config_map,
    "Service": check_service,
    "ResourceQuota": check_quota,
    "Lease": check_lease,
    "Event": check_event,
}


def check_service_update(new: Json, old: Json) -> list[FieldError]:
    """Check that a service keeps its address."""
    address, before = new["spec"].get("clusterIP"), old["spec"].get("clusterIP")
    if new["spec"]["type"] == old["spec"]["type"] and before and address != before:
        given = new["spec"].get("clusterIPs", [])
        return [invalid("spec.clusterIPs[0]", given, "may not change once set")]
    return []


UPDATE_RULES: Final[dict[str, Callable[[Json, Json], list[FieldError]]]] = {
    "Secret": check_secret_update,
    "Service": check_service_update,
    "ConfigMap": check_config_map_update,
}
