"""The volumes of a pod: the hub's, the profile's, and over them the home and /dev/shm.

Zero-to-jupyterhub mounts a home of its own, which no team is in the name of; the team's takes its place,
under the same volume name, so that what else the hub mounts from it goes on working. Pure.
"""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Mapping
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.frozen import thaw, without_nulls
from jupyterhub_knada.servers.override_rules import HOME_PATH
from jupyterhub_knada.servers.templates import template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.plans import ServerPlan

SHARED_MEMORY_PATH: Final = "/dev/shm"  # noqa: S108 - a mount point in the pod
HOME_CLAIM: Final = "{pvc_name}"
"""KubeSpawner fills in the claim that the spawner decided on."""

Entry = Any
"""A volume or mount: a mapping in Kubernetes' spelling, or an object of its client, as hubs may configure."""


def lay_volumes(plan: ServerPlan, hub: HubSettings) -> dict[str, list[Entry]]:
    """Give `volumes` and `volume_mounts` as lists, whatever form the hub and the profile have them in."""
    volumes = _entries(copy.deepcopy(hub.values.get("volumes")))
    mounts = _entries(copy.deepcopy(hub.values.get("volume_mounts")))
    hub_home = next((_get(mount, "name") for mount in mounts if _is_at(mount, HOME_PATH)), None)
    mounts = [mount for mount in mounts if not _is_at(mount, HOME_PATH)]
    own_volumes = _entries(template(thaw(plan.override.get("volumes"))))
    name = _home_volume_name(volumes, mounts, hub_home) or _free_name("home", [*volumes, *own_volumes])
    if hub_home is not None and (name == hub_home or not _is_used(hub_home, mounts, hub)):
        volumes = [volume for volume in volumes if _get(volume, "name") != hub_home]
    volumes = _add(volumes, own_volumes)
    mounts += _entries(template(thaw(plan.override.get("volume_mounts"))))
    if plan.home is not None:
        mounts = [mount for mount in mounts if not _is_at(mount, HOME_PATH)]
        home = {"name": name, "persistentVolumeClaim": {"claimName": HOME_CLAIM}}
        volumes = _add(volumes, [home])
        mounts.append({"name": name, "mountPath": HOME_PATH})
    elif hub_home is not None and name == hub_home and _is_used(hub_home, mounts, hub):
        volumes = _add(volumes, [{"name": hub_home, "emptyDir": {}}])
    if plan.shared_memory is not None:
        volumes, mounts = _add_shared_memory(volumes, mounts, plan.shared_memory)
    return {"volumes": volumes, "volume_mounts": mounts}


def hub_volume_names(hub: HubSettings) -> tuple[str, ...]:
    """Give the names of the volumes that the hub's configuration brings."""
    names = (_get(volume, "name") for volume in _entries(hub.values.get("volumes")))
    return tuple(name for name in names if name)


def hub_mount_paths(hub: HubSettings) -> tuple[str, ...]:
    """Give where the hub's configuration mounts its volumes, with names in braces as they are written."""
    return tuple(path for mount in _entries(hub.values.get("volume_mounts")) if (path := _path_of(mount)))


def _home_volume_name(volumes: Iterable[Entry], mounts: Iterable[Entry], hub_home: str | None) -> str | None:
    """Name the home's volume as the hub's own home; None where that is storage others are mounted from."""
    claim = next((_claim_of(volume) for volume in volumes if _get(volume, "name") == hub_home), None)
    is_personal = claim is not None and "{" in claim
    if hub_home is not None and (is_personal or all(_get(mount, "name") != hub_home for mount in mounts)):
        return hub_home
    return None


def _free_name(wanted: str, volumes: Iterable[Entry]) -> str:
    taken = {_get(volume, "name") for volume in volumes}
    numbered = (f"knada-{wanted}-{number}" for number in count())
    return next(name for name in chain((wanted, f"knada-{wanted}"), numbered) if name not in taken)


def _claim_of(volume: Entry) -> str | None:
    source = _get(volume, "persistentVolumeClaim") or _get(volume, "persistent_volume_claim")
    claim = _get(source, "claimName") or _get(source, "claim_name")
    return claim if isinstance(claim, str) else None


def _is_used(name: str, mounts: Iterable[Entry], hub: HubSettings) -> bool:
    """Tell whether a volume is mounted by anything but the home: the server, or a container of the hub's."""
    containers = [
        container
        for trait in ("init_containers", "extra_containers")
        for container in _entries(hub.values.get(trait))
    ]
    theirs = [mount for container in containers for mount in _mounts_of(container)]
    return any(_get(mount, "name") == name for mount in (*mounts, *theirs))


def _mounts_of(container: Any) -> list[Any]:
    return _get(container, "volumeMounts") or _get(container, "volume_mounts") or []


def _get(item: Any, key: str) -> Any:
    """Read a field of an entry, written as a mapping or made by the Kubernetes client; None if not there."""
    return item.get(key) if isinstance(item, Mapping) else getattr(item, key, None)


def _is_at(mount: Entry, path: str) -> bool:
    # Not `normpath` alone: POSIX lets a path begin with two slashes, and it keeps them.
    return posixpath.normpath("/" + _path_of(mount).strip("/")) == path


def _path_of(mount: Entry) -> str:
    return _get(mount, "mountPath") or _get(mount, "mount_path") or ""


def _entries(value: Any) -> list[Any]:
    """Give the entries of a list, or of a mapping in the order of its keys, as KubeSpawner reads it."""
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value)]
    return [without_nulls(item) for item in value or [] if item is not None]


def _add(volumes: list[Entry], more: Iterable[Entry]) -> list[Entry]:
    """Add volumes; one of the same name takes the place of the other, as a pod has no two of one name."""
    by_name = {_get(volume, "name"): volume for volume in volumes}
    for volume in more:
        by_name[_get(volume, "name")] = volume
    return list(by_name.values())


def _add_shared_memory(
    volumes: list[Entry], mounts: list[Entry], size: int
) -> tuple[list[Entry], list[Entry]]:
    name = _free_name("shared-memory", volumes)
    volume = {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}}
    others = [mount for mount in mounts if not _is_at(mount, SHARED_MEMORY_PATH)]
    return [*volumes, volume], [*others, {"name": name, "mountPath": SHARED_MEMORY_PATH}]
