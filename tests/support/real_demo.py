"""The demo's node and hub on a cluster that runs already: `real_demo.py CLUSTER STATE_DIR PORT [OPTION...]`.

CLUSTER is a folder with the admin's kubeconfig, the options are the node's and say who it is. The hub is the
service account of the demo's manifests, by a token that the API server gives it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from jupyterhub_knada.cli.demo.cluster import open_session
from jupyterhub_knada.cli.demo.folder import DemoFolder
from jupyterhub_knada.cli.demo.running import Demo, run_until_stopped

_ACCOUNT = "/api/v1/namespaces/knada/serviceaccounts/hub"
_TOKEN = {"spec": {"expirationSeconds": 3600}}


@dataclass(slots=True)
class RealDemo(Demo):
    """A demo whose cluster is somebody else's."""

    cluster: Path = Path()

    async def start_cluster(self) -> None:
        """Take the cluster's admin."""
        shutil.copy(self.cluster / "admin.kubeconfig", self.folder.kubeconfig("admin"))

    async def prepare_cluster(self) -> None:
        """Apply the demo's manifests, and give the hub the identity that they make."""
        # Without arguments it would look for the class that `slots` has replaced.
        await super(RealDemo, self).prepare_cluster()
        admin = self.folder.kubeconfig("admin")
        async with open_session(admin) as session, session.post(f"{_ACCOUNT}/token", json=_TOKEN) as reply:
            reply.raise_for_status()
            token = (await reply.json())["status"]["token"]
        config = json.loads(admin.read_text(encoding="utf-8"))
        config["users"][0]["user"] = {"token": token}
        hub = self.folder.kubeconfig("hub")
        hub.touch(mode=0o600)
        hub.write_text(json.dumps(config), encoding="utf-8")


def main(words: list[str]) -> int:
    """Run it as the demo's command does; give the exit code."""
    cluster, state_dir, port, *node_options = words
    folder = DemoFolder(Path(state_dir).resolve())
    folder.open()
    folder.write_samples()
    return asyncio.run(run_until_stopped(RealDemo(folder, int(port), node_options, cluster=Path(cluster))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
