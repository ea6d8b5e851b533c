"""Limit ranges: what a namespace gives a container that does not say, and the bounds of what one may say.

Source: `plugin/pkg/admission/limitranger` of 1.36; 1.32 has the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.quality import pod_amounts
from jupyterhub_knada.devcluster.api.quantities import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from jupyterhub_knada.devcluster.api.requests import Request
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]
Quantities = dict[str, str]

_ANNOTATION: Final = "kubernetes.io/limit-ranger"
_KEYS: Final = (("requests", "defaultRequest", "request"), ("limits", "default", "limit"))
"""A container's key, the limit range's key for it, and what the annotation calls it."""


def complete(store: Store, namespace: str, pod: Json) -> None:
    """Give a new pod's containers what they do not ask for themselves, in place; say so in an annotation."""
    for stored in store.all(kinds.LIMIT_RANGES, namespace):
        defaults = _defaults(stored.body)
        told = [
            text
            for key, word in (("containers", "container"), ("initContainers", "init container"))
            for container in pod["spec"].get(key) or []
            for text in _fill(container, defaults, word)
        ]
        if told:
            annotations = pod["metadata"].setdefault("annotations", {})
            annotations[_ANNOTATION] = "LimitRanger plugin set: " + "; ".join(told)


def _defaults(limit_range: Json) -> Json:
    found: Json = {"requests": {}, "limits": {}}
    for item in limit_range["spec"].get("limits") or []:
        if item["type"] == "Container":
            for key, source, _ in _KEYS:
                found[key] |= item.get(source, {})
    return found


def _fill(container: Json, defaults: Json, word: str) -> Iterator[str]:
    resources = container["resources"]
    for key, _, named in _KEYS:
        added = {name: value for name, value in defaults[key].items() if name not in resources.get(key, {})}
        if added:
            resources[key] = resources.get(key, {}) | added
            yield f"{', '.join(sorted(added))} {named} for {word} {container.get('name', '')}"


def check(store: Store, request: Request, new: Json, old: Json | None) -> None:
    """Stop a new pod, or a new or changed claim, that does not keep the limits of its namespace.

    Raises:
        ApiError: 403 with every limit of the first limit range that it breaks.
    """
    resource = request.resource
    if resource not in (kinds.PODS, kinds.CLAIMS) or request.subresource:
        return
    if old is not None and (resource is kinds.PODS or "deletionTimestamp" in old["metadata"]):
        return
    rule = _pod_errors if resource is kinds.PODS else _claim_errors
    for stored in store.all(kinds.LIMIT_RANGES, request.namespace):
        found = (rule(item, new["spec"]) for item in stored.body["spec"].get("limits") or [])
        errors = list(dict.fromkeys(error for errors in found for error in errors))
        if errors:
            why = errors[0] if len(errors) == 1 else "[" + ", ".join(errors) + "]"
            raise statuses.forbidden(resource, new["metadata"]["name"], why)


def _claim_errors(item: Json, spec: Json) -> Iterator[str]:
    if item["type"] != "PersistentVolumeClaim":
        return
    asked = _Asked(item["type"], spec["resources"].get("requests", {}), {})
    for name, value in sorted(item.get("min", {}).items()):
        yield from asked.below(name, value)
    for name, value in sorted(item.get("max", {}).items()):
        yield from asked.requests_above(name, value)


def _pod_errors(item: Json, spec: Json) -> Iterator[str]:
    for asked in _asked_by(item["type"], spec):
        rules: tuple[tuple[str, Callable[[str, str], Iterator[str]]], ...] = (
            ("min", asked.below),
            ("max", asked.above),
            ("maxLimitRequestRatio", asked.too_far_apart),
        )
        for key, rule in rules:
            for name, value in sorted(item.get(key, {}).items()):
                yield from rule(name, value)


def _asked_by(kind: str, spec: Json) -> Iterator[_Asked]:
    containers = {key: spec.get(key) or [] for key in ("containers", "initContainers")}
    if kind == "Container":
        for container in [*containers["containers"], *containers["initContainers"]]:
            resources = container["resources"]
            yield _Asked(kind, resources.get("requests", {}), resources.get("limits", {}))
    if kind == "Pod":
        yield _Asked(kind, *(_sums(containers, key) for key in ("requests", "limits")))


def _sums(containers: Json, key: str) -> Quantities:
    """Give what a pod asks for in all; overhead does not count."""
    return {name: str(value) for name, value in pod_amounts(containers, key).items()}


class _Asked:
    """What a container, a pod or a claim asks for, held against one bound at a time."""

    def __init__(self, kind: str, requests: Quantities, limits: Quantities) -> None:
        self._kind = kind
        self._requests = requests
        self._limits = limits

    def below(self, name: str, bound: str) -> Iterator[str]:
        """Check a minimum: a request has to be there."""
        told = f"minimum {name} usage per {self._kind} is {bound}"
        if name not in self._requests:
            yield f"{told}.  No request is specified"
        elif self._amount(self._requests, name) < parse_quantity(bound):
            yield f"{told}, but request is {self._requests[name]}"
        elif name in self._limits and self._amount(self._limits, name) < parse_quantity(bound):
            yield f"{told}, but limit is {self._limits[name]}"

    def above(self, name: str, bound: str) -> Iterator[str]:
        """Check a maximum: a limit has to be there."""
        told = f"maximum {name} usage per {self._kind} is {bound}"
        if name not in self._limits:
            yield f"{told}.  No limit is specified"
        elif self._amount(self._limits, name) > parse_quantity(bound):
            yield f"{told}, but limit is {self._limits[name]}"
        elif name in self._requests and self._amount(self._requests, name) > parse_quantity(bound):
            yield f"{told}, but request is {self._requests[name]}"

    def requests_above(self, name: str, bound: str) -> Iterator[str]:
        """Check a maximum where there are no limits: of claims."""
        told = f"maximum {name} usage per {self._kind} is {bound}"
        if name not in self._requests:
            yield f"{told}.  No request is specified"
        elif self._amount(self._requests, name) > parse_quantity(bound):
            yield f"{told}, but request is {self._requests[name]}"

    def too_far_apart(self, name: str, bound: str) -> Iterator[str]:
        """Check how many times its request a limit may be."""
        told = f"{name} max limit to request ratio per {self._kind} is {bound}"
        request, limit = (self._amount(amounts, name) for amounts in (self._requests, self._limits))
        if not request:
            yield f"{told}, but no request is specified or request is 0"
        elif not limit:
            yield f"{told}, but no limit is specified or limit is 0"
        elif limit / request > parse_quantity(bound):
            yield f"{told}, but provided ratio is {float(limit / request):.6f}"

    def _amount(self, amounts: Quantities, name: str) -> Fraction:
        return parse_quantity(amounts.get(name, "0"))
