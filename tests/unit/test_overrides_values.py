"""Values that KubeSpawner hands on as they are, and Kubernetes rejects, are found in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kubernetes_asyncio.client import models

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.servers.override_contents import check_contents
from jupyterhub_knada.servers.override_rules import CONTAINER_KEYS, MOUNT_KEYS, POD_KEYS, VOLUME_TYPES
from jupyterhub_knada.servers.override_shapes import (
    SHAPES,
    Choice,
    Entries,
    ListOf,
    Model,
    Pairs,
    Quantity,
    Shape,
    Text,
    TextOr,
    Truth,
    Whole,
)
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUOTE = "quote it"


def _node(**requirement: Any) -> dict[str, Any]:
    return {"node_affinity_required": [{"matchExpressions": [{"key": "a", **requirement}]}]}


def _toleration(**rest: Any) -> dict[str, Any]:
    return {"tolerations": [{"key": "a", **rest}]}


def _empty_dir(**rest: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "a", "emptyDir": rest}]}


def _spread(**rest: Any) -> dict[str, Any]:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **rest}
    return {"extra_pod_config": {"topology_spread_constraints": [constraint]}}


def _hook(**handlers: Any) -> dict[str, Any]:
    return {"lifecycle_hooks": {"post_start": handlers}}


REQUIREMENT = ("node_affinity_required", 0, "matchExpressions", 0)
SPREAD = ("extra_pod_config", "topology_spread_constraints", 0)
REJECTED: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"node_selector": {"a": 1}}, ("node_selector", "a"), QUOTE),
    ({"node_selector": {"a": True}}, ("node_selector", "a"), QUOTE),
    ({"node_selector": {"a": {}}}, ("node_selector", "a"), "write a text"),
    ({"node_selector": {"a b": "c"}}, ("node_selector", "a b"), "not a key"),
    ({"node_selector": {"a": "b c"}}, ("node_selector", "a"), "letters, digits"),
    ({"node_selector": {"a": "{username}"}}, ("node_selector", "a"), "letters, digits"),
    ({"extra_annotations": {"a": 1}}, ("extra_annotations", "a"), QUOTE),
    ({"extra_annotations": {"a b": "c"}}, ("extra_annotations", "a b"), "not a key"),
    ({"extra_labels": {" owner": "x"}}, ("extra_labels", " owner"), "not a key"),
    ({"extra_labels": {"a": "b c"}}, ("extra_labels", "a"), "letters, digits"),
    ({"image_pull_policy": "always"}, ("image_pull_policy",), "did you mean 'Always'?"),
    ({"image_pull_secrets": [1]}, ("image_pull_secrets", 0), QUOTE),
    ({"image_pull_secrets": [{"name": "a b"}]}, ("image_pull_secrets", 0, "name"), "lower-case"),
    (_hook(exec={"command": "a b"}), ("lifecycle_hooks", "post_start", "exec", "command"), "a list"),
    (_hook(exec={"command": []}), ("lifecycle_hooks", "post_start", "exec", "command"), "at least one"),
    (_hook(exec={"command": ["a", 1]}), ("lifecycle_hooks", "post_start", "exec", "command", 1), QUOTE),
    (_hook(exec={}), ("lifecycle_hooks", "post_start", "exec"), "command is missing"),
    (_hook(sleep={"seconds": "1"}), ("lifecycle_hooks", "post_start", "sleep", "seconds"), "a whole number"),
    (_hook(), ("lifecycle_hooks", "post_start"), "'exec' or 'sleep'"),
    (_hook(exec={"command": ["a"]}, sleep={"seconds": 1}), ("lifecycle_hooks", "post_start"), "2 handlers"),
    (_node(operator="in", values=["b"]), (*REQUIREMENT, "operator"), "did you mean 'In'?"),
    (_node(operator="In", values="b"), (*REQUIREMENT, "values"), "a list"),
    (_node(operator="In", values=[1]), (*REQUIREMENT, "values", 0), QUOTE),
    (_node(operator="In"), REQUIREMENT, "at least one"),
    (_node(operator="Exists", values=["b"]), (*REQUIREMENT, "values"), "there are none"),
    (_node(operator="Gt", values=["1", "2"]), REQUIREMENT, "there is one"),
    (_node(), REQUIREMENT, "operator is missing"),
    (
        {"node_affinity_preferred": [{"weight": 101, "preference": {}}]},
        ("node_affinity_preferred", 0, "weight"),
        "from 1 to 100",
    ),
    (
        {"pod_affinity_preferred": [{"weight": 1}]},
        ("pod_affinity_preferred", 0),
        "podAffinityTerm is missing",
    ),
    (
        {"pod_affinity_required": [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": 1}}}]},
        ("pod_affinity_required", 0, "labelSelector", "matchLabels", "a"),
        QUOTE,
    ),
    (_toleration(operator="exists"), ("tolerations", 0, "operator"), "did you mean 'Exists'?"),
    (_toleration(effect="noschedule"), ("tolerations", 0, "effect"), "did you mean 'NoSchedule'?"),
    (_toleration(value=1), ("tolerations", 0, "value"), QUOTE),
    (_toleration(operator="Exists", value="x"), ("tolerations", 0, "value"), "there is no value"),
    (_toleration(toleration_seconds=1), ("tolerations", 0, "toleration_seconds"), "NoExecute"),
    ({"tolerations": {"x": {"key": "a", "value": 1}}}, ("tolerations", "x", "value"), QUOTE),
    (_empty_dir(sizeLimit="2GB"), ("volumes", 0, "emptyDir", "sizeLimit"), "'2G'"),
    (_empty_dir(sizeLimit=True), ("volumes", 0, "emptyDir", "sizeLimit"), "'2G'"),
    (_empty_dir(sizeLimit=-1), ("volumes", 0, "emptyDir", "sizeLimit"), "'2G'"),
    (_empty_dir(medium="memory"), ("volumes", 0, "emptyDir", "medium"), "'Memory'"),
    (
        {"volume_mounts": [{"name": "a", "mountPath": "/a", "readOnly": "true"}]},
        ("volume_mounts", 0, "readOnly"),
        "without quotes",
    ),
    (
        {"volume_mounts": [{"name": "a", "mountPath": "/a", "subPath": "../b"}]},
        ("volume_mounts", 0, "subPath"),
        "'..'",
    ),
    ({"extra_pod_config": {"dnsPolicy": "none"}}, ("extra_pod_config", "dnsPolicy"), "did you mean 'None'?"),
    ({"extra_pod_config": {"restartPolicy": "always"}}, ("extra_pod_config", "restartPolicy"), "'Always'"),
    ({"extra_pod_config": {"enableServiceLinks": 1}}, ("extra_pod_config", "enableServiceLinks"), "true or"),
    (
        {"extra_pod_config": {"dnsConfig": {"nameservers": ["dns.example.org"]}}},
        ("extra_pod_config", "dnsConfig", "nameservers", 0),
        "an IP address",
    ),
    (
        {"extra_pod_config": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": "a"}]}},
        ("extra_pod_config", "hostAliases", 0, "hostnames"),
        "a list",
    ),
    (_spread(maxSkew="1"), (*SPREAD, "maxSkew"), "a whole number"),
    (_spread(maxSkew=0), (*SPREAD, "maxSkew"), "from 1"),
    (_spread(maxSkew=1.5), (*SPREAD, "maxSkew"), "a whole number"),
    (_spread(whenUnsatisfiable=None), SPREAD, "whenUnsatisfiable is missing"),
    ({"extra_container_config": {"tty": "yes"}}, ("extra_container_config", "tty"), "true or false"),
]

ACCEPTED: list[dict[str, Any]] = [
    {"node_selector": {"a": "1", "cloud.google.com/gke-nodepool": "", "gone": None, "b": "{value}"}},
    {"extra_labels": {"a": "{username}", "gone": None}, "extra_annotations": {"A.example.org/B": "b c {"}},
    {"image_pull_policy": "Always", "image_pull_secrets": ["a", {"name": "b"}]},
    {"image_pull_secrets": "registry"},
    _hook(exec={"command": ["a"]}, sleep=None),
    {"lifecycle_hooks": {"preStop": None}},
    _node(operator="In", values=["b"]),
    _node(operator="Exists"),
    _node(operator="Exists", values=[]),
    _node(operator="Gt", values=["4"]),
    _toleration(operator="Exists", effect="NoExecute", tolerationSeconds=0),
    _toleration(operator="", effect="", value=""),
    _toleration(value=None),
    {"tolerations": {"x": {"key": "a", "operator": "Exists", "effect": "NoSchedule"}}},
    {"pod_affinity_preferred": {"a": {"weight": 5}}},
    *(
        _empty_dir(sizeLimit=size, medium="Memory")
        for size in ("2G", "1.5Gi", "500M", "1e9", 10**9, 1.5, "{value}Gi")
    ),
    {"volume_mounts": [{"name": "a", "mountPath": "/a", "readOnly": True, "subPath": "{username}/b"}]},
    _spread(maxSkew=1.0),
    _spread(minDomains=2, nodeTaintsPolicy="Honor", labelSelector={"matchLabels": {"a": "b"}}),
    {
        "extra_pod_config": {
            "dnsPolicy": "None",
            "dnsConfig": {"nameservers": ["1.1.1.1", "::1"], "options": [{"name": "ndots", "value": "2"}]},
            "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db.example.org"]}],
            "restartPolicy": "OnFailure",
        }
    },
]


@pytest.mark.parametrize(("override", "path", "words"), REJECTED)
def test_value_that_kubernetes_rejects_is_one_fault_at_its_place(
    override: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    """It is told when the file is read, not by a start that fails."""
    (fault,) = check_override(override)
    assert (fault.code, fault.path) == (Code.BAD_OVERRIDE, path)
    assert words in f"{fault.message}; {fault.rule}; {fault.remedy}"


@pytest.mark.parametrize("override", ACCEPTED)
def test_value_that_kubernetes_accepts_is_no_fault(override: dict[str, Any]) -> None:
    """Nothing that starts is refused, nor a text that nobody knows yet."""
    assert check_override(override) == ()


def test_value_that_kubernetes_rejects_is_told_at_line_and_column(tmp_path: Path) -> None:
    """As every mistake in a file."""
    text = "namespace: a\nusers: [x]\nprofiles:\n  - displayName: A\n    kubespawnerOverride:\n"
    folder = write_files(tmp_path, "project: knada-gcp\n", a=text + "      node_selector: {a: 1}\n")
    loaded = load_files(folder / "teams", folder / "platform.yaml", check_override=check_override)
    (problem,) = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    place = ("profiles[0].kubespawnerOverride.node_selector.a", 6, 26)
    assert (str(problem).split(": ")[1], problem.line, problem.column) == place


def test_own_text_that_kubernetes_rejects_is_found_once_it_is_known() -> None:
    """What a person writes stands in an override only at the start."""
    (fault,) = check_contents("node_selector", {"a": "b c"})
    assert fault.path == ("a",)


def _models(shape: Shape) -> Iterator[Model]:
    match shape:
        case Model():
            yield shape
            for inner in shape.fields.values():
                yield from _models(inner)
        case Entries() | ListOf():
            yield from _models(shape.item)
        case TextOr():
            yield shape.model


MODELS = {model.kind: model for shape in SHAPES.values() for model in _models(shape)}


PLAIN = {
    Choice: "str",
    Pairs: "dict(str, str)",
    Quantity: "str",
    Text: "str",
    Truth: "bool",
    Whole: "int",
}


def _type(shape: Shape) -> str:
    match shape:
        case ListOf() | Entries():
            return f"list[{_type(shape.item)}]"
        case TextOr():
            return shape.model.kind
        case Model():
            return shape.kind
    return PLAIN[type(shape)]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_types_are_those_of_the_kubernetes_client(model: Model) -> None:
    """A newer client that has another type, or no such field, is noticed."""
    kind = getattr(models, model.kind)
    types = {kind.attribute_map[name]: found for name, found in kind.openapi_types.items()}
    assert {key: _type(shape) for key, shape in model.fields.items()} == {
        key: types[key] for key in model.fields
    }


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("V1Container", CONTAINER_KEYS),
        ("V1PodSpec", POD_KEYS),
        ("V1Volume", VOLUME_TYPES | {"name"}),
        ("V1VolumeMount", MOUNT_KEYS),
    ],
)
def test_every_part_that_a_profile_may_say_has_a_type(kind: str, keys: frozenset[str]) -> None:
    """What becomes allowed is judged, too."""
    assert MODELS[kind].fields.keys() == keys


LEFT_OUT = {
    # Not a profile's to say: `override_rules` and `override_placement` refuse them.
    "V1Container",
    "V1Lifecycle",
    "V1LifecycleHandler",
    "V1NodeSelectorTerm",
    "V1PodAffinityTerm",
    "V1PodSpec",
    "V1Volume",
    "V1VolumeMount",
}


@pytest.mark.parametrize("kind", sorted(MODELS.keys() - LEFT_OUT))
def test_objects_that_a_profile_may_say_in_full_have_all_their_parts(kind: str) -> None:
    """No part passes unseen."""
    assert MODELS[kind].fields.keys() == set(getattr(models, kind).attribute_map.values())
