"""The embedded Kubernetes API as a program, DEV/DEMO only; see the package's docstring for its options."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from jupyterhub_knada.devcluster.api.cluster import EmbeddedCluster, NotLoopbackError
from jupyterhub_knada.devcluster.api.identities import Identity, TokenFileError, read_token_file
from jupyterhub_knada.devcluster.api.storage import StateError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jupyterhub_knada.devcluster.api",
        description="An honest subset of the Kubernetes API for demos and tests (DEV/DEMO only).",
        epilog="Example: %(prog)s --state-dir .demo/cluster --identity admin=admin,system:masters"
        " --kubeconfig admin=.demo/admin.kubeconfig",
    )
    add = parser.add_argument
    add(
        "--state-dir", type=Path, required=True, metavar="DIR", help="folder of its objects, used again later"
    )
    add("--port", type=int, default=0, help="port on loopback; 0 picks a free one (default)")
    add("--host", default="127.0.0.1", help="a loopback address; anything else is refused")
    add("--tokens", type=Path, metavar="FILE", help='static token file: token,user,uid,"group1,group2"')
    add(
        "--identity",
        action="append",
        default=[],
        metavar="NAME=USER[,GROUP...]",
        help="a user with a token of its own, kept in DIR/tokens.csv; may be repeated",
    )
    add(
        "--kubeconfig",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="write a kubeconfig for an identity, or for the first one; may be repeated",
    )
    add("--ready-file", type=Path, metavar="FILE", help="written with the address when the API answers")
    add("--log-level", default="WARNING", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    return parser


def _identities(texts: list[str], parser: argparse.ArgumentParser) -> dict[str, Identity]:
    found = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        user, *groups = rest.split(",")
        if not (name and equals and user):
            parser.error(f"--identity {text!r}: write NAME=USER or NAME=USER,GROUP,GROUP")
        found[name] = Identity(user, tuple(groups))
    return found


def _write_kubeconfigs(cluster: EmbeddedCluster, texts: list[str], parser: argparse.ArgumentParser) -> None:
    for text in texts:
        name, equals, file = text.partition("=")
        user = name if equals else cluster.users[0]
        if equals and user not in cluster.users:
            parser.error(
                f"--kubeconfig {text!r}: no identity {name!r}; there are: {', '.join(cluster.users)}"
            )
        cluster.write_kubeconfig(Path(file if equals else text), user)


async def _serve(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    cluster = EmbeddedCluster(
        options.state_dir,
        identities=_identities(options.identity, parser),
        tokens=read_token_file(options.tokens) if options.tokens else None,
        port=options.port,
        host=options.host,
    )
    async with cluster:
        _write_kubeconfigs(cluster, options.kubeconfig, parser)
        if options.ready_file:
            options.ready_file.write_text(cluster.url + "\n", encoding="utf-8")
        who = "; no tokens are set: everybody is system:admin of system:masters" if cluster.is_open else ""
        sys.stdout.write(f"embedded Kubernetes API (DEV/DEMO only) ready at {cluster.url}{who}\n")
        sys.stdout.flush()
        await stopping.wait()


def main() -> None:
    """Run until SIGTERM or SIGINT; exits 1 when it cannot start, 2 on wrong use."""
    parser = _parser()
    options = parser.parse_args()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(options, parser))
    except (StateError, TokenFileError, NotLoopbackError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {options.host}:{options.port}: {error.strerror or error}\n")


if __name__ == "__main__":
    main()
