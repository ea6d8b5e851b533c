"""What the hub keeps of a pod and of an event: the fields that something reads, and nothing else. Pure.

A pod's environment holds the server's API token, and most of a pod is never looked at. What is kept has the
shape that the API gives it, so that KubeSpawner and hooks of the hub read it as they always do, but for what
would be too much: a hub that watches all namespaces holds pods of strangers, too.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.foreign_texts import MOST_KEPT, bounded
from jupyterhub_knada.servers.homes import TEAM_KEY, USER_KEY
from jupyterhub_knada.teams.names import RESERVED_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_POD_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
)
_FIRST_LABELS: Final = (
    *RESERVED_LABELS,
    "hub.jupyter.org/username",
    "hub.jupyter.org/servername",
    "hub.jupyter.org/network-access-hub",
    TEAM_KEY,
    USER_KEY,
)
"""What no team file sets: kept before other labels, which the API gives sorted by their keys."""
_POD_STATUS: Final = ("phase", "reason", "message", "hostIP", "podIP")
_CONDITION: Final = ("type", "status", "reason", "message")
_CONTAINER: Final = ("name", "image", "ports")
_CONTAINER_STATUS: Final = ("name", "ready", "started", "restartCount", "state", "lastState")
_SEVERAL: Final = {
    "conditions": _CONDITION,
    "containerStatuses": _CONTAINER_STATUS,
    "initContainerStatuses": _CONTAINER_STATUS,
}
_EVENT: Final = (
    "involvedObject",
    "type",
    "reason",
    "message",
    "count",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
)
_EVENT_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def kept_of_pod(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is kept of a pod; `status` is always there.

    Args:
        pod: As the API gives it; `metadata` has a name and a namespace, all else may be missing or null.
    """
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    kept_status = _pick(status, _POD_STATUS)
    for several, keys in _SEVERAL.items():
        if status.get(several):
            kept_status[several] = [_pick(one, keys) for one in status[several][:MOST_KEPT]]
    containers = [_pick(container, _CONTAINER) for container in (spec.get("containers") or [])[:MOST_KEPT]]
    kept_spec = {**_pick(spec, ("nodeName",)), "containers": containers}
    metadata = _pick(pod["metadata"], _POD_METADATA)
    if labels := pod["metadata"].get("labels"):
        metadata["labels"] = bounded(_in_order(labels))
    return {"metadata": metadata, "spec": kept_spec, "status": kept_status}


def _in_order(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Give the labels, those that tell whose pod it is first; of the others at most as many as are kept."""
    keys = (*_FIRST_LABELS, *islice(labels, MOST_KEPT))
    return {key: labels[key] for key in keys if key in labels}


def kept_of_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is kept of an event of the core API group; any of its fields may be missing."""
    return {"metadata": _pick(event.get("metadata") or {}, _EVENT_METADATA), **_pick(event, _EVENT)}


def _pick(mapping: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: bounded(mapping[key]) for key in keys if mapping.get(key) is not None}
