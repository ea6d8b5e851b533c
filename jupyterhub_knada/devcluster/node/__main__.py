"""`python -m jupyterhub_knada.devcluster.node`: run a node until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING

from kubernetes_asyncio.config import ConfigException

from jupyterhub_knada.devcluster.node.addresses import AddressesExhaustedError
from jupyterhub_knada.devcluster.node.cluster import ApiError
from jupyterhub_knada.devcluster.node.images import ImageError
from jupyterhub_knada.devcluster.node.node import LocalNode, NodeError
from jupyterhub_knada.devcluster.node.options import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_knada.devcluster.node.options import NodeOptions

_REFUSALS = (NodeError, ImageError, AddressesExhaustedError, ApiError, ConfigException, OSError)


async def _serve(options: NodeOptions) -> None:
    async with LocalNode(options) as node:
        print(f"node {options.name} (DEV/DEMO only) is ready", flush=True)  # noqa: T201 - whoever started it waits for it
        await node.wait()


async def _run(options: NodeOptions) -> None:
    """Run a node until a signal. Further signals change nothing: what is left is ended already."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    serving, stopping = asyncio.create_task(_serve(options)), asyncio.create_task(stopped.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    serving.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("node %s stopped", options.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; give its exit code."""
    options, log_level = parse_arguments(arguments)
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(options))
    except _REFUSALS as refusal:
        print(f"node {options.name}: {refusal}", file=sys.stderr)  # noqa: T201 - the program's own last word
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
