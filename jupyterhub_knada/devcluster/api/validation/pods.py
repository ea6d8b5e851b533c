"""The rules of pods, and of what an update may change in one.

Source: `pkg/apis/core/validation/validation.go` of 1.36.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    duplicate,
    forbidden_value,
    invalid,
    required,
    unsupported,
)
from jupyterhub_knada.devcluster.api.validation import containers, pod_parts
from jupyterhub_knada.devcluster.api.validation.fields import named, one_of, told
from jupyterhub_knada.devcluster.api.validation.metadata import check_labels

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
_INT32: Final = 2**31 - 1
_ALL_BITS: Final = 0o777
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UPDATABLE: Final = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
    " (allow it to be set to 1 if it was previously negative)"
)


def check_pod(pod: Json) -> list[FieldError]:
    """Check a pod's spec."""
    spec = pod["spec"]
    volumes, errors = _volumes(spec.get("volumes", []))
    errors += containers.check(spec, volumes)
    errors += one_of("spec.restartPolicy", spec["restartPolicy"], ("Always", "OnFailure", "Never"))
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    errors += one_of("spec.dnsPolicy", spec["dnsPolicy"], policies)
    errors += check_labels(spec.get("nodeSelector", {}), "spec.nodeSelector")
    errors += pod_parts.check(spec)
    errors += _affinity(spec.get("affinity", {}).get("nodeAffinity", {}))
    for key in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        if spec.get(key):
            errors += named(f"spec.{key}", spec[key], label=False)
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            errors += named(f"spec.{key}", spec[key])
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _INT32:
        text = f"must be between 1 and {_INT32}, inclusive"
        errors.append(invalid("spec.activeDeadlineSeconds", deadline, text))
    return errors + _tolerations(spec.get("tolerations", []))


def _volumes(volumes: list[Json]) -> tuple[dict[str, Json], list[FieldError]]:
    """Check volumes; give the sound ones by name."""
    sound: dict[str, Json] = {}
    errors: list[FieldError] = []
    for index, volume in enumerate(volumes):
        path = f"spec.volumes[{index}]"
        name = volume.get("name", "")
        found = _volume_source(volume, path) + named(f"{path}.name", name)
        if name in sound:
            found.append(duplicate(f"{path}.name", name))
        if not found:
            sound[name] = volume
        errors += found
    return sound, errors


_SOURCE_NAMES: Final = {
    "secret": "secretName",
    "configMap": "name",
    "persistentVolumeClaim": "claimName",
    "hostPath": "path",
}


def _volume_source(volume: Json, path: str) -> list[FieldError]:
    sources = [key for key in volume if key != "name"]
    if not sources:
        return [required(path, "must specify a volume type")]
    errors = [
        forbidden_value(f"{path}.{key}", "may not specify more than 1 volume type") for key in sources[1:]
    ]
    source = volume[sources[0]]
    field = _SOURCE_NAMES.get(sources[0])
    if field and not source.get(field):
        errors.append(required(f"{path}.{sources[0]}.{field}"))
    if sources[0] == "nfs":
        errors += [required(f"{path}.nfs.{key}") for key in ("server", "path") if not source.get(key)]
    errors += pod_parts.check_source(sources[0], source, f"{path}.{sources[0]}")
    mode = source.get("defaultMode")
    if mode is not None and not 0 <= mode <= _ALL_BITS:
        text = "must be a number between 0 and 0777 (octal), both inclusive"
        errors.append(invalid(f"{path}.{sources[0]}.defaultMode", mode, text))
    for index, item in enumerate(source.get("items", [])):
        errors += [
            required(f"{path}.{sources[0]}.items[{index}].{key}")
            for key in ("key", "path")
            if not item.get(key) and sources[0] in ("secret", "configMap")
        ]
    return errors


def _affinity(affinity: Json) -> list[FieldError]:
    required_terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required_terms is None:
        return []
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    terms = required_terms.get("nodeSelectorTerms") or []
    if not terms:
        return [required(path, "must have at least one node selector term")]
    errors: list[FieldError] = []
    for number, term in enumerate(terms):
        for index, item in enumerate(term.get("matchExpressions", [])):
            errors += _node_requirement(item, f"{path}[{number}].matchExpressions[{index}]")
    return errors


def _node_requirement(item: Json, path: str) -> list[FieldError]:
    operator, values = item.get("operator"), item.get("values", [])
    errors: list[FieldError] = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(forbidden_value(f"{path}.values", text))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(required(f"{path}.values", text))
    else:
        errors.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors + told(f"{path}.key", item.get("key"), names.label_key_errors(item.get("key", "")))


def _tolerations(tolerations: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, item in enumerate(tolerations):
        path = f"spec.tolerations[{index}]"
        key, operator, value = item.get("key", ""), item.get("operator", ""), item.get("value", "")
        if key:
            errors += told(f"{path}.key", key, names.label_key_errors(key))
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(invalid(f"{path}.operator", operator, text))
        if "tolerationSeconds" in item and item.get("effect") != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(invalid(f"{path}.effect", item.get("effect", ""), text))
        if operator in ("", "Equal"):
            wrong = names.label_value_errors(value)
            errors += [invalid(f"{path}.operator", value, ";".join(wrong))] if wrong else []
        elif operator != "Exists":
            errors.append(unsupported(f"{path}.operator", operator, ("Equal", "Exists", "Lt", "Gt")))
        elif value:
            errors.append(
                invalid(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
            )
        if item.get("effect") and item["effect"] not in _EFFECTS:
            errors.append(unsupported(f"{path}.effect", item["effect"], _EFFECTS))
    return errors


def check_pod_update(new: Json, old: Json) -> list[FieldError]:
    """Check that an update leaves alone what is fixed."""
    given, kept = new["spec"], old["spec"]
    for key in ("containers", "initContainers"):
        if len(given.get(key, [])) != len(kept.get(key, [])):
            return [forbidden_value(f"spec.{key}", "pod updates may not add or remove containers")]
    errors = _deadline(given.get("activeDeadlineSeconds"), kept.get("activeDeadlineSeconds"))
    if not all(item in given.get("tolerations", []) for item in kept.get("tolerations", [])):
        text = "existing toleration can not be modified except its tolerationSeconds"
        errors.append(forbidden_value("spec.tolerations", text))
    gates = [gate["name"] for gate in kept.get("schedulingGates", [])]
    added = [g["name"] for g in given.get("schedulingGates", []) if g["name"] not in gates]
    if added:
        text = f"only deletion is allowed, but found new scheduling gate '{added[0]}'"
        errors.append(forbidden_value("spec.schedulingGates", text))
    if _without_updatable(given, kept) != kept:
        text = f"pod updates may not change fields other than {_UPDATABLE}"
        errors.append(forbidden_value("spec", text))
    return errors


def _deadline(new: int | None, old: int | None) -> list[FieldError]:
    path = "spec.activeDeadlineSeconds"
    if new is None and old is not None:
        return [invalid(path, None, "must not update from a positive integer to nil value")]
    if new is not None and old is not None and new > old:
        return [invalid(path, new, "must be less than or equal to previous value")]
    return []


def _without_updatable(new: Json, old: Json) -> Json:
    """Give the new spec with everything that may change put back."""
    spec = copy.deepcopy(new)
    for key in ("containers", "initContainers"):
        for container, before in zip(spec.get(key, []), old.get(key, []), strict=True):
            if "image" in before:
                container["image"] = before["image"]
    for key in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        spec.pop(key, None)
        if key in old:
            spec[key] = old[key]
    return spec


def check_pod_status(new: Json, old: Json) -> list[FieldError]:
    """Check a status: addresses are addresses, and a container that has ended for good stays ended."""
    status = new["status"]
    errors: list[FieldError] = []
    for index, item in enumerate(status.get("podIPs", [])):
        errors += pod_parts.is_address(f"status.podIPs[{index}]", item.get("ip", ""))
    if status.get("nominatedNodeName"):
        errors += named("status.nominatedNodeName", status["nominatedNodeName"], label=False)
    policy = new["spec"].get("restartPolicy")
    if policy == "Always":
        return errors
    ended = {
        item["name"]: item["state"]["terminated"]
        for item in old["status"].get("containerStatuses", [])
        if "terminated" in item.get("state", {})
    }
    for index, item in enumerate(status.get("containerStatuses", [])):
        last = ended.get(item["name"])
        if last is None or "terminated" in item.get("state", {}):
            continue
        if policy == "Never" or not last.get("exitCode"):
            path = f"status.containerStatuses[{index}].state"
            errors.append(forbidden_value(path, "may not be transitioned to non-terminated state"))
    return errors


RULES: Final[dict[str, Callable[[Json], list[FieldError]]]] = {"Pod": check_pod}
UPDATE_RULES: Final[dict[str, Callable[[Json, Json], list[FieldError]]]] = {"Pod": check_pod_update}
STATUS_RULES: Final[dict[str, Callable[[Json, Json], list[FieldError]]]] = {"Pod": check_pod_status}
