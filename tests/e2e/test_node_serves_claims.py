"""The node is the provisioner of the homes, with no more rights than its manifest gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.demo_process import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Json = dict[str, Any]
CLAIMS = "/api/v1/namespaces/knada/persistentvolumeclaims"


def ask(demo: DemoProcess, path: str, method: str = "GET", body: Json | None = None) -> Json:
    """Ask the cluster as its admin; give the answer."""
    answer: Json = json.loads(demo.backend.ask(path, method, body))
    return answer


def wait_for(demo: DemoProcess, path: str, holds: Callable[[Json], bool]) -> Json:
    """Wait until an object is as it should be; give it."""
    demo.wait_until(lambda: holds(ask(demo, path)), 60)
    return ask(demo, path)


def test_volume_comes_grows_and_goes_with_its_claim(demo: DemoProcess) -> None:
    """The volume controller binds what the node makes; a larger claim is noted, a deleted one is gone."""
    claim = {
        "metadata": {"name": "growing"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    ask(demo, CLAIMS, "POST", claim)
    bound = wait_for(demo, f"{CLAIMS}/growing", lambda found: found.get("status", {}).get("phase") == "Bound")
    assert bound["spec"]["storageClassName"] == "local-folder"
    volume_path = f"/api/v1/persistentvolumes/{bound['spec']['volumeName']}"
    (folder,) = (demo.state_dir / "node" / "volumes").glob("knada_growing_*")

    bound["spec"]["resources"]["requests"]["storage"] = "2Gi"
    ask(demo, f"{CLAIMS}/growing", "PUT", bound)
    wait_for(demo, f"{CLAIMS}/growing", lambda found: found["status"]["capacity"]["storage"] == "2Gi")
    assert ask(demo, volume_path)["spec"]["capacity"] == {"storage": "2Gi"}

    ask(demo, f"{CLAIMS}/growing", "DELETE")
    wait_for(demo, volume_path, lambda found: found.get("code") == 404)
    assert not folder.exists()
