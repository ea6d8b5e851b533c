"""Our Helm values as the hub gets them: the chart's own steps, restated.

`apply_chart` states in a few lines what `files/hub/jupyterhub_config.py` of zero-to-jupyterhub 4.4 does, as
far as it reaches spawner, authenticator, services and roles, and in its order: `c.KubeSpawner` from
`singleuser.*`, services and roles, `hub.config`, `hub.extraConfig`. It is in our own words, not its code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import yaml
from traitlets.config import Config

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
CHART = "4.4.0"
"""The chart that our docs and the Dockerfile name."""
CHARTS = (CHART, "main")
"""The folders of `tests/data/z2jh`: that chart, and what the next one comes from."""
HUB_NAMESPACE = "knada"
TRAITS_OF_SINGLEUSER = {
    "startTimeout": "start_timeout",
    "events": "events_enabled",
    "extraLabels": "extra_labels",
    "extraAnnotations": "extra_annotations",
    "uid": "uid",
    "fsGid": "fs_gid",
    "serviceAccountName": "service_account",
    "nodeSelector": "node_selector",
    "initContainers": "init_containers",
    "extraEnv": "environment",
    "extraPodConfig": "extra_pod_config",
    "allowPrivilegeEscalation": "allow_privilege_escalation",
    "defaultUrl": "default_url",
}

Values = dict[str, Any]


def merge(below: Values, above: Values) -> Values:
    """Lay values over values as Helm does: mappings merged, the rest replaced, null takes a key away."""
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            lower = merged.get(key)
            merged[key] = merge(lower if isinstance(lower, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def read_values(path: str) -> Values:
    """Read one values file."""
    values: Values = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return values


def set_servers(c: Config, singleuser: Values) -> None:
    """Set what the chart takes from `singleuser`."""
    for key, trait in TRAITS_OF_SINGLEUSER.items():
        if singleuser.get(key) is not None:
            setattr(c.KubeSpawner, trait, singleuser[key])
    for kind, prefix in (("memory", "mem"), ("cpu", "cpu")):
        for key in ("limit", "guarantee"):
            if singleuser[kind].get(key) is not None:
                setattr(c.KubeSpawner, f"{prefix}_{key}", singleuser[kind][key])
    c.KubeSpawner.image = f"{singleuser['image']['name']}:{singleuser['image']['tag']}"
    storage = singleuser["storage"]
    if storage["type"] == "dynamic":
        name = storage["dynamic"]["volumeNameTemplate"]
        c.KubeSpawner.storage_pvc_ensure = True
        c.KubeSpawner.storage_capacity = storage["capacity"]
        c.KubeSpawner.storage_access_modes = storage["dynamic"]["storageAccessModes"]
        c.KubeSpawner.volumes = {name: {"name": name, "persistentVolumeClaim": {"claimName": "{pvc_name}"}}}
        c.KubeSpawner.volume_mounts = {name: {"mountPath": storage["homeMountPath"], "name": name}}
    if singleuser["cloudMetadata"]["blockWithIptables"]:
        c.KubeSpawner.init_containers.append(
            {"name": "block-cloud-metadata", "securityContext": {"privileged": True}}
        )


def set_services(c: Config, values: Values) -> None:
    """Set services and roles as the chart does, which starts from empty lists."""
    c.JupyterHub.services = []
    c.JupyterHub.load_roles = []
    if values["cull"]["enabled"]:
        c.JupyterHub.services.append({"name": "jupyterhub-idle-culler"})
        c.JupyterHub.load_roles.append({"name": "jupyterhub-idle-culler"})
    for key, service in values["hub"]["services"].items():
        c.JupyterHub.services.append({"name": key, **service, "api_token": "made by the chart"})
    for key, role in values["hub"]["loadRoles"].items():
        c.JupyterHub.load_roles.append({"name": key, **role})


def apply_chart(values: Values, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Give the hub's configuration as the chart makes it of values."""
    z2jh = ModuleType("z2jh")

    def get_config(key: str, default: Any = None) -> Any:
        found: Any = values
        for level in key.split("."):
            found = found.get(level) if isinstance(found, dict) else None
        return default if found is None else found

    z2jh.get_config = get_config  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, "z2jh", z2jh)
    c = Config()
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.JupyterHub.hub_connect_url = "http://hub:8081"
    c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
    c.KubeSpawner.common_labels = {"app": "jupyterhub", "component": "jupyterhub"}
    c.KubeSpawner.namespace = HUB_NAMESPACE
    c.Spawner.consecutive_failure_limit = values["hub"]["consecutiveFailureLimit"]
    set_servers(c, values["singleuser"])
    set_services(c, values)
    for name, config in values["hub"]["config"].items():
        c[name].update({key: value for key, value in config.items() if key != "services"})
    for _, code in sorted(values["hub"]["extraConfig"].items()):
        exec(code, {"c": c})
    return c


def hub_configuration(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *further: Values, files: tuple[str, ...] = ("base.yaml",)
) -> Config:
    """Give the configuration of a hub with our values, and team files in a folder that holds them.

    Args:
        monkeypatch: Undoes afterwards what the chart's code finds in its image.
        folder: With `teams/` and `platform.yaml`.
        further: Values of an admin's own, laid over ours.
        files: Ours, in the order in which Helm gets them.
    """
    mounted = {"teams_dir": str(folder / "teams"), "platform_file": str(folder / "platform.yaml")}
    values = read_values("tests/data/z2jh/chart-values.yaml")
    ours = [read_values(f"helm-values/{name}") for name in files]
    for layer in (*ours, {"custom": {"knada": mounted}}, *further):
        values = merge(values, layer)
    return apply_chart(values, monkeypatch)
