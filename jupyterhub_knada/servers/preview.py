"""The manifests that a start would make, without a hub or a cluster: what `explain` shows.

They are made by the spawner's own code, so that they cannot differ from a real start but for what only a
start knows: the tokens, and which claim the cluster already has for this home.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import kubespawner.spawner
from traitlets.config import Config

from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.servers.refusing import StartRefusedError
from jupyterhub_knada.servers.spawner import KnadaSpawner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from jupyterhub_knada.errors import Refusal
    from jupyterhub_knada.servers.choices import Choice
    from jupyterhub_knada.servers.homes import Claim, HomePlan
    from jupyterhub_knada.servers.offer import Offer
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.snapshots import Snapshot

_TOKENS: Final = frozenset({"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"})


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """Who would start what."""

    user: str
    groups: Collection[str] | None = None
    """The person's group claims; None: unknown."""
    options: object = None
    """As they would come by REST: `{"team": …, "profile": …}`, or None."""
    server_name: str = ""
    hub_namespace: str = "jupyterhub"
    """Where the hub itself runs."""
    hub_config: Config | None = None
    """The hub's own configuration, if there is one at hand; None: only the team files are known."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be started."""

    offer: Offer
    choice: Choice
    plan: ServerPlan
    pod: dict[str, Any]
    """The pod's manifest as JSON-like data, without `status`; tokens are left out."""
    claim: dict[str, Any] | None
    """The claim's manifest, as it is made if this person has none in this team; None: no home."""


def preview_server(snapshot: Snapshot, request: PreviewRequest) -> Preview | Refusal:
    """Make the manifests of one start. Blocking (it runs an event loop of its own); imports KubeSpawner.

    Calls no cluster, and reads neither a kubeconfig nor a token of this machine.
    """
    return asyncio.run(_preview(snapshot, request))


async def _preview(snapshot: Snapshot, request: PreviewRequest) -> Preview | Refusal:
    with _no_cluster():
        spawner = _make_spawner(snapshot, request)
    try:
        return await spawner.preview(request.options)
    except StartRefusedError as refused:
        return refused.refusal
    finally:
        await _close_clients()


class _Previewer(KnadaSpawner):
    """A spawner whose team files are handed in, and whose cluster has no claims."""

    files: Snapshot
    groups: Collection[str] | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The team files that were handed in."""
        return self.files

    def build_offer(self, snapshot: Snapshot) -> Offer:
        """Decide the offer by the groups that were handed in."""
        return build_offer(self.user.name, self.groups, snapshot, datetime.now(tz=UTC).date())

    async def find_claims(self, _home: HomePlan, _names: Iterable[str]) -> list[Claim]:
        """Find none."""
        return []

    async def preview(self, options: object) -> Preview:
        """Go the way of a start up to where the cluster would be asked."""
        choice, _ = self._decide(options)
        self.apply_user_options(self, options)
        await self.load_user_options()
        plan = self.plan
        if plan is None:  # pragma: no cover - load_user_options has set it or raised
            raise RuntimeError("no plan was made")
        pod = self._plain(await self.get_pod_manifest())
        _leave_out_tokens(pod)
        claim = None
        if plan.home is not None:
            claim = self._plain(self.get_pvc_manifest())  # type: ignore[no-untyped-call]
        return Preview(self.build_offer(self.files), choice, plan, pod, claim)

    def _plain(self, manifest: Any) -> dict[str, Any]:
        """Give a manifest as the JSON that would be sent, and where it would be sent to."""
        manifest.metadata.namespace = self.namespace
        sent: dict[str, Any] = self.api.api_client.sanitize_for_serialization(manifest)
        return sent


def _make_spawner(snapshot: Snapshot, request: PreviewRequest) -> _Previewer:
    """Make a spawner as the hub would, for a person and a hub that are only names."""
    config = copy.deepcopy(request.hub_config) if request.hub_config is not None else Config()
    if "namespace" not in config.KubeSpawner and "namespace" not in config.KnadaSpawner:
        config.KnadaSpawner.namespace = request.hub_namespace
    user = SimpleNamespace(name=request.user, id=0, url=f"/user/{request.user}/", groups=(), orm_spawners={})
    hub = SimpleNamespace(public_host="", url="/hub/", base_url="/hub/", api_url="http://hub:8081/hub/api")
    orm_spawner = SimpleNamespace(name=request.server_name, server=None, user_options=None, state=None)
    spawner = _Previewer(config=config, user=user, hub=hub, orm_spawner=orm_spawner, log=_quiet_log())
    spawner.files = snapshot
    spawner.groups = request.groups
    return spawner


def _quiet_log() -> logging.Logger:
    """Give a log that nobody reads: whoever asked is told by what comes back."""
    log = logging.getLogger(f"{__name__}.quiet")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log


def _leave_out_tokens(pod: dict[str, Any]) -> None:
    """Say where a start puts its tokens; there are none here."""
    for container in pod["spec"]["containers"]:
        for variable in container.get("env") or ():
            if variable["name"] in _TOKENS:
                variable["value"] = "(made at the start)"


@contextmanager
def _no_cluster() -> Iterator[None]:
    """Keep KubeSpawner from looking for a cluster: neither a kubeconfig nor a pod's token is read.

    `KubeSpawner.__init__` (7.1) calls `load_config` of its module in any case, and raises where there is no
    cluster to be found. Nothing public switches that off; a test holds that the name is the one it calls.
    """
    module: Any = kubespawner.spawner
    load_config = module.load_config
    module.load_config = lambda **_: None
    try:
        yield
    finally:
        module.load_config = load_config


async def _close_clients() -> None:
    """End the tasks that KubeSpawner's clients leave in this loop; they close the connections."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
