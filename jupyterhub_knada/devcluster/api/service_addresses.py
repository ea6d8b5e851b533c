"""The addresses of services: given out, and kept. Nothing listens on them here.

Source: `pkg/registry/core/service/storage/alloc.go` of 1.36, for one family of addresses.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.store import Store

Json = dict[str, Any]
_RANGE: Final = ipaddress.IPv4Network("10.96.0.0/16")
_KEPT: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


def allocate(store: Store, spec: Json) -> None:
    """Give a new service its address, in place; one that wants `None` gets none.

    Raises:
        ApiError: 501 for types that would need ports of a node or a load balancer.
    """
    if spec["type"] in ("NodePort", "LoadBalancer"):
        raise statuses.not_served(f"services of type {spec['type']}")
    if spec["type"] != "ClusterIP":
        return
    taken = {stored.body["spec"].get("clusterIP") for stored in store.all(kinds.SERVICES)}
    if not spec.get("clusterIP"):
        # The first address belongs to the API itself, in every cluster.
        free = (str(address) for address in list(_RANGE.hosts())[1:] if str(address) not in taken)
        spec["clusterIP"] = next(free)
    spec["clusterIPs"] = [spec["clusterIP"]]
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def keep(new: Json, old: Json) -> None:
    """Put back the address that an update left out, in place."""
    if new["type"] == old["type"]:
        for key in _KEPT:
            if key in old and key not in new:
                new[key] = old[key]
