"""Real KnadaSpawners against a cluster that runs, with the rights of the kubeconfig that they get."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import kubernetes_asyncio.config
import kubespawner.spawner
import pytest
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from jupyterhub_knada.servers.spawner import KnadaSpawner
from tests.support.chart import hub_configuration
from tests.support.spawners import Spawners, User
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from traitlets.config import Config


class LiveSpawners(Spawners):
    """Makes spawners, and starts and stops their servers as JupyterHub does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, config: Config, api: CoreV1Api) -> None:
        super().__init__(folder, monkeypatch)
        self.config = config
        self._api = api
        monkeypatch.setattr(kubespawner.spawner, "shared_client", lambda _: api)

    def make(self, user: User | str = "e152435", *, server_name: str = "", state: Any = None) -> KnadaSpawner:
        """Make a spawner; see `Spawners.make`."""
        spawner = super().make(user, server_name=server_name, state=state)
        spawner.api = self._api
        return spawner

    async def spawn(self, spawner: KnadaSpawner, **options: str) -> str:
        """Go the whole way of JupyterHub's `User.spawn`; give the server's address."""
        spawner.orm_spawner.user_options = spawner.user_options = options
        spawner.clear_state()
        await spawner._run_apply_user_options(options)  # type: ignore[no-untyped-call]
        address: str = await spawner.start()
        spawner.orm_spawner.state = spawner.get_state()
        return address

    async def end(self, spawner: KnadaSpawner) -> None:
        """Go the way of JupyterHub's `User.stop`."""
        await spawner.stop()
        self.stop(spawner)


@contextlib.asynccontextmanager
async def live_spawners(
    folder: Path, kubeconfig: Path, namespace: str, **teams: str
) -> AsyncIterator[LiveSpawners]:
    """Give spawners of a hub with our Helm values and these team files; end its watches afterwards.

    Args:
        folder: For the team files.
        kubeconfig: Who the hub is.
        namespace: Where it runs.
        teams: Text of each team's file.
    """
    write_files(folder, "project: knada-gcp\n", **teams)
    with pytest.MonkeyPatch.context() as monkeypatch:
        config = hub_configuration(monkeypatch, folder, files=("base.yaml", "team-namespaces.yaml"))
        config.KubeSpawner.namespace = namespace
        await kubernetes_asyncio.config.load_kube_config(config_file=str(kubeconfig))
        try:
            async with ApiClient() as client:
                yield LiveSpawners(folder, monkeypatch, config, CoreV1Api(client))
        finally:
            await KnadaSpawner.stop_watching()
            Configuration.set_default(None)
