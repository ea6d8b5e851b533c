"""The rules of what surrounds a pod's containers: names and addresses, security, placement, volumes.

Source: `pkg/apis/core/validation/validation.go` of 1.36.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    duplicate,
    forbidden_value,
    invalid,
    required,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation.fields import told

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
_INT32: Final = 2**31 - 1
_LARGEST_WEIGHT: Final = 100
_SECCOMP: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL: Final = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"


def check(spec: Json) -> list[FieldError]:
    """Check a pod's spec, but for its containers and their volumes."""
    return [
        *_names(spec),
        *_security(spec.get("securityContext", {})),
        *_sysctls(spec),
        *_affinity(spec.get("affinity", {})),
        *_spread(spec.get("topologySpreadConstraints", [])),
        *_gates(spec.get("schedulingGates", [])),
        *_host_ports(spec),
        *_containers(spec),
    ]


def is_address(path: str, text: str) -> list[FieldError]:
    """Check an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return [invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    return []


def _names(spec: Json) -> Iterator[FieldError]:
    for index, alias in enumerate(spec.get("hostAliases", [])):
        path = f"spec.hostAliases[{index}]"
        yield from is_address(f"{path}.ip", alias.get("ip", ""))
        for number, name in enumerate(alias.get("hostnames", [])):
            yield from told(f"{path}.hostnames[{number}]", name, names.dns_subdomain_errors(name))
    servers = spec.get("dnsConfig", {}).get("nameservers", [])
    for index, server in enumerate(servers):
        yield from is_address(f"spec.dnsConfig.nameservers[{index}]", server)
    if spec["dnsPolicy"] == "None" and "dnsConfig" not in spec:
        yield required("spec.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")
    elif spec["dnsPolicy"] == "None" and not servers:
        text = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield required("spec.dnsConfig.nameservers", text)
    system = spec.get("os", {}).get("name")
    if system not in (None, "linux", "windows"):
        yield unsupported("spec.os", system, ("linux", "windows"))
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        path = "spec.securityContext.shareProcessNamespace"
        yield invalid(path, value=True, detail="ShareProcessNamespace and HostPID cannot both be enabled")


def _security(context: Json) -> Iterator[FieldError]:
    path = "spec.securityContext"
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        yield from _identity(f"{path}.{key}", context.get(key))
    for index, group in enumerate(context.get("supplementalGroups", [])):
        yield from _identity(f"{path}.supplementalGroups[{index}]", group)
    change = context.get("fsGroupChangePolicy")
    if change not in (None, "Always", "OnRootMismatch"):
        yield unsupported(f"{path}.fsGroupChangePolicy", change, ("Always", "OnRootMismatch"))
    yield from _profiles(context, path)


_OF_THE_HOST: Final = {
    "hostNetwork": ("net.",),
    "hostIPC": ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."),
}
"""What a pod cannot set for itself where it shares that with its host, by the beginning of the name."""


def _sysctls(spec: Json) -> Iterator[FieldError]:
    for index, item in enumerate(spec.get("securityContext", {}).get("sysctls", [])):
        path, name = f"spec.securityContext.sysctls[{index}].name", item.get("name", "")
        if not re.fullmatch(_SYSCTL.strip("^$"), name):
            yield invalid(path, name, f"must have at most 253 characters and match regex {_SYSCTL}")
        for key, beginnings in _OF_THE_HOST.items():
            if spec.get(key) and name.startswith(beginnings):
                yield invalid(path, name, f"may not be specified when '{key}' is true")


def _identity(path: str, value: int | None) -> list[FieldError]:
    if value is None or 0 <= value <= _INT32:
        return []
    return [invalid(path, value, f"must be between 0 and {_INT32}, inclusive")]


def _profiles(context: Json, path: str) -> Iterator[FieldError]:
    for key, word in (("seccompProfile", "seccomp"), ("appArmorProfile", "AppArmor")):
        profile = context.get(key)
        if profile is None:
            continue
        kind = profile.get("type", "")
        if kind not in _SECCOMP:
            yield unsupported(f"{path}.{key}.type", kind, _SECCOMP)
        elif kind == "Localhost" and not profile.get("localhostProfile"):
            yield required(f"{path}.{key}.localhostProfile", f"must be set when {word} type is Localhost")
        elif kind != "Localhost" and profile.get("localhostProfile"):
            shown = {"Type": kind, "LocalhostProfile": profile["localhostProfile"]}
            if key == "appArmorProfile":
                shown = profile["localhostProfile"]
            text = f"can only be set when {word} type is Localhost"
            yield invalid(f"{path}.{key}.localhostProfile", shown, text)


def _affinity(affinity: Json) -> Iterator[FieldError]:
    for kind, terms in affinity.items():
        preferred = terms.get("preferredDuringSchedulingIgnoredDuringExecution", [])
        for index, term in enumerate(preferred):
            path = f"spec.affinity.{kind}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
            if not 1 <= term.get("weight", 0) <= _LARGEST_WEIGHT:
                text = f"must be in the range 1-{_LARGEST_WEIGHT}"
                yield invalid(f"{path}.weight", term.get("weight", 0), text)
            if kind != "nodeAffinity" and not term.get("podAffinityTerm", {}).get("topologyKey"):
                yield required(f"{path}.podAffinityTerm.topologyKey", "can not be empty")


def _spread(constraints: list[Json]) -> Iterator[FieldError]:
    for index, item in enumerate(constraints):
        path = f"spec.topologySpreadConstraints[{index}]"
        if item.get("maxSkew", 0) <= 0:
            yield invalid(f"{path}.maxSkew", item.get("maxSkew", 0), "must be greater than zero")
        if not item.get("topologyKey"):
            yield required(f"{path}.topologyKey", "can not be empty")
        action, actions = item.get("whenUnsatisfiable", ""), ("DoNotSchedule", "ScheduleAnyway")
        if action not in actions:
            yield unsupported(f"{path}.whenUnsatisfiable", action, actions)


def _gates(gates: list[Json]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, gate in enumerate(gates):
        if gate["name"] in seen:
            yield duplicate(f"spec.schedulingGates[{index}]", gate["name"])
        seen.add(gate["name"])


def _host_ports(spec: Json) -> Iterator[FieldError]:
    seen: set[str] = set()
    for number, container in enumerate(spec.get("containers") or []):
        for index, port in enumerate(container.get("ports", [])):
            if not port.get("hostPort"):
                continue
            where = f"spec.containers[{number}].ports[{index}].hostPort"
            if spec.get("hostNetwork") and port["hostPort"] != port.get("containerPort"):
                text = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(where, port["hostPort"], text)
            place = f"{port['protocol']}/{port.get('hostIP', '')}/{port['hostPort']}"
            if place in seen:
                yield duplicate(where, place)
            seen.add(place)


def _containers(spec: Json) -> Iterator[FieldError]:
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or []):
            path = f"spec.{kind}[{index}]"
            context = container.get("securityContext", {})
            for key in ("runAsUser", "runAsGroup"):
                yield from _identity(f"{path}.securityContext.{key}", context.get(key))
            yield from _profiles(context, f"{path}.securityContext")
            mount = context.get("procMount")
            if mount not in (None, "Default", "Unmasked"):
                yield unsupported(f"{path}.securityContext.procMount", mount, ("Default", "Unmasked"))
            yield from _escalation(context, f"{path}.securityContext")
            yield from _sleeps(container.get("lifecycle", {}), path, spec["terminationGracePeriodSeconds"])
            yield from _hugepages(container["resources"], path)
            if kind == "initContainers":
                yield from _before_others(container, path)


_CONTEXT: Final = (
    "Capabilities",
    "Privileged",
    "SELinuxOptions",
    "WindowsOptions",
    "RunAsUser",
    "RunAsGroup",
    "RunAsNonRoot",
    "ReadOnlyRootFilesystem",
    "AllowPrivilegeEscalation",
    "ProcMount",
    "SeccompProfile",
    "AppArmorProfile",
)
"""The fields of a container's security context in Go, whose value a real API server shows."""


def _escalation(context: Json, path: str) -> Iterator[FieldError]:
    """Check that who must not get more rights has not all of them."""
    if context.get("allowPrivilegeEscalation") is not False:
        return
    shown = _in_go(context)
    text = "cannot set `allowPrivilegeEscalation` to false and "
    if context.get("privileged"):
        yield invalid(path, shown, f"{text}`privileged` to true")
    if "CAP_SYS_ADMIN" in context.get("capabilities", {}).get("add", []):
        yield invalid(path, shown, f"{text}`capabilities.Add` CAP_SYS_ADMIN")


def _in_go(context: Json) -> Json:
    given = {key[0].upper() + key[1:]: value for key, value in context.items()}
    if "SeLinuxOptions" in given:
        given["SELinuxOptions"] = given.pop("SeLinuxOptions")
    if "Capabilities" in given:
        given["Capabilities"] = {key.capitalize(): given["Capabilities"].get(key) for key in ("add", "drop")}
    return {key: given.get(key) for key in _CONTEXT}


def _sleeps(lifecycle: Json, path: str, grace: int) -> Iterator[FieldError]:
    for hook in ("postStart", "preStop"):
        seconds = lifecycle.get(hook, {}).get("sleep", {}).get("seconds")
        if seconds is not None and not 0 <= seconds <= grace:
            text = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield invalid(f"{path}.lifecycle.{hook}.sleep", seconds, text)


def _hugepages(resources: Json, path: str) -> Iterator[FieldError]:
    asked = {*resources.get("limits", {}), *resources.get("requests", {})}
    if any(name.startswith("hugepages-") for name in asked) and not {"cpu", "memory"} & asked:
        yield forbidden_value(f"{path}.resources", "HugePages require cpu or memory")


def _before_others(container: Json, path: str) -> Iterator[FieldError]:
    """Check an init container: one that ends has neither hooks nor probes."""
    policy = container.get("restartPolicy")
    if policy not in (None, "Always", "Never", "OnFailure"):
        yield unsupported(f"{path}.restartPolicy", policy, ("Always", "Never", "OnFailure"))
    elif policy != "Always":
        for key in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(key):
                text = "may not be set for init containers without restartPolicy=Always"
                yield forbidden_value(f"{path}.{key}", text)


_HOST_PATHS: Final = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_LEAST_TOKEN_SECONDS: Final = 600


def check_source(kind: str, source: Json, path: str) -> Iterator[FieldError]:
    """Check what a volume is made of; `path` is that of the source."""
    match kind:
        case "nfs" if source.get("path") and not source["path"].startswith("/"):
            yield invalid(f"{path}.path", source["path"], "must be an absolute path")
        case "hostPath":
            yield from _host_path(source, path)
        case "emptyDir" if parse_quantity(source.get("sizeLimit", "0")) < 0:
            yield forbidden_value(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
        case "csi" if not source.get("driver"):
            yield required(f"{path}.driver")
        case "downwardAPI":
            yield from _downward(source, path)
        case "projected":
            yield from _projected(source.get("sources") or [], path)
        case _:
            pass
    for index, item in enumerate(source.get("items", [])):
        if ".." in item.get("path", "").split("/"):
            yield invalid(f"{path}.items[{index}].path", item["path"], "must not contain '..'")


def _host_path(source: Json, path: str) -> Iterator[FieldError]:
    if ".." in source.get("path", "").split("/"):
        yield invalid(f"{path}.path", source["path"], "must not contain '..'")
    if source.get("type", "") not in _HOST_PATHS:
        yield unsupported(f"{path}.type", source["type"], _HOST_PATHS)


_DOWNWARD: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.labels",
    "metadata.annotations",
)


def _downward(source: Json, path: str) -> Iterator[FieldError]:
    for item in source.get("items", []):
        field = item.get("fieldRef", {}).get("fieldPath")
        subscripts = ("metadata.annotations['", "metadata.labels['")
        if field is not None and field not in _DOWNWARD and not field.startswith(subscripts):
            text = f"error converting fieldPath: field label not supported: {field}"
            yield invalid(f"{path}.fieldRef.fieldPath", field, text)
        if "resourceFieldRef" in item and not item["resourceFieldRef"].get("containerName"):
            yield required(f"{path}.resourceFieldRef.containerName")


def _projected(sources: list[Json], path: str) -> Iterator[FieldError]:
    for index, item in enumerate(sources):
        token = item.get("serviceAccountToken", {})
        if token and token.get("expirationSeconds", _LEAST_TOKEN_SECONDS) < _LEAST_TOKEN_SECONDS:
            place = f"{path}.sources[{index}].serviceAccountToken.expirationSeconds"
            text = "may not specify a duration less than 10 minutes"
            yield invalid(place, token["expirationSeconds"], text)
