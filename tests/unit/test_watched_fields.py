"""What the hub keeps of pods and events: enough for everything that reads them, and nothing secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.foreign_texts import LONGEST_KEPT, MOST_KEPT, printable
from jupyterhub_knada.servers.json_pieces import ListReader
from jupyterhub_knada.servers.packed import PackedObjects
from jupyterhub_knada.servers.watch_loop import LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS, wait_seconds
from jupyterhub_knada.servers.watched_fields import kept_of_event, kept_of_pod

DROPPED = {"annotations", "managedFields"}
POD: dict[str, Any] = {
    "metadata": {
        "name": "jupyter-e152435",
        "namespace": "team-alfa",
        "uid": "u",
        "resourceVersion": "7",
        "labels": {"component": "singleuser-server"},
        "annotations": {"hub.jupyter.org/username": "e152435"},
        "managedFields": [{"manager": "hub"}],
    },
    "spec": {
        "nodeName": "n",
        "containers": [
            {
                "name": "notebook",
                "image": "example.org/notebook:1",
                "env": [{"name": "JUPYTERHUB_API_TOKEN", "value": "very-secret"}],
                "ports": [{"name": "notebook-port", "containerPort": 8888}],
            }
        ],
        "volumes": [{"name": "home"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.0.0.1",
        "qosClass": "Burstable",
        "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "t"}],
        "containerStatuses": [
            {
                "name": "notebook",
                "ready": True,
                "imageID": "sha256:1",
                "state": {"running": {"startedAt": "t"}},
            }
        ],
    },
}


def test_pod_keeps_what_is_read_and_no_token() -> None:
    """KubeSpawner's address, poll and readiness have their fields; the environment is gone."""
    kept = kept_of_pod(POD)
    assert kept == {
        "metadata": {key: POD["metadata"][key] for key in POD["metadata"] if key not in DROPPED},
        "spec": {
            "nodeName": "n",
            "containers": [
                {
                    "name": "notebook",
                    "image": "example.org/notebook:1",
                    "ports": [{"name": "notebook-port", "containerPort": 8888}],
                }
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "notebook", "ready": True, "state": {"running": {"startedAt": "t"}}}
            ],
        },
    }
    assert "very-secret" not in json.dumps(kept)


def test_labels_that_tell_whose_pod_it_is_are_kept_before_all_others() -> None:
    """The API gives them sorted, and a team file may set as many as it likes that come before."""
    others = {f"a{number:03}": "x" for number in range(1000)}
    labels = {**others, "component": "singleuser-server", "team": "alfa", "knada.nav.no/user": "e152435"}
    kept = kept_of_pod({"metadata": {"name": "p", "namespace": "n", "labels": labels}})["metadata"]["labels"]
    assert len(kept) == MOST_KEPT
    assert kept.items() <= labels.items()
    assert kept.keys() >= labels.keys() - others.keys()


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": {"containerStatuses": None}}])
def test_pod_that_says_little_is_kept_all_the_same(status: dict[str, Any]) -> None:
    """A pod has no status at first; nulls are as good as nothing."""
    kept = kept_of_pod({"metadata": {"name": "p", "namespace": "n"}, **status})
    assert kept == {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": []},
        "status": {},
    }


def test_container_that_is_not_ready_stays_so() -> None:
    """False is a value."""
    pod = {**POD, "status": {"containerStatuses": [{"name": "notebook", "ready": False, "state": {}}]}}
    kept = kept_of_pod(pod)["status"]["containerStatuses"]
    assert kept == [{"name": "notebook", "ready": False, "state": {}}]


def test_event_keeps_what_is_told() -> None:
    """Which pod, when, what and why."""
    event = {
        "metadata": {"name": "e", "namespace": "n", "uid": "u", "managedFields": []},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "reason": "Pulling",
        "message": "…",
        "type": "Normal",
        "lastTimestamp": None,
        "eventTime": "t",
        "source": {"component": "kubelet"},
    }
    assert kept_of_event(event) == {
        "metadata": {"name": "e", "namespace": "n", "uid": "u"},
        "involvedObject": {"kind": "Pod", "name": "p"},
        "reason": "Pulling",
        "message": "…",
        "type": "Normal",
        "eventTime": "t",
    }


def test_pod_of_a_stranger_fills_no_memory() -> None:
    """A hub that watches all namespaces holds no more of a pod than of one of its own."""
    huge = "x" * 100_000
    many = [{"name": huge, "type": huge, "message": huge, "image": huge}] * 1000
    state = {"terminated": {"message": huge}}
    pod = {
        "metadata": {
            "name": "p",
            "namespace": "n",
            "annotations": {"a": huge},
            "labels": {f"l{number}": huge for number in range(1000)},
        },
        "spec": {"containers": [{**many[0], "ports": many}, *many]},
        "status": {"message": huge, "conditions": many, "containerStatuses": [{"state": state}] * 1000},
    }
    kept = kept_of_pod(pod)
    assert kept["metadata"].keys() == {"name", "namespace", "labels"}
    assert len(kept["metadata"]["labels"]) == MOST_KEPT
    assert kept["status"]["containerStatuses"][0]["state"]["terminated"]["message"] == huge[:LONGEST_KEPT]
    for several in (kept["spec"]["containers"], kept["status"]["conditions"]):
        assert len(several) == MOST_KEPT
    assert len(kept["spec"]["containers"][0]["ports"]) == MOST_KEPT
    assert len(json.dumps(kept)) < 1_000_000


@pytest.mark.parametrize("key", ["reason", "message", "type"])
def test_event_keeps_what_is_printed_and_not_too_long(key: str) -> None:
    """Whoever may write events can neither steer a terminal, nor turn a sentence around, nor fill memory."""
    said = "\x1b[2J\x07Pull\u202eing\nall"
    assert kept_of_event({key: said})[key] == " [2J Pull ing all"
    assert kept_of_event({key: "x" * 1_000_000})[key] == "x" * LONGEST_KEPT


@given(st.text())
def test_printable_text_has_only_what_is_printed(text: str) -> None:
    """Of every text, and what was printed stays."""
    made = printable(text)
    assert made.isprintable()
    assert len(made) == len(text)
    assert all(new == old for old, new in zip(text, made, strict=True) if old.isprintable())


# Small: what matters is how pieces meet, and large ones take minutes to make on a busy machine.
_FEW = 3
_TEXT = st.text(max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=_FEW) | st.dictionaries(_TEXT, inner, max_size=_FEW),
    max_leaves=6,
)
_OBJECTS = st.lists(st.dictionaries(_TEXT, _JSON, max_size=_FEW), max_size=_FEW)


@given(
    st.permutations(["kind", "metadata", "items", "apiVersion", 'odd"key']),
    st.dictionaries(_TEXT, _JSON, max_size=_FEW),
    _OBJECTS,
    st.sampled_from([None, 1]),
)
def test_list_in_pieces_is_the_list(
    order: list[str], metadata: dict[str, Any], items: list[dict[str, Any]], indent: int | None
) -> None:
    """Whatever is in it, in whatever order and spacing, it is what `json.loads` gives."""
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items, 'odd"key': [{}]}
    reader = ListReader(json.dumps({key: body[key] for key in order}, indent=indent).encode())
    assert list(reader.objects()) == items
    assert reader.metadata == metadata


@given(_OBJECTS, st.data())
def test_list_that_is_cut_off_is_refused(items: list[dict[str, Any]], data: st.DataObject) -> None:
    """Wherever a connection ends, what came is not taken for everything."""
    whole = json.dumps({"metadata": {}, "items": items})
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r".*"):
        list(ListReader(whole[:end].encode()).objects())


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"<html>", b'"x"', b'{"items": []} more', b'{"items" []}', b"\xff", b'{"a": 1 "b": 2}'],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    """A proxy may answer in the API's place."""
    with pytest.raises(ValueError, match=r".*"):
        list(ListReader(body).objects())


@pytest.mark.parametrize("items", ["null", "[]", " [ ] "])
def test_empty_list_has_no_objects(items: str) -> None:
    """Go writes null for an empty list."""
    reader = ListReader(f' {{"items": {items}, "metadata": {{"resourceVersion": "3"}}}} '.encode())
    assert list(reader.objects()) == []
    assert reader.metadata == {"resourceVersion": "3"}


def test_packed_object_is_a_copy_each_time() -> None:
    """What a hook of the hub does to a pod stays with the hook."""
    packed = PackedObjects()
    packed.put("n/p", POD)
    packed["n/p"]["metadata"]["name"] = "other"
    assert packed["n/p"] == POD
    assert packed.get("n/x") is None
    assert "n/p" in packed
    assert "n/x" not in packed
    assert list(packed) == ["n/p"]
    packed.drop("n/p")
    packed.drop("n/p")
    assert len(packed) == 0


@pytest.mark.parametrize(
    ("failures", "retry_after", "least", "most"),
    [
        pytest.param(1, None, SHORTEST_WAIT_SECONDS, 2 * SHORTEST_WAIT_SECONDS, id="the first"),
        pytest.param(3, None, 4 * SHORTEST_WAIT_SECONDS, 8 * SHORTEST_WAIT_SECONDS, id="each longer"),
        pytest.param(
            10_000, None, LONGEST_WAIT_SECONDS / 2, LONGEST_WAIT_SECONDS, id="never longer than that"
        ),
        pytest.param(1, 60.0, 60.0, 66.0, id="as long as the server asks"),
        pytest.param(20, 1.0, LONGEST_WAIT_SECONDS / 2, LONGEST_WAIT_SECONDS, id="the server asks for less"),
    ],
)
def test_wait_after_failures_grows_and_scatters(
    failures: int, retry_after: float | None, least: float, most: float
) -> None:
    """A hundred watches that were cut together do not all come back together."""
    assert wait_seconds(failures, retry_after, 0) == pytest.approx(least)
    assert wait_seconds(failures, retry_after, 1) == pytest.approx(most)
