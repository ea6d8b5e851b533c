"""What a server's pod and claim carry, compared with golden manifests in `tests/data/manifests`.

`pytest tests/component/test_spawner_manifests.py --update-test-data` rewrites them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.spawners import Group, User
from tests.support.team_files import SEED

if TYPE_CHECKING:
    from tests.support.spawners import Spawners

GOLDEN = Path(__file__).parents[1] / "data" / "manifests"

PROJECT = "project: knada-gcp\n"

EVERYTHING = """\
namespace: team-alfa
ingress: alfa
users: [e152435]
groups: [analysts]
id: alfa-1a2b
displayName: Team Alfa
contact: "#alfa"
resources: {memoryLimit: 10GB, memoryGuarantee: 4GB, cpuLimit: 2, cpuGuarantee: 500m}
image: ghcr.io/example/alfa:2026-11
imagePullSecrets: [alfa-registry]
interface: vscode
extraEnvs: ["hello: world"]
env: {BRACES: "{username} {\\"a\\": 1}", EMPTY: ""}
allowlist: ["db.example.org:5432", "api.example.org"]
storage: {size: 20Gi, class: fast}
culling: {idleTimeout: 90m}
serviceAccount: alfa-sa
labels: {costs: alfa}
annotations: {example.org/note: "literally {username}"}
nodeSelector: {pool: big}
tolerations: [{key: big, operator: Exists, effect: NoSchedule}]
"""

STOCK_PROFILE = """\
namespace: team-alfa
users: [e152435]
profiles:
  - display_name: "Learning Data Science"
    description: "Datascience Environment with Sample Notebooks"
    kubespawner_override:
      image: jupyter/datascience-notebook:2343e33dec46
      lifecycle_hooks:
        postStart:
          exec:
            command:
              - "sh"
              - "-c"
              - >
                gitpuller https://github.com/data-8/materials-fa17 master materials-fa;
"""

OPTIONS_PROFILE = """\
namespace: team-alfa
users: [e152435]
profiles:
  - display_name: Choose
    slug: choose
    kubespawner_override:
      environment: {WHO: "{username}", JSON: '{"a": 1}'}
      extra_labels: {shown: "yes"}
      node_selector: {pool: small}
      volumes: [{name: scratch, emptyDir: {}}]
      volume_mounts: [{name: scratch, mountPath: /scratch}]
    profile_options:
      image:
        display_name: Image
        choices:
          plain: {display_name: Plain, kubespawner_override: {image: "ghcr.io/example/plain:1"}}
        unlisted_choice:
          enabled: true
          display_name: Other
          validation_regex: "ghcr.io/example/.+"
          kubespawner_override: {image: "{value}", environment: {CHOSEN: "{value}"}}
      size:
        display_name: Size
        choices:
          s: {display_name: S, default: true, kubespawner_override: {mem_limit: 1G}}
          l: {display_name: L, kubespawner_override: {mem_limit: 8G, cpu_limit: 4}}
"""

CASES: dict[str, dict[str, Any]] = {
    "minimal seed file": {"team": SEED},
    "everything set": {"team": EVERYTHING, "platform": PROJECT},
    "gpu profile": {
        "team": """\
            namespace: team-alfa
            users: [e152435]
            profiles:
              - {slug: gpu, displayName: GPU, resources: {gpu: 1, memoryLimit: 16G, cpuLimit: 4}}
            """,
        "platform": PROJECT + "bounds: {gpu: 1}\n",
    },
    "shared memory": {
        "team": SEED + "resources: {memoryLimit: 8G, sharedMemory: 2G}\n",
    },
    "notebook interface": {"team": SEED + "jupyterLabs: false\n"},
    "home none": {"team": SEED + "storage: {none: true}\n"},
    "namespaces hub": {"team": SEED, "platform": PROJECT + "namespaces: hub\n"},
    "stock profile with lifecycle hooks": {"team": STOCK_PROFILE},
    "profile options": {
        "team": OPTIONS_PROFILE,
        "options": {"image--unlisted-choice": "ghcr.io/example/mine:3.10", "size": "l"},
    },
}


def compare(name: str, manifests: list[dict[str, Any]], *, update: bool) -> None:
    """Compare manifests with a golden file, or write it. Versions are left out: they change by themselves."""
    for manifest in manifests:
        notes = manifest["metadata"]["annotations"]
        for key in ("hub.jupyter.org/kubespawner-version", "hub.jupyter.org/jupyterhub-version"):
            notes.pop(key, None)
    path = GOLDEN / f"{name.replace(' ', '-')}.yaml"
    text = yaml.safe_dump_all(manifests, sort_keys=True)
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
async def test_manifest_of_a_team_file_is_the_golden_one(
    name: str, spawners: Spawners, pytestconfig: pytest.Config
) -> None:
    """Pod and claim carry what the team file says, and nothing else."""
    case = CASES[name]
    spawners.write(case.get("platform"), alfa=case["team"])
    spawner = spawners.make(User(groups=[Group("alfa")]))
    pod, claim = await spawners.start(spawner, case.get("options", {}))
    update = pytestconfig.getoption("--update-test-data")
    compare(name, [pod, claim] if claim else [pod], update=update)


Z2JH_VOLUME = "volume-{user_server}"


@pytest.mark.parametrize("form", ["mappings", "lists"])
async def test_manifest_with_chart_settings_keeps_them_below_the_team(
    form: str, spawners: Spawners, pytestconfig: pytest.Config
) -> None:
    """What zero-to-jupyterhub sets stays; its home gives way to the team's and is not mounted twice."""
    hub = spawners.config.KubeSpawner
    volumes = {
        Z2JH_VOLUME: {"name": Z2JH_VOLUME, "persistentVolumeClaim": {"claimName": "claim-{user_server}"}},
        "shared": {"name": "shared", "nfs": {"server": "nfs.example.org", "path": "/"}},
    }
    mounts = {
        Z2JH_VOLUME: {"name": Z2JH_VOLUME, "mountPath": "/home/jovyan"},
        "shared": {"name": "shared", "mountPath": "/shared", "readOnly": True},
    }
    hub.volumes = volumes if form == "mappings" else list(volumes.values())
    hub.volume_mounts = mounts if form == "mappings" else list(mounts.values())
    hub.pvc_name_template = "claim-{user_server}"
    hub.storage_pvc_ensure = True
    hub.storage_capacity = "30Gi"
    hub.storage_class = "standard-rwo"
    hub.storage_access_modes = ["ReadWriteOnce"]
    hub.storage_extra_labels = {"backup": "daily"}
    hub.common_labels = {
        "app": "jupyterhub",
        "heritage": "jupyterhub",
        "release": "hub",
        "chart": "jupyterhub-4",
    }
    hub.image = "quay.io/jupyterhub/k8s-singleuser-sample:4"
    hub.image_pull_policy = "IfNotPresent"
    hub.image_pull_secrets = ["chart-registry"]
    hub.uid = 1000
    hub.fs_gid = 100
    hub.mem_guarantee = "1G"
    hub.mem_limit = "3G"
    hub.cpu_guarantee = 1
    hub.environment = {
        "FROM_CHART": "for {username}",
        "KNADA_TEAM_SECRET": "projects/knada-gcp/secrets/other",
    }
    hub.extra_labels = {"hub.jupyter.org/network-access-hub": "true", "chart": "yes"}
    hub.extra_annotations = {"chart": "annotation", "allowlist": "everything.example.org"}
    hub.node_selector = {"chart": "node"}
    hub.tolerations = [
        {"key": "hub.jupyter.org/dedicated", "operator": "Equal", "value": "user", "effect": "NoSchedule"}
    ]
    hub.node_affinity_preferred = [{"weight": 100, "preference": {"matchExpressions": []}}]
    hub.service_account = "chart-sa"
    hub.scheduler_name = "hub-user-scheduler"
    hub.priority_class_name = "hub-default-priority"
    hub.init_containers = [
        {"name": "own", "image": "busybox:1", "volumeMounts": [{"name": Z2JH_VOLUME, "mountPath": "/home"}]}
    ]
    hub.extra_pod_config = {"terminationGracePeriodSeconds": 5}
    hub.cmd = ["jupyterhub-singleuser"]
    spawners.write(PROJECT, alfa=SEED)
    pod, claim = await spawners.start(spawners.make(), {})
    assert claim is not None
    update = pytestconfig.getoption("--update-test-data")
    compare("chart settings", [pod, claim], update=update)
