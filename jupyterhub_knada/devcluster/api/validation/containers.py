"""The rules of containers: names, images, ports, environment, mounts, resources, probes.

Source: `pkg/apis/core/validation/validation.go` of 1.36.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    duplicate,
    forbidden_value,
    invalid,
    not_found_value,
    required,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation.fields import (
    container_resource,
    is_extended,
    named,
    not_negative,
    one_of,
    quantity,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def check(spec: Json, volumes: dict[str, Json]) -> list[FieldError]:
    """Check all containers of a pod; their names are unique among all of them."""
    running = spec.get("containers") or []
    if not running:
        return [required("spec.containers")]
    errors: list[FieldError] = []
    seen: set[str] = set()
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or []):
            path = f"spec.{kind}[{index}]"
            errors += _container(container, path, volumes)
            name = container.get("name", "")
            if name in seen:
                errors.append(duplicate(f"{path}.name", name))
            seen.add(name)
    return errors


def _container(container: Json, path: str, volumes: dict[str, Json]) -> list[FieldError]:
    errors = named(f"{path}.name", container.get("name", ""))
    image = container.get("image", "")
    if not image:
        errors.append(required(f"{path}.image"))
    elif image != image.strip():
        errors.append(invalid(f"{path}.image", image, "must not have leading or trailing whitespace"))
    policies = ("File", "FallbackToLogsOnError")
    errors += one_of(f"{path}.terminationMessagePolicy", container["terminationMessagePolicy"], policies)
    errors += _ports(container.get("ports", []), f"{path}.ports")
    for index, item in enumerate(container.get("env", [])):
        errors += _variable(item, f"{path}.env[{index}]")
    errors += _variables_from(container.get("envFrom", []), f"{path}.envFrom")
    errors += _mounts(container.get("volumeMounts", []), f"{path}.volumeMounts", volumes)
    errors += one_of(
        f"{path}.imagePullPolicy", container["imagePullPolicy"], ("Always", "IfNotPresent", "Never")
    )
    errors += _resources(container["resources"], f"{path}.resources")
    for kind in _PROBES:
        if kind in container:
            errors += _probe(container[kind], f"{path}.{kind}")
    for hook, handler in container.get("lifecycle", {}).items():
        if hook in ("postStart", "preStop"):
            errors += _handler(handler, f"{path}.lifecycle.{hook}", (*_HANDLERS[:3], "sleep"))
    return errors


def _ports(ports: list[Json], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        name = port.get("name", "")
        if name:
            wrong = names.port_name_errors(name)
            errors += told(f"{place}.name", name, wrong)
            if not wrong and name in seen:
                errors.append(duplicate(f"{place}.name", name))
            seen.add(name)
        number = port.get("containerPort", 0)
        if not number:
            errors.append(required(f"{place}.containerPort"))
        else:
            errors += told(f"{place}.containerPort", number, names.port_errors(number))
        if port.get("hostPort"):
            errors += told(f"{place}.hostPort", port["hostPort"], names.port_errors(port["hostPort"]))
        if port.get("protocol", "") not in ("SCTP", "TCP", "UDP"):
            errors.append(unsupported(f"{place}.protocol", port.get("protocol", ""), ("SCTP", "TCP", "UDP")))
    return errors


def _variable(item: Json, path: str) -> list[FieldError]:
    name = item.get("name", "")
    errors = told(f"{path}.name", name, names.env_name_errors(name)) if name else [required(f"{path}.name")]
    source = item.get("valueFrom")
    if source is None:
        return errors
    given = [key for key in _SOURCES if key in source]
    for key in given:
        errors += _reference(source[key], key, f"{path}.valueFrom.{key}")
    place = f"{path}.valueFrom"
    if not given:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(invalid(place, "", f"must specify one of: {listed}"))
    elif item.get("value"):
        errors.append(invalid(place, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        errors.append(invalid(place, "", "may not have more than one field specified at a time"))
    return errors


_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)


def _reference(source: Json, kind: str, path: str) -> list[FieldError]:
    match kind:
        case "fieldRef":
            field = source.get("fieldPath", "")
            if not field:
                return [required(f"{path}.fieldPath")]
            if field in _FIELDS or field.startswith(("metadata.annotations['", "metadata.labels['")):
                return []
            text = f"error converting fieldPath: field label not supported: {field}"
            return [invalid(f"{path}.fieldPath", field, text)]
        case "resourceFieldRef":
            return _resource_field(source.get("resource", ""), path)
        case _:
            errors = [] if source.get("name") else [required(f"{path}.name")]
            key = source.get("key", "")
            if not key:
                return [*errors, required(f"{path}.key")]
            return errors + told(f"{path}.key", key, names.data_key_errors(key))


def _resource_field(resource: str, path: str) -> list[FieldError]:
    if not resource:
        return [required(f"{path}.resource")]
    if resource in _RESOURCE_FIELDS or resource.startswith(("limits.hugepages-", "requests.hugepages-")):
        return []
    return [unsupported(f"{path}.resource", resource, _RESOURCE_FIELDS)]


_RESOURCE_FIELDS: Final = tuple(
    f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)


def _variables_from(items: list[Json], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, item in enumerate(items):
        given = [key for key in ("configMapRef", "secretRef") if key in item]
        for key in given:
            errors += named(f"{path}[{index}].{key}.name", item[key].get("name", ""), label=False)
        if item.get("prefix"):
            errors += told(f"{path}[{index}].prefix", item["prefix"], names.env_name_errors(item["prefix"]))
        if not given:
            errors.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            errors.append(invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _mounts(mounts: list[Json], path: str, volumes: dict[str, Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        place = f"{path}[{index}]"
        name, target = mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            errors.append(required(f"{place}.name"))
        if name not in volumes:
            errors.append(not_found_value(f"{place}.name", name))
        if not target:
            errors.append(required(f"{place}.mountPath"))
        if target in seen:
            errors.append(invalid(f"{place}.mountPath", target, "must be unique"))
        seen.add(target)
        for key in ("subPath", "subPathExpr"):
            errors += _inner_path(f"{path}.{key}", mount.get(key, ""))
        if mount.get("subPath") and mount.get("subPathExpr"):
            text = "subPathExpr and subPath are mutually exclusive"
            errors.append(invalid(f"{place}.subPathExpr", mount["subPathExpr"], text))
    return errors


def _inner_path(path: str, value: str) -> list[FieldError]:
    errors = []
    if value.startswith("/"):
        errors.append(invalid(path, value, "must be a relative path"))
    if ".." in value.split("/"):
        errors.append(invalid(path, value, "must not contain '..'"))
    return errors


def _resources(resources: Json, path: str) -> list[FieldError]:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    errors: list[FieldError] = []
    for kind, given in (("limits", limits), ("requests", requests)):
        for name, value in given.items():
            place = f"{path}.{kind}[{name}]"
            errors += container_resource(place, name) + quantity(place, name, value)
    for name, value in requests.items():
        limit = limits.get(name)
        if limit is None:
            if is_extended(name):
                text = "Limit must be set for non overcommitable resources"
                errors.append(required(f"{path}.limits", text))
        elif is_extended(name) and parse_quantity(value) != parse_quantity(limit):
            errors.append(invalid(f"{path}.requests", value, f"must be equal to {name} limit of {limit}"))
        elif parse_quantity(value) > parse_quantity(limit):
            text = f"must be less than or equal to {name} limit of {limit}"
            errors.append(invalid(f"{path}.requests", value, text))
    return errors


def _probe(probe: Json, path: str) -> list[FieldError]:
    errors = _handler(probe, path, _HANDLERS)
    for key in (
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ):
        errors += not_negative(f"{path}.{key}", probe.get(key))
    if "readiness" not in path and probe.get("successThreshold", 1) != 1:
        errors.append(invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return errors


def _handler(handler: Json, path: str, kinds: Iterable[str]) -> list[FieldError]:
    given = [key for key in kinds if key in handler]
    if not given:
        return [required(path, "must specify a handler type")]
    errors = [
        forbidden_value(f"{path}.{key}", "may not specify more than 1 handler type") for key in given[1:]
    ]
    action = handler[given[0]]
    if given[0] == "exec" and not action.get("command"):
        errors.append(required(f"{path}.exec.command"))
    if given[0] in ("httpGet", "tcpSocket"):
        errors += port_or_name(action.get("port", 0), f"{path}.{given[0]}.port")
    return errors


def port_or_name(port: Any, path: str) -> list[FieldError]:
    """Check a port that may be given by its name."""
    if isinstance(port, int):
        return told(path, port, names.port_errors(port))
    return told(path, port, names.port_name_errors(port))
