"""Servers of our Helm values in a namespace that enforces Pod Security `restricted`, of every shape."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import kubespawner.spawner
import pytest
import pytest_asyncio
import yaml

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.servers.diagnosis.refusals import explain_refusal
from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.servers.preview import Preview, PreviewRequest, preview_server
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.snapshots import Snapshot
from tests.support.chart import ROOT, Values, hub_configuration
from tests.support.shipped_rights import Right, apply, read_manifest, until_it_holds
from tests.support.spawners import to_json
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import Answer, KubernetesApi

Json = dict[str, Any]
pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER: Final = "e152435"
DEMO: Final = ROOT / "jupyterhub_knada/cli/demo/files"
SAMPLES: Final = {
    "z2jh's own": next((ROOT / "tests/data/choices/teams").glob("*.yaml")),
    **{f"the demo's {path.stem}": path for path in sorted((DEMO / "teams").glob("*.yaml"))},
}
PLATFORM: Final = "images: [{name: python-3.13, image: 'ghcr.io/example/jupyter:1'}]\n"


@dataclass(frozen=True)
class Place:
    """A cluster with a team's namespace as shipped, and the hub's client."""

    hub: KubernetesApi
    namespace: str

    async def start(self, pod: Json) -> Answer:
        """Create a pod as the hub does, without keeping it."""
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        body = {**pod, "metadata": {**pod["metadata"], "namespace": self.namespace}}
        return await self.hub.post(path, body, dryRun="All")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(backend: Backend) -> AsyncIterator[Place]:
    """Give a team's namespace, made of the shipped manifest, with the accounts that teams name."""
    namespace = f"restricted-{secrets.token_hex(3)}"
    async with backend.api() as api, backend.api("hub") as hub:
        await apply(api, read_manifest("team-namespace.yaml", namespace))
        await apply(api, read_manifest("workload-identity.yaml", namespace))
        for name in ("analyse", "modell", "pensjon"):
            (
                await api.post(
                    f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}}
                )
            ).ok()
        await until_it_holds(hub, Right("pods", "create"), namespace)
        yield Place(hub, namespace)
        await api.delete(f"/api/v1/namespaces/{namespace}")


def _load(folder: Path) -> Snapshot:
    """Load files that have to be without a fault."""
    files = load_files(folder / "teams", folder / "platform.yaml", check_override=check_override)
    assert [str(problem) for problem in files.problems if problem.severity is Severity.ERROR] == []
    return Snapshot(1, files.platform, files.teams, files.closed, files.problems)


async def _preview(folder: Path, options: Json | None = None, *further: Values) -> Json:
    """Give the pod that a member of the only team would start on a hub with our values."""
    # Nothing is asked of a cluster there: no client has to be made.
    client = SimpleNamespace(api_client=SimpleNamespace(sanitize_for_serialization=to_json))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(kubespawner.spawner, "shared_client", lambda _: client)
        files = ("base.yaml", "team-namespaces.yaml")
        config = hub_configuration(monkeypatch, folder, *further, files=files)
        request = PreviewRequest(user=OWNER, options=options, hub_config=config)
        made = await asyncio.to_thread(preview_server, _load(folder), request)
    assert isinstance(made, Preview), made
    return made.pod


def _team(text: str) -> str:
    return f"namespace: team-kyrre\nusers: [{OWNER}]\n{text}"


def _override(text: str) -> str:
    return _team(
        "profiles:\n  - slug: it\n    displayName: It\n    kubespawnerOverride:\n      " + text + "\n"
    )


SHAPES: Final = {
    "home": "",
    "no home": "storage: {none: true}\n",
    "GPU": "resources: {gpu: 1, memoryLimit: 8GB}\n",
    "shared memory": "resources: {sharedMemory: 1GB, memoryLimit: 4GB}\n",
    "GPU and shared memory": "resources: {gpu: 2, sharedMemory: 1GB, memoryLimit: 8GB, cpuLimit: 2}\n",
    "account of its own": "serviceAccount: kyrre-1a2b\n",
    "classic interface": "interface: notebook\n",
    "RStudio": "interface: rstudio\n",
    "place": "nodeSelector: {pool: notebooks}\ntolerations: [{key: gpu, operator: Exists}]\n",
    "names": "labels: {cost: '4711'}\nannotations: {example.org/note: x}\nimagePullSecrets: [pull]\n",
    "egress": "allowlist: [db.example.org:5432]\n",
}
OVERRIDES: Final = {
    "scratch space": "{volumes: [{name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Gi}}],"
    " volume_mounts: [{name: scratch, mountPath: /scratch}]}",
    "device": "{extra_resource_limits: {example.org/fpga: '1'}}",
    "hooks": "{lifecycle_hooks: {postStart: {exec: {command: [sh, -c, 'true']}}}}",
    "parts of the pod": "{extra_pod_config: {shareProcessNamespace: true, hostname: me,"
    " dnsConfig: {options: [{name: ndots, value: '2'}]}, hostAliases: [{ip: 10.0.0.1, hostnames: [db]}]}}",
    "parts of the container": "{extra_container_config: {tty: true, stdin: true, workingDir: /tmp}}",
    "affinity": "{node_affinity_preferred: [{weight: 1, preference: {matchExpressions:"
    " [{key: pool, operator: In, values: [a]}]}}]}",
    "fields of the pod": "{environment: {POD: {valueFrom: {fieldRef: {fieldPath: metadata.name}}}}}",
    "command": "{cmd: [start-singleuser.sh], args: [--debug], working_dir: /home/jovyan}",
}


@pytest.mark.parametrize(
    "text",
    [
        *(pytest.param(_team(text), id=shape) for shape, text in SHAPES.items()),
        *(pytest.param(_override(text), id=shape) for shape, text in OVERRIDES.items()),
    ],
)
async def test_server_of_any_shape_that_check_takes_is_taken_by_a_restricted_namespace(
    place: Place, tmp_path: Path, text: str
) -> None:
    """What is without a fault in a team's file starts, and nothing is warned of."""
    answer = await place.start(await _preview(write_files(tmp_path, PLATFORM, kyrre=text)))
    assert (answer.status, answer.message, answer.warnings) == (201, "", ())


@pytest.mark.parametrize("sample", SAMPLES)
async def test_every_profile_of_the_samples_is_taken_by_a_restricted_namespace(
    place: Place, tmp_path: Path, sample: str
) -> None:
    """The files that people begin with lead to servers that start."""
    team = yaml.safe_load(SAMPLES[sample].read_text(encoding="utf-8")) | {"users": [OWNER]}
    platform = (DEMO / "platform.yaml").read_text(encoding="utf-8")
    folder = write_files(tmp_path, platform if "demo" in sample else PLATFORM, kyrre=yaml.safe_dump(team))
    (offered,) = build_offer(OWNER, None, _load(folder), date(2026, 11, 21)).teams
    assert len(offered.profiles) > 1
    for profile in offered.profiles:
        pod = await _preview(folder, {"team": "kyrre", "profile": profile.slug})
        answer = await place.start(pod)
        assert (answer.status, answer.message, answer.warnings) == (201, "", ()), profile.slug


_CLOSED: Final = {
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def _beside(kind: str, **fields: Any) -> Values:
    """Give an admin's values with a container beside the server, or before it."""
    container = {"name": "beside", "image": "example.org/beside:1", **fields}
    return {"hub": {"config": {"KubeSpawner": {kind: [container]}}}}


@pytest.mark.parametrize("kind", ["extra_containers", "init_containers"])
async def test_admins_container_beside_servers_is_taken_if_it_keeps_to_the_level(
    place: Place, tmp_path: Path, kind: str
) -> None:
    """What the hub's own configuration adds is held to the same, container by container."""
    folder = write_files(tmp_path, PLATFORM, kyrre=_team(""))
    taken = await place.start(await _preview(folder, None, _beside(kind, securityContext=_CLOSED)))
    assert (taken.status, taken.warnings) == (201, ())
    refused = await place.start(await _preview(folder, None, _beside(kind)))
    assert refused.refusal[:2] == (403, "Forbidden")
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in refused.message
    told = explain_refusal("team-kyrre", 403, refused.message)
    assert told == (
        "Kubernetes rejected the server in namespace team-kyrre: the pod security level restricted"
        " forbids part of it. Report this to whoever runs this hub."
    )
