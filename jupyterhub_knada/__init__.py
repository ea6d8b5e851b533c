"""Many teams on one stock JupyterHub on Kubernetes.

The names below are the public ones. They are loaded when they are first used: importing KubeSpawner takes
over a second, which neither the `check` command nor the culler needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyterhub_knada.access.authenticators import (
        KnadaAuthenticator,
        KnadaAzureADAuthenticator,
        KnadaDemoAuthenticator,
        KnadaOIDCAuthenticator,
    )
    from jupyterhub_knada.hub_config import configure
    from jupyterhub_knada.servers.spawner import KnadaSpawner

__all__ = [
    "KnadaAuthenticator",
    "KnadaAzureADAuthenticator",
    "KnadaDemoAuthenticator",
    "KnadaOIDCAuthenticator",
    "KnadaSpawner",
    "__version__",
    "configure",
]

_HOMES = {
    "KnadaAuthenticator": "jupyterhub_knada.access.authenticators",
    "KnadaAzureADAuthenticator": "jupyterhub_knada.access.authenticators",
    "KnadaDemoAuthenticator": "jupyterhub_knada.access.authenticators",
    "KnadaOIDCAuthenticator": "jupyterhub_knada.access.authenticators",
    "KnadaSpawner": "jupyterhub_knada.servers.spawner",
    "configure": "jupyterhub_knada.hub_config",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading metadata costs more than the rest

        return version("jupyterhub-knada")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
