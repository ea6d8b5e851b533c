"""What hides inside an override's value: names of the platform, volumes, handlers, parts of a pod's spec.

KubeSpawner's traits take any mapping here; Kubernetes, or another team, would feel the difference. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_rules import (
    BOUNDED_RESOURCES,
    CONTAINER_KEYS,
    POD_KEYS,
    SIZES,
    read_size,
)
from jupyterhub_knada.servers.override_volumes import check_volume_mounts, check_volumes
from jupyterhub_knada.servers.override_walk import camel, entries, items, keys, not_among
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.images import parse_image
from jupyterhub_knada.teams.names import reserved_annotation, reserved_label, reserved_variable
from jupyterhub_knada.teams.quantities import QuantityError
from jupyterhub_knada.teams.quoting import got

_FIELD_SOURCES: Final = frozenset({"fieldRef", "resourceFieldRef"})
_HOOKS: Final = frozenset({"postStart", "preStop"})
_HANDLERS: Final = frozenset({"exec", "sleep"})


def check_contents(name: str, value: Any) -> tuple[Fault, ...]:
    """Find what a value may not hold, beyond what its trait says; empty for traits without such rules.

    A value of the wrong shape is left to the trait: then nothing is found here.
    """
    check = _CHECKS.get(name)
    found = tuple(check(name, value)) if check is not None else ()
    return found or tuple(_said_twice(name, value))


def _size(name: str, value: Any) -> Iterable[Fault]:
    try:
        read_size(name, value)
    except QuantityError as error:
        yield Fault(Code.BAD_QUANTITY, error.message, error.rule, error.remedy)


def _image(_: str, value: Any) -> Iterable[Fault]:
    if isinstance(value, str) and parse_image(value) is None:
        rule = "a registry's path with a tag or digest"
        yield Fault(Code.BAD_IMAGE, f"not an image reference {got(value)}", rule, "write it in full")


def _reserved_names(reserved: Callable[[str], Fault | None]) -> Callable[[str, Any], Iterable[Fault]]:
    def check(_: str, value: Any) -> Iterable[Fault]:
        for key in keys(value):
            fault = reserved(key)
            if fault is not None:
                yield fault.below((key,))

    return check


def _environment(name: str, value: Any) -> Iterable[Fault]:
    yield from _reserved_names(reserved_variable)(name, value)
    for key, content in items(value):
        if content is None or isinstance(content, str) or _is_field_of_the_pod(content):
            continue
        message = f"not the value of a variable {got(content)}"
        rule = (
            "a text, or valueFrom alone with one of fieldRef or resourceFieldRef; "
            "secrets are read by their name"
        )
        yield Fault(Code.BAD_OVERRIDE, message, rule, "quote it, or remove it", (key,))


def _is_field_of_the_pod(content: Any) -> bool:
    """Tell whether a variable takes a field of its own pod, and nothing else.

    KubeSpawner makes an EnvVar of the whole mapping (7.1, `objects.make_pod`): a `name` in it would be the
    variable's, and of `valueFrom` and `value_from` the last would hold. What is inside goes to Kubernetes as
    it is, which reads one spelling only.
    """
    if not isinstance(content, Mapping) or len(content) != 1:
        return False
    ((key, source),) = content.items()
    if camel(key) != "valueFrom" or not isinstance(source, Mapping) or len(source) != 1:
        return False
    ((kind, field),) = source.items()
    return kind in _FIELD_SOURCES and isinstance(field, Mapping)


def _resources(_: str, value: Any) -> Iterable[Fault]:
    for key, content in items(value):
        if key in BOUNDED_RESOURCES:
            trait = "mem_limit or mem_guarantee" if key == "memory" else "cpu_limit or cpu_guarantee"
            rule = "the platform's bounds hold for it under its own name"
            message = f"not an extra resource {got(key)}"
            yield Fault(Code.OWNED_OVERRIDE, message, rule, f"use {trait}", (key,), at_key=True)
        elif isinstance(content, bool) or not isinstance(content, str | int | None):
            rule = "a whole number or a quantity of Kubernetes"
            yield Fault(
                Code.BAD_QUANTITY, f"not an amount {got(content)}", rule, "write for example '1'", (key,)
            )


def _lifecycle_hooks(_: str, value: Any) -> Iterable[Fault]:
    for hook, handlers in items(value):
        if camel(hook) not in _HOOKS:
            yield not_among(hook, _HOOKS, "a hook").below((hook,))
        for handler in keys(handlers):
            if camel(handler) not in _HANDLERS:
                # The node would send the request, past every network policy.
                yield not_among(handler, _HANDLERS, "a handler").below((hook, handler))


def _only(allowed: frozenset[str]) -> Callable[[str, Any], Iterable[Fault]]:
    def check(name: str, value: Any) -> Iterable[Fault]:
        for key in keys(value):
            if camel(key) not in allowed:
                yield not_among(key, allowed, f"a part of {name}").below((key,))

    return check


def _said_twice(name: str, value: Any) -> Iterable[Fault]:
    """Find keys that stand in both spellings: the last would hold, whichever a person reads."""
    if name in _ONE_MODEL:
        yield from _twice(value)
    elif name in _MODELS:
        for place, entry in entries(value):
            yield from (fault.below((place,)) for fault in _twice(entry))


def _twice(value: Any) -> Iterable[Fault]:
    seen: set[str] = set()
    for key in keys(value):
        if camel(key) in seen:
            message = f"said twice, in two spellings {got(key)}"
            rule = "a key stands once, as Kubernetes or as KubeSpawner spells it"
            yield Fault(Code.BAD_OVERRIDE, message, rule, "remove one", (key,), at_key=True)
        seen.add(camel(key))


_ONE_MODEL: Final = frozenset({"extra_container_config", "extra_pod_config", "lifecycle_hooks"})
"""Traits whose value KubeSpawner makes one object of the Kubernetes client from, in either spelling."""

_MODELS: Final = frozenset(
    {
        "node_affinity_preferred",
        "node_affinity_required",
        "pod_affinity_preferred",
        "pod_affinity_required",
        "pod_anti_affinity_preferred",
        "pod_anti_affinity_required",
        "tolerations",
        "volume_mounts",
        "volumes",
    }
)
"""Traits whose entries it makes such objects from."""

_CHECKS: Final[Mapping[str, Callable[[str, Any], Iterable[Fault]]]] = MappingProxyType(
    {
        **dict.fromkeys(SIZES, _size),
        "environment": _environment,
        "extra_annotations": _reserved_names(reserved_annotation),
        "extra_container_config": _only(CONTAINER_KEYS),
        "extra_labels": _reserved_names(reserved_label),
        "extra_pod_config": _only(POD_KEYS),
        "extra_resource_guarantees": _resources,
        "extra_resource_limits": _resources,
        "image": _image,
        "lifecycle_hooks": _lifecycle_hooks,
        "volume_mounts": check_volume_mounts,
        "volumes": check_volumes,
    }
)
