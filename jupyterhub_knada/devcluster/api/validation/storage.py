"""The rules of claims, volumes and storage classes.

Source: `pkg/apis/core/validation` and `pkg/apis/storage/validation` of 1.36.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    forbidden_value,
    invalid,
    required,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation.fields import label_selector, named, told
from jupyterhub_knada.devcluster.api.validation.metadata import IMMUTABLE

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES: Final = ("Block", "Filesystem")
_NOT_SOURCES: Final = frozenset(
    {
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
        "volumeAttributesClassName",
    }
)
_POSITIVE: Final = "must be greater than zero"


def _modes(modes: list[str]) -> list[FieldError]:
    path = "spec.accessModes"
    errors = [unsupported(path, mode, _MODES) for mode in modes if mode not in _MODES]
    if "ReadWriteOncePod" in modes and len(set(modes)) > 1:
        text = "may not use ReadWriteOncePod with other access modes"
        errors.append(forbidden_value(path, text))
    return errors


def _class(spec: Json) -> list[FieldError]:
    name = spec.get("storageClassName", "")
    return named("spec.storageClassName", name, label=False) if name else []


def _volume_mode(spec: Json) -> list[FieldError]:
    mode = spec.get("volumeMode", "Filesystem")
    return [] if mode in _VOLUME_MODES else [unsupported("spec.volumeMode", mode, _VOLUME_MODES)]


def check_claim(claim: Json) -> list[FieldError]:
    """Check a claim's spec."""
    spec = claim["spec"]
    errors: list[FieldError] = []
    if not spec.get("accessModes"):
        errors.append(required("spec.accessModes", "at least 1 access mode is required"))
    errors += label_selector("spec.selector", spec.get("selector"))
    errors += _modes(spec.get("accessModes", []))
    size = spec["resources"].get("requests", {}).get("storage")
    path = "spec.resources[storage]"
    if size is None:
        errors.append(required(path))
    elif parse_quantity(size) <= 0:
        errors.append(invalid(path, size, _POSITIVE))
    return errors + _class(spec) + _volume_mode(spec)


def check_claim_update(new: Json, old: Json) -> list[FieldError]:
    """Check what an update changes: the size of a bound claim may grow, the rest is fixed."""
    given, kept = copy.deepcopy(new["spec"]), copy.deepcopy(old["spec"])
    errors: list[FieldError] = []
    if not kept.get("volumeName"):
        kept.pop("volumeName", None)
        given.pop("volumeName", None)
    if "storageClassName" not in kept:
        given.pop("storageClassName", None)
    wanted = given["resources"].get("requests", {}).get("storage", "0")
    had = kept["resources"].get("requests", {}).get("storage", "0")
    if new["status"].get("phase") == "Bound" and "requests" in given["resources"]:
        given["resources"]["requests"]["storage"] = had
    if given != kept:
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            "bound claims"
        )
        errors.append(forbidden_value("spec", text))
    capacity = new["status"].get("capacity", {}).get("storage", "0")
    if parse_quantity(wanted) < parse_quantity(had) and parse_quantity(wanted) <= parse_quantity(capacity):
        text = "field can not be less than status.capacity"
        errors.append(forbidden_value("spec.resources.requests.storage", text))
    if new["spec"].get("volumeMode") != old["spec"].get("volumeMode"):
        errors.append(invalid("volumeMode", new["spec"].get("volumeMode"), IMMUTABLE))
    return errors


def source_of(spec: Json) -> Json:
    """Give where a volume lies: the one key that is none of its properties."""
    return {key: value for key, value in spec.items() if key not in _NOT_SOURCES}


def check_volume(volume: Json) -> list[FieldError]:
    """Check a volume's spec."""
    spec = volume["spec"]
    errors = [] if spec.get("accessModes") else [required("spec.accessModes")]
    errors += _modes(spec.get("accessModes", []))
    capacity = spec.get("capacity", {})
    if not capacity:
        errors.append(required("spec.capacity"))
    if set(capacity) != {"storage"}:
        errors.append(unsupported("spec.capacity", capacity or None, ("storage",)))
    errors += [
        invalid(f"spec.capacity[{name}]", value, _POSITIVE)
        for name, value in capacity.items()
        if parse_quantity(value) <= 0
    ]
    policy = spec["persistentVolumeReclaimPolicy"]
    if policy not in ("Delete", "Recycle", "Retain"):
        errors.append(
            unsupported("spec.persistentVolumeReclaimPolicy", policy, ("Delete", "Recycle", "Retain"))
        )
    sources = sorted(source_of(spec))
    if not sources:
        errors.append(required("spec", "must specify a volume type"))
    errors += [
        forbidden_value(f"spec.{key}", "may not specify more than 1 volume type") for key in sources[1:]
    ]
    if "hostPath" in spec and not spec["hostPath"].get("path"):
        errors.append(required("spec.hostPath.path"))
    if "local" in spec and "nodeAffinity" not in spec:
        errors.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors + _class(spec) + _volume_mode(spec)


def check_volume_update(new: Json, old: Json) -> list[FieldError]:
    """Check that a volume stays where it is."""
    errors: list[FieldError] = []
    if source_of(new["spec"]) != source_of(old["spec"]):
        text = "spec.persistentvolumesource is immutable after creation"
        errors.append(forbidden_value("spec.persistentvolumesource", text))
    if new["spec"].get("volumeMode") != old["spec"].get("volumeMode"):
        errors.append(invalid("volumeMode", new["spec"].get("volumeMode"), IMMUTABLE))
    return errors


def check_class(storage_class: Json) -> list[FieldError]:
    """Check a storage class."""
    provisioner = storage_class.get("provisioner", "")
    if not provisioner:
        errors = [required("provisioner")]
    else:
        errors = told("provisioner", provisioner, names.label_key_errors(provisioner.lower()))
    policy = storage_class["reclaimPolicy"]
    if policy not in ("Delete", "Retain"):
        errors.append(unsupported("reclaimPolicy", policy, ("Delete", "Retain")))
    mode = storage_class["volumeBindingMode"]
    if mode not in ("Immediate", "WaitForFirstConsumer"):
        errors.append(unsupported("volumeBindingMode", mode, ("Immediate", "WaitForFirstConsumer")))
    return errors


def check_class_update(new: Json, old: Json) -> list[FieldError]:
    """Check that a class keeps what its volumes were made by."""
    return [
        invalid(key, new.get(key, {} if key == "parameters" else ""), IMMUTABLE)
        for key in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
        if new.get(key) != old.get(key)
    ]


RULES: Final[dict[str, Callable[[Json], list[FieldError]]]] = {
    "PersistentVolumeClaim": check_claim,
    "PersistentVolume": check_volume,
    "StorageClass": check_class,
}
UPDATE_RULES: Final[dict[str, Callable[[Json, Json], list[FieldError]]]] = {
    "PersistentVolumeClaim": check_claim_update,
    "PersistentVolume": check_volume_update,
    "StorageClass": check_class_update,
}
