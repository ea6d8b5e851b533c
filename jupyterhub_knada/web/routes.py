"""What the hub answers with handlers of ours: each path below `/hub`, and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_knada.web.culling_policies import CullingPoliciesHandler

if TYPE_CHECKING:
    from tornado.web import RequestHandler

HUB_HANDLERS: Final[tuple[tuple[str, type[RequestHandler]], ...]] = (
    (r"/api/knada/culling-policies", CullingPoliciesHandler),
)
"""Patterns as JupyterHub's own (`handlers.default_handlers`, 5.3-6.1); the same one takes its place."""
