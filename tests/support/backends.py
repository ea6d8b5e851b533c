"""The clusters that the contract suite runs on: the embedded one, and any real one that is named.

`KNADA_TEST_CLUSTERS` names real ones as `NAME=DIR[,NAME=DIR]`: a folder with `admin.kubeconfig`,
`hub.kubeconfig` (the service account `hub:hub`, without rights) and `nobody.kubeconfig`.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.kubernetes_api import Kubeconfig, KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDED = "embedded"
IDENTITIES = {
    "admin": "admin,system:masters",
    "hub": "system:serviceaccount:hub:hub",
    "nobody": "nobody",
}
_START_SECONDS = 30


@dataclass(frozen=True)
class Backend:
    """A running cluster."""

    name: str
    folder: Path
    """Holds IDENTITY.kubeconfig for each of `IDENTITIES`."""

    def kubeconfig(self, identity: str = "admin") -> Path:
        """Give the file for an identity."""
        return self.folder / f"{identity}.kubeconfig"

    def api(self, identity: str = "admin") -> KubernetesApi:
        """Give an identity's client, to be entered."""
        return KubernetesApi(Kubeconfig.load(self.kubeconfig(identity)))

    @property
    def is_embedded(self) -> bool:
        """Tell whether this is ours."""
        return self.name == EMBEDDED


def backend_names() -> list[str]:
    """Give the backends that this run has."""
    return [EMBEDDED, *_real()]


def _real() -> dict[str, Path]:
    given = os.environ.get("KNADA_TEST_CLUSTERS", "")
    pairs = (item.partition("=") for item in given.split(",") if item)
    return {name: Path(folder) for name, _, folder in pairs}


@contextlib.contextmanager
def running(name: str) -> Iterator[Backend]:
    """Give a backend; the embedded one is started as its users start it, and ended."""
    if name != EMBEDDED:
        yield Backend(name, _real()[name])
        return
    with tempfile.TemporaryDirectory(prefix="knada-contract-") as folder:
        process = start_program(Path(folder))
        try:
            yield Backend(name, Path(folder))
        finally:
            process.terminate()
            process.wait(timeout=_START_SECONDS)
            if process.stdout is not None:
                process.stdout.close()


def start_program(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start the embedded API as a program with its state in a folder; return when it answers."""
    command = [sys.executable, "-m", "jupyterhub_knada.devcluster.api", "--state-dir", str(folder / "state")]
    for identity, user in IDENTITIES.items():
        command += ["--identity", f"{identity}={user}"]
        command += ["--kubeconfig", f"{identity}={folder / f'{identity}.kubeconfig'}"]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if "ready at" not in line:
        process.kill()
        process.wait()
        raise AssertionError(f"the embedded API did not start: {line!r}")
    return process
