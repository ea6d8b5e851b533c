"""`jupyterhub-knada demo`: a JupyterHub with sample teams on an embedded cluster, for trying and for tests.

Loopback only, no Docker, no Kubernetes, no cloud account. Pods are local processes without isolation, so it
is nothing to give to other people.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path

import click

# What the extra `demo` brings, by import names.
NEEDED = ("aiohttp", "cryptography", "jupyterhub_idle_culler", "jupyterlab", "notebook")

EPILOG = """\b
Examples:
  jupyterhub-knada demo
  jupyterhub-knada demo --port 9000 --state-dir /tmp/demo
\b
Exit codes:
  0  stopped by Ctrl-C or SIGTERM
  1  a part of the demo could not start, or ended
  2  wrong use: not Linux, the port is in use, another demo runs in this folder
"""


@click.command(epilog=EPILOG)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    help="Where the hub listens, on 127.0.0.1 only.",
)
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where team files, homes, database and logs are kept between runs.",
)
@click.option(
    "--shared-origin",
    is_flag=True,
    help="Give servers no addresses of their own below localhost, for browsers that do not find them.",
)
def demo(port: int, state_dir: Path, *, shared_origin: bool) -> None:
    """Run a JupyterHub with sample teams on this machine.

    It needs no Docker, no Kubernetes and no cloud account: an embedded cluster runs each server as a local
    process. For trying and for tests only.
    """
    if not sys.platform.startswith("linux"):
        raise click.UsageError(
            "The demo runs on Linux only: it gives each server an address of its own in 127.0.0.0/8 and "
            "watches its processes through /proc. Use a virtual machine, or WSL on Windows."
        )
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise click.UsageError(
            f"The demo needs packages that are not installed here: {', '.join(missing)}; "
            "install them with: pip install 'jupyterhub-knada[demo]'"
        )
    # Imported here: the rest of the command must not pay for what the demo needs.
    from jupyterhub_knada.cli.demo.folder import DemoFolder, FolderInUseError  # noqa: PLC0415
    from jupyterhub_knada.cli.demo.ports import is_free  # noqa: PLC0415
    from jupyterhub_knada.cli.demo.running import Demo, PortTakenError, run_until_stopped  # noqa: PLC0415

    folder = DemoFolder(state_dir.resolve())
    # In a folder that is in use, or was until its demo was killed, the port may be that demo's: see `start`.
    if folder.is_new and not is_free(port):
        raise click.UsageError(str(PortTakenError(port)))
    try:
        folder.open()
        folder.write_samples()
    except FolderInUseError as in_use:
        raise click.UsageError(str(in_use)) from None
    except OSError as failed:
        raise click.UsageError(
            f"The demo keeps its state in {folder.root}, which cannot be written ({failed.strerror}: "
            f"{failed.filename}); choose a folder of your own with --state-dir."
        ) from None
    sys.exit(asyncio.run(run_until_stopped(Demo(folder, port, shared_origin=shared_origin))))
