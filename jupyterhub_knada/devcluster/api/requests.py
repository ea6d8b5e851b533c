"""What one call asks for, between the HTTP layer and the objects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.api.identities import SYSTEM, Identity

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource


@dataclass(frozen=True)
class Request:
    """One call on one resource; `warnings` go back to the client."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    who: Identity = SYSTEM
    dry_run: bool = False
    field_validation: str = "Warn"
    """`Ignore`, `Warn` or `Strict`: what an unknown field does."""
    warnings: list[str] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def named(self, name: str) -> Request:
        """Give the same call about another name."""
        return replace(self, name=name)
