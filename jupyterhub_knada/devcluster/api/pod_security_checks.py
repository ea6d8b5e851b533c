"""What a pod may not say at each level of Pod Security, in the words of a real API server.

Source: `k8s.io/pod-security-admission/policy` of 1.36, the version `latest` of each check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jupyterhub_knada.devcluster.api.statuses import go_quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Json = dict[str, Any]

_APPARMOR_ANNOTATION: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROFILES: Final = ("RuntimeDefault", "Localhost")
"""Of AppArmor and seccomp."""
_DEFAULT_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
_SELINUX_TYPES: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_SYSCTLS: Final = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    ]
)
_VOLUMES: Final = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)


class Violation(NamedTuple):
    """What one check finds."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


def find_violations(level: str, pod: Json) -> list[Violation]:
    """Find what a pod says that a level does not admit, in the order in which it is told.

    Args:
        level: `privileged`, `baseline` or `restricted`.
        pod: As stored, with its defaults.
    """
    found = (check(pod) for check in _CHECKS[level])
    return [violation for violation in found if violation is not None]


def _containers(pod: Json) -> list[Json]:
    """Give all containers of a pod, in the order in which they are visited."""
    return [*pod["spec"].get("initContainers", []), *(pod["spec"].get("containers") or [])]


def _context(container: Json) -> Json:
    context: Json = container.get("securityContext") or {}
    return context


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _named(containers: list[Json]) -> str:
    return f"{_plural('container', len(containers))} {_quoted(item['name'] for item in containers)}"


def _setters(pod: Json, is_bad: Callable[[Json], bool]) -> str:
    """Name the security contexts that are bad: the pod's own, and those of containers; empty for none."""
    bad = [item for item in _containers(pod) if is_bad(_context(item))]
    setters = ["pod"] if is_bad(_context(pod["spec"])) else []
    return " and ".join([*setters, *([_named(bad)] if bad else [])])


def _contexts(pod: Json) -> list[Json]:
    return [_context(pod["spec"]), *map(_context, _containers(pod))]


def _is_in_user_namespace(pod: Json) -> bool:
    return pod["spec"].get("hostUsers") is False


def _is_windows(pod: Json) -> bool:
    return bool(pod["spec"].get("os", {}).get("name") == "windows")


def _check_apparmor(pod: Json) -> Violation | None:
    def is_bad(context: Json) -> bool:
        profile = context.get("appArmorProfile")
        return profile is not None and profile.get("type") not in _PROFILES

    values = sorted({item["appArmorProfile"]["type"] for item in _contexts(pod) if is_bad(item)})
    annotations = pod["metadata"].get("annotations", {})
    forbidden = sorted(
        f"{key}={go_quote(value)}"
        for key, value in annotations.items()
        if key.startswith(_APPARMOR_ANNOTATION)
        and value not in ("", "runtime/default")
        and not value.startswith("localhost/")
    )
    told = _plural("annotation", len(forbidden)) if forbidden else ""
    setters = " and ".join(part for part in (_setters(pod, is_bad), told) if part)
    if not setters:
        return None
    values += forbidden
    reason = _plural("forbidden AppArmor profile", len(values))
    return Violation(reason, f"{setters} must not set AppArmor profile type to {_quoted(values)}")


def _check_added_capabilities(pod: Json) -> Violation | None:
    bad = [item for item in _containers(pod) if _added(item) - _DEFAULT_CAPABILITIES]
    if not bad:
        return None
    names = sorted({name for item in bad for name in _added(item) - _DEFAULT_CAPABILITIES})
    detail = f"{_named(bad)} must not include {_quoted(names)} in securityContext.capabilities.add"
    return Violation("non-default capabilities", detail)


def _added(container: Json) -> frozenset[str]:
    return frozenset(_context(container).get("capabilities", {}).get("add") or ())


def _check_host_namespaces(pod: Json) -> Violation | None:
    found = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(key)]
    return Violation("host namespaces", ", ".join(found)) if found else None


def _check_host_paths(pod: Json) -> Violation | None:
    bad = [volume["name"] for volume in pod["spec"].get("volumes", []) if "hostPath" in volume]
    return Violation("hostPath volumes", f"{_plural('volume', len(bad))} {_quoted(bad)}") if bad else None


def _check_host_ports(pod: Json) -> Violation | None:
    def ports(container: Json) -> set[str]:
        return {str(port["hostPort"]) for port in container.get("ports", []) if port.get("hostPort")}

    bad = [item for item in _containers(pod) if ports(item)]
    if not bad:
        return None
    used = sorted(set[str]().union(*map(ports, bad)))
    verb = "uses" if len(bad) == 1 else "use"
    return Violation("hostPort", f"{_named(bad)} {verb} {_plural('hostPort', len(used))} {', '.join(used)}")


def _check_handler_hosts(pod: Json) -> Violation | None:
    """Find requests that a node would send elsewhere than to the pod."""
    bad = sorted({item["name"] for item in _containers(pod) if _handler_hosts(item)})
    if not bad:
        return None
    hosts = sorted(set[str]().union(*map(_handler_hosts, _containers(pod))))
    verb = "uses" if len(bad) == 1 else "use"
    noun = _plural("probe or lifecycle host", len(hosts))
    told = f"{_plural('container', len(bad))} {_quoted(bad)} {verb} {noun} {_quoted(hosts)}"
    return Violation("probe or lifecycle host", told)


def _handler_hosts(container: Json) -> set[str]:
    handlers = [container.get(f"{name}Probe", {}) for name in ("liveness", "readiness", "startup")]
    handlers += [container.get("lifecycle", {}).get(name, {}) for name in ("postStart", "preStop")]
    requests = [
        handler[kind] for handler in handlers for kind in ("httpGet", "tcpSocket") if handler.get(kind)
    ]
    return {request["host"] for request in requests if request.get("host")}


def _check_privileged(pod: Json) -> Violation | None:
    bad = [item for item in _containers(pod) if _context(item).get("privileged")]
    told = f"{_named(bad)} must not set securityContext.privileged=true"
    return Violation("privileged", told) if bad else None


def _check_relaxed_proc_mount(pod: Json) -> Violation | None:
    return None if _is_in_user_namespace(pod) else _check_proc_mount(pod)


def _check_proc_mount(pod: Json) -> Violation | None:
    bad = [item for item in _containers(pod) if _context(item).get("procMount", "Default") != "Default"]
    if not bad:
        return None
    kinds = sorted({_context(item)["procMount"] for item in bad})
    return Violation("procMount", f"{_named(bad)} must not set securityContext.procMount to {_quoted(kinds)}")


def _check_selinux(pod: Json) -> Violation | None:
    def options(context: Json) -> Json:
        found: Json = context.get("seLinuxOptions") or {}
        return found

    def is_bad(context: Json) -> bool:
        said = options(context)
        return bool(said.get("type", "") not in _SELINUX_TYPES or said.get("user") or said.get("role"))

    setters = _setters(pod, is_bad)
    if not setters:
        return None
    said = [options(context) for context in _contexts(pod)]
    types = sorted({found.get("type", "") for found in said} - set(_SELINUX_TYPES))
    told = [f"{_plural('type', len(types))} {_quoted(types)}"] if types else []
    told += [f"{key} may not be set" for key in ("user", "role") if any(found.get(key) for found in said)]
    detail = f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}"
    return Violation("seLinuxOptions", detail)


def _has_bad_seccomp(context: Json) -> bool:
    profile = context.get("seccompProfile")
    return profile is not None and profile.get("type") not in _PROFILES


def _check_seccomp(pod: Json) -> Violation | None:
    setters = _setters(pod, _has_bad_seccomp)
    if not setters:
        return None
    values = sorted({item["seccompProfile"]["type"] for item in _contexts(pod) if _has_bad_seccomp(item)})
    told = f"{setters} must not set securityContext.seccompProfile.type to {_quoted(values)}"
    return Violation("seccompProfile", told)


def _check_sysctls(pod: Json) -> Violation | None:
    names = [item["name"] for item in _context(pod["spec"]).get("sysctls", [])]
    bad = [name for name in names if name not in _SYSCTLS]
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def _check_host_process(pod: Json) -> Violation | None:
    setters = _setters(pod, lambda context: bool(context.get("windowsOptions", {}).get("hostProcess")))
    told = f"{setters} must not set securityContext.windowsOptions.hostProcess=true"
    return Violation("hostProcess", told) if setters else None


def _check_escalation(pod: Json) -> Violation | None:
    bad = [
        item for item in _containers(pod) if _context(item).get("allowPrivilegeEscalation", True) is not False
    ]
    if not bad or _is_windows(pod):
        return None
    told = f"{_named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", told)


def _check_capabilities(pod: Json) -> Violation | None:
    if _is_windows(pod):
        return None
    allowed = frozenset({"NET_BIND_SERVICE"})
    keeping = [
        item
        for item in _containers(pod)
        if "ALL" not in (_context(item).get("capabilities", {}).get("drop") or ())
    ]
    adding = [item for item in _containers(pod) if _added(item) - allowed]
    told = []
    if keeping:
        told.append(f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        names = sorted(frozenset[str]().union(*map(_added, adding)) - allowed)
        told.append(f"{_named(adding)} must not include {_quoted(names)} in securityContext.capabilities.add")
    return Violation("unrestricted capabilities", "; ".join(told)) if told else None


def _check_volumes(pod: Json) -> Violation | None:
    bad = [volume for volume in pod["spec"].get("volumes", []) if not _VOLUMES & set(volume)]
    if not bad:
        return None
    kinds = sorted({next((key for key in volume if key != "name"), "unknown") for volume in bad})
    names = _quoted(volume["name"] for volume in bad)
    verb = "uses" if len(bad) == 1 else "use"
    noun = _plural("restricted volume type", len(kinds))
    told = f"{_plural('volume', len(bad))} {names} {verb} {noun} {_quoted(kinds)}"
    return Violation("restricted volume types", told)


def _check_non_root(pod: Json) -> Violation | None:
    if _is_in_user_namespace(pod):
        return None
    reason = "runAsNonRoot != true"
    setters = _setters(pod, lambda context: context.get("runAsNonRoot") is False)
    if setters:
        return Violation(reason, f"{setters} must not set securityContext.runAsNonRoot=false")
    silent = _left_unsaid(pod, "runAsNonRoot")
    if silent:
        return Violation(reason, f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true")
    return None


def _left_unsaid(pod: Json, key: str) -> list[Json]:
    """Give the containers for which neither they nor their pod say something."""
    if key in _context(pod["spec"]):
        return []
    return [item for item in _containers(pod) if key not in _context(item)]


def _check_user(pod: Json) -> Violation | None:
    setters = _setters(pod, lambda context: context.get("runAsUser") == 0)
    if not setters or _is_in_user_namespace(pod):
        return None
    return Violation("runAsUser=0", f"{setters} must not set runAsUser=0")


def _check_seccomp_is_said(pod: Json) -> Violation | None:
    if _is_windows(pod):
        return None
    silent = _left_unsaid(pod, "seccompProfile")
    if bad := _check_seccomp(pod):
        return bad
    if not silent:
        return None
    told = (
        f"pod or {_named(silent)} must set securityContext.seccompProfile.type to"
        ' "RuntimeDefault" or "Localhost"'
    )
    return Violation("seccompProfile", told)


_BASELINE: Final = (
    _check_apparmor,
    _check_added_capabilities,
    _check_host_namespaces,
    _check_host_paths,
    _check_host_ports,
    _check_handler_hosts,
    _check_privileged,
    _check_relaxed_proc_mount,
    _check_selinux,
    _check_seccomp,
    _check_sysctls,
    _check_host_process,
)
_STRICTER: Final = frozenset(
    {_check_added_capabilities, _check_host_paths, _check_relaxed_proc_mount, _check_seccomp}
)
"""Of `baseline`, those in whose place `restricted` has a stricter one."""
_CHECKS: Final[dict[str, tuple[Callable[[Json], Violation | None], ...]]] = {
    "privileged": (),
    "baseline": _BASELINE,
    "restricted": (
        *(check for check in _BASELINE if check not in _STRICTER),
        _check_escalation,
        _check_capabilities,
        _check_proc_mount,
        _check_volumes,
        _check_non_root,
        _check_user,
        _check_seccomp_is_said,
    ),
}
