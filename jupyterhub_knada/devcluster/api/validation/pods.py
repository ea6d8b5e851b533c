"""Rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyterhub_knada.devcluster.api.statuses import FieldError

RULES: dict[str, Callable[[dict[str, Any]], list[FieldError]]] = {}
UPDATE_RULES: dict[str, Callable[[dict[str, Any], dict[str, Any]], list[FieldError]]] = {}
