"""Run a control plane on loopback: etcd, API server, controllers and scheduler, without any node."""

from __future__ import annotations

import contextlib
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.cli.demo.ports import free_ports
from tests.kubernetes.certificates import Authority, write_token_keys
from tests.kubernetes.processes import Processes
from tests.kubernetes.refusals import NoClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.kubernetes.programs import Programs

ETCD_ADDRESS: Final = "etcd.address"
"""The file in a cluster's folder that says where its etcd answers: tests let it forget."""
CONTEXT: Final = "knada-test"
"""The context of every kubeconfig that is written here, by which it is known for a test cluster."""
_READY_SECONDS = 60
_OWN_IDENTITIES: Final = {
    "controllers": "system:kube-controller-manager",
    "scheduler": "system:kube-scheduler",
    "readiness": "readiness,system:masters",
}
_DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
"""Made by the controllers: it is there when they work."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One that runs."""

    folder: Path
    """Holds IDENTITY.kubeconfig, `logs` and the keys."""
    address: str
    """`https://127.0.0.1:PORT`."""
    version: str
    authority: Authority
    processes: Processes
    ready: Readiness

    def wait_for_api_server(self) -> None:
        """Wait until the API server answers: after `processes.start_again`.

        Raises:
            NoClusterError: it ended, or the time did.
        """
        self.ready.wait("kube-apiserver", f"{self.address}/readyz")


@contextlib.contextmanager
def running(programs: Programs, folder: Path, identities: Mapping[str, str]) -> Iterator[ControlPlane]:
    """Start one with its files in an empty folder; give it when all of it works, end it afterwards.

    Args:
        programs: what to run.
        folder: has to be there; about 30 MB.
        identities: by name, `USER[,GROUP...]`; each gets a token and `FOLDER/NAME.kubeconfig`.

    Raises:
        NoClusterError: a program is missing, ends or does not get ready; with the end of its log.
    """
    for name in ("logs", "keys"):
        (folder / name).mkdir(mode=0o700)
    with Processes(folder / "logs") as processes:
        port, etcd, peers, controllers, scheduler = free_ports(5)
        address = f"https://127.0.0.1:{port}"
        authority = Authority(folder / "keys")
        tokens = {name: secrets.token_hex(16) for name in (*_OWN_IDENTITIES, *identities)}
        ready = Readiness(processes, authority, tokens["readiness"])
        plane = ControlPlane(folder, address, programs.version, authority, processes, ready)
        _write_identities(plane, {**_OWN_IDENTITIES, **identities}, tokens)
        _start_etcd(plane, programs["etcd"], etcd, peers)
        ready.wait("etcd", f"http://127.0.0.1:{etcd}/health")
        (folder / ETCD_ADDRESS).write_text(f"http://127.0.0.1:{etcd}", encoding="utf-8")
        keys = write_token_keys(folder / "keys")
        _start_api_server(plane, programs["kube-apiserver"], etcd, keys)
        plane.wait_for_api_server()
        _start_controllers(plane, programs["kube-controller-manager"], controllers, keys[0])
        _start_scheduler(plane, programs["kube-scheduler"], scheduler)
        ready.wait("kube-controller-manager", address + _DEFAULT_ACCOUNT)
        ready.wait("kube-scheduler", f"https://127.0.0.1:{scheduler}/healthz", is_signed=False)
        yield plane


def _write_identities(plane: ControlPlane, identities: Mapping[str, str], tokens: Mapping[str, str]) -> None:
    """Write the file of tokens and a kubeconfig for each identity."""
    lines = []
    for name, who in identities.items():
        user, _, groups = who.partition(",")
        lines.append(f'{tokens[name]},{user},{user},"{groups}"\n')
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [
                {
                    "name": CONTEXT,
                    "cluster": {
                        "server": plane.address,
                        "certificate-authority": str(plane.authority.certificate),
                    },
                }
            ],
            "users": [{"name": name, "user": {"token": tokens[name]}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": name}}],
        }
        _write_secret(plane.folder / f"{name}.kubeconfig", json.dumps(config, indent=1))
    _write_secret(plane.folder / "keys" / "tokens.csv", "".join(lines))


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")


def _start_etcd(plane: ControlPlane, program: str, port: int, peers: int) -> None:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peers}"
    plane.processes.start(
        "etcd",
        program,
        "--name=test",
        f"--data-dir={plane.folder / 'etcd'}",
        "--unsafe-no-fsync",  # nobody survives a power cut here
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
    )


def _start_api_server(plane: ControlPlane, program: str, etcd: int, keys: tuple[Path, Path]) -> None:
    authority = plane.authority
    certificate, key = authority.issue("kube-apiserver")
    plane.processes.start(
        "kube-apiserver",
        program,
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={plane.address.rpartition(':')[2]}",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--client-ca-file={authority.certificate}",
        f"--token-auth-file={plane.folder / 'keys' / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={keys[0]}",
        f"--service-account-key-file={keys[1]}",
        "--service-cluster-ip-range=127.96.0.0/16",
        f"--kubelet-certificate-authority={authority.certificate}",
        f"--kubelet-client-certificate={certificate}",
        f"--kubelet-client-key={key}",
        "--profiling=false",
        "--allow-privileged",  # as kubeadm and the clouds start theirs: Pod Security decides, not the server
    )


def _start_controllers(plane: ControlPlane, program: str, port: int, token_key: Path) -> None:
    config = plane.folder / "controllers.kubeconfig"
    plane.processes.start(
        "kube-controller-manager",
        program,
        *_component_flags(config, port),
        f"--cert-dir={plane.folder / 'keys' / 'controllers'}",
        f"--service-account-private-key-file={token_key}",
        f"--root-ca-file={plane.authority.certificate}",
        "--use-service-account-credentials",
        # The defaults, 15 s and 5 min, are for clusters that live longer than a test.
        "--pvclaimbinder-sync-period=1s",
        "--resource-quota-sync-period=5s",
    )


def _start_scheduler(plane: ControlPlane, program: str, port: int) -> None:
    config = plane.folder / "scheduler.kubeconfig"
    flags = (*_component_flags(config, port), f"--cert-dir={plane.folder / 'keys' / 'scheduler'}")
    plane.processes.start("kube-scheduler", program, *flags)


def _component_flags(config: Path, port: int) -> tuple[str, ...]:
    return (
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
    )


class Readiness:
    """Waits for the parts of a control plane."""

    def __init__(self, processes: Processes, authority: Authority, token: str) -> None:
        self._processes = processes
        self._token = token
        self._context = ssl.create_default_context(cafile=str(authority.certificate))

    def wait(self, name: str, url: str, *, is_signed: bool = True) -> None:
        """Wait until an address of a program answers well.

        Args:
            name: the program's.
            url: what to ask.
            is_signed: whether its certificate is our authority's; else any is taken.

        Raises:
            NoClusterError: the program ended, or the time did.
        """
        context = self._context if is_signed else ssl._create_unverified_context()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._token}"})
        end = time.monotonic() + _READY_SECONDS
        while not _answers(request, context if url.startswith("https:") else None):
            words = self._processes.last_words(name)
            if self._processes.has_ended(name):
                raise NoClusterError(f"{name} ended:\n{words}")
            if time.monotonic() > end:
                raise NoClusterError(f"{name} is not ready after {_READY_SECONDS} s:\n{words}")
            time.sleep(0.05)


def _answers(request: urllib.request.Request, context: ssl.SSLContext | None) -> bool:
    try:
        with urllib.request.urlopen(request, context=context, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
