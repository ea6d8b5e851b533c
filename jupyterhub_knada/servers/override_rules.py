"""Which of KubeSpawner's settings a profile may override, and what stands in the way of the others.

A profile's author is a team, and teams share namespaces, nodes and one hub. So a setting is refused when it
could pass a bound, reach another team's or the hub's own data, raise a privilege, or cut the server off from
its hub. Everything else is KubeSpawner's to judge (`overrides` asks its traits). Pure: a contract test holds
the names against KubeSpawner's.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.teams.quantities import read_cpu, read_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES: Final[Mapping[str, Callable[[object], int]]] = MappingProxyType(
    {
        "mem_limit": read_memory,
        "mem_guarantee": read_memory,
        "cpu_limit": read_cpu,
        "cpu_guarantee": read_cpu,
    }
)
"""Each with its reader, the one of the team files, so that `10GB` means the same everywhere; bounds hold."""

MERGED: Final = SIZES.keys() | {
    "default_url",
    "environment",
    "extra_annotations",
    "extra_labels",
    "extra_resource_guarantees",
    "extra_resource_limits",
    "image",
    "image_pull_policy",
    "image_pull_secrets",
    "node_selector",
    "tolerations",
    "volume_mounts",
    "volumes",
}
"""What the plan has a field of its own for: the override is merged into it, then bounds, secret name, labels
and home of the team are laid over it."""

PASSED: Final = frozenset(
    {
        "args",
        "cmd",
        "debug",
        "delete_grace_period",
        "disable_user_config",
        "extra_container_config",
        "extra_pod_config",
        "http_timeout",
        "lifecycle_hooks",
        "node_affinity_preferred",
        "node_affinity_required",
        "notebook_dir",
        "pod_affinity_preferred",
        "pod_affinity_required",
        "pod_anti_affinity_preferred",
        "slow_spawn_message",
        "slow_spawn_message_frequency",
        "slow_spawn_message_threshold",
        "start_timeout",
        "working_dir",
    }
)
"""What is handed to the trait of the same name, as stock does."""

EXPANDED: Final = frozenset(
    {"environment", "extra_annotations", "extra_labels", "extra_pod_config", "volume_mounts", "volumes"}
)
"""Overridable traits whose texts KubeSpawner runs `str.format` over. Source: `get_pod_manifest`, 7.1."""

_HOME: Final = "the home is the platform's: use storage"
_WHOSE: Final = "it decides whose server and home this is"
_PRIVILEGE: Final = "it could raise the server's privileges"
_BESIDE: Final = "containers beside the server pass its bounds and could raise privileges"
_WIRING: Final = "it is how the hub reaches its servers: set it in the hub's configuration"
_HUB: Final = "it is about the hub, not about one profile: set it in the hub's configuration"
_CODE: Final = "it is code: set it in the hub's configuration"
_SIGN_IN: Final = "it decides what a server may do in the hub"
_PAGE: Final = "choices are made and checked by this package"

OWNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        # whose server this is
        "namespace": "it follows from the team: use the team's namespace",
        "enable_user_namespaces": _WHOSE,
        "user_namespace_template": _WHOSE,
        "user_namespace_labels": _WHOSE,
        "user_namespace_annotations": _WHOSE,
        "pod_name": _WHOSE,
        "pod_name_template": _WHOSE,
        "dns_name": _WHOSE,
        "dns_name_template": _WHOSE,
        "slug_scheme": _WHOSE,
        "handle_legacy_names": _WHOSE,
        "common_labels": "the hub and the network policies find pods by these: use extra_labels",
        "component_label": "the hub finds its pods by it",
        # the home
        "pvc_name": _HOME,
        "pvc_name_template": _HOME,
        "remember_pvc_name": _HOME,
        "delete_pvc": _HOME,
        "storage_access_modes": _HOME,
        "storage_capacity": _HOME,
        "storage_class": _HOME,
        "storage_extra_annotations": _HOME,
        "storage_extra_labels": _HOME,
        "storage_pvc_ensure": _HOME,
        "storage_selector": _HOME,
        # identity and privileges
        "service_account": "it is the team's identity: use serviceAccount",
        "automount_service_account_token": "a server never gets a token for Kubernetes",
        "uid": _PRIVILEGE,
        "gid": _PRIVILEGE,
        "fs_gid": _PRIVILEGE,
        "supplemental_gids": _PRIVILEGE,
        "privileged": _PRIVILEGE,
        "allow_privilege_escalation": _PRIVILEGE,
        "container_security_context": _PRIVILEGE,
        "pod_security_context": _PRIVILEGE,
        "init_containers": _BESIDE,
        "extra_containers": _BESIDE,
        "priority_class_name": "it could push other teams' servers out",
        "scheduler_name": _HUB,
        # Kubernetes holds it against every pod that comes later, whosever that is.
        "pod_anti_affinity_required": (
            "it could keep other teams' servers off a machine: use pod_anti_affinity_preferred"
        ),
        # the hub's own secrets and scopes
        "env_keep": "it would copy the hub's own environment, with its secrets, into the server",
        "oauth_client_allowed_scopes": _SIGN_IN,
        "oauth_roles": _SIGN_IN,
        "server_token_scopes": _SIGN_IN,
        "secret_mount_path": _WIRING,
        "secret_name_template": _WIRING,
        # wiring
        "consecutive_failure_limit": _HUB,
        "delete_stopped_pods": _HUB,
        "events_enabled": _HUB,
        "hub_connect_ip": _WIRING,
        "hub_connect_port": _WIRING,
        "hub_connect_url": _WIRING,
        "internal_ssl": _WIRING,
        "ip": _WIRING,
        "k8s_api_host": _WIRING,
        "k8s_api_request_retry_timeout": _HUB,
        "k8s_api_request_timeout": _HUB,
        "k8s_api_ssl_ca_cert": _WIRING,
        "k8s_api_threadpool_workers": _HUB,
        "k8s_api_verify_ssl": _WIRING,
        "pod_connect_ip": _WIRING,
        "poll_interval": _HUB,
        "poll_jitter": _HUB,
        "port": _WIRING,
        "services_enabled": _WIRING,
        "ssl_alt_names": _WIRING,
        "ssl_alt_names_include_local": _WIRING,
        # code and pages
        "additional_profile_form_template_paths": _PAGE,
        "apply_user_options": _PAGE,
        "group_overrides": _PAGE,
        "options_form": _PAGE,
        "options_from_form": _PAGE,
        "profile_form_template": _PAGE,
        "profile_list": _PAGE,
        "after_pod_created_hook": _CODE,
        "auth_state_hook": _CODE,
        "get_pod_url": _CODE,
        "modify_pod_hook": _CODE,
        "post_stop_hook": _CODE,
        "pre_spawn_hook": _CODE,
        "progress_ready_hook": _CODE,
    }
)
"""What a profile may not override, each with the reason that its author reads."""

VOLUME_TYPES: Final = frozenset({"emptyDir"})
"""Any other kind of volume could be somebody's home, a secret of the hub, a token, or the node's disk."""

MOUNT_KEYS: Final = frozenset({"mountPath", "name", "readOnly", "subPath", "subPathExpr"})
"""Of a volume's mount; the rest passes mounts on to the node and back."""

POD_KEYS: Final = frozenset(
    {
        "dnsConfig",
        "dnsPolicy",
        "enableServiceLinks",
        "hostAliases",
        "hostname",
        "restartPolicy",
        "runtimeClassName",
        "shareProcessNamespace",
        "subdomain",
        "terminationGracePeriodSeconds",
        "topologySpreadConstraints",
    }
)
"""Of `extra_pod_config`; the rest of a pod's spec could raise privileges or pass bounds.

`bounds.runtimeClasses` says which `runtimeClassName` there may be: none, where it says nothing.
"""

_NODE: Final = "it is the node's, and Pod Security 'restricted' keeps servers from it"
_PROBE: Final = "the node would send the request, past every network policy"
POD_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "automountServiceAccountToken": "a server never gets a token for Kubernetes",
        "containers": _BESIDE,
        "ephemeralContainers": _BESIDE,
        "hostIPC": _NODE,
        "hostNetwork": _NODE,
        "hostPID": _NODE,
        "hostUsers": _PRIVILEGE,
        "initContainers": _BESIDE,
        "nodeName": "it would pass the scheduler: use nodeSelector",
        "priorityClassName": "it could push other teams' servers out",
        "securityContext": f"{_PRIVILEGE}, and Pod Security 'restricted' asks for the platform's own",
        "serviceAccount": "it is the team's identity: use serviceAccount of the team",
        "serviceAccountName": "it is the team's identity: use serviceAccount of the team",
        "volumes": "volumes stand under volumes of the override",
    }
)
"""Why not, for the rest of a pod's spec that somebody may well try; Pod Security's fields are all here."""

CONTAINER_KEYS: Final = frozenset(
    {"stdin", "terminationMessagePath", "terminationMessagePolicy", "tty", "workingDir"}
)
"""Of `extra_container_config`; the rest could raise privileges, pass bounds or read secrets."""

CONTAINER_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "envFrom": "secrets are read by their name",
        "lifecycle": "handlers stand under lifecycle_hooks",
        "livenessProbe": _PROBE,
        "ports": "a port of the node is no server's, and Pod Security 'restricted' forbids it",
        "readinessProbe": _PROBE,
        "resources": "bounds apply to sizes under their own names",
        "securityContext": f"{_PRIVILEGE}, and Pod Security 'restricted' asks for the platform's own",
        "startupProbe": _PROBE,
        "volumeDevices": "a device is the node's disk",
        "volumeMounts": "mounts stand under volume_mounts",
    }
)
"""Why not, for the rest of a container's."""

HANDLER_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("httpGet", "tcpSocket"), f"{_PROBE}: use 'exec' or 'sleep'")
)
"""Why a handler of a container's life is no request."""

BOUNDED_RESOURCES: Final = frozenset({"cpu", "memory"})
"""Not among extra resources: they have keys of their own, which bounds hold for."""

_EXTENDED_RESOURCE: Final = re.compile(
    r"(?!requests\.|([-a-z0-9.]+\.)?kubernetes\.io/)"
    r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)

SECONDS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"start_timeout": (1, 3600), "http_timeout": (1, 600), "delete_grace_period": (0, 300)}
)
"""The least and the most of each time: what waits longer holds the hub's slots of starts, or its node."""

HOME_PATH: Final = "/home/jovyan"
"""Where the home is mounted: no other volume may stand there or above it."""


def is_extended_resource(name: str) -> bool:
    """Tell whether a resource is one of devices: `domain/name`, not of Kubernetes itself.

    Source: Kubernetes, pkg/apis/core/v1/helper `IsExtendedResourceName`.
    """
    return _EXTENDED_RESOURCE.fullmatch(name) is not None
