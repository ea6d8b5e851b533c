"""Fake nodes for benchmarks: kwok plays as many pods as are wanted, and runs none of them.

Got only where it is asked for: no test of the suite needs it.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.cli.demo.ports import free_ports
from tests.kubernetes.building import GET_GO, NoGoError, build_kwok, find_go
from tests.kubernetes.programs import alone, assets, cache
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import KWOK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kubernetes.control_plane import ControlPlane

ANNOTATION: Final = {"kwok.x-k8s.io/node": "fake"}
"""Nodes with it are played; all others are left alone."""


@dataclass(frozen=True, slots=True)
class Kwok:
    """The program and what it needs."""

    program: Path
    stages: Path
    """What fake nodes and pods do, in kwok's own words (`kind: Stage`)."""

    @classmethod
    def of(cls, folder: Path) -> Kwok:
        """Give the one of a folder, whether it is there or not."""
        return cls(folder / "kwok", folder / "kwok-stages.yaml")

    def is_there(self) -> bool:
        """Tell whether it can be run."""
        return os.access(self.program, os.X_OK) and self.stages.is_file()

    def ask_version(self) -> str:
        """Give the version that the program says it is, like `0.8.0`."""
        told = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True).stdout
        found = re.search(r"\bv(\d+\.\d+\.\d+)", told)
        return found[1] if found else "unknown"

    def start(self, plane: ControlPlane, identity: str) -> None:
        """Have it play the nodes of a cluster that have `ANNOTATION`, for as long as the cluster runs.

        Args:
            plane: the cluster.
            identity: whose kubeconfig it uses: one who may do everything with nodes, leases, pods and events.
        """
        (port,) = free_ports(1)
        selector = ",".join(f"{key}={value}" for key, value in ANNOTATION.items())
        plane.processes.start(
            "kwok",
            str(self.program),
            f"--kubeconfig={plane.folder / identity}.kubeconfig",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={selector}",
            f"--config={self.stages}",
            "--node-lease-duration-seconds=40",
            f"--server-address=127.0.0.1:{port}",
        )


def get_kwok(tell: Callable[[str], None]) -> Kwok:
    """Give that of KUBEBUILDER_ASSETS, else the cache's, else build it, which `tell` hears of first.

    Raises:
        NoClusterError: there is no Go that could build it, or it failed.
    """
    given = assets()
    if given and Kwok.of(given).is_there():
        return Kwok.of(given)
    kwok = Kwok.of(cache() / f"kwok-{KWOK}")
    with alone(kwok.program.parent):
        if not kwok.is_there():
            _check_go()
            tell(f"Building kwok {KWOK} into {kwok.program.parent} …")
            build_kwok(KWOK, kwok.program, kwok.stages)
    return kwok


def _check_go() -> None:
    try:
        find_go()
    except NoGoError as error:
        raise NoClusterError(
            f"kwok {KWOK} is needed for fake nodes. It can be built, but {error}: {GET_GO}, or put `kwok` "
            "and `kwok-stages.yaml` into the folder of KUBEBUILDER_ASSETS."
        ) from error
