"""Pod Security: which pods a namespace takes, by its labels `pod-security.kubernetes.io/…`.

Source: `k8s.io/pod-security-admission/admission` of 1.36, with the defaults of kube-apiserver: no exemptions,
`privileged` where no label says more. `audit` has no effect: there is no audit log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.pod_security_checks import find_violations

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]

_LABEL: Final = "pod-security.kubernetes.io/"
_MODES: Final = ("enforce", "audit", "warn")
_LEVELS: Final = ("privileged", "baseline", "restricted")
"""From the laxest to the strictest."""
_VERSION: Final = re.compile(r"latest|v1\.([0-9]|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace's labels say, in the version `latest`."""

    enforce: str = "privileged"
    warn: str = "privileged"

    @classmethod
    def of(cls, namespace: Json) -> Policy:
        """Read the labels of a stored namespace, which have been checked."""
        labels = namespace["metadata"].get("labels", {})
        enforce = labels.get(f"{_LABEL}enforce", "privileged")
        return cls(enforce, labels.get(f"{_LABEL}warn", enforce))


def check(store: Store, request: Request, new: Json, old: Json | None) -> None:
    """Stop a pod that its namespace does not take, or a namespace whose labels say nothing that exists.

    Side effects: warnings are added to the request.

    Raises:
        ApiError: 403 with every violation, 422 for a wrong label, 501 for a version other than `latest`.
    """
    if request.resource is kinds.PODS:
        _check_pod(store, request, new, old)
    elif request.resource is kinds.NAMESPACES:
        _check_labels(request, new)
        if old is not None:
            request.warnings.extend(_warn_of_existing(store, new, old))


def _check_pod(store: Store, request: Request, new: Json, old: Json | None) -> None:
    namespace = store.get(kinds.NAMESPACES, "", request.namespace)
    if namespace is None or (old is not None and _images(new) == _images(old)):
        return
    policy = Policy.of(namespace.body)
    if told := _tell(policy.enforce, new):
        why = f"violates {told}"
        raise statuses.forbidden(request.resource, new["metadata"].get("name", ""), why)
    if told := _tell(policy.warn, new):
        request.warnings.append(f"would violate {told}")


def _tell(level: str, pod: Json) -> str:
    found = find_violations(level, pod)
    return f'PodSecurity "{level}:latest": ' + ", ".join(map(str, found)) if found else ""


def _images(pod: Json) -> list[list[str]]:
    """Give what of a pod can change and be looked at again."""
    lists = (pod["spec"].get(key) or [] for key in ("initContainers", "containers"))
    return [[item.get("image", "") for item in containers] for containers in lists]


def _check_labels(request: Request, namespace: Json) -> None:
    labels = namespace["metadata"].get("labels", {})
    errors = []
    for mode in _MODES:
        for label, is_known, told in (
            (f"{_LABEL}{mode}", _LEVELS.__contains__, f"must be one of {', '.join(_LEVELS)}"),
            (f"{_LABEL}{mode}-version", _VERSION.fullmatch, 'must be "latest" or "v1.x"'),
        ):
            if label in labels and not is_known(labels[label]):
                errors.append(statuses.invalid(f"metadata.labels[{label}]", labels[label], told))
    if errors:
        raise statuses.invalid_object(request.resource, namespace["metadata"]["name"], errors)
    if any(labels.get(f"{_LABEL}{mode}-version", "latest") != "latest" for mode in _MODES):
        raise statuses.not_served("older versions of Pod Security: write 'latest'")


def _warn_of_existing(store: Store, new: Json, old: Json) -> list[str]:
    """Tell which pods of a namespace would not be taken any more, grouped by what is wrong with them."""
    name, level = new["metadata"]["name"], Policy.of(new).enforce
    if _LEVELS.index(level) <= _LEVELS.index(Policy.of(old).enforce):
        return []
    pods_by_reason: dict[str, list[str]] = {}
    for stored in store.all(kinds.PODS, name):
        reasons = ", ".join(violation.reason for violation in find_violations(level, stored.body))
        if reasons:
            pods_by_reason.setdefault(reasons, []).append(stored.body["metadata"]["name"])
    if not pods_by_reason:
        return []
    head = f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "{level}:latest"'
    return [head, *sorted(_tell_pods(pods, reasons) for reasons, pods in pods_by_reason.items())]


def _tell_pods(pods: list[str], reasons: str) -> str:
    others = len(pods) - 1
    more = f" (and {others} other pod{'' if others == 1 else 's'})" if others else ""
    return f"{min(pods)}{more}: {reasons}"
