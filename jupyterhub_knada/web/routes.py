"""What the hub answers with handlers of ours: each path below `/hub`, and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_knada.web.bodies import BOUNDED_HANDLERS
from jupyterhub_knada.web.culling_policies import CullingPoliciesHandler
from jupyterhub_knada.web.spawn_handler import StartPageHandler
from jupyterhub_knada.web.stop_handler import StopHandler

if TYPE_CHECKING:
    from tornado.web import RequestHandler

HUB_HANDLERS: Final[tuple[tuple[str, type[RequestHandler]], ...]] = (
    (r"/spawn", StartPageHandler),
    (r"/spawn/([^/]+)", StartPageHandler),
    (r"/spawn/([^/]+)/([^/]+)", StartPageHandler),
    (r"/knada/stop/([^/]+)/([^/]*)", StopHandler),
    *BOUNDED_HANDLERS,
    (r"/api/knada/culling-policies", CullingPoliciesHandler),
)
"""Patterns as JupyterHub's own (`handlers.default_handlers`, 5.3-6.1); the same one takes its place."""
