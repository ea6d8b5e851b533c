"""What hides inside an override's value: names of the platform, volumes, handlers, parts of a pod's spec.

KubeSpawner's traits take any mapping here; Kubernetes, or another team, would feel the difference. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_rules import (
    BOUNDED_RESOURCES,
    CONTAINER_KEYS,
    HOME_PATH,
    POD_KEYS,
    SIZES,
    VOLUME_TYPES,
    read_size,
)
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.images import parse_image
from jupyterhub_knada.teams.names import reserved_annotation, reserved_label, reserved_variable
from jupyterhub_knada.teams.quantities import QuantityError
from jupyterhub_knada.teams.quoting import got, listed, suggestion

_FIELD_SOURCES: Final = frozenset({"fieldRef", "resourceFieldRef"})
_HOOKS: Final = frozenset({"postStart", "preStop"})
_HANDLERS: Final = frozenset({"exec", "sleep"})


def check_contents(name: str, value: Any) -> tuple[Fault, ...]:
    """Find what a value may not hold, beyond what its trait says; empty for traits without such rules.

    A value of the wrong shape is left to the trait: then nothing is found here.
    """
    check = _CHECKS.get(name)
    return tuple(check(name, value)) if check is not None else ()


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
        for key in _keys(value):
            fault = reserved(key)
            if fault is not None:
                yield fault.below((key,))

    return check


def _environment(name: str, value: Any) -> Iterable[Fault]:
    yield from _reserved_names(reserved_variable)(name, value)
    for key, content in _items(value):
        if content is None or isinstance(content, str):
            continue
        source = content.get("valueFrom", content.get("value_from")) if isinstance(content, Mapping) else None
        if isinstance(source, Mapping) and source and set(map(_camel, source)) <= _FIELD_SOURCES:
            continue
        message = f"not the value of a variable {got(content)}"
        rule = "a text, or valueFrom with fieldRef or resourceFieldRef; secrets are read by their name"
        yield Fault(Code.BAD_OVERRIDE, message, rule, "quote it, or remove it", (key,))


def _resources(_: str, value: Any) -> Iterable[Fault]:
    for key, content in _items(value):
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


def _volumes(_: str, value: Any) -> Iterable[Fault]:
    for place, volume in _entries(value):
        for key in _keys(volume):
            if key != "name" and _camel(key) not in VOLUME_TYPES:
                message = f"not a volume for a profile {got(key)}"
                kinds = listed(sorted(VOLUME_TYPES))
                rule = f"only {kinds}: others could be a home, a secret or the node's disk"
                remedy = "ask the platform's admins to mount it for everyone"
                yield Fault(Code.OWNED_OVERRIDE, message, rule, remedy, (place, key), at_key=True)


def _volume_mounts(_: str, value: Any) -> Iterable[Fault]:
    for place, mount in _entries(value):
        for key, path in _items(mount):
            if _camel(key) != "mountPath" or not isinstance(path, str):
                continue
            above = posixpath.normpath(path) + "/"
            if f"{HOME_PATH}/".startswith("/" if above == "//" else above):
                rule = f"{HOME_PATH} is where the home is mounted"
                message = f"a mount over the home {got(path)}"
                yield Fault(Code.OWNED_OVERRIDE, message, rule, "mount it elsewhere", (place, key))


def _lifecycle_hooks(_: str, value: Any) -> Iterable[Fault]:
    for hook, handlers in _items(value):
        if _camel(hook) not in _HOOKS:
            yield _not_among(hook, _HOOKS, "a hook").below((hook,))
        for handler in _keys(handlers):
            if _camel(handler) not in _HANDLERS:
                # The node would send the request, past every network policy.
                yield _not_among(handler, _HANDLERS, "a handler").below((hook, handler))


def _only(allowed: frozenset[str]) -> Callable[[str, Any], Iterable[Fault]]:
    def check(name: str, value: Any) -> Iterable[Fault]:
        for key in _keys(value):
            if _camel(key) not in allowed:
                yield _not_among(key, allowed, f"a part of {name}").below((key,))

    return check


def _not_among(key: str, allowed: Iterable[str], what: str) -> Fault:
    names = sorted(allowed)
    meant = suggestion(key, names)
    remedy = f"did you mean {meant!r}?" if meant else "remove it"
    rule = f"a profile may say {listed(names)}"
    return Fault(Code.OWNED_OVERRIDE, f"not {what} for a profile {got(key)}", rule, remedy, at_key=True)


def _camel(key: str) -> str:
    """Spell a key as Kubernetes' JSON does; KubeSpawner takes `mount_path`, too."""
    first, *others = key.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in others)


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def _keys(value: Any) -> list[str]:
    return [key for key, _ in _items(value)]


def _entries(value: Any) -> list[tuple[str | int, Any]]:
    """Give the entries of a list, or of a mapping as zero-to-jupyterhub writes lists, with their place."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple) else []


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
        "volume_mounts": _volume_mounts,
        "volumes": _volumes,
    }
)
