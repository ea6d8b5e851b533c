"""Keeps `status.used` of each quota; whether something still fits is decided at admission.

Source: `pkg/controller/resourcequota/resource_quota_controller.go` of 1.36.
"""

from __future__ import annotations

import copy
from typing import ClassVar

from jupyterhub_knada.devcluster.api import kinds, quotas
from jupyterhub_knada.devcluster.api.controllers.running import Controller


class Quota(Controller):
    """Counts what a namespace uses."""

    watches: ClassVar = quotas.COUNTED

    def sync(self) -> None:
        """Write what has changed."""
        for stored in self.store.all(kinds.QUOTAS):
            if "deletionTimestamp" in stored.body["metadata"]:
                continue
            hard = stored.body["spec"].get("hard", {})
            used = quotas.used(self.store, stored.body)
            status = {"hard": dict(hard), "used": {name: str(value) for name, value in used.items()}}
            if not hard:
                status = {}
            if stored.body.get("status") != status:
                body = copy.deepcopy(stored.body) | {"status": status}
                self.objects.edit(kinds.QUOTAS, stored, body, "status")
