"""Watches: everything that changes, once, in order, from where the reader was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.manifests import config_map

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


@pytest_asyncio.fixture
async def path(namespace: str) -> str:
    """Give the address of the namespace's secrets: nobody else makes any there."""
    return f"/api/v1/namespaces/{namespace}/secrets"


def _seen(events: list[Json]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


async def _revision(api: KubernetesApi, path: str) -> str:
    listed = (await api.get(path)).ok()
    return str(listed["metadata"]["resourceVersion"])


async def test_watch_from_revision_shows_each_change_in_order(api: KubernetesApi, path: str) -> None:
    """A watch that resumes sees what happened meanwhile, each object as it was then."""
    revision = await _revision(api, path)
    (await api.post(path, config_map("a") | {"data": {}})).ok()
    (await api.patch(f"{path}/a", {"metadata": {"labels": {"x": "1"}}})).ok()
    (await api.delete(f"{path}/a")).ok()
    async with api.watch(path, resourceVersion=revision, timeoutSeconds=1) as watching:
        events = await watching.rest()
    assert _seen(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert int(revision) < versions[0]
    labels = [event["object"]["metadata"].get("labels") for event in events]
    assert labels == [None, {"x": "1"}, {"x": "1"}]
    assert (events[0]["object"]["kind"], events[0]["object"]["apiVersion"]) == ("Secret", "v1")


async def test_watch_without_revision_begins_with_what_is_there(api: KubernetesApi, path: str) -> None:
    """Without a revision, or from 0, the present comes first, then what changes."""
    (await api.post(path, config_map("a") | {"data": {}})).ok()
    for query in ({}, {"resourceVersion": "0"}):
        async with api.watch(path, timeoutSeconds=5, **query) as watching:
            first = await watching.next()
            (await api.patch(f"{path}/a", {"metadata": {"annotations": {"x": str(query)}}})).ok()
            second = await watching.next()
        assert first is not None
        assert second is not None
        assert _seen([first, second]) == [("ADDED", "a"), ("MODIFIED", "a")]


async def test_watch_live_change_arrives_at_once(api: KubernetesApi, path: str) -> None:
    """An open watch is told as it happens."""
    async with api.watch(path, resourceVersion=await _revision(api, path), timeoutSeconds=20) as watching:
        (await api.post(path, config_map("a") | {"data": {}})).ok()
        event = await watching.next(seconds=5)
    assert event is not None
    assert _seen([event]) == [("ADDED", "a")]


async def test_watch_selector_objects_come_and_go(api: KubernetesApi, path: str) -> None:
    """What begins to match is ADDED, what ceases to is DELETED, the rest is never shown."""
    revision = await _revision(api, path)
    (await api.post(path, config_map("a") | {"data": {}})).ok()
    (await api.post(path, config_map("b", labels={"x": "1"}) | {"data": {}})).ok()
    (await api.patch(f"{path}/a", {"metadata": {"labels": {"x": "1"}}})).ok()
    (await api.patch(f"{path}/a", {"metadata": {"labels": {"y": "1"}}})).ok()
    (await api.patch(f"{path}/a", {"metadata": {"labels": {"x": None}}})).ok()
    (await api.delete(f"{path}/a")).ok()
    query = {"labelSelector": "x=1", "resourceVersion": revision, "timeoutSeconds": 1}
    async with api.watch(path, **query) as watching:
        events = await watching.rest()
    expected = [("ADDED", "b"), ("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert _seen(events) == expected
    assert events[-1]["object"]["metadata"]["labels"] == {"x": "1", "y": "1"}
    gone = int(events[-1]["object"]["metadata"]["resourceVersion"])
    assert gone > int(events[-2]["object"]["metadata"]["resourceVersion"])


async def test_watch_field_selector_follows_one_name(api: KubernetesApi, path: str) -> None:
    """A watch by name sees that object only."""
    revision = await _revision(api, path)
    for name in ("a", "b"):
        (await api.post(path, config_map(name) | {"data": {}})).ok()
    query = {"fieldSelector": "metadata.name=b", "resourceVersion": revision, "timeoutSeconds": 1}
    async with api.watch(path, **query) as watching:
        assert _seen(await watching.rest()) == [("ADDED", "b")]


async def test_watch_timeout_ends_it_cleanly(api: KubernetesApi, path: str) -> None:
    """`timeoutSeconds` ends a silent watch without an error."""
    async with api.watch(path, timeoutSeconds=1) as watching:
        assert watching.status == 200
        assert await watching.rest() == []


async def test_watch_capital_true_is_a_watch(api: KubernetesApi, path: str) -> None:
    """The Python client writes `watch=True`."""
    async with api.watch(path, watch="True", timeoutSeconds=1) as watching:
        assert await watching.rest() == []


async def test_watch_wrong_revision_is_refused(api: KubernetesApi, path: str) -> None:
    """A revision that is no number is refused before the stream begins."""
    answer = await api.get(path, watch="true", resourceVersion="x")
    sentence = 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'
    assert (answer.status, answer.message) == (500, sentence)


async def test_watch_initial_events_end_with_a_bookmark(api: KubernetesApi, path: str) -> None:
    """A watch-list shows the present and says where it ends."""
    (await api.post(path, config_map("a") | {"data": {}})).ok()
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": 10,
    }
    async with api.watch(path, **query) as watching:
        first, second = await watching.next(), await watching.next()
    assert first is not None
    assert second is not None
    assert _seen([first]) == [("ADDED", "a")]
    assert second["type"] == "BOOKMARK"
    # Old versions add what kubectl makes its empty tables from.
    assert (
        second["object"]["metadata"]["annotations"].items() >= {"k8s.io/initial-events-end": "true"}.items()
    )


async def test_watch_bookmark_says_where_a_silent_watch_is(api: KubernetesApi, path: str) -> None:
    """Who asks for bookmarks learns a later revision before the end, though nothing was to be shown."""
    query = {"labelSelector": "contract=never", "allowWatchBookmarks": "true", "timeoutSeconds": 8}
    # A bookmark comes two seconds before the end, if the watch was there by then.
    revision = await _revision(api, path)
    made = (await api.post(path, config_map("a") | {"data": {}})).ok()
    async with api.watch(path, resourceVersion=revision, **query) as watching:
        event = await watching.next()
    assert event is not None
    assert event["type"] == "BOOKMARK"
    last = event["object"]
    assert (last["kind"], last["apiVersion"]) == ("Secret", "v1")
    assert int(last["metadata"]["resourceVersion"]) >= int(made["metadata"]["resourceVersion"])


async def test_watch_disconnected_reader_does_not_disturb(api: KubernetesApi, path: str) -> None:
    """A reader that goes away in the middle leaves the others and the objects alone."""
    revision = await _revision(api, path)
    async with api.watch(path, resourceVersion=revision, timeoutSeconds=20) as staying:
        async with api.watch(path, resourceVersion=revision, timeoutSeconds=20):
            pass
        (await api.post(path, config_map("a") | {"data": {}})).ok()
        event = await staying.next()
    assert event is not None
    assert _seen([event]) == [("ADDED", "a")]


@pytest.mark.parametrize("count", [200])
async def test_watch_many_changes_none_is_lost(api: KubernetesApi, path: str, count: int) -> None:
    """A burst arrives complete and in order."""
    revision = await _revision(api, path)
    (await api.post(path, config_map("a") | {"data": {}})).ok()
    async with api.watch(path, resourceVersion=revision, timeoutSeconds=60) as watching:
        for number in range(count):
            (await api.patch(f"{path}/a", {"metadata": {"annotations": {"n": str(number)}}})).ok()
        events = [await watching.next() for _ in range(count + 1)]
    numbers = [event["object"]["metadata"]["annotations"]["n"] for event in events[1:] if event]
    assert numbers == [str(number) for number in range(count)]
