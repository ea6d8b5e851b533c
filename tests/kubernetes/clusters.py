"""Which real clusters a run uses, in the order that contributors know.

`KNADA_TEST_CLUSTERS` names them: `newest`, `oldest`, `assets` (the programs in KUBEBUILDER_ASSETS), `given`
(the cluster of KUBECONFIG), or `NAME=DIR` for one that runs already, with IDENTITY.kubeconfig files in DIR.
`auto` is `given` where KUBECONFIG is set, else `assets` where KUBEBUILDER_ASSETS is, else `newest,oldest`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.kubernetes.programs import assets, find, get
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import KUBERNETES
from tests.support.kubernetes_api import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable

GIVEN: Final = "given"
ASSETS: Final = "assets"
_LOOPBACK = ("https://127.0.0.1:", "https://localhost:", "https://[::1]:", "http://127.0.0.1:")


def named_clusters() -> dict[str, Path | None]:
    """Give the clusters that KNADA_TEST_CLUSTERS names; those that run already with their folder.

    Raises:
        NoClusterError: a name is none.
    """
    words = os.environ.get("KNADA_TEST_CLUSTERS", "").replace(",", " ").split()
    clusters: dict[str, Path | None] = {}
    for word in words:
        name, is_folder, folder = word.partition("=")
        if is_folder:
            clusters[name] = Path(folder)
        elif word in (*KUBERNETES, ASSETS, GIVEN):
            clusters[word] = None
        elif word == "auto":
            clusters |= dict.fromkeys(_automatic())
        else:
            names = ", ".join((*KUBERNETES, ASSETS, GIVEN, "auto"))
            raise NoClusterError(f"KNADA_TEST_CLUSTERS: {word!r} is none of {names} and no NAME=DIR.")
    return clusters


def _automatic() -> tuple[str, ...]:
    if os.environ.get("KUBECONFIG"):
        return (GIVEN,)
    return (ASSETS,) if assets() else tuple(KUBERNETES)


def given_cluster() -> Path:
    """Give KUBECONFIG's file, of a cluster that may be written to.

    Raises:
        NoClusterError: it is not set, or names a cluster elsewhere that nobody has allowed.
    """
    text = os.environ.get("KUBECONFIG", "")
    if not text or not Path(text).is_file():
        raise NoClusterError(f"KUBECONFIG is {text!r}: set it to one file, that of a test cluster.")
    config = Kubeconfig.load(Path(text))
    if not config.server.startswith(_LOOPBACK) and os.environ.get("KNADA_TEST_CONTEXT") != config.context:
        raise NoClusterError(
            f"KUBECONFIG names {config.server}, which is not on this machine, and the tests make and delete "
            "namespaces, nodes and cluster roles there: if that is what you want, set "
            f"KNADA_TEST_CONTEXT={config.context}."
        )
    return Path(text)


def make_ready(name: str, folder: Path | None, tell: Callable[[str], None]) -> str:
    """Make sure that a cluster can be used, which may take minutes of building; give a line about it.

    Raises:
        NoClusterError: it cannot.
    """
    if folder is not None:
        return f"{name}: the one of {folder}"
    if name == GIVEN:
        path = given_cluster()
        return f"{name}: {Kubeconfig.load(path).server} of {path}"
    programs = get(name, tell)
    return f"{name}: Kubernetes {programs.version}, {Path(programs['kube-apiserver']).parent}"


def check(name: str, folder: Path | None) -> None:
    """Make sure that a cluster is there, without building anything.

    Raises:
        NoClusterError: it is not; the message says what to do.
    """
    if folder is not None:
        if not (folder / "admin.kubeconfig").is_file():
            raise NoClusterError(f"KNADA_TEST_CLUSTERS: there is no {folder / 'admin.kubeconfig'}.")
    elif name == GIVEN:
        given_cluster()
    else:
        programs = find(name)
        for program in programs.missing():
            programs[program]
