"""Over arbitrary team files and choices: no plan carries another team's value or passes a bound."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyterhub_knada.errors import Refusal
from jupyterhub_knada.servers.choices import parse_choice
from jupyterhub_knada.servers.frozen import thaw
from jupyterhub_knada.servers.offer import build_offer
from jupyterhub_knada.servers.plans import HubSettings, ServerPlan, UserFacts, build_plan, resolve_choice
from jupyterhub_knada.servers.traits import POD_TRAITS, spawner_traits
from jupyterhub_knada.teams.images import is_allowed
from jupyterhub_knada.teams.registry import Registry

USER = "e152435"
GI = 1024**3
TODAY = date(2026, 11, 21)
SLUGS = ("aa", "bb", "cc")
GLOBS = ["ghcr.io/example/*"]

# What files say plainly is within the bounds: over them the loader closes the team. Overrides and the hub
# say what they like.
memory = st.integers(1, 8).map(lambda size: f"{size}G")
cpus = st.integers(100, 4000).map(lambda size: f"{size}m")
any_memory = st.integers(1, 500).map(lambda size: f"{size}G")
bound_memory = st.integers(8, 64).map(lambda size: f"{size}G")
bound_cpus = st.integers(4, 32).map(str)
texts = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=12)


def marked(slug: str) -> st.SearchStrategy[str]:
    """Give texts that can be told to be of one team: `mark-aa…`."""
    return st.sampled_from(["", "-{username}", "-{", "-}}", "-$(KNADA_TEAM_SECRET)"]).map(
        lambda end: f"mark-{slug}{end}"
    )


def profiles(slug: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give profiles of a team: sizes, an override, an option with a text of one's own."""
    override = st.fixed_dictionaries(
        {},
        optional={
            "mem_limit": any_memory,
            "mem_guarantee": any_memory,
            "cpu_limit": st.floats(0.1, 64).map(lambda size: round(size, 3)),
            "cpu_guarantee": st.integers(1, 64),
            "image": st.just(f"ghcr.io/example/{slug}:2"),
            "environment": st.dictionaries(st.sampled_from(["A", "B"]), marked(slug), max_size=2),
            "extra_labels": st.just({f"mark-{slug}": "yes"}),
            "extra_resource_limits": st.just({"nvidia.com/gpu": 4}),
            "node_selector": st.just({f"mark-{slug}": "yes"}),
            "volumes": st.just([{"name": f"mark-{slug}", "emptyDir": {}}]),
        },
    )
    sizes = st.fixed_dictionaries(
        {},
        optional={"memoryLimit": memory, "cpuLimit": cpus, "gpu": st.just(1), "sharedMemory": memory},
    )
    option = {
        "choices": {"one": {"kubespawnerOverride": {"mem_limit": "99G"}}},
        "unlistedChoice": {
            "enabled": True,
            "kubespawnerOverride": {"image": "{value}", "mem_guarantee": "77G"},
        },
    }
    return st.fixed_dictionaries(
        {"slug": st.sampled_from([f"p-{slug}", "shared-name"]), "displayName": st.just("Profile")},
        optional={"resources": sizes, "kubespawnerOverride": override, "options": st.just({"image": option})},
    )


def teams(slug: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give the file of one team; every text in it says whose it is."""
    return st.fixed_dictionaries(
        {"namespace": st.just(f"mark-{slug}-ns"), "users": st.just([USER])},
        optional={
            "id": st.just(f"mark-{slug}-id"),
            "resources": st.fixed_dictionaries({}, optional={"memoryLimit": memory, "cpuLimit": cpus}),
            "env": st.dictionaries(st.sampled_from(["A", "B", "C"]), marked(slug), max_size=3),
            "labels": st.just({f"mark-{slug}": "yes"}),
            "annotations": marked(slug).map(lambda text: {"note": text}),
            "serviceAccount": st.just(f"mark-{slug}-sa"),
            "secret": st.just(f"mark-{slug}-secret"),
            "allowlist": st.just([f"mark-{slug}.example.org"]),
            "imagePullSecrets": st.just([f"mark-{slug}-pull"]),
            "nodeSelector": st.just({f"mark-{slug}": "yes"}),
            "storage": st.fixed_dictionaries({}, optional={"size": st.sampled_from(["1Gi", "5Gi"])}),
            "culling": st.sampled_from([{"idleTimeout": "2h"}, {"idleTimeout": "7d"}]),
            "profiles": st.lists(
                profiles(slug), min_size=1, max_size=2, unique_by=lambda profile: profile["slug"]
            ),
        },
    )


platforms = st.fixed_dictionaries(
    {
        "project": st.just("knada-gcp"),
        "namespaces": st.sampled_from(["team", "hub"]),
        "bounds": st.fixed_dictionaries(
            {"images": st.just(GLOBS)},
            optional={
                "memoryLimit": bound_memory,
                "cpuLimit": bound_cpus,
                "gpu": st.integers(1, 4),
                "storageSize": st.sampled_from(["5Gi", "50Gi"]),
                "idleTimeout": st.just({"min": "10m", "max": "7d"}),
            },
        ),
    },
)
values = st.sampled_from(
    [*SLUGS, "p-aa", "p-bb", "shared-name", "one", "ghcr.io/example/own:1", "evil/image:1", ""]
)
names = st.sampled_from(["team", "profile", "image", "image--unlisted-choice", "other"])
options = st.one_of(
    st.fixed_dictionaries({"team": st.sampled_from(SLUGS)}),
    st.fixed_dictionaries(
        {"team": st.sampled_from(SLUGS)},
        optional={"image--unlisted-choice": st.just("ghcr.io/example/own:1"), "image": st.just("one")},
    ),
    st.dictionaries(names, values, max_size=4),
)
hubs = st.fixed_dictionaries(
    {"image": st.sampled_from(["ghcr.io/example/hub:1", "ghcr.io/example/hub:2", "evil/hub:1"])},
    optional={
        "mem_limit": st.integers(1, 500 * GI),
        "mem_guarantee": st.integers(1, 500 * GI),
        "cpu_limit": st.floats(0.1, 100),
        "cpu_guarantee": st.floats(0.1, 100),
        "extra_resource_limits": st.just({"nvidia.com/gpu": "8", "memory": "1Ti", "cpu": "99"}),
        "environment": st.just({"KNADA_TEAM_SECRET": "projects/p/secrets/mark-of-hub"}),
        "storage_capacity": st.just("500Gi"),
    },
)


@settings(max_examples=60, deadline=None)
@given(platforms, st.tuples(*(teams(slug) for slug in SLUGS)), options, hubs)
def test_no_plan_carries_another_teams_value_or_passes_a_bound(
    platform: dict[str, Any], files: tuple[dict[str, Any], ...], chosen: dict[str, str], hub: dict[str, Any]
) -> None:
    """Whatever files and options: refused, or within the bounds and of one team."""
    plan, bounds = plan_for(platform, files, chosen, hub)
    if plan is None:
        return
    carried = json.dumps([plain(plan), *map(str, spawner_traits(plan, hub_settings(hub)).values())])
    others = [f"mark-{slug}" for slug in SLUGS if slug != plan.team]
    assert [other for other in others if other in carried] == []
    assert "mark-of-hub" not in carried
    assert plan.image is not None
    assert is_allowed(plan.image, GLOBS)
    assert (plan.memory_guarantee or 0) <= plan.memory_limit <= (bounds.memory_limit or plan.memory_limit)
    assert (plan.cpu_guarantee or 0) <= plan.cpu_limit <= (bounds.cpu_limit or plan.cpu_limit)
    assert (plan.shared_memory or 0) <= plan.memory_limit
    assert int(plan.resource_limits.get("nvidia.com/gpu", 0)) <= (8 if bounds.gpu is None else bounds.gpu)
    assert not {"memory", "cpu"} & plan.resource_limits.keys()
    assert plan.home is not None
    assert plan.home.size <= (bounds.storage_size or plan.home.size)
    if bounds.idle_timeout is not None:
        assert plan.idle_timeout != "never"
        assert 600 <= plan.idle_timeout <= 7 * 86400
    assert plan.digest == plan_for(platform, files, chosen, hub)[0].digest  # type: ignore[union-attr]


def hub_settings(values: dict[str, Any]) -> HubSettings:
    """Make the hub's layer of these traits, with nothing for the others."""
    return HubSettings("hub", MappingProxyType(dict.fromkeys(POD_TRAITS) | values), frozenset(values))


def plan_for(
    platform: dict[str, Any], files: tuple[dict[str, Any], ...], chosen: dict[str, str], hub: dict[str, Any]
) -> tuple[ServerPlan | None, Any]:
    """Write the files, load them and plan; None where the choice or the plan is refused."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "teams").mkdir()
        (Path(folder) / "platform.yaml").write_text(yaml.safe_dump(platform), "utf-8")
        for slug, file in zip(SLUGS, files, strict=True):
            (Path(folder) / "teams" / f"{slug}.yaml").write_text(yaml.safe_dump(file), "utf-8")
        snapshot = Registry(Path(folder) / "teams", Path(folder) / "platform.yaml").snapshot
    assert snapshot.platform is not None, snapshot.problems
    offer = build_offer(USER, None, snapshot, TODAY)
    choice = parse_choice(chosen, offer)
    if isinstance(choice, Refusal):
        return None, None
    assert choice.team == chosen.get("team", choice.team)
    resolved = resolve_choice(choice, offer, snapshot)
    plan = build_plan(resolved, UserFacts(USER, older_claim_names=(f"claim-{USER}",)), hub_settings(hub))
    return (None, None) if isinstance(plan, Refusal) else (plan, snapshot.platform.platform.bounds)


def plain(plan: ServerPlan) -> dict[str, Any]:
    """Give everything that a plan holds, as text."""
    return {item.name: str(thaw(getattr(plan, item.name))) for item in fields(plan)}
