"""What every object's metadata must be.

Source: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go` of 1.36.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import names
from jupyterhub_knada.devcluster.api.statuses import (
    FieldError,
    forbidden_value,
    go_quote,
    invalid,
    required,
    too_long,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.devcluster.api.kinds import Resource

Json = dict[str, Any]
IMMUTABLE: Final = "field is immutable"
_ANNOTATION_BYTES: Final = 256 * 1024
_NAME_RULES: Final[dict[str, Callable[[str], list[str]]]] = {
    "Namespace": names.dns_label_errors,
    "Service": names.dns_label_errors,
    "Role": names.path_segment_errors,
    "RoleBinding": names.path_segment_errors,
    "ClusterRole": names.path_segment_errors,
    "ClusterRoleBinding": names.path_segment_errors,
}


def name_errors(resource: Resource, name: str) -> list[str]:
    """Check a name by its kind's rule."""
    return _NAME_RULES.get(resource.kind, names.dns_subdomain_errors)(name)


def check(resource: Resource, metadata: Json) -> list[FieldError]:
    """Check metadata that does not depend on an earlier version."""
    errors = _check_names(resource, metadata)
    errors += check_labels(metadata.get("labels", {}), "metadata.labels")
    annotations = metadata.get("annotations", {})
    for key in annotations:
        errors += [invalid("metadata.annotations", key, text) for text in names.label_key_errors(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATION_BYTES:
        errors.append(too_long("metadata.annotations", _ANNOTATION_BYTES))
    errors += _check_owners(metadata.get("ownerReferences", []))
    for index, finalizer in enumerate(metadata.get("finalizers", [])):
        errors += [
            invalid("metadata.finalizers", finalizer, text) for text in names.label_key_errors(finalizer)
        ]
        if "/" not in finalizer and finalizer not in ("orphan", "foregroundDeletion", "kubernetes"):
            errors.append(
                invalid(
                    f"metadata.finalizers[{index}]",
                    finalizer,
                    "name is neither a standard finalizer name nor is it fully qualified",
                )
            )
    return errors


def _check_names(resource: Resource, metadata: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    generate = metadata.get("generateName", "")
    # What an event's generated name begins with is nobody's rule.
    if generate and resource.kind != "Event":
        # Generation appends to it, so that one trailing dash is fine.
        masked = generate[:-1] + "a" if generate.endswith("-") and len(generate) > 1 else generate
        errors += [invalid("metadata.generateName", generate, text) for text in name_errors(resource, masked)]
    name = metadata.get("name", "")
    if not name:
        errors.append(required("metadata.name", "name or generateName is required"))
    else:
        errors += [invalid("metadata.name", name, text) for text in name_errors(resource, name)]
    namespace = metadata.get("namespace", "")
    if resource.namespaced:
        errors += [
            invalid("metadata.namespace", namespace, text) for text in names.dns_label_errors(namespace)
        ]
    elif namespace:
        errors.append(forbidden_value("metadata.namespace", "not allowed on this type"))
    return errors


def check_labels(labels: dict[str, str], path: str) -> list[FieldError]:
    """Check a map of labels."""
    errors: list[FieldError] = []
    for key, value in labels.items():
        errors += [invalid(path, key, text) for text in names.label_key_errors(key)]
        errors += [invalid(path, value, text) for text in names.label_value_errors(value)]
    return errors


def _check_owners(owners: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    path = "metadata.ownerReferences"
    for owner in owners:
        errors += [
            invalid(f"{path}.{key}", "", f"{'version ' if key == 'apiVersion' else ''}must not be empty")
            for key in ("apiVersion", "kind", "name", "uid")
            if not owner.get(key)
        ]
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            errors.append(invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner"))
    controllers = [f"{owner.get('kind')}/{owner.get('name')}" for owner in owners if owner.get("controller")]
    for other in controllers[1:]:
        detail = 'Only one reference can have Controller set to true. Found "true" in references for'
        errors.append(invalid(path, owners, f"{detail} {controllers[0]} and {other}"))
    return errors


def check_update(new: Json, old: Json) -> list[FieldError]:
    """Check what an update may not do to metadata."""
    errors: list[FieldError] = []
    if "deletionTimestamp" in old:
        added = sorted(set(new.get("finalizers", [])) - set(old.get("finalizers", [])))
        if added:
            told = ", ".join(go_quote(name) for name in added)
            errors.append(
                forbidden_value(
                    "metadata.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers"
                    f" []string{{{told}}}",
                )
            )
    errors += [
        invalid(f"metadata.{key}", new.get(key, ""), IMMUTABLE)
        for key in ("name", "namespace", "uid")
        if new.get(key, "") != old.get(key, "")
    ]
    return errors
