"""Lists: selectors, pages, and the revision that they were true at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.manifests import config_map, pod
from tests.support.waiting import eventually
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import Answer, KubernetesApi

Json = dict[str, Any]
_LABELS: dict[str, Json] = {
    "a": {"team": "red", "size": "big"},
    "b": {"team": "red"},
    "c": {"team": "blue", "size": "big"},
    "d": {},
}


@pytest_asyncio.fixture
async def labelled(api: KubernetesApi, namespace: str) -> str:
    """Give the address of four config maps with labels."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for name, labels in _LABELS.items():
        (await api.post(path, config_map(name, labels=labels | {"contract": "yes"}))).ok()
    return path


def _names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.ok()["items"]]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        pytest.param("team=red", "ab", id="equals"),
        pytest.param("team==red", "ab", id="double equals"),
        pytest.param("team!=red", "cd", id="not equals also takes what lacks it"),
        pytest.param("team in (red, blue)", "abc", id="in"),
        pytest.param("team notin (red)", "cd", id="notin also takes what lacks it"),
        pytest.param("size", "ac", id="exists"),
        pytest.param("!size", "bd", id="exists not"),
        pytest.param("team=red,size=big", "a", id="both"),
        pytest.param("team=red,!size", "b", id="mixed"),
        pytest.param("team=", "", id="empty value"),
        pytest.param("team in (red,)", "ab", id="trailing comma is an empty value"),
        pytest.param("", "abcd", id="empty"),
    ],
)
async def test_list_label_selector_filters(
    api: KubernetesApi, labelled: str, selector: str, names: str
) -> None:
    """Label selectors choose what Kubernetes' grammar says."""
    listed = await api.get(labelled, labelSelector=f"{selector},contract=yes" if selector else "contract=yes")
    assert "".join(_names(listed)) == names


@pytest.mark.parametrize(
    "selector",
    [
        pytest.param("team in red", id="no brackets"),
        pytest.param("team=red,", id="nothing after the comma"),
        pytest.param("a b", id="two words"),
        pytest.param("team=not/a/value", id="wrong value"),
        pytest.param("-team=red", id="wrong key"),
        pytest.param("team in (red", id="open bracket"),
    ],
)
async def test_list_wrong_label_selector_is_refused(
    api: KubernetesApi, namespace: str, selector: str
) -> None:
    """A selector that cannot be read is a bad request."""
    answer = await api.get(f"/api/v1/namespaces/{namespace}/configmaps", labelSelector=selector)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        pytest.param("metadata.name=a", ["a"], id="name"),
        pytest.param("metadata.name!=a,metadata.name!=b", ["c"], id="not these names"),
        pytest.param("status.phase=Pending", ["a", "b", "c"], id="phase"),
        pytest.param("status.phase!=Pending", [], id="not this phase"),
        pytest.param("spec.nodeName=", ["a", "b", "c"], id="no node"),
        pytest.param("spec.restartPolicy=Never", ["b"], id="restart policy"),
        pytest.param("spec.schedulerName==nobody", ["a", "b", "c"], id="scheduler"),
        pytest.param("spec.hostNetwork=false", ["a", "b", "c"], id="host network"),
    ],
)
async def test_list_pods_field_selector_filters(
    api: KubernetesApi, namespace: str, selector: str, names: list[str]
) -> None:
    """Pods have a handful of fields to select by."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    for name in "abc":
        policy = "Never" if name == "b" else "Always"
        (await api.post(path, pod(name, restartPolicy=policy, schedulerName="nobody"))).ok()
    assert _names(await api.get(path, fieldSelector=selector)) == names


@pytest.mark.parametrize(
    ("plural", "sentence"),
    [
        pytest.param("pods", "field label not supported: spec.image", id="a kind with fields"),
        pytest.param(
            "configmaps",
            '"spec.image" is not a known field selector: only "metadata.name", "metadata.namespace"',
            id="a kind without",
        ),
    ],
)
async def test_list_unknown_field_selector_is_refused(
    api: KubernetesApi, namespace: str, plural: str, sentence: str
) -> None:
    """Any other field is refused, never ignored."""
    answer = await api.get(f"/api/v1/namespaces/{namespace}/{plural}", fieldSelector="spec.image=x")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert answer.message.endswith(sentence)


async def test_list_items_carry_no_kind(api: KubernetesApi, labelled: str) -> None:
    """A list names its kind once, and the revision at which it was true."""
    body = (await api.get(labelled)).ok()
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert int(body["metadata"]["resourceVersion"]) > 0
    assert not {"kind", "apiVersion"} & set(body["items"][0])


async def test_list_across_namespaces_finds_all(api: KubernetesApi, labelled: str) -> None:
    """A list without a namespace sees every one."""
    namespace = labelled.split("/")[4]
    listed = (await api.get("/api/v1/configmaps", labelSelector="contract=yes")).ok()
    found = [item for item in listed["items"] if item["metadata"]["namespace"] == namespace]
    assert len(found) == len(_LABELS)


async def test_list_pages_are_one_consistent_list(api: KubernetesApi, labelled: str) -> None:
    """Pages show the state of the first one, whatever changes in between."""
    first = (await api.get(labelled, limit=2, labelSelector="contract=yes")).ok()
    (await api.delete(f"{labelled}/c")).ok()
    (await api.post(labelled, config_map("cc", labels={"contract": "yes"}))).ok()
    token = first["metadata"]["continue"]
    rest = (await api.get(labelled, limit=10, labelSelector="contract=yes", **{"continue": token})).ok()
    names = [item["metadata"]["name"] for item in first["items"] + rest["items"]]
    assert names == ["a", "b", "c", "d"]
    assert "continue" not in rest["metadata"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_list_page_tells_how_many_remain(api: KubernetesApi, labelled: str) -> None:
    """Without selectors a page says how much is left."""
    whole = len((await api.get(labelled)).ok()["items"])
    page = (await api.get(labelled, limit=1)).ok()
    assert page["metadata"]["remainingItemCount"] == whole - 1


async def test_list_wrong_page_token_is_refused(api: KubernetesApi, labelled: str) -> None:
    """A token that nobody gave is refused."""
    answer = await api.get(labelled, limit=1, **{"continue": "nonsense"})
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_list_at_exact_revision_shows_the_past(api: KubernetesApi, labelled: str) -> None:
    """`resourceVersionMatch=Exact` gives the list as it was."""
    revision = (await api.get(labelled)).ok()["metadata"]["resourceVersion"]
    (await api.delete(f"{labelled}/a")).ok()
    query = {"resourceVersion": revision, "resourceVersionMatch": "Exact", "labelSelector": "contract=yes"}
    assert _names(await api.get(labelled, **query)) == ["a", "b", "c", "d"]
    assert _names(await api.get(labelled, labelSelector="contract=yes")) == ["b", "c", "d"]


async def test_list_from_any_revision_is_answered(api: KubernetesApi, labelled: str) -> None:
    """`resourceVersion=0` and an older revision give what there is, or was a moment ago."""
    for revision in ("0", "1"):

        async def shows_all(revision: str = revision) -> bool:
            listed = await api.get(labelled, resourceVersion=revision, labelSelector="contract=yes")
            return _names(listed) == ["a", "b", "c", "d"]

        # A real API server answers from its cache, which may be behind.
        await eventually(shows_all)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"resourceVersion": "x"}, Wording(400, oldest=500), id="no number"),
        pytest.param({"resourceVersionMatch": "Exact"}, 422, id="match without a revision"),
        pytest.param({"limit": "x"}, 400, id="limit that is none"),
    ],
)
async def test_list_wrong_option_is_refused(
    api: KubernetesApi, namespace: str, query: dict[str, str], code: int | Wording, minor: int
) -> None:
    """Options that make no sense are refused."""
    answer = await api.get(f"/api/v1/namespaces/{namespace}/configmaps", **query)
    assert answer.status in said_by(minor, code)


async def test_list_of_a_revision_to_come_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A revision that has not been is told as such: it belongs to another life of the cluster."""
    query = {"resourceVersion": "999999999999", "resourceVersionMatch": "NotOlderThan"}
    answer = await api.get(f"/api/v1/namespaces/{namespace}/configmaps", **query)
    assert (answer.status, answer.body["reason"]) == (504, "Timeout")
    assert answer.message.startswith("Timeout: Too large resource version: 999999999999, current: ")
    assert answer.body["details"]["causes"] == [
        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    ]
