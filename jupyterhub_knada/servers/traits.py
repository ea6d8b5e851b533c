"""From a plan to the values of KubeSpawner's traits: every one of them, for every start.

A Spawner object may live through many starts, for many teams. So nothing is left as it is: each trait that
can shape a pod or a claim is given its value again, from the hub's own settings and the plan. Pure.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.frozen import merge, thaw, without_nulls
from jupyterhub_knada.servers.identity import SECRET_VARIABLE
from jupyterhub_knada.servers.override_rules import EXPANDED, MERGED, PASSED
from jupyterhub_knada.servers.templates import MESSAGE_NAMES, URL_NAMES, literal, template
from jupyterhub_knada.servers.volumes import lay_volumes
from jupyterhub_knada.teams.quantities import format_storage

if TYPE_CHECKING:
    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.plans import ServerPlan

UID: Final = 1000
"""The user of the images, `jovyan`, where the hub configures no other."""
FS_GID: Final = 100
"""The group of the images, `users`: a fresh volume belongs to root, and is writable for this group only."""

_HUB_ONLY: Final = frozenset(
    {
        "allow_privilege_escalation",
        "common_labels",
        "container_security_context",
        "env_keep",
        "extra_containers",
        "gid",
        "init_containers",
        "modify_pod_hook",
        "pod_anti_affinity_required",
        "pod_security_context",
        "priority_class_name",
        "privileged",
        "scheduler_name",
        "storage_access_modes",
        "storage_selector",
        "supplemental_gids",
    }
)
"""What only the hub's configuration says; listed so that a hook's change does not outlive its start."""

_PLANNED: Final = frozenset(
    {
        "automount_service_account_token",
        "enable_user_namespaces",
        "fs_gid",
        "handle_legacy_names",
        "namespace",
        "profile_list",
        "remember_pvc_name",
        "service_account",
        "storage_capacity",
        "storage_class",
        "storage_extra_annotations",
        "storage_extra_labels",
        "storage_pvc_ensure",
        "uid",
    }
)
"""What the plan decides and no profile may override."""

POD_TRAITS: Final = MERGED | PASSED | _HUB_ONLY | _PLANNED
"""Every trait of KubeSpawner that shapes a pod or a claim; a test looks for those of new versions."""

_NAMES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"notebook_dir": URL_NAMES, "slow_spawn_message": MESSAGE_NAMES}
)
"""Overridable traits whose texts are templates with names of their own."""


def spawner_traits(plan: ServerPlan, hub: HubSettings) -> dict[str, Any]:
    """Give the value of every trait in `POD_TRAITS` for this plan.

    Args:
        plan: The server.
        hub: The hub's own settings: what no plan says stays as they have it.

    Returns:
        Trait name to a value of its own: changing it changes neither the hub's nor the next start's.
    """
    values = {trait: copy.deepcopy(hub.values[trait]) for trait in POD_TRAITS if trait in hub.values}
    for trait, said in plan.override.items():
        if trait == "environment":
            # A variable is one thing: parts of the hub's would hide in the profile's, a secret among them.
            variables = {**(values.get(trait) or {}), **_escape(trait, thaw(said or {}))}
            values[trait] = without_nulls(variables)
        elif trait not in ("volumes", "volume_mounts"):
            values[trait] = _override(values.get(trait), _escape(trait, thaw(said)))
    values |= _sizes(plan) | _identity(plan, hub, values) | _home(plan, hub)
    values |= lay_volumes(plan, hub)
    values |= {
        "default_url": template(plan.default_url, URL_NAMES),
        "node_selector": _node_selector(plan, hub),
        "profile_list": [],
        "tolerations": _tolerations(plan, hub),
    }
    if plan.image is not None:
        values["image"] = plan.image
    if plan.image_pull_secrets is not None and "image_pull_secrets" not in plan.override:
        values["image_pull_secrets"] = list(plan.image_pull_secrets)
    return values


def _override(below: Any, said: Any) -> Any:
    """Lay an override over a value as KubeSpawner does: mappings merge and None takes a key away."""
    if isinstance(said, Mapping) and isinstance(below, Mapping):
        return without_nulls(merge(below, said))
    return without_nulls(said)


def _escape(trait: str, said: Any) -> Any:
    """Make an override's texts such that expansion gives what its author can have meant."""
    if trait in EXPANDED:
        return template(said)
    return template(said, _NAMES[trait]) if trait in _NAMES else said


def _sizes(plan: ServerPlan) -> dict[str, Any]:
    return {
        "mem_limit": plan.memory_limit,
        "mem_guarantee": plan.memory_guarantee,
        "cpu_limit": plan.cpu_limit / 1000,
        "cpu_guarantee": None if plan.cpu_guarantee is None else plan.cpu_guarantee / 1000,
        "extra_resource_limits": dict(plan.resource_limits),
        "extra_resource_guarantees": dict(plan.resource_guarantees),
    }


def _identity(plan: ServerPlan, hub: HubSettings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what makes the pod this person's and this team's; the team's own over the hub's, ours over all."""
    labels = {**(hub.values.get("extra_labels") or {}), **literal(plan.team_labels)}
    annotations = {**(hub.values.get("extra_annotations") or {}), **literal(plan.team_annotations)}
    environment = dict(values.get("environment") or {})
    # The hub's configuration cannot name the secret of more than one team.
    environment.pop(SECRET_VARIABLE, None)
    return {
        "automount_service_account_token": False,
        "enable_user_namespaces": False,
        "environment": environment,
        "extra_labels": _lay(labels, plan, "extra_labels") | literal(plan.labels),
        "extra_annotations": _lay(annotations, plan, "extra_annotations") | literal(plan.annotations),
        "fs_gid": hub.values["fs_gid"] if "fs_gid" in hub.explicit else FS_GID,
        "namespace": plan.namespace,
        "service_account": plan.service_account or hub.values.get("service_account"),
        "uid": hub.values["uid"] if "uid" in hub.explicit else UID,
    }


def _lay(below: Mapping[str, Any], plan: ServerPlan, trait: str) -> dict[str, Any]:
    said = template(thaw(plan.override.get(trait) or {}))
    return without_nulls(merge(below, said))  # type: ignore[no-any-return]  # a mapping gives a mapping


def _home(plan: ServerPlan, hub: HubSettings) -> dict[str, Any]:
    """Give what the claim is made with, where it has to be made."""
    labels = dict(hub.values.get("storage_extra_labels") or {})
    annotations = dict(hub.values.get("storage_extra_annotations") or {})
    home = plan.home
    return {
        # KubeSpawner remembers one claim per server, whatever the team; here each start decides it.
        "remember_pvc_name": False,
        "handle_legacy_names": False,
        "storage_pvc_ensure": home is not None,
        "storage_capacity": format_storage(home.size) if home is not None else None,
        "storage_class": home.storage_class if home is not None else None,
        "storage_extra_labels": labels | (literal(home.labels) if home is not None else {}),
        "storage_extra_annotations": annotations | (literal(home.annotations) if home is not None else {}),
    }


def _node_selector(plan: ServerPlan, hub: HubSettings) -> dict[str, Any]:
    below = {**(hub.values.get("node_selector") or {}), **plan.node_selector}
    said = thaw(plan.override.get("node_selector") or {})
    return without_nulls(merge(below, said))  # type: ignore[no-any-return]  # a mapping gives a mapping


def _tolerations(plan: ServerPlan, hub: HubSettings) -> list[Any]:
    """Give the hub's tolerations and the team's; a profile's list or mapping stands in for both, as in stock.

    The hub's are kept beside a team's: they are what lets a server onto the nodes for servers at all.
    """
    if plan.override.get("tolerations") is not None:
        return as_list(thaw(plan.override["tolerations"]))
    both = as_list(copy.deepcopy(hub.values.get("tolerations") or [])) + thaw(plan.tolerations)
    return [item for at, item in enumerate(both) if item not in both[:at]]


def as_list(value: Any) -> list[Any]:
    """Give the entries of a list, or of a mapping sorted by key, as KubeSpawner reads it, without nulls."""
    listed = [value[key] for key in sorted(value)] if isinstance(value, Mapping) else value
    return [item for item in listed if item is not None]
