"""A real hub that starts with a broken team file: its log has what is wrong and what is served, once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.kubeconfigs import NO_CLUSTER
from tests.support.real_hub import running_hub
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
from jupyterhub_knada import KnadaDemoAuthenticator, configure

class EarlyReader(KnadaDemoAuthenticator):
    def get_handlers(self, app):
        assert self.snapshot.version == 1
        return super().get_handlers(app)

configure(c, teams_dir="teams", platform_file="platform.yaml", authenticator={authenticator}, culler=False)
c.SharedPasswordAuthenticator.user_password = "a password of tests"
c.KubeSpawner.namespace = "hub"
"""
LINE = re.compile(r"^\[([A-Z]) \S+ \S+ jupyterhub_knada\.teams\.registry registry:\d+\] (.*)$", re.MULTILINE)


@pytest.mark.parametrize(
    "authenticator",
    [
        pytest.param("'knada-demo'", id="an authenticator of ours"),
        pytest.param("EarlyReader", id="one that reads the files for its handlers"),
    ],
)
async def test_first_load_is_in_the_hubs_log_once(tmp_path: Path, authenticator: str) -> None:
    """Whoever asks for the files first, they are read when the log is there: each line has time and level."""
    (tmp_path / "kubeconfig").write_text(NO_CLUSTER)
    write_files(
        tmp_path,
        "project: knada-gcp\n",
        a="namespace: a\nusers: [anna]\nserviceAccount: a\n",
        b="namespace: b\nusers: [anna]\nserviceAccount: b\nmemorylimit: 8G\n",
    )
    environment = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    config = CONFIG.format(authenticator=authenticator)
    async with running_hub(tmp_path, config, environment=environment) as hub:
        assert LINE.findall(hub.log) == [
            (
                "E",
                "teams/b.yaml:4:1: unknown key (got 'memorylimit'); did you mean 'memoryLimit'? [KNADA-C010]",
            ),
            (
                "I",
                "team files, version 1: 1 served, 1 closed (b), 0 in their last valid version (none)",
            ),
        ]
        assert hub.log.count("memorylimit") == 1
