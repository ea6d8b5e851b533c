"""What this node cannot run, said at once instead of guessed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.node.cluster import JsonObject

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def find_refusal(pod: JsonObject) -> tuple[str, str] | None:
    """Give reason and message of the pod's failure, or None where the node can run it."""
    spec = pod["spec"]
    found: list[str] = []
    found += [
        f"initContainers[{c['name']}].restartPolicy"
        for c in spec.get("initContainers") or []
        if c.get("restartPolicy")
    ]
    for container in [*(spec.get("initContainers") or []), *spec["containers"]]:
        found += [
            f"{container['name']}.{probe}.grpc" for probe in _PROBES if "grpc" in (container.get(probe) or {})
        ]
        found += [f"{container['name']}.volumeDevices"] if container.get("volumeDevices") else []
    if not found:
        return None
    told = f"Pod was rejected: this node runs processes and has no {', '.join(sorted(found))}"
    return "UnexpectedAdmissionError", told
