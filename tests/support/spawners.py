"""Real KnadaSpawners with a person, a hub and a cluster that are only data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import kubespawner.spawner
from kubernetes_asyncio.client import ApiClient, V1ObjectMeta, V1PersistentVolumeClaim
from kubernetes_asyncio.client.rest import ApiException
from traitlets.config import Config

from jupyterhub_knada.servers.spawner import KnadaSpawner
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

HUB_NAMESPACE = "jupyterhub"


@dataclass
class Group:
    """A JupyterHub group."""

    name: str


@dataclass
class OrmSpawner:
    """What JupyterHub keeps of a server."""

    name: str = ""
    user_options: Any = None
    state: Any = None
    server: Any = None


@dataclass
class User:
    """A JupyterHub user, as far as KubeSpawner and we look at one."""

    name: str = "e152435"
    id: int = 1
    groups: list[Group] = field(default_factory=list)
    orm_spawners: dict[str, OrmSpawner] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the person's servers are."""
        return f"/user/{self.name}/"


@dataclass
class Hub:
    """A hub's addresses."""

    public_host: str = ""
    base_url: str = "/hub/"
    url: str = "/hub/"
    api_url: str = "http://hub:8081/hub/api"


@dataclass
class Claims:
    """The claims of a cluster, behind the calls of `CoreV1Api` that we make."""

    claims: dict[tuple[str, str], V1PersistentVolumeClaim] = field(default_factory=dict)
    fails_with: Exception | None = None
    fails_for: str | None = None
    """The one claim that cannot be read; None: everything fails."""
    deleted: list[tuple[str, str]] = field(default_factory=list)

    @property
    def api_client(self) -> ApiClient:
        """What writes objects as they are sent."""
        return _CLIENT

    def add(self, namespace: str, name: str, **metadata: Any) -> None:
        """Put a claim there: `labels`, `annotations`, `deletion_timestamp`."""
        created = datetime(2026, 1, 1, 0, 0, len(self.claims), tzinfo=UTC)
        meta = V1ObjectMeta(name=name, namespace=namespace, creation_timestamp=created, **metadata)
        self.claims[namespace, name] = V1PersistentVolumeClaim(metadata=meta)

    async def list_namespaced_persistent_volume_claim(self, namespace: str, label_selector: str) -> Any:
        """List by labels."""
        if self.fails_with is not None and self.fails_for is None:
            raise self.fails_with
        wanted = dict(pair.split("=", 1) for pair in label_selector.split(","))
        found = [
            claim
            for (where, _), claim in self.claims.items()
            if where == namespace and wanted.items() <= (claim.metadata.labels or {}).items()
        ]
        return type("List", (), {"items": found})

    async def read_namespaced_persistent_volume_claim(self, name: str, namespace: str) -> Any:
        """Read one, or say 404."""
        if self.fails_with is not None and self.fails_for in (None, name):
            raise self.fails_with
        if (namespace, name) not in self.claims:
            raise ApiException(status=404, reason="Not Found")
        return self.claims[namespace, name]

    async def delete_namespaced_persistent_volume_claim(self, name: str, namespace: str) -> None:
        """Delete one."""
        self.deleted.append((namespace, name))
        del self.claims[namespace, name]


class Spawners:
    """Makes spawners for team files in one folder, against one cluster."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.claims = Claims()
        self.config = Config()
        self.config.KubeSpawner.namespace = HUB_NAMESPACE
        monkeypatch.setattr(kubespawner.spawner, "load_config", lambda **_: None)

    def write(self, platform: str | None = None, **teams: str) -> None:
        """Write team files; the first write decides whether there is a platform file."""
        write_files(self.folder, platform, **teams)
        platform_file = self.folder / "platform.yaml"
        self.config.KnadaSpawner.teams_dir = str(self.folder / "teams")
        self.config.KnadaSpawner.platform_file = str(platform_file) if platform_file.exists() else None

    def make(self, user: User | str = "e152435", *, server_name: str = "", state: Any = None) -> KnadaSpawner:
        """Make a spawner as JupyterHub does: construct it, then load its state. Needs a running loop."""
        person = User(user) if isinstance(user, str) else user
        stored = person.orm_spawners.setdefault(server_name, OrmSpawner(server_name))
        spawner = KnadaSpawner(
            config=self.config,
            user=person,
            hub=Hub(),
            orm_spawner=stored,
            user_options=stored.user_options or {},
        )
        spawner.api = self.claims
        spawner.load_state(state if state is not None else stored.state or {})
        return spawner

    async def start(self, spawner: KnadaSpawner, options: Any = None) -> tuple[Any, Any]:
        """Go the way of JupyterHub's `User.spawn` up to the manifests; give pod and claim (None: no home).

        The claim is there afterwards, and the state is stored, as after a start that went well.
        """
        raw = spawner.orm_spawner.user_options or {} if options is None else options
        spawner.orm_spawner.user_options = raw
        spawner.user_options = raw
        spawner.clear_state()
        await spawner._run_apply_user_options(spawner.user_options)  # type: ignore[no-untyped-call]
        await spawner.load_user_options()
        pod = to_json(await spawner.get_pod_manifest())
        pod["metadata"]["namespace"] = spawner.namespace
        claim = to_json(spawner.get_pvc_manifest()) if spawner.pvc_name else None  # type: ignore[no-untyped-call]
        if claim is not None:
            claim["metadata"]["namespace"] = spawner.namespace
        if claim is not None and spawner.storage_pvc_ensure:
            labels, notes = claim["metadata"]["labels"], claim["metadata"]["annotations"]
            self.claims.add(spawner.namespace, spawner.pvc_name, labels=labels, annotations=notes)
        spawner.orm_spawner.state = spawner.get_state()
        return pod, claim

    def stop(self, spawner: KnadaSpawner) -> None:
        """Do what JupyterHub's `User.stop` does to a spawner's state."""
        spawner.clear_state()
        spawner.orm_spawner.state = spawner.get_state()


def to_json(manifest: Any) -> dict[str, Any]:
    """Give a manifest as the JSON that is sent to the cluster."""
    sent: dict[str, Any] = _CLIENT.sanitize_for_serialization(manifest)
    return sent


class _Serializer(ApiClient):
    """The client's own serialization, without a connection."""

    def __init__(self) -> None:
        """Open nothing."""


_CLIENT = _Serializer()


def env_of(pod: dict[str, Any]) -> dict[str, str]:
    """Give the environment of a pod's server."""
    return {entry["name"]: entry.get("value", "") for entry in pod["spec"]["containers"][0]["env"]}
