"""The demo as a person starts it in a terminal, for tests."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub_knada.cli.demo.proxy import ensure_proxy
from tests.support.backends import EMBEDDED, Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.whole_cluster import WholeCluster

ROOT = Path(__file__).parents[2]
# Outside the demos' folders, so that each test does not install the proxy anew.
PROXY_CACHE = ROOT / ".cache" / "proxy"


@dataclass
class DemoProcess:
    """A demo as a person starts it in a terminal, with what it printed."""

    process: subprocess.Popen[str]
    state_dir: Path
    port: int
    backend: Backend
    """Its cluster."""
    printed: list[str] = field(default_factory=list)
    shared_origin: bool = False

    @classmethod
    def start(cls, state_dir: Path, port: int, *, shared_origin: bool = False) -> DemoProcess:
        """Start the command; does not wait for it."""
        program = str(Path(sys.executable).with_name("jupyterhub-knada"))
        words = ["demo", "--port", str(port), "--state-dir", str(state_dir)]
        words += ["--shared-origin"] if shared_origin else []
        demo = cls._start(EMBEDDED, state_dir, port, [program, *words])
        demo.shared_origin = shared_origin
        return demo

    @classmethod
    def start_on(cls, cluster: WholeCluster, state_dir: Path, port: int) -> DemoProcess:
        """Start the same node and hub at another cluster; does not wait for them."""
        program = [sys.executable, "-m", "tests.support.real_demo"]
        words = [str(cluster.folder), str(state_dir), str(port), *cluster.node_flags]
        return cls._start(cluster.backend.name, state_dir, port, [*program, *words])

    @classmethod
    def _start(cls, backend: str, state_dir: Path, port: int, command: list[str]) -> DemoProcess:
        state_dir.mkdir(parents=True, exist_ok=True)
        if not (state_dir / "proxy").exists():
            _install_proxy()
            (state_dir / "proxy").symlink_to(PROXY_CACHE)
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=state_dir.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        demo = cls(process, state_dir, port, Backend(backend, state_dir / "credentials"))
        threading.Thread(target=demo._read, daemon=True).start()
        return demo

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.printed.extend(lines)

    @property
    def text(self) -> str:
        """What the command has printed so far."""
        return "".join(self.printed)

    def wait_for(self, text: str, seconds: float = 150) -> str:
        """Wait until the command has printed a text; give all that it printed."""
        self.wait_until(lambda: text in self.text, seconds)
        return self.text

    def wait_until(self, condition: Callable[[], bool], seconds: float = 150) -> None:
        """Wait until a condition holds, while the demo runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"the demo ended with {self.process.returncode}:\n{self.text}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.text}"
            threading.Event().wait(0.05)

    def ready(self) -> DemoProcess:
        """Wait until the demo says how to stop it, which it says last."""
        self.wait_for("Stop: Ctrl-C")
        return self

    @property
    def artifacts(self) -> Path:
        """Where pictures and logs of a run on this cluster are kept."""
        folder = ROOT / "test-artifacts" / self.backend.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def url(self) -> str:
        """Where people go."""
        return f"http://127.0.0.1:{self.port}" if self.shared_origin else f"http://localhost:{self.port}"

    @property
    def password(self) -> str:
        """What the demo printed for signing in."""
        return self._printed(r"password of all is: (\S+)")

    @property
    def admin_password(self) -> str:
        """What the demo printed for signing in as the hub's administrator."""
        return self._printed(r"only admin has another one: (\S+)\)")

    @property
    def token(self) -> str:
        """The API token that the demo printed."""
        return self._printed(r"Authorization: token (\w+)")

    def _printed(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        assert found, self.text
        return found.group(1)

    def start_server(self, **options: str) -> None:
        """Start the default server of the token's owner and wait until it is ready."""
        body = json.dumps(options).encode()
        status, _ = self.request("POST", "/hub/api/users/anna/server", body)
        assert status in {201, 202}
        self.wait_until(lambda: bool(self.server().get("ready")), 120)

    def server(self) -> dict[str, Any]:
        """Give the hub's picture of the default server of the token's owner; empty when there is none."""
        _, text = self.request("GET", "/hub/api/users/anna")
        servers: dict[str, dict[str, Any]] = json.loads(text)["servers"]
        return servers.get("", {})

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Send one request with the printed token; give status and text, whatever the status.

        A path below `/user` is asked of the server's own host, which the hub names.
        """
        headers = {"Authorization": f"token {self.token}"}
        if path.startswith("/user/"):
            headers["Host"] = urlsplit(self.server()["url"]).netloc or f"127.0.0.1:{self.port}"
        # By address: not every resolver finds names below `localhost`.
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command alone, as `kill` does."""
        self.process.send_signal(number)

    def ended(self, seconds: float = 90) -> int:
        """Wait for the end; give the exit code."""
        return self.process.wait(seconds)

    def left_behind(self) -> list[str]:
        """Give the command lines of processes that still belong to this demo's folder."""
        mine = str(self.state_dir).encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    if mine in told:
                        found.append(
                            f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ')!r}"
                        )
            except OSError:
                continue
        return found

    def stop(self) -> None:
        """End the demo, whatever state it is in."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.ended()


def _install_proxy() -> None:
    """Install the proxy once for all demos of this checkout, however many begin at once."""
    PROXY_CACHE.mkdir(parents=True, exist_ok=True)
    with PROXY_CACHE.with_suffix(".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_proxy(PROXY_CACHE)
