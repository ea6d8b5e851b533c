"""Which idle timeout the hub tells for each running server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.culling.policy import IdlePolicy
from jupyterhub_knada.teams.registry import Registry
from jupyterhub_knada.web.culling_policies import read_policies, read_policy

if TYPE_CHECKING:
    from pathlib import Path

HOUR = timedelta(hours=1)


@dataclass
class Server:
    """A spawner, as far as it is read."""

    owner: str
    registry: Any
    state: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def user(self) -> Any:
        """The owner."""
        return SimpleNamespace(name=self.owner)

    def get_state(self) -> dict[str, Any]:
        """What the hub keeps of it."""
        return self.state


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A platform with bounds, and teams with and without a timeout of their own."""
    teams = tmp_path / "teams"
    teams.mkdir()
    (tmp_path / "platform.yaml").write_text(
        "project: knada-gcp\n"
        "defaults: {culling: {idleTimeout: 2h}}\n"
        "bounds: {idleTimeout: {min: 10m, max: 7d}}\n"
    )
    for slug, culling in {"plain": "{}", "short": "{idleTimeout: 20m}", "late": "{idleTimeout: 6d}"}.items():
        (teams / f"{slug}.yaml").write_text(f"namespace: {slug}\nusers: []\nculling: {culling}\n")
    return Registry(teams, tmp_path / "platform.yaml")


@pytest.mark.parametrize(
    ("started", "policy"),
    [
        pytest.param(
            {"team": "short", "idle_timeout": 7200}, IdlePolicy(timedelta(minutes=20), "short"), id="now"
        ),
        pytest.param(
            {"team": "plain", "idle_timeout": 60}, IdlePolicy(2 * HOUR, "plain"), id="the platform's"
        ),
        pytest.param(
            {"team": "gone", "idle_timeout": 7200}, IdlePolicy(2 * HOUR, "gone"), id="team file gone"
        ),
        pytest.param({"team": "gone", "idle_timeout": "never"}, IdlePolicy(None, "gone"), id="gone, never"),
        pytest.param({"team": "gone"}, None, id="gone, and nothing remembered"),
        pytest.param({"team": "gone", "idle_timeout": "soon"}, None, id="gone, and nonsense remembered"),
        pytest.param({"team": "gone", "idle_timeout": 0}, None, id="gone, and zero remembered"),
        pytest.param({"team": ["short"]}, None, id="a team that is no text"),
        pytest.param({}, None, id="nothing remembered"),
    ],
)
def test_policy_follows_the_team_file_else_the_start(
    registry: Registry, started: dict[str, Any], policy: IdlePolicy | None
) -> None:
    """What the file says now holds; a server whose team is gone keeps the rule that it was started with."""
    assert read_policy(started, registry.snapshot) == policy


def test_policy_without_a_platform_file_that_holds_is_that_of_the_start(tmp_path: Path) -> None:
    """A platform file that does not hold closes every team; running servers keep their rule."""
    (tmp_path / "platform.yaml").write_text("nonsense: true\n")
    registry = Registry(tmp_path, tmp_path / "platform.yaml")
    assert read_policy({"team": "a", "idle_timeout": 3600}, registry.snapshot) == IdlePolicy(HOUR, "a")


def test_policies_name_servers_as_the_hub_does(registry: Registry) -> None:
    """By `<user>/<server name>`; a server that is not ours is not in it."""
    servers = [
        Server("kim", registry, {"knada": {"team": "short"}}),
        Server("kim", registry, {"knada": {"team": "late"}}, name="second"),
        Server("lea", registry, {"pod_name": "jupyter-lea"}),
        Server("ola", registry, {"knada": "nonsense"}),
    ]
    assert read_policies(servers) == {
        "kim/": IdlePolicy(timedelta(minutes=20), "short"),
        "kim/second": IdlePolicy(timedelta(days=6), "late"),
    }
