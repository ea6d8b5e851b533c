"""Whether a pod fits a node, and the scheduler's words about it."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_knada.devcluster.api.controllers.filters import (
    Misfit,
    NodeRoom,
    explain,
    freest,
    matches_node_selector,
    misfit,
    toleration_covers,
)
from jupyterhub_knada.devcluster.api.quality import pod_amounts

Json = dict[str, Any]


def _node(name: str = "n", **spec: Any) -> Json:
    return {
        "metadata": {"name": name, "labels": {"zone": "a"}},
        "spec": spec,
        "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "2"}},
    }


def _spec(**requests: str) -> Json:
    return {"containers": [{"name": "a", "resources": {"requests": requests}}]}


@pytest.mark.parametrize(
    ("effect", "taint", "covers"),
    [
        pytest.param({"operator": "Exists"}, {"key": "a", "effect": "NoSchedule"}, True, id="everything"),
        pytest.param(
            {"key": "a", "operator": "Exists"},
            {"key": "a", "value": "x", "effect": "NoExecute"},
            True,
            id="key",
        ),
        pytest.param(
            {"key": "a", "operator": "Exists"}, {"key": "b", "effect": "NoSchedule"}, False, id="other key"
        ),
        pytest.param(
            {"key": "a", "value": "x"}, {"key": "a", "value": "x", "effect": "NoSchedule"}, True, id="equal"
        ),
        pytest.param(
            {"key": "a", "value": "y"},
            {"key": "a", "value": "x", "effect": "NoSchedule"},
            False,
            id="unequal",
        ),
        pytest.param(
            {"key": "a", "operator": "Exists", "effect": "NoExecute"},
            {"key": "a", "effect": "NoSchedule"},
            False,
            id="other effect",
        ),
    ],
)
def test_toleration_covers_its_taint(effect: Json, taint: Json, *, covers: bool) -> None:
    """A toleration is about a key, a value and an effect; what it leaves out is any."""
    assert toleration_covers(effect, taint) is covers


@pytest.mark.parametrize(
    ("operator", "values", "fits"),
    [
        pytest.param("In", ["a", "b"], True, id="in"),
        pytest.param("NotIn", ["a"], False, id="not in"),
        pytest.param("Exists", [], True, id="exists"),
        pytest.param("DoesNotExist", [], False, id="exists not"),
        pytest.param("Gt", ["1"], False, id="no number"),
    ],
)
def test_node_selector_operators(operator: str, values: list[str], *, fits: bool) -> None:
    """Node affinity has the operators of labels; an empty term fits nothing."""
    term = {"matchExpressions": [{"key": "zone", "operator": operator, "values": values}]}
    assert matches_node_selector({"nodeSelectorTerms": [term]}, _node()) is fits
    assert matches_node_selector({"nodeSelectorTerms": [{}]}, _node()) is False
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}
    assert matches_node_selector({"nodeSelectorTerms": [{}, by_name]}, _node()) is True


def test_misfit_room_fills_up() -> None:
    """What is taken is not there; the number of pods counts, too."""
    room = NodeRoom(_node())
    assert misfit(_spec(cpu="2"), room, ()) is None
    room.take(_spec(cpu="1500m"))
    assert misfit(_spec(cpu="1", memory="1Gi"), room, ()) == Misfit(("Insufficient cpu",), could_preempt=True)
    room.take(_spec())
    assert misfit(_spec(), room, ()) == Misfit(("Too many pods",), could_preempt=True)


def test_explain_counts_reasons_of_all_nodes() -> None:
    """One sentence for all nodes, the reasons sorted as the scheduler does."""
    found = [
        Misfit(("Insufficient memory", "Insufficient cpu"), could_preempt=True),
        Misfit(("Insufficient cpu",)),
    ]
    assert explain(2, found) == (
        "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu. no new claims to deallocate,"
        " preemption:"
        " 0/2 nodes are available: 1 No preemption victims found for incoming pod., 1 Preemption is not"
        " helpful for"
        " scheduling."
    )


def test_freest_node_is_chosen() -> None:
    """Pods spread: the emptier node is first, the name decides among equals."""
    one, two = NodeRoom(_node("one")), NodeRoom(_node("two"))
    assert freest([two, one]).name == "one"
    one.take(_spec(cpu="1"))
    assert freest([two, one]).name == "two"


@pytest.mark.parametrize(
    ("init", "cpu"),
    [
        pytest.param([], "2", id="containers add up"),
        pytest.param([{"resources": {"requests": {"cpu": "1"}}}], "2", id="a small init container"),
        pytest.param([{"resources": {"requests": {"cpu": "5"}}}], "5", id="a large init container"),
        pytest.param(
            [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}], "3", id="a sidecar stays"
        ),
    ],
)
def test_pod_amounts_init_containers_count_as_they_run(init: list[Json], cpu: str) -> None:
    """Init containers run one after the other, before the rest; sidecars beside it."""
    spec = _spec(cpu="1") | {"initContainers": init}
    spec["containers"] = spec["containers"] * 2
    assert pod_amounts(spec, "requests")["cpu"].value == int(cpu)
