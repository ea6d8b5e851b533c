"""The folder of one demo: what lies where, the sample files, and who may have it open."""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

SAMPLES = files("jupyterhub_knada.cli.demo") / "files"


class FolderInUseError(Exception):
    """Another demo runs in this folder."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Paths below the demo's folder; nothing of the demo lies anywhere else."""

    root: Path

    @property
    def is_new(self) -> bool:
        """Whether no demo was ever here."""
        return not self._lock_file.exists()

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def teams(self) -> Path:
        """The sample teams, there to be edited."""
        return self.root / "teams"

    @property
    def platform_file(self) -> Path:
        """The sample platform file."""
        return self.root / "platform.yaml"

    @property
    def hub(self) -> Path:
        """The hub's database and cookie secret."""
        return self.root / "hub"

    @property
    def database(self) -> Path:
        """What the hub remembers: people, tokens, servers."""
        return self.hub / "jupyterhub.sqlite"

    @property
    def api(self) -> Path:
        """The objects of the embedded cluster."""
        return self.root / "cluster"

    @property
    def node(self) -> Path:
        """Claims (the homes) and containers of the node."""
        return self.root / "node"

    @property
    def logs(self) -> Path:
        """One log a program, of the last run."""
        return self.root / "logs"

    @property
    def proxy(self) -> Path:
        """Where npm puts the proxy."""
        return self.root / "proxy"

    @property
    def password(self) -> str:
        """What the sample people sign in with; short enough to be typed."""
        return self.secret("password", size=6)

    @property
    def admin_password(self) -> str:
        """What the hub's administrator signs in with; as long as JupyterHub wants it."""
        return self.secret("admin-password", size=16)

    @property
    def marker(self) -> tuple[str, str]:
        """The environment variable, name and value, by which a program of this folder's demo is known."""
        return "KNADA_DEMO_STATE", str(self.root)

    def kubeconfig(self, identity: str) -> Path:
        """Where the credentials of `admin`, `hub` or `node` lie."""
        return self.root / "credentials" / f"{identity}.kubeconfig"

    def open(self) -> int:
        """Make the folder and take it for this process; released when the process ends, however it ends.

        Returns:
            The file descriptor that holds the lock.

        Raises:
            FolderInUseError: another demo has it.
        """
        for folder in (self.hub, self.node, self.logs, self.proxy, self.root / "credentials"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip()
            os.close(lock)
            raise FolderInUseError(
                f"A demo already runs in {self.root} (pid {holder or 'unknown'}); "
                "stop it with Ctrl-C, or start this one in another folder with --state-dir."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        return lock

    def write_samples(self) -> None:
        """Copy the sample files; where teams are already, they are the person's own and left alone."""
        if not self.teams.exists():
            _copy(SAMPLES / "teams", self.teams)
        if not self.platform_file.exists():
            _copy(SAMPLES / "platform.yaml", self.platform_file)

    def secret(self, name: str, *, size: int = 24) -> str:
        """Give a secret of this folder, `size` bytes in hex: made the first time, private to its owner."""
        file = self.root / "credentials" / name
        if not file.exists():
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(secrets.token_hex(size))
        return file.read_text(encoding="ascii")


def _copy(source: Traversable, target: Path) -> None:
    """Copy a packaged file or folder of files."""
    if source.is_dir():
        target.mkdir(parents=True)
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    else:
        with as_file(source) as path:
            target.write_bytes(path.read_bytes())
