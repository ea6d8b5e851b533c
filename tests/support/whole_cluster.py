"""A whole cluster as processes: an API server and a node, which tests kill and start again.

`embedded`: the embedded API as a program. Every other name: etcd, kube-apiserver, controllers and scheduler.
The node is the same program on both.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.cli.demo import cluster as demo
from jupyterhub_knada.cli.demo.ports import free_ports
from jupyterhub_knada.devcluster import node
from jupyterhub_knada.devcluster.node.processes import kill_marked
from tests.kubernetes import control_plane
from tests.kubernetes.processes import Processes
from tests.kubernetes.programs import find
from tests.support.backends import EMBEDDED, Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IDENTITIES: Final = {name: f"{user},{groups}" for name, (user, groups) in demo.IDENTITIES.items()}
"""Of the demo: `admin`, `hub` (a service account, with the rights that a test gives it) and `node`."""
NODE_NAME: Final = "demo"
_RIGHTS = Path(node.__file__).with_name("provisioner-rights.yaml")
_NODE = "node"
_READY_FILE = "api-ready"
_READY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class WholeCluster:
    """One that runs. What starts a program returns at once; `wait_for_…` waits until it works.

    Start programs from the test's own thread: they end when the thread does that started them.
    """

    backend: Backend
    """Its clients: `cluster.backend.api("hub")`."""
    folder: Path
    """Holds `logs`, IDENTITY.kubeconfig for each of `IDENTITIES`, and the node's own folder."""
    processes: Processes
    api: str
    """The API server's name among the processes."""
    plane: control_plane.ControlPlane | None
    """None: the embedded API."""
    node_flags: tuple[str, ...]
    """Who a node of this cluster is."""

    def kubeconfig(self, identity: str) -> Path:
        """Give the file of `admin`, `hub` or `node`."""
        return self.folder / f"{identity}.kubeconfig"

    @property
    def node_root(self) -> Path:
        """The node's own folder: homes are in `volumes/`."""
        return self.folder / "node"

    def kill_api(self) -> None:
        """End the API server as `kill -9` does; what it stores is kept."""
        self.processes.kill(self.api)

    def start_api(self) -> None:
        """Start the API server again, at the same address and with what it stored."""
        (self.folder / _READY_FILE).unlink(missing_ok=True)
        self.processes.start_again(self.api)

    def wait_for_api(self) -> None:
        """Wait until the API server answers."""
        if self.plane is None:
            self._wait(self.api, (self.folder / _READY_FILE).exists)
        else:
            self.plane.wait_for_api_server()

    def kill_node(self) -> None:
        """End the node as `kill -9` does; its pods' processes run on."""
        self.processes.kill(_NODE)

    def start_node(self) -> None:
        """Start the node again: it takes up the pods that run."""
        self.processes.start_again(_NODE)

    def wait_for_node(self) -> None:
        """Wait until the node is registered and ready."""
        self._wait(_NODE, lambda: "is ready" in self.processes.words(_NODE))

    def _wait(self, name: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + _READY_SECONDS
        while not holds():
            assert not self.processes.has_ended(name), f"{name} ended:\n{self.processes.last_words(name)}"
            assert time.monotonic() < end, f"{name} is not ready:\n{self.processes.last_words(name)}"
            time.sleep(0.05)


@contextlib.contextmanager
def whole_cluster(
    name: str, *, node_options: tuple[str, ...] = (), has_node: bool = True
) -> Iterator[WholeCluster]:
    """Start `embedded`, `newest`, `oldest` or `assets`, and end all of it, its pods too.

    Args:
        name: as the backends of this run are called.
        node_options: further ones of the node's command line.
        has_node: else somebody else runs one, with `node_flags`.

    Raises:
        NoClusterError: a program is missing, or does not start.
    """
    with tempfile.TemporaryDirectory(prefix="knada-cluster-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        with _embedded(folder) if name == EMBEDDED else _real(name, folder) as cluster:
            if has_node:
                command = (sys.executable, "-m", "jupyterhub_knada.devcluster.node", *cluster.node_flags)
                cluster.processes.start(
                    _NODE, *command, "--root", str(cluster.node_root), *node_options, parting=signal.SIGTERM
                )
                cluster.wait_for_node()
            yield cluster
        # What ran in pods when a test killed the node for good.
        kill_marked(str(folder.resolve()))


@contextlib.contextmanager
def _embedded(folder: Path) -> Iterator[WholeCluster]:
    (folder / "logs").mkdir()
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "jupyterhub_knada.devcluster.api", "--port", str(port)]
    command += ["--state-dir", str(folder / "state"), "--ready-file", str(folder / _READY_FILE)]
    for identity, who in IDENTITIES.items():
        command += ["--identity", f"{identity}={who}"]
        command += ["--kubeconfig", f"{identity}={folder / f'{identity}.kubeconfig'}"]
    with Processes(folder / "logs") as processes:
        processes.start("api", *command)
        cluster = WholeCluster(Backend(EMBEDDED, folder), folder, processes, "api", None, _node_flags(folder))
        cluster.wait_for_api()
        yield cluster


@contextlib.contextmanager
def _real(name: str, folder: Path) -> Iterator[WholeCluster]:
    programs = find(name)
    kubectl = programs["kubectl"]
    with control_plane.running(programs, folder, IDENTITIES) as plane:
        admin = folder / "admin.kubeconfig"
        subprocess.run(
            [kubectl, "--kubeconfig", admin, "create", "-f", _RIGHTS], check=True, stdout=subprocess.DEVNULL
        )
        certificate, key = plane.authority.issue("node")
        trust = ("--client-ca-file", str(plane.authority.certificate))
        identity = ("--tls-cert-file", str(certificate), "--tls-private-key-file", str(key))
        yield WholeCluster(
            Backend(name, folder),
            folder,
            plane.processes,
            "kube-apiserver",
            plane,
            (*_node_flags(folder), *identity, *trust),
        )


def _node_flags(folder: Path) -> tuple[str, ...]:
    return ("--name", NODE_NAME, "--kubeconfig", str(folder / "node.kubeconfig"))
