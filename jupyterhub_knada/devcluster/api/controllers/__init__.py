"""The controllers that this cluster needs; a real control plane brings its own.

Each looks at what is there and makes it so: woken by changes of the kinds it watches, never by their order.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.api.controllers.accounts import Accounts
from jupyterhub_knada.devcluster.api.controllers.garbage import Expiry, Garbage
from jupyterhub_knada.devcluster.api.controllers.namespaces import Namespaces
from jupyterhub_knada.devcluster.api.controllers.nodes import Nodes
from jupyterhub_knada.devcluster.api.controllers.quota import Quota
from jupyterhub_knada.devcluster.api.controllers.running import run
from jupyterhub_knada.devcluster.api.controllers.scheduler import Scheduler
from jupyterhub_knada.devcluster.api.controllers.volumes import Protection, Volumes

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.objects import Objects

_ALL = (Accounts, Namespaces, Garbage, Expiry, Volumes, Protection, Quota, Nodes, Scheduler)


def start(objects: Objects) -> list[asyncio.Task[None]]:
    """Start every controller in the running event loop; cancel the tasks to end them."""
    return [asyncio.create_task(run(kind(objects)), name=f"controller {kind.__name__}") for kind in _ALL]
