"""The rules of roles, their bindings, and network policies.

Source: `pkg/apis/rbac/validation` and `pkg/apis/networking/validation` of 1.36.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    forbidden_value,
    invalid,
    required,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation.containers import port_or_name
from jupyterhub_knada.devcluster.api.validation.fields import label_selector, one_of, told

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_GROUP: Final = "rbac.authorization.k8s.io"


def check_role(role: Json, *, namespaced: bool) -> list[FieldError]:
    """Check the rules of a role."""
    errors: list[FieldError] = []
    for index, rule in enumerate(role.get("rules") or []):
        errors += _rule(rule, f"rules[{index}]", namespaced=namespaced)
    return errors


def _rule(rule: Json, path: str, *, namespaced: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if not rule.get("verbs"):
        errors.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    urls = rule.get("nonResourceURLs", [])
    if urls:
        place = f"{path}.nonResourceURLs"
        if namespaced:
            errors.append(invalid(place, urls, "namespaced rules cannot apply to non-resource URLs"))
        if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
            text = "rules cannot apply to both regular resources and non-resource URLs"
            errors.append(invalid(place, urls, text))
        return errors
    if not rule.get("apiGroups"):
        errors.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


def check_binding(binding: Json, *, namespaced: bool) -> list[FieldError]:
    """Check what a binding binds to whom."""
    reference = binding["roleRef"]
    errors: list[FieldError] = []
    if reference.get("apiGroup") != _GROUP:
        errors.append(unsupported("roleRef.apiGroup", reference.get("apiGroup", ""), (_GROUP,)))
    supported = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if reference.get("kind") not in supported:
        errors.append(unsupported("roleRef.kind", reference.get("kind", ""), supported))
    name = reference.get("name", "")
    if not name:
        errors.append(required("roleRef.name"))
    errors += told("roleRef.name", name, names.path_segment_errors(name))
    for index, subject in enumerate(binding.get("subjects", [])):
        errors += _subject(subject, f"subjects[{index}]", namespaced=namespaced)
    return errors


def _subject(subject: Json, path: str, *, namespaced: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    name, group = subject.get("name", ""), subject.get("apiGroup", "")
    if not name:
        errors.append(required(f"{path}.name"))
    match subject.get("kind", ""):
        case "ServiceAccount":
            if name:
                errors += told(f"{path}.name", name, names.dns_subdomain_errors(name))
            if group:
                errors.append(unsupported(f"{path}.apiGroup", group, ("",)))
            if not namespaced and not subject.get("namespace"):
                errors.append(required(f"{path}.namespace"))
        case "User" | "Group":
            if group != _GROUP:
                errors.append(unsupported(f"{path}.apiGroup", group, (_GROUP,)))
        case other:
            errors.append(unsupported(f"{path}.kind", other, ("ServiceAccount", "User", "Group")))
    return errors


def check_binding_update(new: Json, old: Json) -> list[FieldError]:
    """Check that a binding stays with its role."""
    if new["roleRef"] == old["roleRef"]:
        return []
    shown = {
        "APIGroup": new["roleRef"].get("apiGroup"),
        "Kind": new["roleRef"]["kind"],
        "Name": new["roleRef"]["name"],
    }
    return [invalid("roleRef", shown, "cannot change roleRef")]


def check_network_policy(policy: Json) -> list[FieldError]:
    """Check a network policy; it is stored, not enforced: pods here share one network."""
    spec = policy["spec"]
    errors = label_selector("spec.podSelector", spec.get("podSelector"))
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(kind, [])):
            path = f"spec.{kind}[{index}]"
            for number, port in enumerate(rule.get("ports", [])):
                errors += _port(port, f"{path}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers, [])):
                errors += _peer(peer, f"{path}.{peers}[{number}]")
    for index, kind in enumerate(spec.get("policyTypes", [])):
        errors += one_of(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))
    return errors


def _port(port: Json, path: str) -> list[FieldError]:
    errors = one_of(f"{path}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))
    if "port" in port:
        errors += port_or_name(port["port"], f"{path}.port")
        end = port.get("endPort")
        if end is not None and (not isinstance(port["port"], int) or end < port["port"]):
            text = "must be greater than or equal to `port`"
            errors.append(invalid(f"{path}.endPort", end, text))
    elif "endPort" in port:
        errors.append(
            invalid(f"{path}.endPort", port["endPort"], "may not be specified when `port` is not specified")
        )
    return errors


def _peer(peer: Json, path: str) -> list[FieldError]:
    errors = label_selector(f"{path}.podSelector", peer.get("podSelector"))
    errors += label_selector(f"{path}.namespaceSelector", peer.get("namespaceSelector"))
    if not peer:
        return [*errors, required(path, "must specify a peer")]
    block = peer.get("ipBlock")
    if block is None:
        return errors
    if len(peer) > 1:
        errors.append(forbidden_value(path, "may not specify both ipBlock and another peer"))
    return errors + _block(block, f"{path}.ipBlock")


def _block(block: Json, path: str) -> list[FieldError]:
    text = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    given = block.get("cidr", "")
    if not given:
        return [required(f"{path}.cidr")]
    try:
        outer = ipaddress.ip_network(given, strict=False)
    except ValueError:
        return [invalid(f"{path}.cidr", given, text)]
    errors: list[FieldError] = []
    for index, inner in enumerate(block.get("except", [])):
        place = f"{path}.except[{index}]"
        try:
            within = ipaddress.ip_network(inner, strict=False)
        except ValueError:
            errors.append(invalid(place, inner, text))
            continue
        if not _is_inside(within, outer):
            errors.append(invalid(place, inner, "must be a strict subset of `cidr`"))
    return errors


def _is_inside(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner != outer and inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner != outer and inner.subnet_of(outer)
    return False


RULES: Final[dict[str, Callable[[Json], list[FieldError]]]] = {
    "Role": partial(check_role, namespaced=True),
    "ClusterRole": partial(check_role, namespaced=False),
    "RoleBinding": partial(check_binding, namespaced=True),
    "ClusterRoleBinding": partial(check_binding, namespaced=False),
    "NetworkPolicy": check_network_policy,
}
UPDATE_RULES: Final[dict[str, Callable[[Json, Json], list[FieldError]]]] = {
    "RoleBinding": check_binding_update,
    "ClusterRoleBinding": check_binding_update,
}
