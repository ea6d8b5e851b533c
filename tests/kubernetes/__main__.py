"""A real Kubernetes control plane for the tests.

    python -m tests.kubernetes get              make sure that the clusters of KNADA_TEST_CLUSTERS are there
    python -m tests.kubernetes run [newest]     run one until Ctrl-C; says how kubectl reaches it

Exit codes: 0 done; 1 there is no such cluster (one line says what to set or to install); 2 wrong words.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.kubernetes.clusters import ASSETS, make_ready, named_clusters
from tests.kubernetes.control_plane import running
from tests.kubernetes.programs import get
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import KUBERNETES
from tests.support.backends import IDENTITIES


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _get() -> None:
    os.environ.setdefault("KNADA_TEST_CLUSTERS", "auto")
    for name, folder in named_clusters().items():
        _tell(make_ready(name, folder, _tell))


def _run(name: str) -> None:
    programs = get(name, _tell)
    signals = {signal.SIGINT, signal.SIGTERM}
    # Blocked only once all runs: what is started would inherit it.
    with (
        tempfile.TemporaryDirectory(prefix=f"kubernetes-{name}-") as folder,
        running(programs, Path(folder), IDENTITIES) as plane,
    ):
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        _tell(f"Kubernetes {plane.version} runs at {plane.address} until Ctrl-C; in another terminal:")
        _tell(f"  export KUBECONFIG={plane.folder / 'admin.kubeconfig'}")
        certificate, key = plane.authority.issue("node")
        _tell("A node for it that runs pods as processes, beside which kubectl logs and exec work:")
        _tell(f"  {sys.executable} -m jupyterhub_knada.devcluster.node \\")
        _tell('    --kubeconfig "$KUBECONFIG" --root .node \\')
        _tell(f"    --tls-cert-file {certificate} --tls-private-key-file {key} \\")
        _tell(f"    --client-ca-file {plane.authority.certificate}")
        signal.sigwait(signals)


def main(words: list[str]) -> int:
    """Do what the words say; give the exit code."""
    command, *names = words or ["help"]
    name = names[0] if names else "newest"
    if command not in ("get", "run") or len(names) > (command == "run"):
        sys.stderr.write(__doc__ or "")
        return 2
    if name not in (*KUBERNETES, ASSETS):
        sys.stderr.write(f"{name!r} is none of {', '.join((*KUBERNETES, ASSETS))}.\n")
        return 2
    try:
        _get() if command == "get" else _run(name)
    except NoClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
