"""What one container is to run: command, environment and working folder, fitted to this machine."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.environment import build_environment, expand
from jupyterhub_knada.devcluster.node.processes import MARKER_VARIABLE, ProcessRequest
from jupyterhub_knada.devcluster.node.rewriting import Rewriting
from jupyterhub_knada.devcluster.node.volumes import find_mounts, link_nested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_knada.devcluster.node.attempts import Attempt
    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.context import PodContext
    from jupyterhub_knada.devcluster.node.options import NodeOptions

_TERMINATION_LOG = "/dev/termination-log"
_CANNOT_START = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)


class LaunchError(Exception):
    """A container cannot be started; the message is a container runtime's own.

    Attributes:
        reason: without the words of a container's start, for a command in one that runs.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(_CANNOT_START + reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ContainerFolders:
    """Where one container's files lie."""

    layer: Path
    seen_as: Path
    """The layer's path inside the container; the same for the next pod of this name."""
    scratch: Path
    """Stands for the container's own file system: its home and working folder where nothing is mounted."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What one try of a container runs; the names are the pod's own, not yet rewritten."""

    spec: JsonObject
    variables: Mapping[str, str]
    mounts: Mapping[str, Path]


async def prepare_launch(pod: PodContext, spec: JsonObject) -> Launch:
    """Gather variables and mounts.

    Raises:
        ConfigError: something that the container needs is missing.
    """
    volumes = await pod.volumes()
    variables = await build_environment(spec, pod.fields, pod.read)
    return Launch(spec, variables, find_mounts(spec, volumes, variables))


def build_request(
    pod: PodContext, launch: Launch, attempt: Attempt, folders: ContainerFolders
) -> ProcessRequest:
    """Build what the supervisor is given; makes the home and the working folder.

    Raises:
        LaunchError: the command or the working folder cannot be used.
    """
    options, spec = pod.node.options, launch.spec
    rewriting = _build_rewriting(launch, attempt, folders, options, pod.address)
    home = rewriting.folders[options.image_home]
    cwd = _make_working_folder(spec.get("workingDir") or options.image_home, rewriting, folders.scratch)
    env = {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "SHELL": str(pod.node.image.find_shell(folders.seen_as)),
        "HOSTNAME": pod.pod["metadata"]["name"],
        # A layer looks like a virtual environment; a real image does not, and there the user's settings win.
        "JUPYTER_PREFER_ENV_PATH": "0",
        **options.image_env,
        **{name: rewriting.rewrite(value) for name, value in launch.variables.items()},
        MARKER_VARIABLE: str(attempt.folder),
    }
    own_path = pod.node.image.build_path(folders.seen_as)
    env["PATH"] = f"{folders.seen_as / 'bin'}:{env['PATH']}" if "PATH" in env else own_path
    words = [*(spec.get("command") or []), *(spec.get("args") or [])] or list(options.image_command)
    argv = [rewriting.rewrite(expand(word, launch.variables)) for word in words]
    attempt.write_launch(rewriting, cwd)
    return ProcessRequest(attempt.folder, [find_program(argv, words, env["PATH"], cwd), *argv[1:]], env, cwd)


def _build_rewriting(
    launch: Launch, attempt: Attempt, folders: ContainerFolders, options: NodeOptions, address: str
) -> Rewriting:
    message_path = launch.spec.get("terminationMessagePath") or _TERMINATION_LOG
    mounts = {**launch.mounts, message_path: attempt.folder / "termination-log"}
    mounts.pop("/", None)
    home = Rewriting(mounts, address).find_local(options.image_home)
    if home is None:
        home = folders.scratch / options.image_home.lstrip("/")
    home.mkdir(parents=True, exist_ok=True)
    mounts.setdefault(options.image_home, home)
    link_nested(mounts)
    return Rewriting(mounts, address)


def _make_working_folder(wanted: str, rewriting: Rewriting, scratch: Path) -> Path:
    local = rewriting.find_local(wanted)
    if local is None:
        local = Path(wanted) if Path(wanted).exists() else scratch / wanted.lstrip("/")
    try:
        local.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        told = "not a directory" if failure.errno in {errno.EEXIST, errno.ENOTDIR} else failure.strerror
        raise LaunchError(f"error during container init: mkdir {wanted}: {told}") from failure
    return local


def find_program(argv: Sequence[str], words: Sequence[str], search_path: str, cwd: Path) -> str:
    """Find the file to execute.

    Args:
        argv: rewritten.
        words: as the pod wrote them, for the message.
        search_path: the container's PATH.
        cwd: a relative path begins here.

    Raises:
        LaunchError: there is none, or it may not be executed.
    """
    if "/" not in argv[0]:
        if found := shutil.which(argv[0], path=search_path):
            return found
        raise LaunchError(f'exec: "{words[0]}": executable file not found in $PATH')
    program = cwd / argv[0]
    if not program.exists():
        raise LaunchError(f'exec: "{words[0]}": stat {words[0]}: no such file or directory')
    if program.is_dir() or not os.access(program, os.X_OK):
        raise LaunchError(f'exec: "{words[0]}": permission denied')
    return str(program)
