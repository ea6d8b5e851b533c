"""The programs of a control plane: those of KUBEBUILDER_ASSETS, else the cache's, else built into it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.kubernetes.building import GET_GO, NoGoError, build_etcd, build_kubernetes, find_go
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import ETCD, KUBERNETES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OWN: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
"""The programs that have Kubernetes' version."""
NAMES: Final = (*OWN, "etcd")


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs of one version are."""

    version: str
    folders: tuple[Path, ...]
    """Searched in this order."""

    def path(self, name: str) -> Path | None:
        """Give a program's file, or None where it is in none of the folders."""
        found = (folder / name for folder in self.folders if os.access(folder / name, os.X_OK))
        return next(found, None)

    def __getitem__(self, name: str) -> str:
        """Give a program that has to be there.

        Raises:
            NoClusterError: it is not; the message says how to get it.
        """
        found = self.path(name)
        if found is None:
            version = ETCD if name == "etcd" else self.version
            raise NoClusterError(f"{name} {version} is not there: run `make kubernetes` first.")
        return str(found)

    def missing(self) -> list[str]:
        """Give the names of those that are not there."""
        return [name for name in NAMES if self.path(name) is None]


def assets() -> Path | None:
    """Give the folder of KUBEBUILDER_ASSETS, envtest's convention; None where it is not set.

    Source: https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/envtest.
    """
    named = os.environ.get("KUBEBUILDER_ASSETS", "")
    return Path(named).absolute() if named else None


def cache() -> Path:
    """Give the folder where programs that were built are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "jupyterhub-knada" / "kubernetes"


def find(name: str) -> Programs:
    """Give the programs of `newest`, `oldest` or `assets` (whatever KUBEBUILDER_ASSETS has).

    Raises:
        NoClusterError: KUBEBUILDER_ASSETS is no folder with an API server in it.
    """
    given = assets()
    given_version = _version_of(given) if given else None
    version = given_version if name == "assets" else KUBERNETES[name]
    if version is None:
        raise NoClusterError("KUBEBUILDER_ASSETS is not set: no programs are given.")
    built = (cache() / version, cache() / f"etcd-{ETCD}")
    return Programs(version, (given, *built) if given and given_version == version else built)


def _version_of(folder: Path) -> str:
    program = folder / "kube-apiserver"
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it fails"
        raise NoClusterError(f"KUBEBUILDER_ASSETS: {program} cannot be run: {reason}.") from error
    found = re.search(r"v(\d+\.\d+\.\d+)", told)
    if found is None:
        raise NoClusterError(f"KUBEBUILDER_ASSETS: {program} does not tell its version.")
    return found[1]


def get(name: str, tell: Callable[[str], None], other_ways: Sequence[str] = ()) -> Programs:
    """Give programs, all of them: what is missing is built.

    Args:
        name: `newest`, `oldest` or `assets`.
        tell: hears of each program before its minutes begin.
        other_ways: what one can do instead of installing Go, for a message; where none is named, what helps
            with this very version.

    Raises:
        NoClusterError: there is no Go that could build, or it failed.
    """
    programs = find(name)
    missing = programs.missing()
    if missing:
        _check_go(programs, missing, other_ways)
    for program in missing:
        is_etcd = program == "etcd"
        version = ETCD if is_etcd else programs.version
        target = (cache() / (f"etcd-{ETCD}" if is_etcd else version)) / program
        with alone(target.parent):
            if target.exists():  # by another run, meanwhile
                continue
            tell(f"Building {program} {version} into {target.parent} …")
            if is_etcd:
                build_etcd(version, target)
            else:
                build_kubernetes(program, version, target)
    return programs


def _check_go(programs: Programs, missing: list[str], other_ways: Sequence[str]) -> None:
    try:
        find_go()
    except NoGoError as error:
        given = assets()
        if given in programs.folders:
            by_hand = f"put them into {given}"
        else:
            by_hand = "set KUBEBUILDER_ASSETS to a folder with all of them in this version"
        *ways, last = (GET_GO, *(other_ways or (by_hand,)))
        raise NoClusterError(
            f"For Kubernetes {programs.version} these programs are missing: {', '.join(missing)}. They can be"
            f" built, but {error}: {', '.join(ways)}, or {last}."
        ) from error


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one run at a time build into a folder; the lock goes with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
