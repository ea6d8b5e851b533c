"""The settings of KubeSpawner that a profile may override, by name: for suggestions where a file is read.

What may be in them is judged by `servers.overrides`, which knows KubeSpawner; a test compares the names.
"""

from __future__ import annotations

from typing import Final

OVERRIDABLE: Final = frozenset(
    [
        "args",
        "cmd",
        "cpu_guarantee",
        "cpu_limit",
        "debug",
        "default_url",
        "delete_grace_period",
        "disable_user_config",
        "environment",
        "extra_annotations",
        "extra_container_config",
        "extra_labels",
        "extra_pod_config",
        "extra_resource_guarantees",
        "extra_resource_limits",
        "http_timeout",
        "image",
        "image_pull_policy",
        "image_pull_secrets",
        "lifecycle_hooks",
        "mem_guarantee",
        "mem_limit",
        "node_affinity_preferred",
        "node_affinity_required",
        "node_selector",
        "notebook_dir",
        "pod_affinity_preferred",
        "pod_affinity_required",
        "pod_anti_affinity_preferred",
        "slow_spawn_message",
        "slow_spawn_message_frequency",
        "slow_spawn_message_threshold",
        "start_timeout",
        "tolerations",
        "volume_mounts",
        "volumes",
        "working_dir",
    ]
)
