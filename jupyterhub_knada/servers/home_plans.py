"""Which home a server is to have: whose, where, how big. Pure; `homes` then finds or makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.servers.homes import HomePlan, home_claim_name
from jupyterhub_knada.servers.layers import BUILT_IN, HUB
from jupyterhub_knada.servers.sizes import cap
from jupyterhub_knada.teams.effective import Sourced
from jupyterhub_knada.teams.quantities import read_storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.servers.plan_inputs import HubSettings, ResolvedChoice, UserFacts
    from jupyterhub_knada.teams.model import Bounds

HOME_SIZE: Final = 10 * 1024**3
"""Bytes, where nothing is said; zero-to-jupyterhub's own."""


def decide_home(
    chosen: ResolvedChoice, user: UserFacts, hub: HubSettings, bounds: Bounds
) -> tuple[HomePlan | None, Mapping[str, str]]:
    """Decide where the home is and how big a new one gets; None where the team has none."""
    team = chosen.team
    if team.storage_none is not None and team.storage_none.value:
        return None, {"home": team.storage_none.source}
    size = team.storage_size or _hub_storage_size(hub) or Sourced(HOME_SIZE, BUILT_IN)
    size = cap(size, bounds.storage_size)
    storage_class = team.storage_class
    if storage_class is None and (hub_class := hub.said("storage_class")):
        storage_class = Sourced(hub_class, HUB)
    # A team's own namespace holds nobody else's claims; in the hub's, an old name says nothing of the team,
    # unless there is only one.
    is_own = team.namespace is not None and (team.namespace != hub.namespace or hub.only_team == team.slug)
    finds_older = chosen.inherits_homes or is_own
    home = HomePlan(
        user=user.name,
        team=team.slug,
        team_id=team.id,
        namespace=team.namespace if team.namespace is not None else hub.namespace,
        claim_name=home_claim_name(user.name, team.id),
        size=size.value,
        storage_class=storage_class.value if storage_class else None,
        older_names=user.older_claim_names if finds_older else (),
        moved_from=chosen.moved_from,
        contact=team.contact,
    )
    sources = {"home.size": size.source}
    return home, sources | ({"home.storage_class": storage_class.source} if storage_class else {})


def _hub_storage_size(hub: HubSettings) -> Sourced[int] | None:
    """Read `c.KubeSpawner.storage_capacity`.

    Raises:
        RefusedError: HUB_SETTING, it is no storage size.
    """
    capacity = hub.said("storage_capacity")
    if not capacity:
        return None
    try:
        return Sourced(read_storage(capacity), HUB)
    except ValueError as error:
        message = f"The hub's storage_capacity cannot be used: {error}."
        raise RefusedError(
            Refusal(Code.HUB_SETTING, message, "Report this to whoever runs this hub.", status=409)
        ) from None
