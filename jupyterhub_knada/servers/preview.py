"""The manifests that a start would make, without a hub or a cluster: what `explain` shows.

They are made by the spawner's own code, so that they cannot differ from a real start but for what only a start
knows: the tokens, and which claim the cluster already has for this home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from traitlets.config import Config

    from jupyterhub_knada.errors import Refusal
    from jupyterhub_knada.servers.choices import Choice
    from jupyterhub_knada.servers.offer import Offer
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.snapshots import Snapshot


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
    raise NotImplementedError
