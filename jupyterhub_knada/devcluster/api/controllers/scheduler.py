"""Puts pods on nodes, or says why it cannot.

Source: `pkg/scheduler` of 1.36: conditions, events and their words.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub_knada.devcluster.api import kinds, subresources
from jupyterhub_knada.devcluster.api.controllers.filters import (
    Misfit,
    NodeRoom,
    explain,
    explain_before,
    freest,
    misfit,
)
from jupyterhub_knada.devcluster.api.controllers.recording import record
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.strategies import touch

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]
NAME: Final = "default-scheduler"
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
_GATED: Final = "Scheduling is blocked due to non-empty scheduling gates"


class ClaimError(Exception):
    """A pod's claim that keeps it from every node; the message is the scheduler's."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a pod's claims mean for its place."""

    volumes: tuple[Json, ...]
    waiting: tuple[Stored, ...]
    """Claims that are bound only when the pod's node is known."""


class Scheduler(Controller):
    """Looks at every pod without a node."""

    watches: ClassVar = (kinds.PODS, kinds.NODES, kinds.CLAIMS, kinds.VOLUMES, kinds.STORAGE_CLASSES)

    def sync(self) -> None:
        """Bind what fits; say of the rest why it does not."""
        pods = self.store.all(kinds.PODS)
        waiting = [stored for stored in pods if _waits(stored.body)]
        if not waiting:
            return
        rooms = {stored.key[1]: NodeRoom(stored.body) for stored in self.store.all(kinds.NODES)}
        for stored in pods:
            room = rooms.get(stored.body["spec"].get("nodeName", ""))
            if room is not None and stored.body["status"].get("phase") not in ("Succeeded", "Failed"):
                room.take(stored.body["spec"])
        for stored in sorted(waiting, key=_turn):
            self._schedule(stored, list(rooms.values()))

    def _schedule(self, pod: Stored, rooms: list[NodeRoom]) -> None:
        if pod.body["spec"].get("schedulingGates"):
            self._set_condition(pod, "SchedulingGated", _GATED)
            return
        if not rooms:
            self._fail(pod, "no nodes available to schedule pods")
            return
        try:
            claims = self._claims(pod)
        except ClaimError as trouble:
            self._fail(pod, explain_before(len(rooms), str(trouble)))
            return
        spec = pod.body["spec"]
        found = [(room, misfit(spec, room, claims.volumes)) for room in rooms]
        fitting = [room for room, why in found if why is None]
        if not fitting:
            misfits: list[Misfit] = [why for _, why in found if why is not None]
            self._fail(pod, explain(len(rooms), misfits))
            return
        chosen = freest(fitting)
        if claims.waiting:
            self._select_node(claims.waiting, chosen.name)
            return
        self._bind(pod, chosen)

    def _claims(self, pod: Stored) -> _Claims:
        """Look at the pod's claims.

        Raises:
            ClaimError: one is missing, ending, lost, or waits for a volume.
        """
        volumes: list[Json] = []
        waiting: list[Stored] = []
        for volume in pod.body["spec"].get("volumes", []):
            if "persistentVolumeClaim" not in volume:
                continue
            name = volume["persistentVolumeClaim"]["claimName"]
            claim = self.store.get(kinds.CLAIMS, pod.key[0], name)
            if claim is None:
                raise ClaimError(f'persistentvolumeclaim "{name}" not found')
            _check_claim(claim)
            bound = claim.body["spec"].get("volumeName", "")
            found = self.store.get(kinds.VOLUMES, "", bound) if bound else None
            if claim.body["status"].get("phase") == "Bound" and found is not None:
                volumes.append(found.body)
            elif self._binds_late(claim):
                waiting.append(claim)
            else:
                raise ClaimError("pod has unbound immediate PersistentVolumeClaims")
        return _Claims(tuple(volumes), tuple(waiting))

    def _binds_late(self, claim: Stored) -> bool:
        name = claim.body["spec"].get("storageClassName", "")
        found = self.store.get(kinds.STORAGE_CLASSES, "", name) if name else None
        return found is not None and found.body.get("volumeBindingMode") == "WaitForFirstConsumer"

    def _select_node(self, claims: tuple[Stored, ...], node: str) -> None:
        """Tell the provisioner where the volumes are wanted; the pod waits until they are bound."""
        for claim in claims:
            if claim.body["metadata"].get("annotations", {}).get(SELECTED_NODE) != node:
                body = copy.deepcopy(claim.body)
                body["metadata"].setdefault("annotations", {})[SELECTED_NODE] = node
                self.objects.edit(kinds.CLAIMS, claim, body)

    def _bind(self, pod: Stored, room: NodeRoom) -> None:
        namespace, name = pod.key
        request = Request(kinds.PODS, namespace, name, "binding")
        body = {"metadata": {"name": name}, "target": {"kind": "Node", "name": room.name}}
        subresources.bind(self.objects, request, body)
        room.take(pod.body["spec"])
        message = f"Successfully assigned {namespace}/{name} to {room.name}"
        record(self.objects, kinds.PODS, pod, "Normal", "Scheduled", message, source=NAME, action="Binding")

    def _fail(self, pod: Stored, message: str) -> None:
        if not self._set_condition(pod, "Unschedulable", message):
            return
        record(
            self.objects,
            kinds.PODS,
            pod,
            "Warning",
            "FailedScheduling",
            message,
            source=NAME,
            action="Scheduling",
        )

    def _set_condition(self, pod: Stored, reason: str, message: str) -> bool:
        """Write why a pod waits; False where that was known."""
        conditions = pod.body["status"].get("conditions", [])
        old: Json = next((c for c in conditions if c["type"] == "PodScheduled"), {})
        if old.get("reason") == reason and old.get("message") == message:
            return False
        moment = old.get("lastTransitionTime") if old.get("status") == "False" else touch()
        new = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": moment,
            "observedGeneration": pod.body["metadata"].get("generation", 1),
        }
        body = copy.deepcopy(pod.body)
        body["status"]["conditions"] = [*(c for c in conditions if c["type"] != "PodScheduled"), new]
        self.objects.edit(kinds.PODS, pod, body, "status")
        return True


def _check_claim(claim: Stored) -> None:
    name = claim.key[1]
    if claim.body["status"].get("phase") == "Lost":
        raise ClaimError(
            f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
            f' "{claim.body["spec"].get("volumeName", "")}"'
        )
    if "deletionTimestamp" in claim.body["metadata"]:
        raise ClaimError(f'persistentvolumeclaim "{name}" is being deleted')


def _waits(pod: Json) -> bool:
    spec = pod["spec"]
    return (
        not spec.get("nodeName")
        and spec.get("schedulerName") == NAME
        and "deletionTimestamp" not in pod["metadata"]
        and pod["status"].get("phase") == "Pending"
    )


def _turn(stored: Stored) -> tuple[int, str, str]:
    """Order pods as the scheduler's queue does: by priority, then by age."""
    metadata = stored.body["metadata"]
    return (-stored.body["spec"].get("priority", 0), metadata["creationTimestamp"], metadata["name"])
