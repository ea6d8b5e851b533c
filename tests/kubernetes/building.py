"""Build Kubernetes' programs from the Go modules that it publishes, by name and version.

Source: `replace` in https://github.com/kubernetes/kubernetes/blob/master/go.mod: its libraries are modules of
their own, published as v0.MINOR.PATCH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import GO

_KUBERNETES = "k8s.io/kubernetes"
_ETCD = "go.etcd.io/etcd/server/v3"
_KWOK = "sigs.k8s.io/kwok"
_KWOK_STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-complete",
    "pod/fast/pod-delete",
)
GET_GO: Final = f"install Go {GO[0]}.{GO[1]} or newer (https://go.dev/dl/)"
"""What to do where there is none, for a message."""
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build_etcd(version: str, target: Path) -> None:
    """Build etcd into a file.

    Raises:
        NoClusterError: there is no Go that could, or it failed.
    """
    _build(_ETCD, version, _ETCD, target, "")


def build_kubernetes(program: str, version: str, target: Path) -> None:
    """Build one of Kubernetes' own programs into a file: two to four minutes on two cores for the first one.

    Raises:
        NoClusterError: there is no Go that could, or it failed.
    """
    major, minor, _ = version.split(".")
    facts = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "unknown",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
    }
    flags = " ".join(
        f"-X {package}.{name}={value}" for package in _VERSION_PACKAGES for name, value in facts.items()
    )
    _build(_KUBERNETES, version, f"{_KUBERNETES}/cmd/{program}", target, flags)


def build_kwok(version: str, target: Path, stages: Path) -> None:
    """Build kwok into a file, and write into another one what its fake nodes and pods do: a minute.

    Outside a cluster kwok has no stages built in; these are what its module ships for clusters.

    Raises:
        NoClusterError: there is no Go that could, or it failed.
    """
    flags = f"-X {_KWOK}/pkg/consts.Version=v{version}"
    module = _build(_KWOK, version, f"{_KWOK}/cmd/kwok", target, flags)
    files = [module / "kustomize" / "stage" / f"{name}.yaml" for name in _KWOK_STAGES]
    stages.write_text("---\n".join(file.read_text(encoding="utf-8") for file in files), encoding="utf-8")


def _build(module: str, version: str, package: str, target: Path, flags: str) -> Path:
    """Build a package into a file; give the folder of its module's source."""
    go = find_go()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="knada-build-") as folder:
        run = _Go(go, Path(folder))
        source = run.write_module(module, version)
        # Beside its target and renamed: what is cut short leaves nothing that looks whole.
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            run("build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", str(unfinished), package)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return source


class NoGoError(NoClusterError):
    """There is no Go that builds; the message is half a sentence that says why, for a longer one."""


def find_go() -> str:
    """Give the Go that builds.

    Raises:
        NoGoError: there is none, it is too old, or it does not work.
    """
    go = shutil.which("go")
    if go is None:
        raise NoGoError("there is no Go to build with")
    command = [go, "env", "GOVERSION"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"exit code {error.returncode}"
        raise NoGoError(f"`{' '.join(command)}` fails ({reason})") from error
    found = re.search(r"\bgo(\d+)\.(\d+)", told)
    if found is None or (int(found[1]), int(found[2])) < GO:
        raise NoGoError(f"{go} is {told.strip() or 'of no version'}, too old to build with")
    return go


class _Go:
    """Go in a module of our own that requires another one."""

    def __init__(self, go: str, folder: Path) -> None:
        self._go = go
        self._folder = folder
        settings = {"GOFLAGS": "-mod=mod -buildvcs=false", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        self._environment = os.environ | settings

    def __call__(self, *arguments: str) -> str:
        """Run it; give what it printed; what it says meanwhile is shown when it fails."""
        done = subprocess.run(
            [self._go, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise NoClusterError(f"`go {arguments[0]}` failed:\n{last}")
        return done.stdout

    def write_module(self, module: str, version: str) -> Path:
        """Write go.mod, with what the required module's own go.mod replaces by folders of its repository.

        Gives the folder of the required module's source.
        """
        file = self._folder / "go.mod"
        file.write_text(f"module build\n\ngo 1.25.0\n\nrequire {module} v{version}\n", encoding="utf-8")
        upstream = json.loads(self("mod", "download", "-json", f"{module}@v{version}"))
        staging = "v0." + version.partition(".")[2]
        text = Path(upstream["GoMod"]).read_text(encoding="utf-8")
        folders = re.findall(r"^\t(k8s\.io/[a-z-]+) => \./staging", text, re.MULTILINE)
        # The samples are not all published, and nothing needs them.
        lines = [
            f"replace {name} => {name} {staging}" for name in folders if not name.startswith("k8s.io/sample-")
        ]
        with file.open("a", encoding="utf-8") as found:
            found.write("\n".join(lines) + "\n")
        return Path(upstream["Dir"])
