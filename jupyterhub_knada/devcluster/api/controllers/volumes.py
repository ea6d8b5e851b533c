"""Binds claims to volumes, and keeps both while they are used.

Source: `pkg/controller/volume/persistentvolume/pv_controller.go`, `pvcprotection` and `pvprotection` of 1.36.
Making volumes is the provisioner's part (the node); so is removing released ones.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub_knada.devcluster.api import kinds
from jupyterhub_knada.devcluster.api.admission import CLAIM_PROTECTION, VOLUME_PROTECTION
from jupyterhub_knada.devcluster.api.controllers.recording import record
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.controllers.scheduler import SELECTED_NODE
from jupyterhub_knada.devcluster.api.quantities import parse_quantity
from jupyterhub_knada.devcluster.api.selectors import from_label_selector, matches_labels

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]
SOURCE: Final = "persistentvolume-controller"
_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
_PROVISIONERS: Final = (
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)


class Volumes(Controller):
    """Brings claims and volumes together."""

    watches: ClassVar = (kinds.CLAIMS, kinds.VOLUMES, kinds.STORAGE_CLASSES, kinds.PODS)

    def sync(self) -> None:
        """Look at every volume, then at every claim."""
        for stored in self.store.all(kinds.VOLUMES):
            self._sync_volume(stored)
        for stored in self.store.all(kinds.CLAIMS):
            if "deletionTimestamp" in stored.body["metadata"]:
                continue
            if _COMPLETED in stored.body["metadata"].get("annotations", {}):
                self._sync_bound(stored)
            else:
                self._sync_unbound(stored)

    def _sync_volume(self, volume: Stored) -> None:
        reference = volume.body["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            self._set_phase(volume, "Available")
            return
        claim = self.store.get(kinds.CLAIMS, reference["namespace"], reference["name"])
        if claim is None or claim.body["metadata"]["uid"] != reference["uid"]:
            self._set_phase(volume, "Released")
        elif claim.body["spec"].get("volumeName") == volume.key[1]:
            self._set_phase(volume, "Bound")

    def _set_phase(self, volume: Stored, phase: str) -> None:
        if volume.body["status"].get("phase") == phase:
            return
        body = copy.deepcopy(volume.body)
        body["status"]["phase"] = phase
        self.objects.edit(kinds.VOLUMES, volume, body, "status")

    def _sync_bound(self, claim: Stored) -> None:
        volume = self.store.get(kinds.VOLUMES, "", claim.body["spec"].get("volumeName", ""))
        if volume is None:
            if claim.body["status"].get("phase") != "Lost":
                body = copy.deepcopy(claim.body)
                body["status"] = {"phase": "Lost"}
                message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
                stored = self.objects.edit(kinds.CLAIMS, claim, body, "status")
                record(self.objects, kinds.CLAIMS, stored, "Warning", "ClaimLost", message, source=SOURCE)
            return
        self._finish(volume, claim)

    def _sync_unbound(self, claim: Stored) -> None:
        wanted = claim.body["spec"].get("volumeName", "")
        if wanted:
            volume = self.store.get(kinds.VOLUMES, "", wanted)
            if volume is not None and (_is_for(volume, claim) or "claimRef" not in volume.body["spec"]):
                self._bind(volume, claim)
            return
        storage_class = self._class(claim)
        late = (storage_class or {}).get("volumeBindingMode") == "WaitForFirstConsumer"
        selected = SELECTED_NODE in claim.body["metadata"].get("annotations", {})
        volume = self._find(claim, only_reserved=late and not selected)
        if volume is not None:
            self._bind(volume, claim)
        elif late and not selected:
            self._tell(
                claim, "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
            )
        elif storage_class is not None:
            self._ask_provisioner(claim, storage_class)
        elif claim.body["spec"].get("storageClassName"):
            name = claim.body["spec"]["storageClassName"]
            self._tell(
                claim, "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found', "Warning"
            )
        else:
            message = "no persistent volumes available for this claim and no storage class is set"
            self._tell(claim, "FailedBinding", message)

    def _class(self, claim: Stored) -> Json | None:
        name = claim.body["spec"].get("storageClassName", "")
        found = self.store.get(kinds.STORAGE_CLASSES, "", name) if name else None
        return found.body if found else None

    def _find(self, claim: Stored, *, only_reserved: bool) -> Stored | None:
        """Give the volume that is reserved for a claim, else the smallest that fits."""
        volumes = self.store.all(kinds.VOLUMES)
        for volume in volumes:
            if "claimRef" in volume.body["spec"] and _is_for(volume, claim):
                return volume
        if only_reserved:
            return None
        fitting = [
            volume for volume in volumes if "claimRef" not in volume.body["spec"] and _fits(volume, claim)
        ]
        return min(fitting, key=lambda v: parse_quantity(v.body["spec"]["capacity"]["storage"]), default=None)

    def _tell(self, claim: Stored, reason: str, message: str, kind: str = "Normal") -> None:
        """Say once why a claim waits."""
        told = self.store.all(kinds.EVENTS, claim.key[0])
        uid = claim.body["metadata"]["uid"]
        if not any(
            e.body["involvedObject"].get("uid") == uid and e.body.get("message") == message for e in told
        ):
            record(self.objects, kinds.CLAIMS, claim, kind, reason, message, source=SOURCE)

    def _ask_provisioner(self, claim: Stored, storage_class: Json) -> None:
        name = storage_class["provisioner"]
        if name == "kubernetes.io/no-provisioner":
            return
        annotations = claim.body["metadata"].get("annotations", {})
        if annotations.get(_PROVISIONERS[0]) != name:
            body = copy.deepcopy(claim.body)
            body["metadata"]["annotations"] = annotations | dict.fromkeys(_PROVISIONERS, name)
            claim = self.objects.edit(kinds.CLAIMS, claim, body)
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{name}' or manually"
            " by the system administrator. If volume creation is delayed, please verify that the"
            " provisioner is running and correctly registered."
        )
        self._tell(claim, "ExternalProvisioning", message)

    def _bind(self, volume: Stored, claim: Stored) -> None:
        reference = volume.body["spec"].get("claimRef", {})
        metadata = claim.body["metadata"]
        if reference.get("uid") != metadata["uid"]:
            body = copy.deepcopy(volume.body)
            body["spec"]["claimRef"] = {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "namespace": claim.key[0],
                "name": claim.key[1],
                "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            }
            if not reference:
                body["metadata"].setdefault("annotations", {})[_BY_CONTROLLER] = "yes"
            volume = self.objects.edit(kinds.VOLUMES, volume, body)
        self._set_phase(volume, "Bound")
        body = copy.deepcopy(claim.body)
        annotations = body["metadata"].setdefault("annotations", {})
        annotations[_COMPLETED] = "yes"
        if not body["spec"].get("volumeName"):
            annotations[_BY_CONTROLLER] = "yes"
        body["spec"]["volumeName"] = volume.key[1]
        self._finish(volume, self.objects.edit(kinds.CLAIMS, claim, body))

    def _finish(self, volume: Stored, claim: Stored) -> None:
        """Write what a bound claim got."""
        spec, status = volume.body["spec"], claim.body["status"]
        if not _is_for(volume, claim):
            return
        wanted = {"phase": "Bound", "accessModes": spec["accessModes"]}
        if status.get("phase") != "Bound":
            wanted["capacity"] = spec["capacity"]
        if any(status.get(key) != value for key, value in wanted.items()):
            body = copy.deepcopy(claim.body)
            body["status"] = status | wanted
            self.objects.edit(kinds.CLAIMS, claim, body, "status")


def _is_for(volume: Stored, claim: Stored) -> bool:
    reference = volume.body["spec"].get("claimRef", {})
    same = (reference.get("namespace"), reference.get("name")) == claim.key
    return same and reference.get("uid", "") in ("", claim.body["metadata"]["uid"])


def _fits(volume: Stored, claim: Stored) -> bool:
    offered, wanted = volume.body["spec"], claim.body["spec"]
    if "deletionTimestamp" in volume.body["metadata"]:
        return False
    if offered.get("storageClassName", "") != wanted.get("storageClassName", ""):
        return False
    if offered.get("volumeMode") != wanted.get("volumeMode"):
        return False
    if not set(wanted.get("accessModes", [])) <= set(offered.get("accessModes", [])):
        return False
    selector = from_label_selector(wanted.get("selector"))
    if not matches_labels(selector, volume.body["metadata"].get("labels", {})):
        return False
    size = parse_quantity(wanted["resources"]["requests"]["storage"])
    return parse_quantity(offered["capacity"]["storage"]) >= size


class Protection(Controller):
    """Lets go of a claim when no pod on a node uses it, and of a volume when no claim does."""

    watches: ClassVar = (kinds.CLAIMS, kinds.VOLUMES, kinds.PODS)

    def sync(self) -> None:
        """Take the finalizers off what is ending and unused."""
        used = {
            (pod.key[0], volume["persistentVolumeClaim"]["claimName"])
            for pod in self.store.all(kinds.PODS)
            if pod.body["spec"].get("nodeName")
            for volume in pod.body["spec"].get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        for claim in self.store.all(kinds.CLAIMS):
            if claim.key not in used:
                self._release(kinds.CLAIMS, claim, CLAIM_PROTECTION)
        for volume in self.store.all(kinds.VOLUMES):
            if volume.body["status"].get("phase") != "Bound":
                self._release(kinds.VOLUMES, volume, VOLUME_PROTECTION)

    def _release(self, resource: kinds.Resource, stored: Stored, finalizer: str) -> None:
        metadata = stored.body["metadata"]
        if "deletionTimestamp" in metadata and finalizer in metadata.get("finalizers", []):
            body = copy.deepcopy(stored.body)
            body["metadata"]["finalizers"].remove(finalizer)
            self.objects.edit(resource, stored, body)
