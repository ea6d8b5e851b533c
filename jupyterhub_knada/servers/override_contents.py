"""What hides inside an override's value: names of the platform, volumes, handlers, parts of a pod's spec.

KubeSpawner's traits take any mapping here; Kubernetes, or another team, would feel the difference. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_placement import (
    check_node_affinity,
    check_pod_affinity,
    check_tolerations,
)
from jupyterhub_knada.servers.override_rules import (
    BOUNDED_RESOURCES,
    CONTAINER_KEYS,
    CONTAINER_REASONS,
    HANDLER_REASONS,
    POD_KEYS,
    POD_REASONS,
    SECONDS,
    SIZES,
    is_extended_resource,
)
from jupyterhub_knada.servers.override_values import check_values
from jupyterhub_knada.servers.override_volumes import check_volume_mounts, check_volumes
from jupyterhub_knada.servers.override_walk import (
    camel,
    entries,
    is_mapping_or_null,
    items,
    keys,
    not_a_mapping,
    not_among,
)
from jupyterhub_knada.servers.templates import MESSAGE_NAMES, is_template
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.images import parse_image
from jupyterhub_knada.teams.names import (
    reserved_annotation,
    reserved_label,
    reserved_variable,
)
from jupyterhub_knada.teams.pod_bounds import check_variables
from jupyterhub_knada.teams.quantities import QuantityError, read_count
from jupyterhub_knada.teams.quoting import got, got_kind

_FIELD_SOURCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "fieldRef": frozenset({"apiVersion", "fieldPath"}),
        "resourceFieldRef": frozenset({"containerName", "divisor", "resource"}),
    }
)
"""Where a variable may come from, and what is said of it. Source: Kubernetes, core/v1 EnvVarSource."""
_HOOKS: Final = frozenset({"postStart", "preStop"})
_HANDLERS: Final = frozenset({"exec", "sleep"})
_LONGEST_MESSAGE: Final = 1000


def check_contents(name: str, value: Any) -> tuple[Fault, ...]:
    """Find what a value may not hold, beyond what its trait says; empty for traits without such rules.

    A value of the wrong shape is left to the trait: then nothing is found here.
    """
    if misshapen := tuple(_misshapen(name, value)):
        return misshapen
    check = _CHECKS.get(name)
    found = tuple(check(name, value)) if check is not None else ()
    if twice := () if found else tuple(_said_twice(name, value)):
        return twice
    return (*found, *(fault for fault in check_values(name, value) if not _is_judged(fault, found)))


def _is_judged(fault: Fault, others: Iterable[Fault]) -> bool:
    """Tell whether something else is said of the same value, of a part of it, or of what it is a part of."""
    paths = [(fault.path, other.path) for other in others]
    return any(one[: len(other)] == other or other[: len(one)] == one for one, other in paths)


def _misshapen(name: str, value: Any) -> Iterable[Fault]:
    """Find entries that no object of the Kubernetes client can be made from; a null takes one away."""
    for place, entry in entries(value) if name in _MODELS else ():
        if not is_mapping_or_null(entry):
            yield not_a_mapping(entry, f"an entry of {name}").below((place,))


def _size(name: str, value: Any) -> Iterable[Fault]:
    # Null takes a limit away, as far as the platform's bounds let it.
    return () if value is None else _quantity(SIZES[name], value)


def _quantity(read: Callable[[object], int], value: Any) -> Iterable[Fault]:
    try:
        read(value)
    except QuantityError as error:
        # The reader shows what it was given; of an override no text is shown.
        message = error.message.replace(got(value), got_kind(value))
        yield Fault(error.code, message, error.rule, error.remedy)


def _image(_: str, value: Any) -> Iterable[Fault]:
    if isinstance(value, str) and parse_image(value) is None:
        rule = "a registry's path with a tag or digest"
        yield Fault(Code.BAD_IMAGE, f"not an image reference {got_kind(value)}", rule, "write it in full")


def _reserved_names(reserved: Callable[[str], Fault | None]) -> Callable[[str, Any], Iterable[Fault]]:
    def check(_: str, value: Any) -> Iterable[Fault]:
        for key in keys(value):
            fault = reserved(key)
            if fault is not None:
                yield fault.below((key,))

    return check


def _environment(name: str, value: Any) -> Iterable[Fault]:
    yield from _reserved_names(reserved_variable)(name, value)
    yield from check_variables(dict(items(value)))
    for key, content in items(value):
        if content is None or isinstance(content, str) or _is_field_of_the_pod(content):
            continue
        message = f"not the value of a variable {got_kind(content)}"
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
    if not isinstance(field, Mapping):
        return False
    return field.keys() <= _FIELD_SOURCES.get(kind, frozenset()) and all(map(_is_word, field.values()))


def _is_word(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _resources(_: str, value: Any) -> Iterable[Fault]:
    for key, content in items(value):
        if key in BOUNDED_RESOURCES:
            trait = "mem_limit or mem_guarantee" if key == "memory" else "cpu_limit or cpu_guarantee"
            rule = "the platform's bounds apply to it under its own name"
            message = f"not an extra resource {got(key)}"
            yield Fault(Code.OWNED_OVERRIDE, message, rule, f"use {trait}", (key,), at_key=True)
        elif not is_extended_resource(key):
            rule = "only devices, as domain/name: no bound applies to others, such as the node's disk"
            remedy = "write for example 'nvidia.com/gpu', or remove it"
            message = f"not an extra resource {got(key)}"
            yield Fault(Code.OWNED_OVERRIDE, message, rule, remedy, (key,), at_key=True)
        elif content is not None:
            yield from (fault.below((key,)) for fault in _quantity(read_count, content))


def _seconds(name: str, value: Any) -> Iterable[Fault]:
    """Find times outside what a hub or a node can wait for; other shapes are the trait's to judge."""
    least, most = SECONDS[name]
    if isinstance(value, bool):
        # An int for a trait, and for nobody else.
        rule = f"KubeSpawner's {name} must be a whole number"
        yield Fault(Code.BAD_OVERRIDE, f"not a value of {name} {got_kind(value)}", rule, "correct it")
    elif isinstance(value, int) and not least <= value <= most:
        rule = f"a whole number of seconds from {least} to {most}"
        remedy = f"write at least {least}" if value < least else f"write at most {most}"
        yield Fault(Code.OUT_OF_RANGE, f"not a time to wait {got_kind(value)}", rule, remedy)


def _slow_spawn_message(_: str, value: Any) -> Iterable[Fault]:
    """Find what `str.format` must not meet: KubeSpawner runs it in the hub, every few seconds of a start."""
    if not isinstance(value, str):
        return
    if len(value) > _LONGEST_MESSAGE:
        message, rule = f"a text of {len(value)} characters", f"at most {_LONGEST_MESSAGE}"
        yield Fault(Code.TEXT_TOO_LONG, message, rule, "shorten it")
    if not is_template(value, MESSAGE_NAMES):
        rule = (
            "a text in which nothing but {seconds} stands in braces: others could fill the hub's memory, "
            "or read from it"
        )
        remedy = "write a brace that is meant as one twice: '{{'"
        yield Fault(Code.BAD_OVERRIDE, f"not a message {got_kind(value)}", rule, remedy)


def _pod_config(name: str, value: Any) -> Iterable[Fault]:
    yield from _only(POD_KEYS, POD_REASONS)(name, value)
    for key, content in items(value):
        if camel(key) != "terminationGracePeriodSeconds" or content is None:
            continue
        if isinstance(content, int) and not isinstance(content, bool):
            yield from (fault.below((key,)) for fault in _seconds("delete_grace_period", content))
        else:
            message, rule = f"not a time {got_kind(content)}", "it is a whole number of seconds"
            yield Fault(Code.BAD_OVERRIDE, message, rule, "write for example 30", (key,))


def _lifecycle_hooks(_: str, value: Any) -> Iterable[Fault]:
    for hook, handlers in items(value):
        if camel(hook) not in _HOOKS:
            yield not_among(hook, _HOOKS, "a hook").below((hook,))
        elif not is_mapping_or_null(handlers):
            yield not_a_mapping(handlers, hook).below((hook,))
        for handler, action in items(handlers):
            if camel(handler) not in _HANDLERS:
                why = HANDLER_REASONS.get(camel(handler))
                yield not_among(handler, _HANDLERS, "a handler", why).below((hook, handler))
            elif not is_mapping_or_null(action):
                yield not_a_mapping(action, handler).below((hook, handler))


def _only(allowed: frozenset[str], reasons: Mapping[str, str]) -> Callable[[str, Any], Iterable[Fault]]:
    def check(name: str, value: Any) -> Iterable[Fault]:
        for key in keys(value):
            if camel(key) not in allowed:
                # The Python client spells hostIPC host_ipc.
                why = next(
                    (told for part, told in reasons.items() if part.lower() == camel(key).lower()), None
                )
                yield not_among(key, allowed, f"a part of {name}", why).below((key,))

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
        "tolerations",
        "volume_mounts",
        "volumes",
    }
)
"""Traits whose entries it makes such objects from."""

_CHECKS: Final[Mapping[str, Callable[[str, Any], Iterable[Fault]]]] = MappingProxyType(
    {
        **dict.fromkeys(SIZES, _size),
        **dict.fromkeys(SECONDS, _seconds),
        "environment": _environment,
        "extra_annotations": _reserved_names(reserved_annotation),
        "extra_container_config": _only(CONTAINER_KEYS, CONTAINER_REASONS),
        "extra_labels": _reserved_names(reserved_label),
        "extra_pod_config": _pod_config,
        "extra_resource_guarantees": _resources,
        "extra_resource_limits": _resources,
        "image": _image,
        "lifecycle_hooks": _lifecycle_hooks,
        "node_affinity_preferred": check_node_affinity,
        "node_affinity_required": check_node_affinity,
        "pod_affinity_preferred": check_pod_affinity,
        "pod_affinity_required": check_pod_affinity,
        "pod_anti_affinity_preferred": check_pod_affinity,
        "slow_spawn_message": _slow_spawn_message,
        "tolerations": check_tolerations,
        "volume_mounts": check_volume_mounts,
        "volumes": check_volumes,
    }
)
