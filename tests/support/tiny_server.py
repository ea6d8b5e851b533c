"""A server in place of JupyterLab, for tests: it answers HTTP, and writes down in its home that it was there.

Run in a pod. `starts.txt` in the home gets a line `TEAM/USER POD` at each start, and every answer holds all
lines, so that a home that is lost or somebody else's shows. It listens when the file `TINY_GATE/USER` is not
there or somebody writes to it: a test makes it a named pipe to decide when.
"""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class _Answer(BaseHTTPRequestHandler):
    starts: list[str]

    def do_GET(self) -> None:
        body = json.dumps({"starts": self.starts}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until a signal."""
    gate = Path(os.environ["TINY_GATE"], os.environ["JUPYTERHUB_USER"])
    starts = Path(os.environ["HOME"], "starts.txt")
    with starts.open("a") as file:
        file.write(f"{os.environ['TINY_TEAM']}/{os.environ['JUPYTERHUB_USER']} {os.environ['HOSTNAME']}\n")
    _Answer.starts = starts.read_text().splitlines()
    if gate.is_fifo():
        gate.read_text()
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((address.hostname or "", address.port or 0), _Answer).serve_forever()


if __name__ == "__main__":
    main()
