"""The manifests beside the Helm values: what they grant and open, and that they fit the values."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from jupyterhub_knada.teams.loading import load_files

VALUES = Path(__file__).parents[2] / "helm-values"
MANIFESTS = sorted((VALUES / "manifests").glob("*.yaml"))
DEMO = Path(__file__).parents[2] / "jupyterhub_knada/cli/demo/files/manifests.yaml"
OPEN_TO_EVERYBODY = "0.0.0.0/0"
METADATA_SERVERS = ("169.254.169.254/32", "169.254.169.252/32")


def load_manifests(*names: str) -> list[dict[str, Any]]:
    """Read the objects of the named manifest files, of all if none is named."""
    paths = [VALUES / "manifests" / name for name in names] if names else MANIFESTS
    return [item for path in paths for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def only(kind: str, *names: str) -> dict[str, Any]:
    """Give the one object of a kind."""
    (found,) = [item for item in load_manifests(*names) if item["kind"] == kind]
    return found


def base_hub() -> dict[str, Any]:
    """Give the `hub` part of base.yaml."""
    hub: dict[str, Any] = yaml.safe_load((VALUES / "base.yaml").read_text(encoding="utf-8"))["hub"]
    return hub


def test_config_maps_hold_files_without_a_problem(tmp_path: Path) -> None:
    """The sample team files are ones that the hub serves as they are."""
    (tmp_path / "teams").mkdir()
    for config_map in load_manifests("team-files.yaml"):
        folder = tmp_path / "teams" if config_map["metadata"]["name"] == "knada-teams" else tmp_path
        for name, text in config_map["data"].items():
            (folder / name).write_text(text, encoding="utf-8")
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml")
    errors = [str(problem) for problem in loaded.problems if problem.severity == "error"]
    assert errors == []
    assert set(loaded.teams) == {"kyrre"}


def test_config_maps_that_the_hub_mounts_are_the_ones_of_the_manifests() -> None:
    """A hub whose ConfigMap has another name would never start."""
    mounted = {volume["configMap"]["name"] for volume in base_hub()["extraVolumes"]}
    assert mounted == {item["metadata"]["name"] for item in load_manifests("team-files.yaml")}


def test_mounted_folders_are_where_the_package_looks() -> None:
    """Volumes, mounts and the package's settings name the same two folders and the file in one of them."""
    mounts = {mount["name"]: mount["mountPath"] for mount in base_hub()["extraVolumeMounts"]}
    settings = yaml.safe_load((VALUES / "base.yaml").read_text(encoding="utf-8"))["custom"]["knada"]
    (name,) = next(item["data"] for item in load_manifests() if item["metadata"]["name"] == "knada-platform")
    assert settings["teams_dir"] == mounts["knada-teams"]
    assert settings["platform_file"] == f"{mounts['knada-platform']}/{name}"


def test_mounted_folders_can_change_while_the_hub_runs() -> None:
    """No subPath, which Kubernetes never updates, and no folder inside the other."""
    mounts = base_hub()["extraVolumeMounts"]
    assert [mount for mount in mounts if "subPath" in mount] == []
    first, second = sorted(mount["mountPath"] + "/" for mount in mounts)
    assert not second.startswith(first)


def test_team_namespace_carries_the_labels_that_others_select_by() -> None:
    """Webhooks and policies find the namespace; Pod Security admits nothing more than our servers need."""
    labels = only("Namespace")["metadata"]["labels"]
    assert labels["team-namespace"] == "true"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_role_of_the_hub_holds_its_calls_and_nothing_else() -> None:
    """Least privilege, written down: a new right is a decision, not an accident."""
    granted = {
        (resource, verb)
        for rule in only("Role")["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if rule["apiGroups"] == [""]
    }
    assert granted == {
        *(("pods", verb) for verb in ("list", "watch", "create", "delete")),
        *(("events", verb) for verb in ("list", "watch")),
        *(("persistentvolumeclaims", verb) for verb in ("get", "list", "create")),
    }
    assert all(rule["apiGroups"] == [""] for rule in only("Role")["rules"])


def test_cluster_role_of_the_hub_lets_it_see_pods_and_nothing_else() -> None:
    """What holds for the whole cluster is the little that one watch for all teams takes."""
    assert only("ClusterRole")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    ]


@pytest.mark.parametrize(
    ("role", "binding"), [("Role", "RoleBinding"), ("ClusterRole", "ClusterRoleBinding")]
)
def test_role_is_bound_to_the_service_account_of_the_charts_hub(role: str, binding: str) -> None:
    """The binding names the role beside it and the hub's account in the hub's namespace."""
    bound = only(binding)
    assert bound["roleRef"]["kind"] == role
    assert bound["roleRef"]["name"] == only(role)["metadata"]["name"]
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "hub", "namespace": "knada"}]


def test_hub_of_the_demo_has_the_rights_that_the_docs_give_it() -> None:
    """The demo shows a hub as an admin runs it, not one that may do more."""
    demo = yaml.safe_load_all(DEMO.read_text(encoding="utf-8"))
    (role,) = [item for item in demo if item["kind"] == "Role"]
    assert role["rules"] == only("Role")["rules"]


def test_namespace_of_the_demo_takes_no_weaker_pods_than_a_teams() -> None:
    """And its servers say what those of the Helm values say, so that they are taken."""
    enforce = "pod-security.kubernetes.io/enforce"
    (demo,) = [item for item in yaml.safe_load_all(DEMO.read_text("utf-8")) if item["kind"] == "Namespace"]
    assert demo["metadata"]["labels"][enforce] == only("Namespace")["metadata"]["labels"][enforce]
    config = (DEMO.parent / "jupyterhub_config.py").read_text(encoding="utf-8")
    said = {
        node.targets[0].attr: ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(config))
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and node.targets[0].attr.endswith("_security_context")
    }
    assert said == base_hub()["config"]["KubeSpawner"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifest_names_one_namespace_only(path: Path) -> None:
    """Each file belongs to one place, so that replacing its name makes it another team's."""
    places = {
        item["metadata"].get("namespace", item["metadata"]["name"]) for item in load_manifests(path.name)
    }
    assert len(places) == 1


def test_network_policies_select_the_servers_and_nothing_else() -> None:
    """Whatever else runs in a team's namespace is not ours to close."""
    policies = [item for item in load_manifests() if item["kind"] == "NetworkPolicy"]
    assert len(policies) == 3
    for policy in policies:
        assert policy["spec"]["podSelector"] == {"matchLabels": {"component": "singleuser-server"}}


@pytest.mark.parametrize("name", ["team-namespace.yaml", "egress-internet.yaml"])
def test_metadata_server_is_closed_unless_workload_identity_opens_it(name: str) -> None:
    """What replaces the chart's privileged block: no policy lets servers reach 169.254.169.254."""
    policy = only("NetworkPolicy", name)
    blocks = [
        peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer
    ]
    for block in blocks:
        assert block["cidr"] not in METADATA_SERVERS
        if block["cidr"] == OPEN_TO_EVERYBODY:
            assert "169.254.0.0/16" in block["except"]


def test_servers_reach_the_hub_and_are_reached_on_their_ports() -> None:
    """The two connections without which no server works: to the hub's 8081, from hub and proxy to 8888."""
    spec = only("NetworkPolicy", "team-namespace.yaml")["spec"]
    hub = spec["egress"][0]
    assert hub["ports"] == [{"protocol": "TCP", "port": 8081}]
    assert hub["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "knada"}
    assert spec["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 8888}]


def test_hub_lets_in_exactly_the_servers_of_team_namespaces() -> None:
    """The values' side of that connection selects by the labels that manifests and spawner set."""
    values = yaml.safe_load((VALUES / "team-namespaces.yaml").read_text(encoding="utf-8"))
    (rule,) = values["hub"]["networkPolicy"]["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"].items() <= only("Namespace")["metadata"]["labels"].items()
    assert peer["podSelector"]["matchLabels"] == {"hub.jupyter.org/network-access-hub": "true"}
    assert rule["ports"] == [{"protocol": "TCP", "port": 8081}]
