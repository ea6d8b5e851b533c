"""Which real clusters a run uses, in the order that contributors know.

`KNADA_TEST_CLUSTERS` names them: `newest`, `oldest`, `assets` (the programs in KUBEBUILDER_ASSETS), `given`
(the cluster of KUBECONFIG), or `NAME=DIR` for one that runs already, with IDENTITY.kubeconfig files in DIR.
`auto` is `given` where KUBECONFIG is set, else `assets` where KUBEBUILDER_ASSETS is, else `newest,oldest`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.kubernetes.given import ask_version, given_cluster
from tests.kubernetes.programs import assets, find, get
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import KUBERNETES
from tests.support.kubernetes_api import Kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable

GIVEN: Final = "given"
ASSETS: Final = "assets"
_AUTOMATIC: Final = "auto"


def named_clusters() -> dict[str, Path | None]:
    """Give the clusters that KNADA_TEST_CLUSTERS names; those that run already with their folder.

    Raises:
        NoClusterError: a name is none.
    """
    words = _words()
    clusters: dict[str, Path | None] = {}
    for word in words:
        name, is_folder, folder = word.partition("=")
        if is_folder:
            clusters[name] = Path(folder)
        elif word in (*KUBERNETES, ASSETS, GIVEN):
            clusters[word] = None
        elif word == _AUTOMATIC:
            clusters |= dict.fromkeys(_automatic())
        else:
            names = ", ".join((*KUBERNETES, ASSETS, GIVEN, _AUTOMATIC))
            raise NoClusterError(f"KNADA_TEST_CLUSTERS: {word!r} is none of {names} and no NAME=DIR.")
    return clusters


def _words() -> list[str]:
    return os.environ.get("KNADA_TEST_CLUSTERS", "").replace(",", " ").split()


def _automatic() -> tuple[str, ...]:
    if os.environ.get("KUBECONFIG"):
        return (GIVEN,)
    return (ASSETS,) if assets() else tuple(KUBERNETES)


def _other_ways() -> tuple[str, str]:
    """Give what spares one to build where the clusters are chosen by what is set, for a message."""
    given = assets()
    by_hand = "set KUBEBUILDER_ASSETS to a folder with all of them, of any version"
    if given:
        by_hand = f"put them into {given}"
    return by_hand, "set KUBECONFIG to the file of a test cluster"


def make_ready(name: str, folder: Path | None, tell: Callable[[str], None]) -> str:
    """Make sure that a cluster can be used, which may take minutes of building; give a line about it.

    Raises:
        NoClusterError: it cannot.
    """
    if folder is not None:
        return f"{name}: the one of {folder}"
    if name == GIVEN:
        config = Kubeconfig.load(given_cluster())
        return f"{name}: Kubernetes {ask_version(config)}, {config.server} of {config.path}"
    programs = get(name, tell, _other_ways() if _AUTOMATIC in _words() else ())
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
        ask_version(Kubeconfig.load(given_cluster()))
    else:
        programs = find(name)
        for program in programs.missing():
            programs[program]
