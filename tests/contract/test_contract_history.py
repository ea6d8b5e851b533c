"""What has been forgotten: a watch, a page and a list from too long ago are told so, and how to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.history import forget_events

if TYPE_CHECKING:
    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


@pytest_asyncio.fixture
async def path(api: KubernetesApi, namespace: str) -> str:
    """Give the address of a namespace's events: a, b, c and d."""
    collection = f"/api/v1/namespaces/{namespace}/events"
    for name in "abcd":
        about = {"kind": "Pod", "namespace": namespace, "name": "p"}
        body = {"metadata": {"name": name}, "involvedObject": about, "reason": "Test", "type": "Normal"}
        (await api.post(collection, body)).ok()
    return collection


@pytest_asyncio.fixture
async def page(api: KubernetesApi, path: str) -> Json:
    """Give the metadata of a first page, with two of four, from before `d` was changed twice."""
    metadata: Json = (await api.get(path, limit=2)).ok()["metadata"]
    for count in (1, 2):
        (await api.patch(f"{path}/d", {"count": count})).ok()
    return metadata


async def test_watch_from_forgotten_revision_is_told_gone(
    backend: Backend, api: KubernetesApi, path: str, page: Json
) -> None:
    """The stream begins and says 410 in its one event: who watches has to list again."""
    page = await forget_events(backend, api, f"{path}/d", page)
    async with api.watch(path, resourceVersion=page["resourceVersion"], timeoutSeconds=10) as watching:
        assert watching.status == 200
        events = await watching.rest()
    assert [event["type"] for event in events] == ["ERROR"]
    status = events[0]["object"]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"] == "The resourceVersion for the provided watch is too old."


async def test_watch_after_a_new_list_goes_on(
    backend: Backend, api: KubernetesApi, path: str, page: Json
) -> None:
    """A list after the 410 gives a revision to go on from; nothing between the two is lost."""
    await forget_events(backend, api, f"{path}/d", page)
    listed = (await api.get(path)).ok()
    (await api.patch(f"{path}/a", {"count": 7})).ok()
    revision = listed["metadata"]["resourceVersion"]
    async with api.watch(path, resourceVersion=revision, timeoutSeconds=10) as watching:
        event = await watching.next()
    assert event is not None
    assert (event["type"], event["object"]["metadata"]["name"], event["object"]["count"]) == (
        "MODIFIED",
        "a",
        7,
    )


async def test_page_of_forgotten_list_gives_a_token_for_the_rest(
    backend: Backend, api: KubernetesApi, path: str, page: Json
) -> None:
    """A page that comes too late is 410 with a token that goes on with what is there now."""
    page = await forget_events(backend, api, f"{path}/d", page)
    (await api.delete(f"{path}/c")).ok()
    late = await api.get(path, limit=2, **{"continue": page["continue"]})
    assert late.refusal[:2] == (410, "Expired")
    assert late.message.startswith("The provided continue parameter is too old to display a consistent list")
    rest = (await api.get(path, limit=2, **{"continue": late.body["metadata"]["continue"]})).ok()
    assert [item["metadata"]["name"] for item in rest["items"]] == ["d"]
    assert int(rest["metadata"]["resourceVersion"]) > int(page["resourceVersion"])


async def test_list_at_forgotten_revision_is_gone(
    backend: Backend, api: KubernetesApi, path: str, page: Json
) -> None:
    """What was there then cannot be told any more; what is there not before then, can."""
    revision = (await forget_events(backend, api, f"{path}/d", page))["resourceVersion"]
    exact = await api.get(path, resourceVersion=revision, resourceVersionMatch="Exact")
    assert exact.refusal == (410, "Expired", "The resourceVersion for the provided list is too old.")
    for match in ("NotOlderThan", ""):
        query = {"resourceVersionMatch": match} if match else {}
        listed = (await api.get(path, resourceVersion=revision, **query)).ok()
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("bookmarks", [True, False], ids=["with bookmarks", "without"])
async def test_watch_of_all_from_forgotten_revision_begins_anew(
    backend: Backend, api: KubernetesApi, path: str, page: Json, *, bookmarks: bool
) -> None:
    """A watch-list needs no history: it begins with what is there."""
    revision = (await forget_events(backend, api, f"{path}/d", page))["resourceVersion"]
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": revision}
    if bookmarks:
        query["allowWatchBookmarks"] = "true"
    async with api.watch(path, timeoutSeconds=10, **query) as watching:
        events = [await watching.next() for _ in range(5 if bookmarks else 4)]
    names = [event["object"]["metadata"].get("name") for event in events if event]
    assert names[:4] == ["a", "b", "c", "d"]
    assert [event["type"] for event in events if event] == ["ADDED"] * 4 + ["BOOKMARK"] * bookmarks
