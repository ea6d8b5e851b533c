"""What our Helm values become in the hub: the chart's own steps, then our classes with the result."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pytest
from traitlets.utils.importstring import import_item

from jupyterhub_knada.access.authenticators import KnadaAzureADAuthenticator, KnadaOIDCAuthenticator
from jupyterhub_knada.access.refusals import RefusedSignInError
from jupyterhub_knada.access.roles import CULLER_ROLE, CULLER_SERVICE, CULLING_POLICIES_SCOPE
from jupyterhub_knada.hub_config import HubSettingError
from jupyterhub_knada.servers.preview import Preview, PreviewRequest, preview_server
from jupyterhub_knada.servers.spawner import KnadaSpawner
from jupyterhub_knada.servers.subdomains import team_subdomain
from jupyterhub_knada.teams.registry import open_registry
from tests.support.chart import Values, hub_configuration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from traitlets.config import Config


@pytest.fixture
def hub_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Give a function that makes the hub's configuration of base.yaml and further values."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams/kyrre.yaml").write_text("namespace: team-kyrre\nusers: [e152435]\n", encoding="utf-8")
    (tmp_path / "platform.yaml").write_text("project: knada-gcp\n", encoding="utf-8")

    def make(*further: Values, files: tuple[str, ...] = ("base.yaml",)) -> Config:
        return hub_configuration(monkeypatch, tmp_path, *further, files=files)

    return make


def loaded(setting: Any) -> Any:
    """Give the class of a setting, which may be one, an entry point or an import path."""
    return import_item(setting) if isinstance(setting, str) and "." in setting else setting


def test_base_values_make_our_spawner_the_hubs(hub_config: Callable[..., Config]) -> None:
    """The chart's KubeSpawner is replaced, though the chart sets it and offers no value for it."""
    c = hub_config()
    assert loaded(c.JupyterHub.spawner_class) is KnadaSpawner


@pytest.mark.parametrize(
    ("name", "cls"),
    [("knada-azuread", KnadaAzureADAuthenticator), ("knada-oidc", KnadaOIDCAuthenticator)],
)
def test_authenticator_of_the_values_replaces_the_charts(
    hub_config: Callable[..., Config], name: str, cls: type
) -> None:
    """`custom.knada.authenticator` decides; the chart's own `dummy` in hub.config does not."""
    c = hub_config({"custom": {"knada": {"authenticator": name}}})
    (point,) = entry_points(group="jupyterhub.authenticators", name=c.JupyterHub.authenticator_class)
    assert point.load() is cls


@pytest.mark.parametrize(
    ("name", "password", "is_known"),
    [
        pytest.param("e152435", "a-password-of-trial", True, id="somebody of a team"),
        pytest.param("e152435", "another-password", False, id="wrong password"),
        pytest.param("stranger", "a-password-of-trial", False, id="nobody's member"),
    ],
)
async def test_values_for_trying_let_in_people_of_teams_with_one_password(
    hub_config: Callable[..., Config], name: str, password: str, *, is_known: bool
) -> None:
    """The second call of configure() replaces the authenticator of base.yaml, and keeps people in teams."""
    secret = {"hub": {"config": {"TryAuthenticator": {"user_password": "a-password-of-trial"}}}}
    c = hub_config(secret, files=("base.yaml", "try.yaml"))
    assert len(c.JupyterHub.services) == 1
    assert loaded(c.JupyterHub.spawner_class) is KnadaSpawner
    authenticator = c.JupyterHub.authenticator_class(config=c)
    try:
        model = await authenticator.get_authenticated_user(None, {"username": name, "password": password})
    except RefusedSignInError:
        model = None
    assert (model is not None) is is_known
    if model is not None:
        assert "kyrre" in model["groups"]


def test_settings_in_hub_config_reach_our_authenticator(hub_config: Callable[..., Config]) -> None:
    """What the docs put under hub.config is read by the class, as for any oauthenticator."""
    c = hub_config({"hub": {"config": {"KnadaOIDCAuthenticator": {"groups_claim": "realm_access.roles"}}}})
    assert KnadaOIDCAuthenticator(config=c).groups_claim == "realm_access.roles"


def test_culler_of_ours_is_the_only_one_and_has_its_role(hub_config: Callable[..., Config]) -> None:
    """The chart's culler is off, ours is a managed service with the scopes that it needs."""
    c = hub_config()
    assert [service["name"] for service in c.JupyterHub.services] == [CULLER_SERVICE]
    assert c.JupyterHub.services[0]["command"][1:] == ["-m", "jupyterhub_knada.culling"]
    assert list(c.JupyterHub.load_roles) == [CULLER_ROLE.to_load_role()]
    assert CULLING_POLICIES_SCOPE in c.JupyterHub.custom_scopes.to_dict()["update"]


def test_culler_false_in_the_values_leaves_it_out(hub_config: Callable[..., Config]) -> None:
    """An admin who wants no culler says so in one place."""
    assert list(hub_config({"custom": {"knada": {"culler": False}}}).JupyterHub.services) == []


def test_services_and_roles_of_the_admin_are_kept(hub_config: Callable[..., Config]) -> None:
    """hub.services and hub.loadRoles stand beside what we add."""
    c = hub_config(
        {
            "hub": {
                "services": {"report": {}},
                "loadRoles": {"reader": {"scopes": ["list:users"], "services": ["report"]}},
            }
        }
    )
    assert [service["name"] for service in c.JupyterHub.services] == ["report", CULLER_SERVICE]
    assert [role["name"] for role in c.JupyterHub.load_roles] == ["reader", CULLER_SERVICE]


def test_refused_starts_never_restart_the_hub(hub_config: Callable[..., Config]) -> None:
    """JupyterHub 5 counts refusals as failures, so the chart's limit of 5 is taken away."""
    assert hub_config().Spawner.consecutive_failure_limit == 0


def test_no_privileged_container_is_put_before_servers(hub_config: Callable[..., Config]) -> None:
    """The chart's block of the metadata server is off."""
    assert "init_containers" not in hub_config().KubeSpawner


def test_misspelt_argument_stops_the_hub_with_its_name(hub_config: Callable[..., Config]) -> None:
    """A typo below custom.knada is told, not ignored."""
    with pytest.raises(TypeError, match="platformFile"):
        hub_config({"custom": {"knada": {"platformFile": "/etc/knada/platform/platform.yaml"}}})


def test_folder_that_is_not_mounted_stops_the_hub_with_its_path(hub_config: Callable[..., Config]) -> None:
    """A hub without team files would refuse everybody; it says instead which folder is missing."""
    with pytest.raises(
        HubSettingError, match=r"teams_dir: there is no such folder \(got '/etc/knada/absent'\)"
    ):
        hub_config({"custom": {"knada": {"teams_dir": "/etc/knada/absent"}}})


def test_team_of_the_values_makes_a_hub_for_one_team(hub_config: Callable[..., Config]) -> None:
    """`custom.knada.team` reaches spawner and authenticator."""
    c = hub_config({"custom": {"knada": {"team": "kyrre"}}})
    assert (c.KnadaSpawner.team, c.KnadaAuthenticator.team) == ("kyrre", "kyrre")


def test_team_namespaces_values_give_servers_the_hubs_full_name(hub_config: Callable[..., Config]) -> None:
    """In another namespace the Service's short name means nothing; the proxy keeps the short one."""
    c = hub_config(files=("base.yaml", "team-namespaces.yaml"))
    assert c.KubeSpawner.hub_connect_url == "http://hub.knada.svc:8081"
    assert c.JupyterHub.hub_connect_url == "http://hub:8081"


def preview(c: Config, tmp_path: Path) -> Preview:
    """Give what a member of the team would start on a hub with this configuration."""
    registry = open_registry(tmp_path / "teams", tmp_path / "platform.yaml")
    previewed = preview_server(registry.snapshot, PreviewRequest(user="e152435", hub_config=c))
    assert isinstance(previewed, Preview), previewed
    return previewed


def test_singleuser_values_hold_where_no_file_says_anything(
    hub_config: Callable[..., Config], tmp_path: Path
) -> None:
    """An admin's `singleuser.*` goes on working, as the lowest layer."""
    singleuser = {
        "memory": {"limit": "3G", "guarantee": "1G"},
        "cpu": {"limit": 2},
        "image": {"name": "ghcr.io/example/ours", "tag": "1"},
        "extraEnv": {"FROM_VALUES": "yes"},
        "nodeSelector": {"pool": "notebooks"},
        "extraLabels": {"cost": "4711"},
        "storage": {"capacity": "7Gi"},
    }
    previewed = preview(hub_config({"singleuser": singleuser}), tmp_path)
    (container,) = previewed.pod["spec"]["containers"]
    assert container["image"] == "ghcr.io/example/ours:1"
    assert container["resources"]["limits"] == {"cpu": 2, "memory": 3 * 1024**3}
    assert container["resources"]["requests"]["memory"] == 1024**3
    assert {"name": "FROM_VALUES", "value": "yes"} in container["env"]
    assert previewed.pod["spec"]["nodeSelector"] == {"pool": "notebooks"}
    assert previewed.pod["metadata"]["labels"]["cost"] == "4711"
    assert previewed.claim is not None
    assert previewed.claim["spec"]["resources"]["requests"] == {"storage": "7Gi"}


def test_team_file_overrules_singleuser_values(hub_config: Callable[..., Config], tmp_path: Path) -> None:
    """Whatever a team says comes before the chart's values."""
    (tmp_path / "teams/kyrre.yaml").write_text(
        "namespace: team-kyrre\nusers: [e152435]\nmemoryLimit: 4GB\nimage: ghcr.io/example/kyrre:2\n",
        encoding="utf-8",
    )
    previewed = preview(hub_config({"singleuser": {"memory": {"limit": "3G"}}}), tmp_path)
    (container,) = previewed.pod["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == 4 * 1024**3
    assert container["image"] == "ghcr.io/example/kyrre:2"


def test_home_of_the_chart_gives_way_to_the_teams(hub_config: Callable[..., Config], tmp_path: Path) -> None:
    """The chart mounts a home of its own at the same place; there is one home, and it is the team's."""
    previewed = preview(hub_config(), tmp_path)
    (container,) = previewed.pod["spec"]["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/home/jovyan"]
    (volume,) = [volume for volume in previewed.pod["spec"]["volumes"] if volume["name"] == mount["name"]]
    assert previewed.claim is not None
    assert volume["persistentVolumeClaim"]["claimName"] == previewed.claim["metadata"]["name"]


def test_server_of_the_base_values_passes_the_strictest_pod_security(
    hub_config: Callable[..., Config], tmp_path: Path
) -> None:
    """What `pod-security.kubernetes.io/enforce: restricted` of a team's namespace asks for, point by point.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/.
    """
    spec = preview(hub_config(), tmp_path).pod["spec"]
    (container,) = spec["containers"]
    assert spec.get("initContainers", []) == []
    assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert all(
        {"persistentVolumeClaim", "emptyDir", "configMap", "secret"} & set(volume)
        for volume in spec["volumes"]
    )
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["runAsUser"] == 1000
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False


def test_server_of_the_team_namespaces_values_runs_there_and_finds_the_hub(
    hub_config: Callable[..., Config], tmp_path: Path
) -> None:
    """The pod is in its team's namespace, carries the label that the hub lets in, and knows the full name."""
    pod = preview(hub_config(files=("base.yaml", "team-namespaces.yaml")), tmp_path).pod
    assert pod["metadata"]["namespace"] == "team-kyrre"
    assert pod["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"
    assert pod["metadata"]["labels"]["component"] == "singleuser-server"
    env = {variable["name"]: variable.get("value") for variable in pod["spec"]["containers"][0]["env"]}
    assert env["JUPYTERHUB_API_URL"] == "http://hub.knada.svc:8081/hub/api"
    assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == 8888


def test_values_give_each_person_and_team_a_host(hub_config: Callable[..., Config]) -> None:
    """The hub's host is a value, which an admin replaces, and cookies of the hub are the hub's own."""
    c = hub_config({"hub": {"config": {"JupyterHub": {"subdomain_host": "https://hub.example.org"}}}})
    assert c.JupyterHub.subdomain_host == "https://hub.example.org"
    assert c.JupyterHub.cookie_host_prefix_enabled is True
    assert c.JupyterHub.subdomain_hook is team_subdomain


def test_values_for_trying_use_names_below_localhost(hub_config: Callable[..., Config]) -> None:
    """What `kubectl port-forward` opens needs neither a name server nor a certificate."""
    secret = {"hub": {"config": {"TryAuthenticator": {"user_password": "a-password-of-trial"}}}}
    c = hub_config(secret, files=("base.yaml", "try.yaml"))
    assert c.JupyterHub.subdomain_host == "http://localhost:8000"
    assert c.JupyterHub.cookie_host_prefix_enabled is False
