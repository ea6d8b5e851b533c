"""The manifests of `explain`: the same as a start's, without a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kubespawner.spawner
import pytest
from traitlets.config import Config

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.preview import Preview, PreviewRequest, preview_server
from jupyterhub_knada.teams.registry import Registry
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.snapshots import Snapshot

ALFA = """\
namespace: team-alfa
users: [e152435]
groups: [analysts]
resources: {memoryLimit: 10G}
env: {BRACES: "{username}"}
profiles:
  - {slug: small, displayName: Small}
  - {slug: big, displayName: Big, resources: {memoryLimit: 32G}}
"""


@pytest.fixture(name="snapshot")
def load_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Give team files on a machine that knows no cluster."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    folder = write_files(tmp_path, "project: knada-gcp\n", alfa=ALFA)
    return Registry(folder / "teams", folder / "platform.yaml").snapshot


def preview(snapshot: Snapshot, request: PreviewRequest) -> Preview:
    """Preview a start that is not refused."""
    found = preview_server(snapshot, request)
    assert isinstance(found, Preview), found
    return found


def test_preview_needs_no_cluster_and_leaves_kubespawner_as_it_was(snapshot: Snapshot) -> None:
    """Pod and claim as they would be sent, with where to; KubeSpawner is as it was afterwards."""
    before = kubespawner.spawner.load_config  # type: ignore[attr-defined]
    found = preview(snapshot, PreviewRequest("e152435", options={"team": "alfa", "profile": "big"}))
    assert kubespawner.spawner.load_config is before  # type: ignore[attr-defined]
    container = found.pod["spec"]["containers"][0]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert container["resources"]["limits"] == {"memory": 32 * 1024**3, "cpu": 0.5}
    assert (env["BRACES"], env["JUPYTERHUB_API_TOKEN"]) == ("{username}", "(made at the start)")
    assert found.pod["metadata"]["namespace"] == "team-alfa"
    assert found.claim is not None
    assert found.claim["metadata"]["name"] == "home-e152435--alfa"
    assert found.plan.sources["memory_limit"].startswith("teams/alfa.yaml:")
    assert found.choice.profile == "big"


def test_preview_of_a_named_server_for_somebody_by_group_has_the_hubs_settings(snapshot: Snapshot) -> None:
    """Groups, server name and the hub's own configuration are what a real start would have."""
    config = Config()
    config.KubeSpawner.image = "quay.io/example/hub:1"
    config.KubeSpawner.namespace = "hub-says"
    request = PreviewRequest("kari", groups=["analysts"], server_name="second", hub_config=config)
    found = preview(snapshot, request)
    assert found.pod["metadata"]["name"] == "jupyter-kari--second"
    assert found.pod["spec"]["containers"][0]["image"] == "quay.io/example/hub:1"
    assert found.plan.sources["image"] == "the hub's configuration"
    assert "KnadaSpawner" not in config


def test_preview_of_a_start_that_would_be_refused_is_the_refusal(
    snapshot: Snapshot,
) -> None:
    """The same words that the person would read."""
    refusal = preview_server(snapshot, PreviewRequest("somebody", groups=[]))
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.NO_TEAM
