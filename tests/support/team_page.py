"""A server in place of JupyterLab, for tests of what its pages can do: it asks nobody who they are.

Run in a pod; `PAGE_TEAM` says whose it is. Each page is of the team, `secret` holds what only its members may
read, `cached` may be kept by a browser, and `worker.js` is a service worker that answers for `secret` in the
team's name wherever it rules.
"""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Without an icon of its own, a browser would ask the hub for one in the middle of a test.
_PAGE = '<!doctype html><link rel="icon" href="data:,"><title>TEAM</title><h1>TEAM</h1>'
_WORKER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.url.includes("/secret")) {
    event.respondWith(new Response("ruled by TEAM"));
  }
});
"""


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        team = os.environ["PAGE_TEAM"]
        name = urlsplit(self.path).path.rpartition("/")[2]
        kind, text = {
            "worker.js": ("text/javascript", _WORKER.replace("TEAM", team)),
            "secret": ("text/plain", f"secret of {team}"),
            "cached": ("text/plain", f"page of {team}"),
        }.get(name, ("text/html", _PAGE.replace("TEAM", team)))
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Service-Worker-Allowed", "/")
        self.send_header("Cache-Control", "max-age=3600" if name == "cached" else "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until a signal."""
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((address.hostname or "", address.port or 0), _Answer).serve_forever()


if __name__ == "__main__":
    main()
