"""What stands for a container image: a Python environment, with a thin writable layer for each container.

A layer is a virtual environment whose packages come first, then the user's own (`pip install --user`, in the
home), then the image's. So a plain `pip install` lands in the layer and is gone with the container; `--user`
lands in the home, stays, and wins over the image, as in a real pod. The image's scripts are re-pointed to the
layer's interpreter; of `share/` and `etc/` the Jupyter folders are shown by links, so that nothing written in
a container reaches the image.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROBE = """
import json, site, sys, sysconfig
print(json.dumps({
    "base": getattr(sys, "_base_executable", sys.executable),
    "version": sys.version.split()[0],
    "prefix": sys.prefix,
    "scripts": sysconfig.get_path("scripts"),
    "packages": [p for p in site.getsitepackages() if p.startswith(sys.prefix)],
    "layer": "lib/python%d.%d/site-packages" % sys.version_info[:2],
}))
"""
_LAYER_MODULE = "_container_layer"
_LAYER_CODE = """\
# The packages of a container: those below this folder, of the user, of the image.
import os
import site
import sys

_here = os.path.dirname(__file__)
if site.check_enableusersite() and os.path.isdir(site.getusersitepackages()):
    sys.path.insert(sys.path.index(_here), site.getusersitepackages())
for _folder in {packages!r}:
    site.addsitedir(_folder)
"""
# JupyterLab's terminals are login shells, and the machine's /etc/profile may replace PATH: pip would be the
# machine's.
_SHELL = """\
#!/bin/sh
# The shell of a container: as bash, but never a login shell.
for argument; do
    shift
    case $argument in -l | --login) ;; *) set -- "$@" "$argument" ;; esac
done
exec "$(command -v bash || command -v sh)" "$@"
"""
# What Linux reads of a script's first line; a longer one is cut.
_SHEBANG_BYTES = 127
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class ImageError(Exception):
    """The interpreter that stands for images cannot be used."""


@dataclass(frozen=True, slots=True)
class Image:
    """A Python environment that stands for every image."""

    base: Path
    """The interpreter below the environment, which virtual environments link to."""
    version: str
    prefix: Path
    scripts: Path
    packages: tuple[str, ...]
    layer_packages: str
    """Of a layer, relative to its prefix."""
    rewritten: dict[str, str]
    """Script name → text after the first line, of the scripts that this environment's interpreter runs."""

    @property
    def image_id(self) -> str:
        """What the node reports as `imageID`."""
        return f"python-environment:{self.prefix}@{self.version}"

    def build_path(self, layer: Path) -> str:
        """Give the PATH inside a container."""
        return os.pathsep.join([str(layer / "bin"), str(self.scripts), *_SYSTEM_PATH])

    def find_shell(self, layer: Path) -> Path:
        """Give what SHELL is inside a container."""
        return layer / "libexec" / "shell"

    def build_layer(self, folder: Path, seen_as: Path) -> None:
        """Make a fresh layer.

        Args:
            folder: where it lies; what is there is removed.
            seen_as: the path under which containers know it: a link that is the same after a restart, because
                scripts that `pip install --user` writes into the home name their interpreter.
        """
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "bin").mkdir(parents=True)
        for name in ("python", "python3", self.base.name):
            (folder / "bin" / name).unlink(missing_ok=True)
            (folder / "bin" / name).symlink_to(self.base)
        told = f"home = {self.base.parent}\ninclude-system-site-packages = true\nversion = {self.version}\n"
        (folder / "pyvenv.cfg").write_text(told)
        packages = folder / self.layer_packages
        packages.mkdir(parents=True)
        (packages / f"{_LAYER_MODULE}.py").write_text(_LAYER_CODE.format(packages=self.packages))
        (packages / f"{_LAYER_MODULE}.pth").write_text(f"import {_LAYER_MODULE}\n")
        shell = self.find_shell(folder)
        shell.parent.mkdir()
        shell.write_text(_SHELL)
        shell.chmod(0o755)
        shebang = _build_shebang(seen_as / "bin" / "python")
        for name, text in self.rewritten.items():
            script = folder / "bin" / name
            script.write_text(shebang + text)
            script.chmod(0o755)
        for shared in _iterate_shared(self.prefix):
            _mirror(shared, folder / shared.relative_to(self.prefix))
        seen_as.parent.mkdir(parents=True, exist_ok=True)
        seen_as.unlink(missing_ok=True)
        seen_as.symlink_to(folder)


def _build_shebang(python: Path) -> str:
    line = f"#!{python}\n"
    if len(line) <= _SHEBANG_BYTES and " " not in line:
        return line
    # The shell runs the second line, Python reads it as a string: as pip writes it for long paths.
    return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"


def _iterate_shared(prefix: Path) -> Iterator[Path]:
    yield from (path for path in prefix.glob("share/jupyter*") if path.is_dir())
    yield from (path for path in prefix.glob("etc/jupyter*") if path.is_dir())


def _mirror(image: Path, layer: Path, depth: int = 0) -> None:
    """Show a folder of the image: its upper folders as folders, in which packages meet, the rest as links."""
    layer.mkdir(parents=True)
    for entry in image.iterdir():
        is_meeting_place = (
            entry.is_dir() and not entry.is_symlink() and (depth == 0 or entry.name.startswith("@"))
        )
        if is_meeting_place:
            _mirror(entry, layer / entry.name, depth + 1)
        else:
            (layer / entry.name).symlink_to(entry)


async def inspect_image(python: Path) -> Image:
    """Look at the environment of an interpreter.

    Raises:
        ImageError: it cannot be run, or lacks what a layer needs.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            python, "-c", _PROBE, stdout=asyncio.subprocess.PIPE, env={"PATH": os.defpath}
        )
    except OSError as failure:
        raise ImageError(f"--image-python: cannot run {python}: {failure.strerror}") from failure
    told, _ = await process.communicate()
    if process.returncode:
        raise ImageError(
            f"--image-python: {python} ended with exit code {process.returncode}; it must be CPython 3"
        )
    facts = json.loads(told)
    scripts = Path(facts["scripts"])
    return Image(
        base=Path(facts["base"]),
        version=facts["version"],
        prefix=Path(facts["prefix"]),
        scripts=scripts,
        packages=tuple(facts["packages"]),
        layer_packages=facts["layer"],
        rewritten=await asyncio.to_thread(_read_scripts, scripts),
    )


def _read_scripts(scripts: Path) -> dict[str, str]:
    """Read the scripts that an interpreter of the same folder runs."""
    found: dict[str, str] = {}
    for script in scripts.iterdir():
        if not (script.is_file() and os.access(script, os.X_OK)):
            continue
        with script.open("rb") as stream:
            first = stream.readline(4096)
            if first.startswith(b"#!/bin/sh"):
                second = stream.readline(4096)
                is_ours = second.startswith(f"'''exec' \"{scripts}/python".encode())
                is_ours = is_ours or second.startswith(f"'''exec' {scripts}/python".encode())
                stream.readline(4096)
            else:
                is_ours = first.startswith(f"#!{scripts}/python".encode())
            if is_ours:
                found[script.name] = stream.read().decode()
    return found
