"""What a node is told when it starts, and its command line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class OnExit(StrEnum):
    """What becomes of the pods' processes when the node stops."""

    STOP = "stop"
    """They end with their grace period; their pods fail with reason `Terminated`, as in a node's shutdown."""
    KEEP = "keep"
    """They run on; the next node in the same root folder adopts them."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next try: doubled each time, up to a maximum.

    The defaults are the kubelet's, for crashed containers and for failed pulls alike.
    """

    initial_seconds: float = 10.0
    maximum_seconds: float = 300.0

    def next_delay(self, delay: float) -> float:
        """Give the delay after `delay` seconds; 0 means that there was none yet."""
        return min(delay * 2, self.maximum_seconds) if delay else self.initial_seconds

    def is_forgiven(self, ran_seconds: float) -> bool:
        """Tell whether a container ran so long that its next crash counts as the first.

        Source: kubelet, `MaxContainerBackOff` times two.
        """
        return ran_seconds >= 2 * self.maximum_seconds


def _machine_memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 1024}Ki"


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Everything that a node is told; the command line's options have the same names."""

    kubeconfig: Path
    root: Path
    """The node's own folder: records, layers, logs, and the homes (below `volumes/`). One node a folder."""
    name: str = "local"
    cpu: str = field(default_factory=lambda: str(os.cpu_count() or 1))
    memory: str = field(default_factory=_machine_memory)
    pods: int = 110
    capacity: dict[str, str] = field(default_factory=dict)
    """Further resources, e.g. `{"nvidia.com/gpu": "1"}`; none unless told."""
    labels: dict[str, str] = field(default_factory=dict)
    image_python: Path = field(default_factory=lambda: Path(sys.executable))
    """The interpreter whose environment every image stands for."""
    image_env: dict[str, str] = field(default_factory=dict)
    """What the image's ENV lines would set."""
    image_home: str = "/home/jovyan"
    """HOME and working folder of the image, as in the Jupyter Docker Stacks."""
    image_command: tuple[str, ...] = ("jupyterhub-singleuser",)
    """What the image runs where a pod names neither command nor arguments."""
    missing_images: tuple[str, ...] = ()
    """Shell patterns of images that no registry has."""
    pull_seconds: float = 0.0
    """How long the first pull of an image takes; 0: images are present already."""
    storage_class: str = "local-folder"
    reclaim_policy: str = "Delete"
    on_exit: OnExit = OnExit.STOP
    kubelet_port: int = 0
    """Where logs and exec are served, on loopback; 0: any free port."""
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    """Both, or a self-signed certificate is made in the root folder."""
    client_ca_file: Path | None = None
    """The authority of those who may ask that port. None: all on this machine read logs, nobody has exec."""
    backoff: Backoff = field(default_factory=Backoff)
    lease_seconds: float = 10.0
    """How often the node says that it is alive; its lease lasts four times as long."""


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"not NAME=VALUE (got {text!r}); write for example nvidia.com/gpu=1")
    return name, value


def _node_name(text: str) -> str:
    if not _NODE_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"not a node name (got {text!r}); lower-case letters, digits, '-' and '.', as in 'local'"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"not a number of seconds (got {text!r}); write for example 2.5")
    return seconds


_PAIRS: dict[str, Any] = {"type": _assignment, "action": "append", "default": [], "metavar": "NAME=VALUE"}


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jupyterhub_knada.devcluster.node",
        description="Run pods as local processes, for demos and tests only. Linux 5.3 or newer.",
        epilog="exit codes: 0 stopped as asked, 1 cannot run, 2 wrong use",
    )
    add = parser.add_argument
    add("--kubeconfig", type=Path, required=True, metavar="FILE", help="the API server and who the node is")
    add(
        "--root", type=Path, required=True, metavar="DIR", help="the node's own folder; homes are in volumes/"
    )
    add("--name", type=_node_name, default="local", help="the Node's name (default: local)")
    add("--cpu", help="capacity (default: the machine's)")
    add("--memory", help="capacity (default: the machine's)")
    add("--pods", type=int, default=110, help="how many pods at most (default: 110)")
    add("--capacity", **_PAIRS, help="a further resource, e.g. nvidia.com/gpu=1; repeatable")
    add("--label", **_PAIRS, help="a label of the Node; repeatable")
    add("--image-env", **_PAIRS, help="a variable that images set; repeatable")
    add("--image-python", type=Path, metavar="PATH", help="interpreter of the 'image' (default: this one)")
    add(
        "--image-home",
        metavar="PATH",
        default="/home/jovyan",
        help="HOME in the image (default: /home/jovyan)",
    )
    add("--missing-image", action="append", default=[], metavar="PATTERN", help="images that are not found")
    add("--pull-seconds", type=_seconds, default=0.0, help="duration of a first pull (default: present)")
    add(
        "--storage-class",
        default="local-folder",
        help="name of the default StorageClass (default: local-folder)",
    )
    add("--reclaim-policy", choices=("Delete", "Retain"), default="Delete", help="of that class's volumes")
    add(
        "--on-exit",
        type=OnExit,
        choices=tuple(OnExit),
        default=OnExit.STOP,
        help="end pods, or leave them running",
    )
    add("--kubelet-port", type=int, default=0, help="port for logs and exec (default: any free one)")
    add("--tls-cert-file", type=Path, metavar="FILE", help="certificate of that port (default: self-signed)")
    add("--tls-private-key-file", type=Path, metavar="FILE", help="its key")
    add(
        "--client-ca-file",
        type=Path,
        metavar="FILE",
        help="who may ask that port: those with a certificate of this authority, as the API server's "
        "(default: logs for everybody on this machine, no exec)",
    )
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info", help="(default: info)")
    return parser


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[NodeOptions, str]:
    """Read the command line.

    Returns: the options, and the log level in upper case.

    Raises:
        SystemExit: 2, with the usage and the reason on standard error.
    """
    parser = _build_parser()
    given = vars(parser.parse_args(arguments))
    log_level = given.pop("log_level").upper()
    if (given["tls_cert_file"] is None) != (given["tls_private_key_file"] is None):
        parser.error("--tls-cert-file and --tls-private-key-file go together; give both or none")
    given["capacity"] = dict(given["capacity"])
    given["image_env"] = dict(given["image_env"])
    given["labels"] = dict(given.pop("label"))
    given["missing_images"] = tuple(given.pop("missing_image"))
    return NodeOptions(**{name: value for name, value in given.items() if value is not None}), log_level
