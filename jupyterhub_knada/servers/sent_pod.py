"""The last look at a pod before it is sent, with all that KubeSpawner has filled in: it is bounded. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.pod_bounds import MOST_POD_JSON, check_references, length_as_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMEDY = "Choose another profile. Report this to whoever keeps the team's file."


def refuse_environment(env: Mapping[str, Any]) -> Refusal | None:
    """Refuse variables that KubeSpawner would sort for too long; the number is bounded before (`layers`)."""
    for fault in check_references(env.values()):
        return Refusal(fault.code, f"The server has {fault.message}; {fault.rule}.", _REMEDY, status=409)
    return None


def refuse_pod(pod: Mapping[str, Any]) -> Refusal | None:
    """Refuse a pod that is larger than everybody who follows the cluster's pods should be sent.

    Args:
        pod: As the client sends it.
    """
    size = length_as_json(pod)
    if size <= MOST_POD_JSON:
        return None
    message = f"The server's pod has {size} bytes as JSON; at most {MOST_POD_JSON} are sent."
    return Refusal(Code.OUT_OF_RANGE, message, _REMEDY, status=409)
