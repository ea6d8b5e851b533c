"""On what the numbers were measured."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("jupyterhub-knada", "jupyterhub", "jupyterhub-kubespawner", "kubernetes-asyncio")


def find_facts(kubernetes: str, kwok: str) -> dict[str, str]:
    """Give versions and the kind of machine, by name; nothing that tells whose machine it is."""
    return {"Kubernetes": kubernetes, "kwok": kwok, **find_local_facts()}


def find_local_facts() -> dict[str, str]:
    """Give them for what needs no cluster."""
    total = re.search(r"^MemTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "Python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "cores": str(os.cpu_count()),
        "memory": f"{int(total[1]) / 1e6:.0f} GB" if total else "unknown",
        "system": f"{platform.system()} {platform.machine()}",
    }
