"""Which layer decides each value of a plan, what bounds do to it, and what a plan promises."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from types import MappingProxyType
from typing import Any

import pytest
from kubernetes_asyncio.client import V1Volume

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import parse_choice
from jupyterhub_knada.servers.homes import MovedFrom
from jupyterhub_knada.servers.plans import (
    HubSettings,
    ResolvedChoice,
    ServerPlan,
    UserFacts,
    build_plan,
    resolve_choice,
)
from jupyterhub_knada.servers.profile_options import OptionValue
from jupyterhub_knada.teams.loading import LoadedTeam, Positions
from jupyterhub_knada.teams.model import PlatformFile, Resources, TeamFile
from jupyterhub_knada.teams.snapshots import Snapshot
from tests.support.offers import make_offer, make_profile, make_team, said

GI = 1024**3
USER = UserFacts("e152435", older_claim_names=("claim-e152435",))
FILE = "teams/test.yaml:1"
SCRATCH = {"name": "scratch", "emptyDir": {}}
EVERYBODYS: dict[str, Any] = {"name": "everybody", "nfs": {"server": "nfs", "path": "/"}}


def hub(**values: Any) -> HubSettings:
    """Make a hub that sets these traits and no others."""
    return HubSettings("jupyterhub", MappingProxyType(values), frozenset(values))


def build(
    *, settings: HubSettings | None = None, platform: str | dict[str, Any] | None = None, **team: Any
) -> ServerPlan | Refusal:
    """Build a plan of a team with one profile; `profile` says what that has."""
    texts = team.pop("texts", {})
    profile = make_profile(is_default=True, **team.pop("profile", {}))
    offer = make_team("kyrre", profile, **{"namespace": "team-kyrre", **team})
    options = {name: OptionValue(value) for name, value in (team.get("options") or {}).items()}
    options |= {name: OptionValue(text, is_unlisted=True) for name, text in texts.items()}
    bounds = PlatformFile.model_validate({"bounds": platform}) if platform is not None else None
    chosen = ResolvedChoice(offer.team, profile, options, bounds)
    return build_plan(chosen, USER, settings or hub())


def plan(**case: Any) -> ServerPlan:
    """Build a plan that is not refused."""
    built = build(**case)
    assert isinstance(built, ServerPlan), built
    return built


MEMORY = {"memory_limit": 4 * GI}
OVERRIDE = {"override": {"mem_limit": "6G"}}


@pytest.mark.parametrize(
    ("case", "limit", "source"),
    [
        pytest.param({}, 2 * GI, "built-in default", id="nobody says it"),
        pytest.param({"settings": hub(mem_limit=3 * GI)}, 3 * GI, "the hub's configuration", id="the hub"),
        pytest.param({"settings": hub(mem_limit=3 * GI), "profile": MEMORY}, 4 * GI, FILE, id="the files"),
        pytest.param(
            {"profile": {**MEMORY, **OVERRIDE}},
            6 * GI,
            f"{FILE} kubespawnerOverride",
            id="the profile's override",
        ),
        pytest.param(
            {"profile": {**MEMORY, "override": {"mem_limit": None}}},
            4 * GI,
            FILE,
            id="an override that says null",
        ),
        pytest.param(
            {"settings": hub(mem_limit=0)},
            2 * GI,
            "built-in default",
            id="a hub that means no limit",
        ),
        pytest.param(
            {"settings": hub(mem_limit=None)}, 2 * GI, "built-in default", id="a hub that says none"
        ),
        pytest.param(
            {"platform": {"memoryLimit": "1G"}},
            GI,
            "built-in default, capped by the platform's bounds",
            id="the default, over the bound",
        ),
        pytest.param(
            {"platform": {"memoryLimit": "1G"}, "settings": hub(mem_limit=9 * GI)},
            GI,
            "the hub's configuration, capped by the platform's bounds",
            id="the hub, over the bound",
        ),
        pytest.param(
            {"platform": {"memoryLimit": "5G"}, "profile": OVERRIDE},
            5 * GI,
            f"{FILE} kubespawnerOverride, capped by the platform's bounds",
            id="an override, over the bound",
        ),
    ],
)
def test_memory_is_of_the_first_layer_that_says_it(case: dict[str, Any], limit: int, source: str) -> None:
    """Profile, team and platform, hub, built-in default; then the bound, for all of them."""
    built = plan(**case)
    assert (built.memory_limit, built.sources["memory_limit"]) == (limit, source)


@pytest.mark.parametrize(
    ("written", "millicores"),
    [(3.6505, 3651), (0.912625, 913), (0.22815625, 229), (3.3810000000000002, 3382), (2, 2000), (0.5, 500)],
)
def test_share_of_a_node_is_the_same_size_wherever_it_is_written(written: float, millicores: int) -> None:
    """In a profile, an override, an option or the hub's configuration: rounded up, as Kubernetes does."""
    choice = {"choices": {"a": {"kubespawnerOverride": {"cpu_limit": written}}}}
    cases: list[dict[str, Any]] = [
        {"settings": hub(cpu_limit=written)},
        {"profile": {"cpu_limit": Resources.model_validate({"cpuLimit": str(written)}).cpu_limit}},
        {"profile": {"override": {"cpu_limit": written}}},
        {"profile": {"override": {"cpu_limit": str(written)}}},
        {"profile": {"options": {"size": choice}}},
    ]
    assert [plan(**case).cpu_limit for case in cases] == [millicores] * len(cases)


def test_size_of_the_hub_that_no_server_can_have_is_refused_in_words() -> None:
    """A few bytes in the hub's configuration are a forgotten unit, as they are in a file."""
    refusal = build(settings=hub(mem_limit=2))
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.HUB_SETTING


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param({}, {"cpu_limit": 500, "cpu_guarantee": None, "memory_guarantee": None}, id="built-in"),
        pytest.param(
            {"settings": hub(mem_guarantee=5 * GI, cpu_guarantee=1.5)},
            {
                "memory_limit": 5 * GI,
                "memory_guarantee": 5 * GI,
                "cpu_limit": 1500,
                "cpu_guarantee": 1500,
            },
            id="guarantees of the hub, where nobody says a limit",
        ),
        pytest.param(
            {"settings": hub(mem_guarantee=5 * GI, mem_limit=3 * GI)},
            {"memory_limit": 3 * GI, "memory_guarantee": 3 * GI},
            id="a guarantee of the hub above its own limit",
        ),
        pytest.param(
            {"settings": hub(mem_guarantee=5 * GI), "profile": MEMORY},
            {"memory_limit": 4 * GI, "memory_guarantee": 4 * GI},
            id="a guarantee of the hub above the profile's limit",
        ),
        pytest.param(
            {"profile": {"override": {"mem_guarantee": "32G", "mem_limit": None, "cpu_guarantee": 4}}},
            {
                "memory_limit": 32 * GI,
                "memory_guarantee": 32 * GI,
                "cpu_limit": 4000,
                "cpu_guarantee": 4000,
            },
            id="a guarantee without a limit is the limit",
        ),
        pytest.param(
            {
                "profile": {"override": {"mem_guarantee": "32G"}},
                "platform": {"memoryLimit": "16G"},
                "settings": hub(mem_limit=2 * GI),
            },
            {"memory_limit": 16 * GI, "memory_guarantee": 16 * GI},
            id="a guarantee without a limit, over the bound",
        ),
        pytest.param(
            {"profile": {**MEMORY, "override": {"mem_guarantee": "32G"}}},
            {"memory_limit": 4 * GI, "memory_guarantee": 4 * GI},
            id="a guarantee above the limit of its profile",
        ),
        pytest.param(
            {"profile": {"cpu_limit": 2000, "shared_memory": 8 * GI}, "platform": {"cpuLimit": "1"}},
            {"cpu_limit": 1000, "shared_memory": 2 * GI},
            id="CPU over its bound, shared memory above all memory",
        ),
        pytest.param(
            {"profile": {"gpu": 2}, "platform": {"gpu": 1}},
            {"resource_limits": {"nvidia.com/gpu": 1}},
            id="GPUs over their bound",
        ),
        pytest.param(
            {
                "profile": {
                    "override": {
                        "extra_resource_limits": {
                            "amd.com/gpu": "2",
                            "nvidia.com/mig-1g.5gb": 3,
                        },
                        "extra_resource_guarantees": {"amd.com/gpu": 1, "example.org/device": 1},
                    }
                },
                "settings": hub(extra_resource_limits={"memory": "1T"}),
                "platform": {"gpu": 4},
            },
            {
                "resource_limits": {"amd.com/gpu": 2, "nvidia.com/mig-1g.5gb": 2},
                "resource_guarantees": {"amd.com/gpu": 2},
            },
            id="GPUs of all kinds together, and no memory by the back door",
        ),
        *(
            pytest.param(
                {"profile": {"override": {"extra_resource_limits": {name: 8}}}, "platform": {"gpu": 1}},
                {"resource_limits": {name: 1}},
                id=f"the bound holds for {name}",
            )
            for name in (
                "nvidia.com/gpu.shared",
                "amd.com/gpu",
                "gpu.intel.com/i915",
                "gpu.intel.com/xe",
                "google.com/tpu",
                "habana.ai/gaudi",
                "k8s.amazonaws.com/vgpu",
                "nvidia.com/GA102GL_A10",
                "cloud-tpus.google.com/v2",
                "amd.com/cpx_nps4",
                "xilinx.com/fpga-xilinx_u250",
                "example.org/of-nobody-s-list",
            )
        ),
        pytest.param(
            {
                "profile": {
                    "gpu": 1,
                    "override": {"extra_resource_limits": {"a.example/b": 1, "rdma/hca": 4}},
                },
                "platform": {"gpu": 1, "harmlessResources": ["rdma/*"]},
            },
            {"resource_limits": {"nvidia.com/gpu": 1, "rdma/hca": 4}},
            id="devices that the platform calls harmless, and the GPU before another device",
        ),
        pytest.param(
            {
                "profile": {"override": {"extra_resource_limits": {"smarter-devices/fuse": 1}}},
                "platform": {"gpu": 0, "harmlessResources": []},
            },
            {"resource_limits": {}},
            id="a platform that calls nothing harmless",
        ),
        pytest.param(
            {"settings": hub(extra_resource_limits={"hugepages-2Mi": "1Gi"}), "platform": {"gpu": 0}},
            {"resource_limits": {"hugepages-2Mi": "1Gi"}},
            id="what is no device, of the hub's own configuration",
        ),
        pytest.param(
            {
                "profile": {"override": {"extra_resource_limits": {"example.org/fuse": 8}}},
                "platform": {"gpu": 1},
            },
            {"resource_limits": {"example.org/fuse": 8}},
            id="a device that is harmless by default",
        ),
        pytest.param(
            {"profile": {"gpu": 1, "override": {"extra_resource_limits": {"nvidia.com/gpu": None}}}},
            {"resource_limits": {}},
            id="an override that takes the GPU away",
        ),
        pytest.param({"profile": {"interface": "rstudio"}}, {"default_url": "/rstudio"}, id="interface"),
        pytest.param(
            {"settings": hub(default_url="/hub-says")},
            {"default_url": "/hub-says"},
            id="interface of the hub",
        ),
        pytest.param({"idle_timeout": said("never")}, {"idle_timeout": "never"}, id="never idle"),
        pytest.param(
            {"idle_timeout": said("never"), "platform": {"idleTimeout": {"max": "7d"}}},
            {"idle_timeout": 7 * 86400},
            id="never idle, over the bound",
        ),
        pytest.param(
            {"idle_timeout": said(60), "platform": {"idleTimeout": {"min": "10m"}}},
            {"idle_timeout": 600},
            id="idle too soon",
        ),
        pytest.param({"settings": hub(image="hub/image:1")}, {"image": "hub/image:1"}, id="image of the hub"),
        pytest.param(
            {"settings": HubSettings("x", {"image": "stock/image:1"})},
            {"image": "stock/image:1"},
            id="image that nobody set",
        ),
        pytest.param({"namespace": None}, {"namespace": "jupyterhub"}, id="the hub's own namespace"),
        pytest.param(
            {
                "env": {"JUPYTERHUB_API_TOKEN": said("x"), "OK": said("{a}")},
                "secret_name": "projects/p/secrets/s",
            },
            {"env": {"OK": "{a}", "KNADA_TEAM_SECRET": "projects/p/secrets/s"}},
            id="variables of the platform are the platform's",
        ),
        pytest.param(
            {"labels": {"team": said("other"), "ok": said("1")}},
            {"team_labels": {"ok": "1"}},
            id="labels, too",
        ),
    ],
)
def test_value_of_a_plan_follows_layers_and_bounds(case: dict[str, Any], expected: dict[str, Any]) -> None:
    """One line a rule; see the ids."""
    built = plan(**case)
    assert {name: getattr(built, name) for name in expected} == expected


def test_labels_and_annotations_are_exactly_those_that_the_platform_relies_on() -> None:
    """Egress, network policy, costs and the culler find the pod by these."""
    built = plan(id="kyrre-1a2b", allowlist=said(("db.example.org:5432", "api.example.org")))
    assert built.labels == {
        "app": "jupyterhub",
        "component": "singleuser-server",
        "hub.jupyter.org/network-access-hub": "true",
        "hub.jupyter.org/username": "e152435",
        "knada.nav.no/team": "kyrre-1a2b",
        "knada.nav.no/user": "e152435",
        "team": "kyrre-1a2b",
    }
    assert built.annotations == {
        "allowlist": "db.example.org:5432,api.example.org",
        "knada.nav.no/team": "kyrre-1a2b",
        "knada.nav.no/user": "e152435",
    }


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param({}, {"size": 10 * GI, "storage_class": None}, id="built-in"),
        pytest.param(
            {"settings": hub(storage_capacity="30Gi", storage_class="hub")},
            {"size": 30 * GI, "storage_class": "hub"},
            id="the hub's",
        ),
        pytest.param(
            {
                "settings": hub(storage_capacity="30Gi"),
                "storage_size": said(5 * GI),
                "storage_class": said("own"),
            },
            {"size": 5 * GI, "storage_class": "own"},
            id="the team's",
        ),
        pytest.param(
            {"settings": hub(storage_capacity="900Gi"), "platform": {"storageSize": "100Gi"}},
            {"size": 100 * GI},
            id="over the bound",
        ),
        pytest.param({}, {"older_names": ("claim-e152435",)}, id="own namespace: older homes are looked for"),
        pytest.param(
            {"namespace": None}, {"older_names": ()}, id="hub's namespace: an old name is of no team"
        ),
        pytest.param(
            {"namespace": "jupyterhub", "settings": replace(hub(), only_team="kyrre")},
            {"older_names": ("claim-e152435",)},
            id="the team's own hub: its namespace is the team's",
        ),
    ],
)
def test_home_of_a_plan_follows_layers_and_bounds(case: dict[str, Any], expected: dict[str, Any]) -> None:
    """Size and class by layers; older homes only where they can be nobody else's team's."""
    home = plan(**case).home
    assert home is not None
    assert {name: getattr(home, name) for name in expected} == expected


def test_home_of_the_team_that_inherits_is_looked_for_by_older_names_in_the_hubs_namespace() -> None:
    """`homesInheritedBy` names one team; another one beside it inherits nothing."""
    teams = make_team("heir", namespace=None), make_team("other", namespace=None)
    offer = make_offer(*teams, platform={"homesInheritedBy": "heir"})
    names = {}
    for slug in ("heir", "other"):
        choice = parse_choice({"team": slug}, offer)
        assert not isinstance(choice, Refusal)
        snapshot: Any = type("Snapshot", (), {"teams": {}})
        built = build_plan(resolve_choice(choice, offer, snapshot), USER, hub())
        assert isinstance(built, ServerPlan)
        assert built.home is not None
        names[slug] = built.home.older_names
    assert names == {"heir": ("claim-e152435",), "other": ()}


def test_team_without_storage_has_no_home() -> None:
    """`storage: {none: true}`: no claim is made or mounted."""
    assert plan(storage_none=said(value=True)).home is None


@pytest.mark.parametrize(
    ("override", "bounds", "refused"),
    [
        ({"extra_pod_config": {"runtimeClassName": "nvidia"}}, {}, True),
        ({"extra_pod_config": {"runtimeClassName": "nvidia"}}, {"runtimeClasses": ["nvidia"]}, False),
        ({"extra_pod_config": {"runtime_class_name": "kata"}}, {"runtimeClasses": ["nvidia"]}, True),
        ({"extra_pod_config": {"runtimeClassName": None}}, {"runtimeClasses": ["nvidia"]}, True),
        ({"extra_labels": {"cost": "1"}}, {}, False),
        ({"extra_labels": {"cost": "1"}}, {"labels": ["co*"]}, False),
        ({"extra_labels": {"cost": "1"}}, {"labels": []}, True),
        ({"extra_labels": {"example.org/x": "1"}}, {"labels": ["co*", "*.example.org/*"]}, True),
        ({"extra_annotations": {"example.org/x": "1"}}, {"annotations": ["example.org/*"]}, False),
        ({"extra_annotations": {"other.example/x": "1"}}, {"annotations": ["example.org/*"]}, True),
    ],
)
def test_names_in_overrides_are_within_the_bounds(
    override: dict[str, Any], bounds: dict[str, Any], *, refused: bool
) -> None:
    """Of a profile, and of a text that somebody wrote, which no file check saw."""
    own = {"unlistedChoice": {"enabled": "true", "kubespawnerOverride": override}}
    for profile in ({"override": override}, {"options": {"own": own}}):
        built = build(profile=profile, platform=bounds, texts={"own": "x"} if "options" in profile else {})
        assert isinstance(built, Refusal) is refused, built
        if isinstance(built, Refusal):
            assert built.code is Code.OVER_BOUND
            assert "bounds." in built.message


@pytest.mark.parametrize("key", ["labels", "annotations"])
def test_team_that_is_served_as_it_was_keeps_to_the_bounds_of_today(key: str) -> None:
    """A platform file that has since narrowed what may be set is not passed by what was loaded before."""
    team: dict[str, Any] = {key: {"example.org/x": said("1")}}
    assert isinstance(build(platform={key: ["example.org/*"]}, **team), ServerPlan)
    built = build(platform={key: ["other.example/*"]}, **team)
    assert isinstance(built, Refusal)
    assert (built.code, built.status) == (Code.OVER_BOUND, 409)


@pytest.mark.parametrize(
    ("case", "code"),
    [
        pytest.param(
            {"profile": {"image": "docker.io/evil:1"}, "platform": {"images": ["ghcr.io/x/*"]}},
            Code.IMAGE_NOT_ALLOWED,
            id="an image of the files",
        ),
        pytest.param(
            {"settings": hub(image="docker.io/evil:1"), "platform": {"images": ["ghcr.io/x/*"]}},
            Code.IMAGE_NOT_ALLOWED,
            id="an image of the hub",
        ),
        pytest.param(
            {"profile": {"override": {"image": "docker.io/evil:1"}}, "platform": {"images": ["ghcr.io/x/*"]}},
            Code.IMAGE_NOT_ALLOWED,
            id="an image of an override",
        ),
        pytest.param(
            {"profile": {"image": "ghcr.io/x/y"}, "platform": {"requireImageTag": True}},
            Code.IMAGE_WITHOUT_TAG,
            id="an image without a tag",
        ),
        pytest.param(
            {"profile": {"override": {"namespace": "kube-system"}}},
            Code.BAD_OVERRIDE,
            id="an override that is ours",
        ),
        pytest.param(
            {"profile": {"override": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}},
            Code.OWNED_OVERRIDE,
            id="a volume of the node",
        ),
        pytest.param(
            {"profile": {"override": {"volume_mounts": [{"name": "home", "mountPath": "/all"}]}}},
            Code.OWNED_OVERRIDE,
            id="a mount of a volume that the hub brings",
        ),
        *(
            pytest.param(
                {
                    "profile": {"override": {"volumes": [SCRATCH], "volume_mounts": [mounted]}},
                    "settings": hub(volumes=[EVERYBODYS], volume_mounts=[{"name": "e", "mountPath": path}]),
                },
                Code.OWNED_OVERRIDE,
                id=f"a mount where the hub mounts {path}",
            )
            for path in ("/s", "/s/", "//s", "/s/all", "/{username}")
            for mounted in [{"name": "scratch", "mountPath": "/s"}]
        ),
        pytest.param(
            {
                "profile": {"override": {"volumes": [{"name": "everybody", "emptyDir": {}}]}},
                "settings": hub(volumes={"e": V1Volume(**EVERYBODYS)}),
            },
            Code.OWNED_OVERRIDE,
            id="a volume of the hub's name",
        ),
        pytest.param(
            {"profile": {"override": {"volumes": {"a": {"emptyDir": {}}}}}},
            Code.OWNED_OVERRIDE,
            id="a volume without a name",
        ),
        pytest.param(
            {"profile": {"override": {"volumes": [SCRATCH], "volume_mounts": {"a": {"name": "scratch"}}}}},
            Code.OWNED_OVERRIDE,
            id="a mount without a path",
        ),
        pytest.param(
            {"profile": {"override": {"volumes": {"a": None}, "volume_mounts": {"a": {"mountPath": "/a"}}}}},
            Code.OWNED_OVERRIDE,
            id="a mount of no volume",
        ),
        pytest.param(
            {
                "profile": {
                    "options": {
                        "a": {
                            "unlistedChoice": {
                                "enabled": "true",
                                "kubespawnerOverride": {"cmd": ["x"], "args": ["{value}"] * 200},
                            }
                        }
                    }
                },
                "texts": {"a": "x" * 512},
            },
            Code.OUT_OF_RANGE,
            id="one's own text many times",
        ),
        pytest.param(
            {
                "profile": {
                    "options": {
                        "a": {
                            "unlistedChoice": {
                                "enabled": "true",
                                "kubespawnerOverride": {"cmd": ["x"], "args": ["{value}"] * 6},
                            }
                        }
                    }
                },
                "texts": {"a": "{namespace}" * 46},
            },
            Code.OUT_OF_RANGE,
            id="names that KubeSpawner fills in, in one's own text",
        ),
        pytest.param(
            {
                "profile": {
                    "options": {
                        "a": {
                            "unlistedChoice": {
                                "enabled": "true",
                                "kubespawnerOverride": {"slow_spawn_message": "{{value}}"},
                            }
                        }
                    }
                },
                "texts": {"a": "seconds:>300000000"},
            },
            Code.BAD_OVERRIDE,
            id="a template that one's own text completes",
        ),
        pytest.param(
            {"profile": {"override": {"mem_limit": "much"}}}, Code.BAD_QUANTITY, id="no memory size"
        ),
        pytest.param(
            {"settings": hub(storage_capacity="much")}, Code.HUB_SETTING, id="a hub's size of homes"
        ),
        pytest.param({"namespace": "jupyterhub"}, Code.NAMESPACE_OF_HUB, id="the hub's own namespace"),
        pytest.param(
            {"namespace": "jupyterhub", "settings": replace(hub(), only_team="other")},
            Code.NAMESPACE_OF_HUB,
            id="the namespace of another team's hub",
        ),
    ],
)
def test_plan_that_cannot_be_kept_within_the_rules_is_refused(case: dict[str, Any], code: Code) -> None:
    """What cannot be lowered is refused, with a status that is no failure of the hub."""
    refusal = build(**case)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
    assert 400 <= refusal.status < 500


def test_plan_is_frozen_through_and_through_and_its_digest_is_stable() -> None:
    """Nothing in it can be changed; equal plans have equal digests, other plans others."""
    case = {"profile": {"override": {"volumes": [{"name": "x", "emptyDir": {}}]}}}
    one, same = plan(**case), plan(**case)
    assert (one, one.digest) == (same, same.digest)
    assert one.digest != plan().digest
    assert replace(one, sources=MappingProxyType({})).digest == one.digest
    assert len(one.digest) == 16
    with pytest.raises(FrozenInstanceError):
        one.user = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.override["volumes"] = ()  # type: ignore[index]
    with pytest.raises(TypeError):
        one.override["volumes"][0]["name"] = "y"


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param({}, MovedFrom("team-old", "old"), id="nobody else's"),
        pytest.param({"b": {"id": "old"}}, MovedFrom("team-old", None), id="another team's id"),
        pytest.param({"old": {}}, MovedFrom("team-old", None), id="another team's name"),
        pytest.param(
            {"b": {"movedFrom": {"id": "old"}}}, MovedFrom("team-old", None), id="what another team was, too"
        ),
    ],
)
def test_resolved_choice_knows_where_the_team_was(
    others: dict[str, dict[str, Any]], expected: MovedFrom
) -> None:
    """`movedFrom` of the team's file reaches the home, but for an id that another team has or had."""
    offer = make_offer()
    choice = parse_choice({}, offer)
    assert not isinstance(choice, Refusal)
    files = {"kyrre": {"movedFrom": {"namespace": "team-old", "id": "old"}}, **others}
    teams = {
        slug: LoadedTeam(
            slug,
            f"teams/{slug}.yaml",
            TeamFile.model_validate({"namespace": slug, "users": [], **said}),
            Positions({}, {}),
            (),
        )
        for slug, said in files.items()
    }
    snapshot = Snapshot(1, None, teams, {}, ())
    assert resolve_choice(choice, offer, snapshot).moved_from == expected


def test_choice_that_is_not_in_the_offer_is_not_resolved() -> None:
    """A choice of another offer is a mistake of the caller, told as one."""
    choice = parse_choice({}, make_offer(make_team("other")))
    assert not isinstance(choice, Refusal)
    with pytest.raises(LookupError, match="'other'"):
        resolve_choice(choice, make_offer(), type("S", (), {"teams": {}}))  # type: ignore[arg-type]
