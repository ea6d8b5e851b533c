"""What the cluster rejected, and what to do: the API's own answers in plain words. Pure.

Source: Kubernetes 1.32-1.36, kube-apiserver and its admission plugins.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from jupyterhub_knada.servers.diagnosis.causes import IF_IT_STAYS_SO, REPORT, REPORT_TEAM, shown

_AGAIN: Final = f"Try again in a minute. {IF_IT_STAYS_SO}"
_REFUSALS: Final = (
    (
        re.compile(r"exceeded quota"),
        "its quota is used up",
        "Stop another server, or choose a smaller profile.",
    ),
    (re.compile(r"failed quota"), "its quota asks for sizes that the server does not have", REPORT),
    (
        re.compile(r"(?:maximum|minimum) \S+ usage per|limit to request ratio"),
        "no server of this size is allowed there",
        "Choose another profile.",
    ),
    (
        re.compile(r'violates PodSecurity "(?P<level>[^":]*)'),
        "the pod security level {level} forbids part of it",
        REPORT,
    ),
    (
        re.compile(r'serviceaccount "(?P<account>[^"]*)" not found'),
        "the service account {account}, which the server runs as, does not exist",
        REPORT_TEAM,
    ),
    (re.compile(r"because it is being terminated"), "the namespace is being deleted", REPORT),
    (re.compile(r'namespaces? "[^"]*" not found'), "the namespace does not exist", REPORT),
    (re.compile(r"cannot create resource"), "the hub has no right to create servers there", REPORT),
    (re.compile(r"cannot delete resource"), "the hub has no right to stop servers there", REPORT),
    (
        re.compile(r'admission webhook "(?P<webhook>[^"]*)" denied'),
        "a rule of the cluster, {webhook}, forbids it",
        REPORT,
    ),
    (
        re.compile(r'failed calling webhook "(?P<webhook>[^"]*)"'),
        "a rule of the cluster, {webhook}, could not be asked",
        _AGAIN,
    ),
    (
        re.compile(r"cannot unmarshal \S+ into Go struct field (?P<field>\S+) of type"),
        "{field} has a value of the wrong type",
        f"Choose another profile. {REPORT_TEAM}",
    ),
    (
        re.compile(r"cannot be handled as a "),
        "part of it cannot be read",
        f"Choose another profile. {REPORT_TEAM}",
    ),
    (
        re.compile(r"^Pod \S+ is invalid"),
        "part of it is invalid",
        f"Choose another profile. {REPORT_TEAM}",
    ),
)
"""What the API's Status says -> what it means, what to do."""


def explain_refusal(namespace: str, status: int, message: str) -> str:
    """Say why the cluster rejected a server's pod, and what to do.

    Args:
        namespace: Where the pod was to be.
        status: Of HTTP.
        message: The `message` of the API's Status; of it only names are shown, as it may quote the pod.
    """
    return f"Kubernetes rejected the server in namespace {namespace}: {_explain(status, message)}"


def explain_home_refusal(namespace: str, status: int, message: str) -> str:
    """Say why the cluster rejected a person's home, and what to do; see `explain_refusal`."""
    start = f"Kubernetes rejected your home in namespace {namespace}"
    if "exceeded quota" in message:
        return f"{start}: its quota for storage is used up. {REPORT}"
    if re.search(r"(maximum|minimum) storage usage per", message):
        return f"{start}: no home of this size is allowed there. {REPORT}"
    if "cannot create resource" in message:
        return f"{start}: the hub has no right to make homes there. {REPORT}"
    return f"{start}: {_explain(status, message)}"


def explain_stop_refusal(namespace: str, status: int, message: str) -> str:
    """Say why the cluster does not let a server be stopped; see `explain_refusal`."""
    start = f"Kubernetes does not stop the server in namespace {namespace}"
    return f"{start}: {_explain(status, message)} The hub asks again until it may."


def explain_silence() -> str:
    """Say that the cluster could not be asked at all."""
    return f"Kubernetes does not answer the hub. {_AGAIN}"


def _explain(status: int, message: str) -> str:
    """Give reason and remedy; the API's own words, where nothing here knows them, are for the log."""
    for pattern, why, remedy in _REFUSALS:
        found = pattern.search(message)
        if found:
            names = {name: shown(text) for name, text in found.groupdict().items()}
            return f"{why.format(**names)}. {remedy}"
    if status == HTTPStatus.UNAUTHORIZED:
        return f"it does not accept the hub's credentials. {REPORT}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"it failed itself. {_AGAIN}"
    return f"its reason is in the hub's log. {REPORT}"
