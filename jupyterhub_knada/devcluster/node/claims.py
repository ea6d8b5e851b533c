"""Homes: the node is the provisioner of its own default StorageClass, one folder a claim.

A volume is made with `claimRef` as soon as a claim asks for the class (Immediate binding); the cluster's own
volume controller binds the two. Folders lie in `volumes/`; sizes are noted, not enforced.
"""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import (
    ApiError,
    ApiUnreachableError,
    Listed,
    Retry,
    object_path,
)
from jupyterhub_knada.devcluster.node.environment import parse_quantity
from jupyterhub_knada.devcluster.node.volumes import remove_folder
from jupyterhub_knada.devcluster.node.watching import follow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject
    from jupyterhub_knada.devcluster.node.events import EventRecorder
    from jupyterhub_knada.devcluster.node.options import NodeOptions

logger = logging.getLogger(__name__)

PROVISIONER = "devcluster.knada.nav.no/local-folder"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_UNSAFE = re.compile(r"[^\w.-]")


def build_storage_class(options: NodeOptions) -> JsonObject:
    """Build the node's StorageClass, the cluster's default."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": options.storage_class,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": options.reclaim_policy,
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }


def build_volume(claim: JsonObject, folder: Path, reclaim_policy: str) -> JsonObject:
    """Build the volume for one claim."""
    metadata, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name_volume(claim), "annotations": {_PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "hostPath": {"path": str(folder), "type": "DirectoryOrCreate"},
            "persistentVolumeReclaimPolicy": reclaim_policy,
            "storageClassName": spec["storageClassName"],
            "volumeMode": "Filesystem",
        },
    }


def name_volume(claim: JsonObject) -> str:
    """Name the volume of a claim; the same on every try."""
    return f"pvc-{claim['metadata']['uid']}"


def name_folder(claim: JsonObject) -> str:
    """Name the folder of a claim so that a person finds it: namespace, claim, and what makes it unique."""
    metadata = claim["metadata"]
    readable = _UNSAFE.sub("_", f"{metadata['namespace']}_{metadata['name']}")[:150]
    return f"{readable}_{metadata['uid'].partition('-')[0]}"


class Provisioner:
    """Makes, grows and removes the volumes of one StorageClass."""

    def __init__(self, client: ClusterClient, options: NodeOptions, events: EventRecorder) -> None:
        self._client = client
        self._options = options
        self._events = events
        self._folder = options.root / "volumes"

    async def ensure_class(self) -> None:
        """Make the StorageClass, or leave the one that is there. Raises: ApiError, ApiUnreachableError."""
        try:
            await self._client.create(
                object_path("storage.k8s.io/v1", "storageclasses"), build_storage_class(self._options)
            )
        except ApiError as refusal:
            if refusal.status != HTTPStatus.CONFLICT:
                raise

    async def run(self) -> None:
        """Serve claims and volumes for as long as the node lives."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow("persistentvolumeclaims", self._serve_claim))
            group.create_task(self._follow("persistentvolumes", self._serve_volume))

    async def _follow(self, plural: str, serve: Callable[[JsonObject], Awaitable[None]]) -> None:
        async with asyncio.TaskGroup() as group:
            async for news in follow(self._client, object_path("v1", plural), {}):
                items = news.items if isinstance(news, Listed) else (() if news.deleted else (news.item,))
                for item in items:
                    group.create_task(self._serve(plural, item, serve))

    async def _serve(
        self, plural: str, item: JsonObject, serve: Callable[[JsonObject], Awaitable[None]]
    ) -> None:
        """Serve one object until it is done or gone; nobody tells again of one that does not change."""
        metadata = item["metadata"]
        path = object_path("v1", plural, metadata.get("namespace"), metadata["name"])
        found, told, retry = item, "", Retry()
        while found["metadata"]["uid"] == metadata["uid"]:
            try:
                await serve(found)
            except (ApiError, ApiUnreachableError, OSError) as failure:
                if str(failure) != told:
                    told = str(failure)
                    logger.warning("%s %s: %s; trying again", plural, metadata["name"], told)
            else:
                return
            await retry.pause()
            try:
                found = await self._client.get(path)
            except ApiUnreachableError:
                continue
            except ApiError as refusal:
                if refusal.status == HTTPStatus.NOT_FOUND:
                    return

    async def _serve_claim(self, claim: JsonObject) -> None:
        spec = claim["spec"]
        if (
            spec.get("storageClassName") != self._options.storage_class
            or "deletionTimestamp" in claim["metadata"]
        ):
            return
        if not spec.get("volumeName"):
            await self._provision(claim)
        elif claim.get("status", {}).get("phase") == "Bound":
            await self._grow(claim)

    async def _provision(self, claim: JsonObject) -> None:
        about = {**claim, "kind": "PersistentVolumeClaim"}
        storage_class = await self._client.get(
            object_path("storage.k8s.io/v1", "storageclasses", name=self._options.storage_class)
        )
        folder = self._folder / name_folder(claim)
        volume = build_volume(claim, folder, storage_class.get("reclaimPolicy") or "Delete")
        # Before the volume: whoever sees a bound claim finds its folder.
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            await self._client.create(object_path("v1", "persistentvolumes"), volume)
        except ApiError as refusal:
            if refusal.status != HTTPStatus.CONFLICT:
                self._events.warn(about, "ProvisioningFailed", f"failed to provision volume: {refusal}")
                raise
            return
        self._events.tell(
            about, "ProvisioningSucceeded", f"Successfully provisioned volume {volume['metadata']['name']}"
        )

    async def _grow(self, claim: JsonObject) -> None:
        """Note a claim's larger size on volume and claim, as a resizer does."""
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        has = (claim["status"].get("capacity") or {}).get("storage")
        if has is None or parse_quantity(wanted) <= parse_quantity(has):
            return
        metadata = claim["metadata"]
        await self._client.patch(
            object_path("v1", "persistentvolumes", name=claim["spec"]["volumeName"]),
            {"spec": {"capacity": {"storage": wanted}}},
        )
        path = object_path("v1", "persistentvolumeclaims", metadata["namespace"], metadata["name"])
        await self._client.patch(f"{path}/status", {"status": {"capacity": {"storage": wanted}}})

    async def _serve_volume(self, volume: JsonObject) -> None:
        """Remove a released volume and its folder where the policy says so."""
        metadata, spec = volume["metadata"], volume["spec"]
        if (metadata.get("annotations") or {}).get(_PROVISIONED_BY) != PROVISIONER:
            return
        if (
            volume.get("status", {}).get("phase") != "Released"
            or spec["persistentVolumeReclaimPolicy"] != "Delete"
        ):
            return
        folder = Path(spec["hostPath"]["path"])
        if folder.parent != self._folder:
            return  # another node's
        logger.info("removing %s: its claim is gone", folder)
        await asyncio.to_thread(remove_folder, folder)
        path = object_path("v1", "persistentvolumes", name=metadata["name"])
        await self._client.delete(path, {"preconditions": {"uid": metadata["uid"]}})
