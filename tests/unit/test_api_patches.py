"""Patches: RFC 7386, RFC 6902 and Kubernetes' own kind."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.api.patches import JSON_PATCH, MERGE, STRATEGIC, apply_patch, merge
from jupyterhub_knada.devcluster.api.statuses import ApiError

Json = Any
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_rfc_examples_hold(document: Json, patch: Json, result: Json) -> None:
    """The examples of RFC 7386, appendix A."""
    assert merge(document, patch) == result


@given(document=values, patch=values)
def test_merge_patch_twice_is_once(document: Json, patch: Json) -> None:
    """A merge patch applied again changes nothing, and neither input is changed."""
    before = copy.deepcopy((document, patch))
    once = merge(document, patch)
    assert merge(once, patch) == once
    assert (document, patch) == before


@given(document=st.dictionaries(st.text(max_size=3), values, max_size=3))
def test_strategic_merge_without_keys_is_a_merge(document: Json) -> None:
    """Where no list has a key, the two kinds agree."""
    current = {"data": {"kept": "1"}}
    patch = {"unknown": document}
    merged = apply_patch(MERGE, current, patch, "core.ConfigMap")
    names = {key for value in _dicts(document) for key in value}
    if not any(name.startswith("$") for name in names):
        assert apply_patch(STRATEGIC, current, patch, "core.ConfigMap") == merged


def _dicts(value: Json) -> list[dict[str, Json]]:
    if isinstance(value, dict):
        return [value, *(found for inner in value.values() for found in _dicts(inner))]
    if isinstance(value, list):
        return [found for inner in value for found in _dicts(inner)]
    return []


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        pytest.param([{"name": "b", "image": "2"}], ["a=1", "b=2"], id="changed"),
        pytest.param([{"name": "c", "image": "3"}], ["a=1", "b=1", "c=3"], id="added"),
        pytest.param([{"name": "a", "$patch": "delete"}], ["b=1"], id="deleted"),
        pytest.param([{"$patch": "replace"}, {"name": "z", "image": "9"}], ["z=9"], id="replaced"),
    ],
)
def test_strategic_merge_containers_go_by_name(patch: Json, names: list[str]) -> None:
    """Containers are told apart by their name."""
    containers = [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]
    current = {"spec": {"containers": containers}}
    patched = apply_patch(STRATEGIC, current, {"spec": {"containers": patch}}, "core.Pod")
    assert [f"{c['name']}={c['image']}" for c in patched["spec"]["containers"]] == names
    assert current["spec"]["containers"] is containers


def test_strategic_merge_order_directive_sorts() -> None:
    """`$setElementOrder` gives the order, as kubectl apply sends it."""
    current = {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}
    order = [{"name": "b"}, {"name": "a"}]
    patched = apply_patch(STRATEGIC, current, {"spec": {"$setElementOrder/containers": order}}, "core.Pod")
    assert [item["name"] for item in patched["spec"]["containers"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        pytest.param([{"op": "add", "path": "/b", "value": 1}], {"a": [1, 2], "b": 1}, id="add a key"),
        pytest.param([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2]}, id="insert"),
        pytest.param([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 9]}, id="append"),
        pytest.param([{"op": "remove", "path": "/a/0"}], {"a": [2]}, id="remove"),
        pytest.param([{"op": "replace", "path": "/a", "value": {}}], {"a": {}}, id="replace"),
        pytest.param([{"op": "copy", "from": "/a/0", "path": "/c"}], {"a": [1, 2], "c": 1}, id="copy"),
        pytest.param([{"op": "move", "from": "/a", "path": "/c"}], {"c": [1, 2]}, id="move"),
        pytest.param([{"op": "add", "path": "/x~1y~0", "value": 1}], {"a": [1, 2], "x/y~": 1}, id="escapes"),
    ],
)
def test_json_patch_operation_does_its_part(operations: list[Json], result: Json) -> None:
    """Each operation of RFC 6902."""
    document = {"a": [1, 2]}
    assert apply_patch(JSON_PATCH, document, operations, "core.ConfigMap") == result
    assert document == {"a": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/absent"},
        {"op": "replace", "path": "/absent", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/a/9", "value": 1},
        {"op": "add", "path": "no-slash", "value": 1},
        {"path": "/a"},
        {"op": "add"},
    ],
)
def test_json_patch_that_does_not_fit_is_refused(operation: Json) -> None:
    """An operation that leads nowhere is 422, whatever is missing."""
    with pytest.raises(ApiError) as caught:
        apply_patch(JSON_PATCH, {"a": [1]}, [operation], "core.ConfigMap")
    assert caught.value.code == 422
