"""What `configure()` makes of a JupyterHub configuration."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from jupyterhub_knada import KnadaAuthenticator, KnadaSpawner, configure
from jupyterhub_knada.access.roles import CULLER_ROLE, CUSTOM_SCOPES
from jupyterhub_knada.hub_config import HubSettingError
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.web.culling_policies import CullingPoliciesHandler
from jupyterhub_knada.web.routes import HUB_HANDLERS
from jupyterhub_knada.web.spawn_page import render_spawn_page

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
CULLER = {
    "name": "knada-culler",
    "command": [sys.executable, "-m", "jupyterhub_knada.culling"],
    "environment": {},
}


class Mine(KnadaAuthenticator, DummyAuthenticator):
    """An admin's own authenticator, made with the mixin."""


class MySpawner(KnadaSpawner):
    """An admin's own spawner, made with ours."""


@pytest.fixture
def teams(tmp_path: Path) -> Path:
    """Two teams and a platform file."""
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "kyrre.yaml").write_text("namespace: kyrre\nusers: [e152435]\n")
    (tmp_path / "platform.yaml").write_text("project: knada-gcp\n")
    return folder


@pytest.fixture(autouse=True)
def _no_setting_of_this_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KNADA_CULL_EVERY", raising=False)


def hub_of(c: Config) -> Any:
    """Give the application that JupyterHub makes of a configuration, not started."""
    return JupyterHub(config=c)


def test_configure_on_an_empty_configuration_sets_everything(teams: Path) -> None:
    """Spawner, authenticator, endpoint, scope, culler and its role: one call is enough."""
    c = Config()
    configure(c, teams_dir=teams, platform_file=teams.parent / "platform.yaml")
    hub = hub_of(c)
    assert hub.spawner_class is KnadaSpawner
    assert hub.authenticator_class.__name__ == "KnadaAzureADAuthenticator"
    assert hub.extra_handlers == []
    assert hub.custom_scopes == CUSTOM_SCOPES
    assert hub.services == [CULLER]
    assert hub.load_roles == [CULLER_ROLE.to_load_role()]
    for section in (c.KnadaSpawner, c.KnadaAuthenticator):
        assert section.teams_dir == str(teams)
        assert section.platform_file == str(teams.parent / "platform.yaml")
        assert section.team is None
    assert c.KnadaSpawner.spawn_page is render_spawn_page
    assert c.KnadaAuthenticator.check_override is check_override
    assert c.KnadaAuthenticator.hub_handlers == list(HUB_HANDLERS)


def _by_assignment(c: Config, name: str, value: Any) -> None:
    setattr(c.JupyterHub, name, value)


def _by_extending(c: Config, name: str, value: Any) -> None:
    setting = getattr(c.JupyterHub, name)
    if isinstance(value, dict):
        setting.update(value)
    else:
        setting.extend(value)


@pytest.mark.parametrize("say", [_by_assignment, _by_extending], ids=["assigned", "extended"])
@pytest.mark.parametrize("times", [1, 2], ids=["called once", "called twice"])
def test_configure_keeps_what_the_admin_said_before(
    teams: Path, say: Callable[[Config, str, Any], None], times: int
) -> None:
    """The admin's lists stay, before ours, and ours is in them once, however they were written."""
    service = {"name": "other", "url": "http://127.0.0.1:1"}
    role = {"name": "other", "scopes": ["self"]}
    scope = {"custom:other": {"description": "other"}}
    handler = (r"/other", CullingPoliciesHandler)
    c = Config()
    say(c, "services", [service])
    say(c, "load_roles", [role])
    say(c, "custom_scopes", dict(scope))
    say(c, "extra_handlers", [handler])
    for _ in range(times):
        configure(c, teams_dir=teams)
    hub = hub_of(c)
    assert hub.services == [service, CULLER]
    assert hub.load_roles == [role, CULLER_ROLE.to_load_role()]
    assert hub.custom_scopes == {**scope, **CUSTOM_SCOPES}
    assert hub.extra_handlers == [handler]
    assert c.KnadaAuthenticator.hub_handlers == list(HUB_HANDLERS)


def test_configure_keeps_what_the_admin_says_afterwards(teams: Path) -> None:
    """A later line may add and replace, as in any JupyterHub configuration."""
    c = Config()
    configure(c, teams_dir=teams)
    c.JupyterHub.services.append({"name": "later"})
    c.KnadaSpawner.spawn_page = str
    assert [service["name"] for service in hub_of(c).services] == ["knada-culler", "later"]
    assert c.KnadaSpawner.spawn_page is str


def test_configure_called_again_takes_the_later_arguments(teams: Path) -> None:
    """The second call decides, as an admin who adds a line expects."""
    c = Config()
    configure(c, teams_dir=teams)
    configure(c, teams_dir=teams, team="kyrre", authenticator="knada-oidc")
    assert c.KnadaSpawner.team == c.KnadaAuthenticator.team == "kyrre"
    assert hub_of(c).authenticator_class.__name__ == "KnadaOIDCAuthenticator"


def test_configure_keeps_a_culler_that_the_admin_defines(teams: Path) -> None:
    """A service and a role of the culler's name are the admin's to write."""
    service = {"name": "knada-culler", "url": "http://127.0.0.1:1", "api_token": "not-a-real-token"}
    c = Config()
    c.JupyterHub.services = [service]
    configure(c, teams_dir=teams)
    assert hub_of(c).services == [service]


def test_configure_without_culler_adds_none(teams: Path) -> None:
    """No service and no role, but the endpoint for a culler that runs elsewhere."""
    c = Config()
    configure(c, teams_dir=teams, culler=False)
    hub = hub_of(c)
    assert (hub.services, hub.load_roles) == ([], [])
    assert c.KnadaAuthenticator.hub_handlers == list(HUB_HANDLERS)


@pytest.mark.parametrize(
    ("said", "set_to"),
    [
        pytest.param("kubespawner.KubeSpawner", KnadaSpawner, id="the chart's"),
        pytest.param(SimpleLocalProcessSpawner, KnadaSpawner, id="another one"),
        pytest.param(MySpawner, MySpawner, id="one made with ours"),
        pytest.param("knada", KnadaSpawner, id="ours by its entry point"),
    ],
)
def test_configure_replaces_a_spawner_unless_it_is_made_with_ours(
    teams: Path, said: Any, set_to: type
) -> None:
    """A subclass of KnadaSpawner stays; what a chart set before gives way."""
    c = Config()
    c.JupyterHub.spawner_class = said
    configure(c, teams_dir=teams)
    assert hub_of(c).spawner_class is set_to


def test_configure_takes_a_class_made_with_the_mixin(teams: Path) -> None:
    """Any authenticator will do that keeps people in their teams."""
    c = Config()
    configure(c, teams_dir=teams, authenticator=Mine)
    assert hub_of(c).authenticator_class is Mine


def test_configure_follows_links_only_when_files_are_read(teams: Path, tmp_path: Path) -> None:
    """Kubernetes swaps the link on the way to a ConfigMap: the name is kept, not what it leads to now."""
    link = tmp_path / "mounted"
    link.symlink_to(teams)
    c = Config()
    configure(c, teams_dir=link)
    assert c.KnadaSpawner.teams_dir == str(link)


def test_configure_hands_the_culler_its_setting(teams: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterHub gives a service almost nothing of its environment; what the culler reads is passed on."""
    monkeypatch.setenv("KNADA_CULL_EVERY", "30")
    c = Config()
    configure(c, teams_dir=teams)
    assert hub_of(c).services[0]["environment"] == {"KNADA_CULL_EVERY": "30"}


def test_configure_with_everything_wrong_tells_everything_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All faults in one error, each with what it got, the rule and the remedy; nothing is set."""
    monkeypatch.setenv("KNADA_CULL_EVERY", "5m")
    monkeypatch.setattr("jupyterhub_knada.hub_config.version", _fail_as_not_installed)
    c = Config()
    c.JupyterHub.load_groups = {"a": ["b"]}
    gone = tmp_path / "gone"
    with pytest.raises(HubSettingError) as caught:
        configure(c, teams_dir=gone, platform_file=gone / "p.yaml", authenticator="pam", team="a")
    assert str(caught.value) == WRONG_IN_ALL.format(gone=gone)
    assert "KnadaSpawner" not in c
    assert "spawner_class" not in c.JupyterHub


WRONG_IN_ALL = (
    "configure(): teams_dir: there is no such folder (got '{gone}'); it contains one YAML file a team; "
    "create it, or name the one that is mounted. [KNADA-H001]\n"
    "configure(): platform_file: there is no such file (got '{gone}/p.yaml'); it says what applies to all "
    "teams; create it, or leave the argument out. [KNADA-H001]\n"
    "configure(): authenticator: is none of ours (got 'pam'); it has to be a class made with "
    "KnadaAuthenticator, which keeps people in their teams; use 'knada-oidc', or write "
    "`class Mine(KnadaAuthenticator, YourAuthenticator)`. [KNADA-H001]\n"
    "configure(): culler: needs jupyterhub-idle-culler 2 or newer (got none); install "
    "'jupyterhub-knada[culler]', or say culler=False. [KNADA-H001]\n"
    "configure(): KNADA_CULL_EVERY: not a number of seconds (got '5m'); the culler checks that often; "
    "write a whole number above 0, or leave it out. [KNADA-H001]\n"
    "configure(): JupyterHub.load_groups: is set; groups follow the team files and nothing else; remove "
    "it, and list people in team files. [KNADA-H001]"
)


def _fail_as_not_installed(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(
            {"team": "nobody"}, "team: no file says what this team is (got 'nobody')", id="no such team"
        ),
        pytest.param({"team": "../platform"}, "team: no file says", id="a file elsewhere"),
        pytest.param(
            {"teams_dir": ""}, "teams_dir: there is no such folder (got None)", id="no folder named"
        ),
        pytest.param(
            {"authenticator": "no.such.Thing"}, "authenticator: cannot be loaded", id="no such class"
        ),
        pytest.param({"authenticator": "nothing"}, "authenticator: cannot be loaded", id="no such name"),
        pytest.param({"authenticator": str}, "authenticator: is none of ours", id="no authenticator at all"),
        pytest.param({"authenticator": None}, "authenticator: is none of ours (got None)", id="none"),
    ],
)
def test_configure_with_a_wrong_argument_says_which(
    teams: Path, arguments: dict[str, Any], told: str
) -> None:
    """Each argument is checked when the configuration is read, not when the first person comes."""
    with pytest.raises(HubSettingError) as caught:
        configure(Config(), **{"teams_dir": teams, **arguments})
    assert told in str(caught.value)


def test_configure_with_an_older_idle_culler_says_so(teams: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chart's own image has 1.4, which knows no rule but its own."""
    monkeypatch.setattr("jupyterhub_knada.hub_config.version", lambda _: "1.4.0")
    with pytest.raises(HubSettingError, match=r"culler: needs .* 2 or newer \(got 1\.4\.0\)"):
        configure(Config(), teams_dir=teams)
    configure(Config(), teams_dir=teams, culler=False)


def test_configure_with_an_unknown_argument_is_refused(teams: Path) -> None:
    """A key of the Helm values that is misspelt stops the hub instead of being ignored."""
    misspelt: dict[str, Any] = {"teams_dir": teams, "platfrom_file": "x"}
    with pytest.raises(TypeError, match="platfrom_file"):
        configure(Config(), **misspelt)


@pytest.mark.parametrize(
    ("host", "has_prefix"),
    [("https://hub.example.org", True), ("http://localhost:8000", False), ("", False)],
)
def test_production_config_sets_hosts_by_its_environment(
    teams: Path, monkeypatch: pytest.MonkeyPatch, host: str, *, has_prefix: bool
) -> None:
    """The host comes from the environment; cookies of the hub alone need HTTPS."""
    monkeypatch.setenv("KNADA_TEAMS_DIR", str(teams))
    monkeypatch.setenv("KNADA_SHARED_ORIGIN", "off" if host else "on")
    monkeypatch.setenv("KNADA_SUBDOMAIN_HOST", host)
    c = PyFileConfigLoader("jupyterhub_config.py", path=str(ROOT)).load_config()
    assert c.JupyterHub.subdomain_host == host
    assert c.JupyterHub.cookie_host_prefix_enabled is has_prefix
    assert c.KnadaAuthenticator.shared_origin is (not host)
