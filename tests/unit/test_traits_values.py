"""From a plan to trait values: what stays the hub's, what braces become, where volumes end up."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_asyncio.client import V1Container, V1VolumeMount

from jupyterhub_knada.servers.plans import HubSettings, ResolvedChoice, ServerPlan, UserFacts, build_plan
from jupyterhub_knada.servers.templates import KUBESPAWNER_NAMES, literal, template
from jupyterhub_knada.servers.traits import POD_TRAITS, spawner_traits
from jupyterhub_knada.servers.volumes import lay_volumes
from tests.support.offers import make_profile, make_team, said

HOME = "/home/jovyan"
NAMES = dict.fromkeys(KUBESPAWNER_NAMES, "NAME")


def values(hub: dict[str, Any] | None = None, **team: Any) -> dict[str, Any]:
    """Give the trait values of a team with one profile; `override` is the profile's, `hub` sets traits."""
    profile = make_profile(
        is_default=True, override=team.pop("override", {}), shared_memory=team.pop("shared_memory", None)
    )
    if profile.shared_memory is not None and profile.shared_memory.value is None:
        profile = make_profile(is_default=True, override=profile.override)
    offer = make_team("kyrre", profile, **{"namespace": "team-kyrre", **team})
    said_by_hub = HubSettings(
        "jupyterhub", MappingProxyType(dict.fromkeys(POD_TRAITS) | (hub or {})), frozenset(hub or {})
    )
    plan = build_plan(ResolvedChoice(offer.team, profile, {}, None), UserFacts("e152435"), said_by_hub)
    assert isinstance(plan, ServerPlan), plan
    return spawner_traits(plan, said_by_hub)


def mounts(found: dict[str, Any]) -> dict[str, str]:
    """Give mount path -> volume's name."""
    return {mount["mountPath"]: mount["name"] for mount in found["volume_mounts"]}


def volume_names(found: dict[str, Any]) -> list[str]:
    """Give the names of the volumes, each of which a pod may have once."""
    return [volume["name"] for volume in found["volumes"]]


def test_every_trait_that_shapes_a_pod_is_given_a_value() -> None:
    """A Spawner object that lived through another start has nothing left of it."""
    assert set(values()) == POD_TRAITS


def test_values_are_nobody_elses() -> None:
    """Changing what a start was given changes neither the hub's settings nor the next start."""
    hub = {"environment": {"A": "1"}, "volumes": {"x": {"name": "x", "emptyDir": {}}}, "cmd": ["a"]}
    first = values(hub)
    for value in first.values():
        if isinstance(value, dict | list):
            value.clear()
    assert hub == {"environment": {"A": "1"}, "volumes": {"x": {"name": "x", "emptyDir": {}}}, "cmd": ["a"]}
    assert values(hub)["environment"] == {"A": "1"}


@pytest.mark.parametrize(
    ("hub", "team", "trait", "expected"),
    [
        pytest.param({}, {}, "uid", 1000, id="user of the images"),
        pytest.param({"uid": 2000, "fs_gid": None}, {}, "uid", 2000, id="user of the hub"),
        pytest.param({"uid": 2000, "fs_gid": None}, {}, "fs_gid", None, id="no group by the hub"),
        pytest.param({}, {}, "fs_gid", 100, id="group of the images"),
        pytest.param(
            {"automount_service_account_token": True},
            {},
            "automount_service_account_token",
            False,
            id="never a token",
        ),
        pytest.param({"service_account": "hub-sa"}, {}, "service_account", "hub-sa", id="the hub's identity"),
        pytest.param(
            {"service_account": "hub-sa"},
            {"service_account": "own"},
            "service_account",
            "own",
            id="the team's identity",
        ),
        pytest.param(
            {"image_pull_secrets": ["hub"]}, {}, "image_pull_secrets", ["hub"], id="the hub's pull secrets"
        ),
        pytest.param(
            {"image_pull_secrets": ["hub"]},
            {"image_pull_secrets": said(("own",))},
            "image_pull_secrets",
            ["own"],
            id="the team's pull secrets",
        ),
        pytest.param(
            {"node_selector": {"a": "1", "b": "1"}},
            {"node_selector": {"b": said("2")}, "override": {"node_selector": {"a": None, "c": "3"}}},
            "node_selector",
            {"b": "2", "c": "3"},
            id="node selectors merge, and null takes away",
        ),
        pytest.param(
            {"tolerations": {"z": {"key": "z"}, "a": {"key": "a"}}},
            {"tolerations": said(({"key": "own"}, {"key": "a"}))},
            "tolerations",
            [{"key": "a"}, {"key": "z"}, {"key": "own"}],
            id="tolerations of the hub and the team",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}]},
            {"override": {"tolerations": [{"key": "profile"}]}},
            "tolerations",
            [{"key": "profile"}],
            id="tolerations of a profile stand for all",
        ),
        pytest.param(
            {"environment": {"KNADA_TEAM_SECRET": "x", "HUB": "{username}"}},
            {"override": {"environment": {"P": "{username}", "J": '{"a": 1}', "HUB": None}}},
            "environment",
            {"P": "{username}", "J": '{{"a": 1}}'},
            id="variables: the hub cannot name a team's secret, a profile's braces arrive",
        ),
        pytest.param(
            {"extra_annotations": {"h": "{username}"}},
            {
                "annotations": {"t": said("{username}")},
                "override": {"extra_annotations": {"p": "{username}"}},
            },
            "extra_annotations",
            {
                "h": "{username}",
                "t": "{{username}}",
                "p": "{username}",
                "knada.nav.no/team": "kyrre",
                "knada.nav.no/user": "e152435",
            },
            id="annotations: names are filled in where stock says so, never in a team's own",
        ),
        pytest.param(
            {"default_url": "/{username}/x"}, {}, "default_url", "/{username}/x", id="a hub's URL with a name"
        ),
        pytest.param(
            {}, {"override": {"default_url": "/{oops}"}}, "default_url", "/{{oops}}", id="a URL with a brace"
        ),
        pytest.param({}, {"override": {"cmd": ["x"]}}, "cmd", ["x"], id="a profile's command"),
        pytest.param({"cmd": ["hub"]}, {}, "cmd", ["hub"], id="the hub's command"),
        pytest.param(
            {"remember_pvc_name": True}, {}, "remember_pvc_name", False, id="KubeSpawner remembers no claim"
        ),
        pytest.param(
            {"profile_list": [{"display_name": "x"}]}, {}, "profile_list", [], id="no profiles but the files'"
        ),
    ],
)
def test_trait_is_of_the_layer_that_says_it(
    hub: dict[str, Any], team: dict[str, Any], trait: str, expected: Any
) -> None:
    """One line a trait; see the ids."""
    assert values(hub, **team)[trait] == expected


PERSONAL = {"name": "volume-{user_server}", "persistentVolumeClaim": {"claimName": "claim-{user_server}"}}
STATIC = {"name": "home", "persistentVolumeClaim": {"claimName": "everybody"}}


def mount(name: str, path: str = HOME, **more: Any) -> dict[str, Any]:
    """Make a mount."""
    return {"name": name, "mountPath": path, **more}


def test_home_of_the_chart_gives_way_under_its_own_name() -> None:
    """Dynamic storage of zero-to-jupyterhub: one home, the team's, also for what else mounts that volume."""
    found = values({"volumes": [PERSONAL], "volume_mounts": [mount("volume-{user_server}", HOME + "/")]})
    assert found["volumes"] == [
        {"name": "volume-{user_server}", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}
    ]
    assert mounts(found) == {HOME: "volume-{user_server}"}


def test_home_stands_where_a_plan_would_mount_something_else() -> None:
    """No override that mounts there is planned; if one were, the home alone would be there."""
    settings = HubSettings("jupyterhub", MappingProxyType(dict.fromkeys(POD_TRAITS)))
    offer = make_team("kyrre", namespace="team-kyrre")
    chosen = ResolvedChoice(offer.team, offer.default_profile, {}, None)
    plan = build_plan(chosen, UserFacts("e152435"), settings)
    assert isinstance(plan, ServerPlan), plan
    override = {"volumes": [{"name": "x", "emptyDir": {}}], "volume_mounts": [mount("x", f"//{HOME}/")]}
    found = lay_volumes(replace(plan, override=override), settings)
    assert found["volume_mounts"] == [{"name": "home", "mountPath": HOME}]


def test_static_home_that_others_are_mounted_from_stays_for_them() -> None:
    """Static storage of the chart: its folder is no team's home; other folders of it stay mounted."""
    found = values(
        {
            "volumes": [STATIC],
            "volume_mounts": [mount("home", subPath="{username}"), mount("home", "/all", subPath="all")],
        }
    )
    assert mounts(found) == {"/all": "home", HOME: "knada-home"}
    assert volume_names(found) == ["home", "knada-home"]


def test_static_home_alone_gives_way() -> None:
    """Nothing else needs the hub's claim: it is not mounted at all."""
    found = values({"volumes": [STATIC], "volume_mounts": [mount("home", subPath="{username}")]})
    assert found["volumes"] == [{"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}]
    assert found["volume_mounts"] == [{"name": "home", "mountPath": HOME}]


def test_team_without_a_home_has_none_of_the_hubs_either() -> None:
    """`storage: {none: true}` is none, not the hub's home for all teams."""
    hub = {"volumes": [PERSONAL], "volume_mounts": [mount("volume-{user_server}")]}
    found = values(hub, storage_none=said(value=True))
    assert (found["volumes"], found["volume_mounts"], found["storage_pvc_ensure"]) == ([], [], False)


def test_team_without_a_home_keeps_a_volume_that_a_container_of_the_hub_mounts() -> None:
    """A pod whose container mounts a volume that is not there would be refused: it is empty instead."""
    init = V1Container(
        name="chown", volume_mounts=[V1VolumeMount(name="volume-{user_server}", mount_path="/h")]
    )
    hub = {"volumes": [PERSONAL], "volume_mounts": [mount("volume-{user_server}")], "init_containers": [init]}
    found = values(hub, storage_none=said(value=True))
    assert found["volumes"] == [{"name": "volume-{user_server}", "emptyDir": {}}]


def test_volume_of_a_profile_that_is_called_home_is_not_the_home() -> None:
    """The home takes another name: what is scratch space for its author does not become the claim."""
    override = {
        "volumes": [{"name": name, "emptyDir": {}} for name in ("home", "knada-home", "knada-home-0")],
        "volume_mounts": [mount("home", "/scratch")],
    }
    found = values(override=override)
    assert mounts(found) == {"/scratch": "home", HOME: "knada-home-1"}
    assert volume_names(found) == ["home", "knada-home", "knada-home-0", "knada-home-1"]


def test_home_of_the_chart_with_two_slashes_gives_way() -> None:
    """The way a path is written does not decide whose home is mounted."""
    found = values({"volumes": [STATIC], "volume_mounts": [mount("home", "//home/jovyan")]})
    assert mounts(found) == {HOME: "home"}


@pytest.mark.parametrize("form", [list, dict], ids=["list", "mapping"])
def test_volumes_of_a_profile_come_beside_the_home(form: type) -> None:
    """A list never drops the home or what the hub mounts, as it does in stock."""
    volume, place = {"name": "scratch", "emptyDir": {}}, mount("scratch", "/scratch")
    override = {
        "volumes": [volume] if form is list else {"a": volume},
        "volume_mounts": [place] if form is list else {"a": place},
    }
    hub = {"volumes": {"s": {"name": "s", "emptyDir": {}}}, "volume_mounts": {"s": mount("s", "/s")}}
    found = values(hub, override=override)
    assert mounts(found) == {"/s": "s", "/scratch": "scratch", HOME: "home"}
    assert volume_names(found) == ["s", "scratch", "home"]


def test_variable_of_a_profile_takes_the_place_of_the_hubs_as_a_whole() -> None:
    """A part of the hub's variable would hide in the profile's: its name, or the secret that it reads."""
    field = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    secret = {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "x"}}}
    hub = {"environment": {"A": secret, "B": secret, "C": "hub", "D": "hub"}}
    found = values(hub, override={"environment": {"A": field, "B": "text", "D": None}})
    assert found["environment"] == {"A": field, "B": "text", "C": "hub"}


def test_shared_memory_takes_the_place_of_the_hubs() -> None:
    """One /dev/shm, of the size that the profile says."""
    hub = {"volumes": [{"name": "shm", "emptyDir": {}}], "volume_mounts": [mount("shm", "/dev/shm")]}
    found = values(hub, shared_memory=1024**3)
    assert mounts(found) == {HOME: "home", "/dev/shm": "shared-memory"}
    assert found["volumes"][-1] == {
        "name": "shared-memory",
        "emptyDir": {"medium": "Memory", "sizeLimit": "1073741824"},
    }


@given(st.text())
def test_literal_text_survives_expansion(text: str) -> None:
    """What a team wrote is what arrives, whatever braces are in it."""
    assert literal(text).format(**NAMES) == text


def test_words_for_a_slow_start_fill_in_seconds_and_nothing_else() -> None:
    """KubeSpawner runs `str.format` over them in the hub; whatever else is in braces arrives literally."""
    found = values(override={"slow_spawn_message": "{seconds} s"})
    assert found["slow_spawn_message"].format(seconds=5) == "5 s"


@given(st.text(st.sampled_from('{}username .!:[]0"')))
def test_template_never_ends_a_start(text: str) -> None:
    """Any text of an override expands without an error: a valid template as stock, any other literally."""
    assert template(text).format(**NAMES) in {text, *_expanded(text)}


def _expanded(text: str) -> list[str]:
    try:
        return [text.format(**NAMES)]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return []


@pytest.mark.parametrize(
    "text", ["{username.__class__}", "{username!r}", "{username:>1000000000}", "{0}", "{}", "{unknown}"]
)
def test_template_with_more_than_a_name_is_literal(text: str) -> None:
    """`str.format` reaches into attributes and can ask for gigabytes; nothing of that is filled in."""
    assert template(text).format(**NAMES) == text
