"""Every namespace has the service account `default`.

Source: `pkg/controller/serviceaccount/serviceaccounts_controller.go` of 1.36.
"""

from __future__ import annotations

from typing import ClassVar

from jupyterhub_knada.devcluster.api import kinds
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.requests import Request


class Accounts(Controller):
    """Makes the missing ones."""

    watches: ClassVar = (kinds.NAMESPACES, kinds.SERVICE_ACCOUNTS)

    def sync(self) -> None:
        """Make the account where there is none."""
        for stored in self.store.all(kinds.NAMESPACES):
            name = stored.key[1]
            if "deletionTimestamp" in stored.body["metadata"]:
                continue
            if self.store.get(kinds.SERVICE_ACCOUNTS, name, "default") is None:
                self.objects.create(Request(kinds.SERVICE_ACCOUNTS, name), {"metadata": {"name": "default"}})
