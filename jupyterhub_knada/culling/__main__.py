"""`python -m jupyterhub_knada.culling`: the culler as a process."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import click

from jupyterhub_knada.culling.service import Culler


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--cull-every",
    envvar="KNADA_CULL_EVERY",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    show_envvar=True,
    metavar="SECONDS",
    help="Wait so long between two passes. A server reports its activity every 300 s.",
)
@click.option("--once", is_flag=True, help="Make one pass and end: 0 if the hub could be asked, else 1.")
@click.option("--verbose", is_flag=True, help="Say for each server why it runs on.")
def main(*, cull_every: int, once: bool, verbose: bool) -> None:
    """Stop idle servers of a hub by each team's own timeout.

    JupyterHub runs this as a managed service; configure() adds it. The hub is that of JUPYTERHUB_API_URL
    and JUPYTERHUB_API_TOKEN, which JupyterHub sets.
    """
    missing = [name for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN") if not os.environ.get(name)]
    if missing:
        raise click.UsageError(f"{' and '.join(missing)} not set; JupyterHub sets both for its services.")
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="[%(levelname)1.1s %(asctime)s knada-culler] %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    culler = Culler(os.environ["JUPYTERHUB_API_URL"].rstrip("/"), os.environ["JUPYTERHUB_API_TOKEN"])
    try:
        if once:
            sys.exit(0 if asyncio.run(culler.cull_once()) else 1)
        asyncio.run(culler.run(cull_every))
    except KeyboardInterrupt:
        # Ctrl-C on a hub in a terminal reaches its services, too.
        sys.exit(0)


if __name__ == "__main__":
    main()
