"""A pod's volumes as local folders."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import ApiError, object_path
from jupyterhub_knada.devcluster.node.environment import ConfigError, PodFields, decode_data, expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient, JsonObject
    from jupyterhub_knada.devcluster.node.environment import ObjectReader

_DEFAULT_MODE = 0o644
_NOT_FOUND = 404


class MountError(Exception):
    """A volume is not there yet; the message is what a kubelet's FailedMount event says."""


@dataclass(frozen=True, slots=True)
class PodVolumes:
    """Makes the folders of one pod's volumes."""

    client: ClusterClient
    fields: PodFields
    read: ObjectReader
    folder: Path
    """Where the volumes that live no longer than the pod lie."""

    async def prepare(self) -> dict[str, Path]:
        """Make every volume's folder; give volume name → folder (or file, of a hostPath).

        Contents of secrets and config maps are as they were at the pod's start; later changes do not arrive.

        Raises:
            MountError: one is not there yet.
            ApiError, ApiUnreachableError: the API server said no, or nothing.
        """
        return {
            volume["name"]: await self._prepare(volume)
            for volume in self.fields.pod["spec"].get("volumes") or []
        }

    async def _prepare(self, volume: JsonObject) -> Path:
        name: str = volume["name"]
        try:
            if claim := volume.get("persistentVolumeClaim"):
                return await self._find_claim(claim["claimName"])
            if host := volume.get("hostPath"):
                return _prepare_host_path(host)
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            if "emptyDir" not in volume:
                _write_files(folder, await self._read_contents(volume))
        except ConfigError as failure:
            raise MountError(f'MountVolume.SetUp failed for volume "{name}" : {failure}') from failure
        return folder

    async def _find_claim(self, name: str) -> Path:
        namespace = self.fields.pod["metadata"]["namespace"]
        claim = await self._get(object_path("v1", "persistentvolumeclaims", namespace, name))
        if claim is None:
            raise ConfigError(f'persistentvolumeclaim "{name}" not found')
        if claim.get("status", {}).get("phase") != "Bound":
            raise ConfigError(f"PVC {namespace}/{name} is not bound")
        volume = await self._get(object_path("v1", "persistentvolumes", name=claim["spec"]["volumeName"]))
        source = (volume or {"spec": {}})["spec"]
        local = source.get("hostPath") or source.get("local")
        if not local:
            raise ConfigError(
                f"this node mounts hostPath and local volumes only (got {claim['spec']['volumeName']})"
            )
        return _prepare_host_path(local)

    async def _get(self, path: str) -> JsonObject | None:
        try:
            return await self.client.get(path)
        except ApiError as failure:
            if failure.status == _NOT_FOUND:
                return None
            raise

    async def _read_contents(self, volume: JsonObject) -> dict[str, tuple[bytes, int]]:
        """Read a volume's files: relative path → (content, mode)."""
        if secret := volume.get("secret"):
            return await self._read_keys("Secret", secret["secretName"], secret)
        if config_map := volume.get("configMap"):
            return await self._read_keys("ConfigMap", config_map["name"], config_map)
        if downward := volume.get("downwardAPI"):
            return self._read_downward(downward)
        if projected := volume.get("projected"):
            return await self._read_projected(projected)
        kinds = ", ".join(sorted(set(volume) - {"name"}))
        raise ConfigError(f"this node has no volumes of this kind (got {kinds})")

    async def _read_keys(self, kind: str, name: str, source: JsonObject) -> dict[str, tuple[bytes, int]]:
        found = await self.read(kind, name)
        if found is None:
            if source.get("optional"):
                return {}
            raise ConfigError(f'{kind.lower()} "{name}" not found')
        data, mode = decode_data(kind, found), source.get("defaultMode") or _DEFAULT_MODE
        items = source.get("items")
        if items is None:
            return {key: (content, mode) for key, content in data.items()}
        missing = [item["key"] for item in items if item["key"] not in data]
        if missing and not source.get("optional"):
            raise ConfigError(f"references non-existent {kind.lower()} key: {missing[0]}")
        return {
            item["path"]: (data[item["key"]], item.get("mode") or mode)
            for item in items
            if item["key"] in data
        }

    def _read_downward(self, source: JsonObject) -> dict[str, tuple[bytes, int]]:
        mode = source.get("defaultMode") or _DEFAULT_MODE
        files: dict[str, tuple[bytes, int]] = {}
        for item in source.get("items") or []:
            if reference := item.get("fieldRef"):
                text = self.fields.read(reference["fieldPath"])
            else:
                text = self.fields.read_resource({}, item["resourceFieldRef"])
            files[item["path"]] = (text.encode(), item.get("mode") or mode)
        return files

    async def _read_projected(self, projected: JsonObject) -> dict[str, tuple[bytes, int]]:
        mode = projected.get("defaultMode") or _DEFAULT_MODE
        files: dict[str, tuple[bytes, int]] = {}
        for source in projected.get("sources") or []:
            if secret := source.get("secret"):
                files |= await self._read_keys("Secret", secret["name"], {"defaultMode": mode} | secret)
            elif config_map := source.get("configMap"):
                files |= await self._read_keys(
                    "ConfigMap", config_map["name"], {"defaultMode": mode} | config_map
                )
            elif downward := source.get("downwardAPI"):
                files |= self._read_downward({"defaultMode": mode} | downward)
            elif token := source.get("serviceAccountToken"):
                files[token["path"]] = (await self._request_token(token), mode)
            else:
                raise ConfigError(f"this node does not project sources of this kind (got {sorted(source)})")
        return files

    async def _request_token(self, source: JsonObject) -> bytes:
        """Ask for a service account's token that is bound to this pod; it is not renewed."""
        metadata, spec = self.fields.pod["metadata"], self.fields.pod["spec"]
        account = spec.get("serviceAccountName") or "default"
        path = object_path("v1", "serviceaccounts", metadata["namespace"], account)
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        wanted: JsonObject = {
            "boundObjectRef": bound,
            "expirationSeconds": source.get("expirationSeconds") or 3600,
        }
        if audience := source.get("audience"):
            wanted["audiences"] = [audience]
        try:
            reply = await self.client.create(
                f"{path}/token",
                {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted},
            )
        except ApiError as failure:
            raise ConfigError(f"failed to fetch token: {failure.reason or failure.status}") from failure
        return str(reply["status"]["token"]).encode()


def _prepare_host_path(source: JsonObject) -> Path:
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch()
    checks = {"Directory": (path.is_dir, "a directory"), "File": (path.is_file, "a file")}
    is_right, wanted = checks.get(kind.removesuffix("OrCreate"), (path.exists, "there"))
    if not is_right():
        raise ConfigError(f"hostPath type check failed: {path} is not {wanted}")
    return path


def _write_files(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    for relative, (content, mode) in files.items():
        path = folder / _check_relative(relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)
        # The modes of a pod are meant for a container's own user; here nobody but the node's user may read
        # them.
        path.chmod(mode & 0o700 | 0o400)


def _check_relative(relative: str) -> PurePosixPath:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigError(f"must be a relative path without '..' (got {relative!r})")
    return path


def find_mounts(
    container: JsonObject, volumes: Mapping[str, Path], variables: Mapping[str, str]
) -> dict[str, Path]:
    """Give mount path → local folder or file of one container's mounts, sub-paths made.

    Raises:
        ConfigError: a sub-path that leaves its volume or cannot be made.
    """
    mounts: dict[str, Path] = {}
    for mount in container.get("volumeMounts") or []:
        local = volumes[mount["name"]]
        sub_path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", variables)
        if sub_path:
            local = _prepare_sub_path(local, sub_path, mount["name"], container["name"])
        mounts[str(PurePosixPath(mount["mountPath"]))] = local
    return mounts


def _prepare_sub_path(volume: Path, sub_path: str, volume_name: str, container_name: str) -> Path:
    refusal = ConfigError(
        f'failed to prepare subPath for volumeMount "{volume_name}" of container "{container_name}"'
    )
    try:
        local = (volume / _check_relative(sub_path)).resolve()
        if not local.is_relative_to(volume.resolve()):
            raise refusal
        if not local.exists():
            local.mkdir(parents=True)
    except (OSError, ConfigError) as failure:
        raise refusal from failure
    return local


def link_nested(mounts: Mapping[str, Path]) -> None:
    """Show mounts inside another mount's folder, by links where nothing lies there yet."""
    for path, local in mounts.items():
        for parent in PurePosixPath(path).parents:
            outer = mounts.get(str(parent))
            if outer is None or not outer.is_dir():
                continue
            link = outer / PurePosixPath(path).relative_to(parent)
            if link.is_symlink():
                link.unlink()
            if not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(local)
            break


def remove_folder(folder: Path) -> None:
    """Remove a folder of a pod; links are removed, never what they point to."""
    shutil.rmtree(folder, ignore_errors=True)
