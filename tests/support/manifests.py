"""Small objects for the contract suite."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def pod(name: str = "p", **spec: Any) -> Json:
    """Give a pod of one container that never asks for anything; `spec` replaces keys of its spec."""
    container = {"name": "notebook", "image": "example.org/notebook:1"}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def container(**fields: Any) -> Json:
    """Give a pod whose container has other fields."""
    made = pod()
    made["spec"]["containers"][0] |= fields
    return made


def on_node(name: str, node: str, **spec: Any) -> Json:
    """Give a pod that only one node takes."""
    return pod(name, nodeSelector={"contract": node}, **spec)


def claim(name: str = "c", size: str = "1Gi", **spec: Any) -> Json:
    """Give a claim of no storage class."""
    wanted = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "",
        "resources": {"requests": {"storage": size}},
    }
    return {"metadata": {"name": name}, "spec": wanted | spec}


def volume(name: str, **spec: Any) -> Json:
    """Give a volume of no storage class."""
    offered = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/srv/contract"},
    }
    return {"metadata": {"name": name}, "spec": offered | spec}


def config_map(name: str, **metadata: Any) -> Json:
    """Give a config map."""
    return {"metadata": {"name": name, **metadata}, "data": {"key": "value"}}


def running(pod_body: Json, address: str = "127.1.2.3") -> Json:
    """Give the status of a pod that runs, as a kubelet writes it."""
    started = "2026-01-01T00:00:00Z"
    statuses = [
        {
            "name": item["name"],
            "image": item["image"],
            "imageID": "sha256:1",
            "ready": True,
            "restartCount": 0,
            "started": True,
            "state": {"running": {"startedAt": started}},
        }
        for item in pod_body["spec"]["containers"]
    ]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": started}],
        "containerStatuses": statuses,
    }
