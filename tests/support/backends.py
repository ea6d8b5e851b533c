"""The clusters that the contract suite runs on: the embedded one, and the real ones that are named.

`KNADA_TEST_CLUSTERS` names them: see `tests/kubernetes/clusters.py`.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.kubernetes import control_plane
from tests.kubernetes.clusters import GIVEN, check, named_clusters
from tests.kubernetes.given import ask_version, given_cluster
from tests.kubernetes.programs import find
from tests.kubernetes.tether import tethered
from tests.support.kubernetes_api import Kubeconfig, KubernetesApi, send

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
    given: Path | None = None
    """In their place: an admin's file, who acts as the others."""
    left: dict[str, str] = field(default_factory=dict, compare=False)
    """Address -> uid of what this run has made there and deletes at its end, in the opposite order."""

    def kubeconfig(self) -> Path:
        """Give the admin's file."""
        return self.given or self.folder / "admin.kubeconfig"

    def api(self, identity: str = "admin") -> KubernetesApi:
        """Give an identity's client, to be entered."""
        if self.given is None:
            return KubernetesApi(Kubeconfig.load(self.folder / f"{identity}.kubeconfig"))
        acts_as = None if identity == "admin" else IDENTITIES[identity]
        return KubernetesApi(Kubeconfig.load(self.given), acts_as)

    def ask_version(self) -> str:
        """Ask the cluster which version it is: `1.36.3`.

        Raises:
            NoClusterError: it does not say so.
        """
        return ask_version(Kubeconfig.load(self.kubeconfig()))

    def ask(self, path: str, method: str = "GET", body: Any = None) -> str:
        """Send one request as the admin; give the answer's text, whatever the status.

        For tests that cannot wait in an event loop of their own, as those with a browser.
        """
        return send(Kubeconfig.load(self.kubeconfig()), path, method, body)[1]

    def clear(self) -> None:
        """Delete what this run has left, and nothing else that has taken its name meanwhile."""
        for path, uid in reversed(self.left.items()):
            self.ask(path, "DELETE", {"preconditions": {"uid": uid}})
        self.left.clear()


def backend_names() -> list[str]:
    """Give the backends that this run has, whether they are there or not.

    Raises:
        NoClusterError: a name is none.
    """
    return [EMBEDDED, *named_clusters()]


def check_backends() -> None:
    """Make sure that all of them can be had.

    Raises:
        NoClusterError: one that is asked for is not there.
    """
    for name, folder in named_clusters().items():
        check(name, folder)


@contextlib.contextmanager
def running(name: str) -> Iterator[Backend]:
    """Give a backend; one that does not run already is started, as its users start it, and ended."""
    if name == GIVEN:
        backend = Backend(name, Path(), given_cluster())
        try:
            yield backend
        finally:
            backend.clear()
        return
    folder = named_clusters().get(name)
    if folder is not None:
        yield Backend(name, folder)
        return
    with tempfile.TemporaryDirectory(prefix="knada-contract-") as made:
        folder = Path(made)
        if name != EMBEDDED:
            with control_plane.running(find(name), folder, IDENTITIES):
                yield Backend(name, folder)
            return
        process = start_program(folder)
        try:
            yield Backend(name, folder)
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
    process = subprocess.Popen(tethered(*command, *more), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if "ready at" not in line:
        process.kill()
        process.wait()
        raise AssertionError(f"the embedded API did not start: {line!r}")
    return process
