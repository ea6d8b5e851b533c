"""Query parameters: each one that a real API server documents is known, and a wrong one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.api import kinds
from tests.support.backends import EMBEDDED
from tests.support.manifests import config_map, pod
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_FOLDER = Path(__file__).parent
_LISTS = "test_contract_lists.py"
_WATCHES = "test_contract_watches.py"
_HISTORY = "test_contract_history.py"
_HERE = "test_contract_queries.py"
_DELETION = "test_contract_deletion.py"
_REFUSED = "test_contract_differences.py"
_OBJECTS = "test_contract_objects.py"

_OF_LISTS = {
    "labelSelector": _LISTS,
    "fieldSelector": _LISTS,
    "limit": _LISTS,
    "continue": _LISTS,
    "resourceVersion": _LISTS,
    "resourceVersionMatch": _LISTS,
    "sendInitialEvents": _HERE,
    "timeoutSeconds": _HERE,
    "shardSelector": _REFUSED,
    "pretty": _HERE,
}
_OF_WATCHES = {
    "labelSelector": _WATCHES,
    "fieldSelector": _WATCHES,
    "resourceVersion": _WATCHES,
    "resourceVersionMatch": _WATCHES,
    "sendInitialEvents": _WATCHES,
    "allowWatchBookmarks": _WATCHES,
    "timeoutSeconds": _WATCHES,
    "watch": _WATCHES,
    "continue": _HERE,
    "limit": _HERE,
    "shardSelector": _REFUSED,
    "pretty": _HERE,
}
_OF_MANY = {
    "labelSelector": _DELETION,
    "fieldSelector": _HERE,
    "timeoutSeconds": _HERE,
    "limit": _REFUSED,
    "continue": _REFUSED,
    "resourceVersion": _REFUSED,
    "resourceVersionMatch": _REFUSED,
    "sendInitialEvents": _REFUSED,
    "shardSelector": _REFUSED,
}
_OF_DELETIONS = {
    "dryRun": _HERE,
    "gracePeriodSeconds": _DELETION,
    "propagationPolicy": _DELETION,
    "orphanDependents": _HERE,
    "ignoreStoreReadErrorWithClusterBreakingPotential": _REFUSED,
    "pretty": _HERE,
}
_OF_WRITES = {"dryRun": _OBJECTS, "fieldValidation": _OBJECTS, "fieldManager": _HERE, "pretty": _HERE}
SHOWN = {
    "get": {"pretty": _HERE},
    "list": _OF_LISTS | {"watch": _WATCHES, "allowWatchBookmarks": _HERE},
    "watch": _OF_WATCHES,
    "watchlist": _OF_WATCHES,
    "post": _OF_WRITES,
    "put": _OF_WRITES,
    "patch": _OF_WRITES | {"force": _HERE},
    "delete": _OF_DELETIONS,
    "deletecollection": _OF_MANY | _OF_DELETIONS,
}
"""By the action that OpenAPI names: each parameter, and the file of the tests that send it."""


def test_every_parameter_is_sent_by_the_tests_that_are_named() -> None:
    """No name stands in the table only."""
    missing = [
        (name, file)
        for names in SHOWN.values()
        for name, file in names.items()
        if name not in (_FOLDER / file).read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("resource", kinds.RESOURCES, ids=lambda resource: resource.qualified)
async def test_every_documented_parameter_is_in_the_table(
    api: KubernetesApi, backend: Backend, resource: kinds.Resource
) -> None:
    """What a real API server documents for a kind that the embedded one serves is sent by some test."""
    base = f"apis/{resource.group}" if resource.group else "api"
    document = (await api.get(f"/openapi/v3/{base}/v1")).ok()
    place = f"/{base}/v1" + ("/namespaces/{namespace}" if resource.namespaced else "") + f"/{resource.plural}"
    paths = {path: item for path, item in document["paths"].items() if path in (place, f"{place}/{{name}}")}
    assert paths or backend.name == EMBEDDED
    assert _unknown_parameters(paths) == set()


def _unknown_parameters(paths: Json) -> set[tuple[str, str]]:
    found = set()
    for item in paths.values():
        common = item.get("parameters", [])
        for operation in (value for value in item.values() if isinstance(value, dict)):
            action = operation["x-kubernetes-action"]
            for parameter in (*common, *operation.get("parameters", [])):
                if parameter["in"] == "query" and parameter["name"] not in SHOWN[action]:
                    found.add((action, parameter["name"]))
    return found


_INVALID_LIST = 'ListOptions.meta.k8s.io "" is invalid: '
_UNLESS = (
    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
)
_WITH_TOKEN = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"
_FOR_LIST = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"
_NEEDS = (
    "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
)
_DRY = 'dryRun: Unsupported value: {}: supported values: "All"'
_NO_NUMBER = 'strconv.ParseInt: parsing "x": invalid syntax'
_NO_TOKEN = "invalid continue token: continue key is not valid: illegal base64 data at input byte"


@pytest.mark.parametrize(
    ("query", "code", "sentence"),
    [
        pytest.param({"sendInitialEvents": "true"}, 422, _INVALID_LIST + _FOR_LIST, id="initial events"),
        pytest.param(
            {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"},
            422,
            f"{_INVALID_LIST}[{_UNLESS}, {_FOR_LIST}]",
            id="initial events and a match without a revision",
        ),
        pytest.param(
            {"continue": "x", "resourceVersionMatch": "Exact"},
            422,
            f"{_INVALID_LIST}[{_UNLESS}, {_WITH_TOKEN}]",
            id="page with a match",
        ),
        pytest.param(
            {"resourceVersion": "1", "resourceVersionMatch": "x"},
            422,
            f'{_INVALID_LIST}resourceVersionMatch: Unsupported value: "x": supported values: "Exact",'
            ' "NotOlderThan", ""',
            id="match that is none",
        ),
        pytest.param(
            {"resourceVersion": "0", "resourceVersionMatch": "Exact"},
            422,
            f'{_INVALID_LIST}resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for'
            ' resourceVersion "0"',
            id="exactly any",
        ),
        pytest.param({"timeoutSeconds": "x"}, 400, _NO_NUMBER, id="timeout that is none"),
        pytest.param({"limit": "x"}, 400, _NO_NUMBER, id="limit that is none"),
        pytest.param(
            {"continue": "x", "resourceVersion": "5"}, 400, f"{_NO_TOKEN} 0", id="token that is none"
        ),
        pytest.param({"continue": "abc!"}, 400, f"{_NO_TOKEN} 3", id="token with a wrong letter"),
        pytest.param(
            {"fieldSelector": "metadata.name"},
            400,
            "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
            id="field without a value",
        ),
        pytest.param(
            {"watch": "true", "resourceVersionMatch": "Exact", "sendInitialEvents": "true"},
            422,
            f'{_INVALID_LIST}[{_NEEDS}, resourceVersionMatch: Unsupported value: "Exact": supported values:'
            ' "NotOlderThan"]',
            id="watch with another match",
        ),
        pytest.param(
            {"watch": "true", "resourceVersionMatch": "NotOlderThan"},
            422,
            f"{_INVALID_LIST}resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch"
            " unless sendInitialEvents is provided",
            id="watch with a match and no initial events",
        ),
        pytest.param(
            {"watch": "true", "sendInitialEvents": "true"},
            422,
            _INVALID_LIST + _NEEDS,
            id="watch with initial events and no match",
        ),
        pytest.param({"watch": "true", "timeoutSeconds": "x"}, 400, _NO_NUMBER, id="time of a watch"),
        pytest.param({"watch": "true", "limit": "x"}, 400, _NO_NUMBER, id="limit of a watch"),
        pytest.param(
            {
                "watch": "true",
                "continue": "x",
                "sendInitialEvents": "true",
                "resourceVersionMatch": "NotOlderThan",
            },
            422,
            _INVALID_LIST + _WITH_TOKEN,
            id="watch of a page",
        ),
    ],
)
async def test_reading_with_wrong_options_is_refused(
    api: KubernetesApi, namespace: str, query: dict[str, str], code: int, sentence: str
) -> None:
    """Lists and watches say which option is wrong, all of them at once."""
    answer = await api.get(f"/api/v1/namespaces/{namespace}/configmaps", **query)
    assert answer.status == code
    assert answer.message.endswith(sentence)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"limit": "-1"}, id="a limit below nothing is none"),
        pytest.param({"timeoutSeconds": "-1"}, id="a time below nothing is none"),
        pytest.param({"allowWatchBookmarks": "true"}, id="bookmarks of a list"),
        pytest.param({"pretty": "true"}, id="pretty"),
        pytest.param({"pretty": "banana"}, id="pretty in a way"),
        pytest.param({"banana": "1"}, id="a parameter that nobody knows"),
        pytest.param({"dryRun": "x"}, id="a parameter of other verbs"),
    ],
)
async def test_reading_with_options_without_meaning_is_answered(
    api: KubernetesApi, namespace: str, query: dict[str, str]
) -> None:
    """What means nothing for a list changes nothing of it."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    (await api.post(path, {"metadata": {"name": "a"}})).ok()
    listed = (await api.get(path, **query)).ok()
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]


@pytest.mark.parametrize("name", ["storageclasses.storage.k8s.io", "clusterroles.rbac.authorization.k8s.io"])
async def test_kinds_without_namespaces_select_by_none(api: KubernetesApi, name: str) -> None:
    """`metadata.namespace` is a field of theirs, too: an empty one."""
    plural, _, group = name.partition(".")
    path = f"/apis/{group}/v1/{plural}"
    assert (await api.get(path, fieldSelector="metadata.namespace=x")).ok()["items"] == []


async def test_pods_are_selected_by_the_old_name_of_their_node(api: KubernetesApi, namespace: str) -> None:
    """`spec.host` has been `spec.nodeName` since the first version of the API."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="nobody"))).ok()
    assert len((await api.get(path, fieldSelector="spec.host=")).ok()["items"]) == 1
    assert (await api.get(path, fieldSelector="spec.host=x")).ok()["items"] == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        pytest.param(
            {"fieldManager": "x" * 129},
            Wording(
                "fieldManager: Too long: may not be more than 128 bytes", oldest="fieldManager: Too long"
            ),
            id="manager with a long name",
        ),
        pytest.param(
            {"fieldManager": "a\n"},
            'fieldManager: Invalid value: "a\\n": invalid character U+000A (at position 1)',
            id="manager with a line break",
        ),
        pytest.param(
            {"dryRun": "x"},
            Wording(_DRY.format('["x"]'), oldest=_DRY.format('[]string{"x"}')),
            id="dry run",
        ),
        pytest.param(
            {"fieldValidation": "x"},
            'fieldValidation: Unsupported value: "x": supported values: "", "Ignore", "Strict", "Warn"',
            id="field validation",
        ),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_writing_with_wrong_options_is_refused(
    api: KubernetesApi,
    namespace: str,
    minor: int,
    method: str,
    query: dict[str, str],
    sentence: str | Wording,
) -> None:
    """Writes say which option is wrong, whatever the object is."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    kind = {"POST": "Create", "PUT": "Update", "PATCH": "Patch"}[method] + "Options"
    content = "application/merge-patch+json" if method == "PATCH" else ""
    place = path if method == "POST" else f"{path}/a"
    answer = await api.call(method, place, config_map("a"), content_type=content, **query)
    assert answer.refusal[:2] == (422, "Invalid")
    told = answer.message.removeprefix(f'{kind}.meta.k8s.io "" is invalid: ')
    assert any(told.startswith(text) for text in said_by(minor, sentence))


async def test_writing_with_options_without_meaning_is_done(api: KubernetesApi, namespace: str) -> None:
    """A manager of fields is noted by a real API server, and changes nothing for others."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"), fieldManager="hub", pretty="true", banana="1")).ok()
    (await api.patch(f"{path}/a", {"data": {"x": "y"}}, fieldManager="hub")).ok()
    assert (await api.get(f"{path}/a")).ok()["data"] == {"key": "value", "x": "y"}


async def test_patch_that_is_no_apply_cannot_force(api: KubernetesApi, namespace: str) -> None:
    """`force` is for server-side apply alone."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    answer = await api.patch(f"{path}/a", {"data": {"x": "y"}}, force="true")
    why = "force: Forbidden: may not be specified for non-apply patch"
    assert answer.refusal == (422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {why}')


_OF_DELETION = 'DeleteOptions.meta.k8s.io "" is invalid: '
_NOT_ALL = Wording(_OF_DELETION + _DRY.format('["x"]'), oldest=_OF_DELETION + _DRY.format('[]string{"x"}'))
_TWO = (
    f'{_OF_DELETION}propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation'
    " cannot be both set"
)
_ARRAY = (
    "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct {"
    ' APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)


@pytest.mark.parametrize(
    ("body", "query", "refusal"),
    [
        pytest.param(None, {"dryRun": "x"}, (422, _NOT_ALL), id="dry run in the query"),
        pytest.param({"dryRun": ["x"]}, {}, (422, _NOT_ALL), id="dry run in the body"),
        pytest.param([], {}, (Wording(400, oldest=500), _ARRAY), id="a list for options"),
        pytest.param(None, {"gracePeriodSeconds": "x"}, (400, _NO_NUMBER), id="grace that is none"),
        pytest.param(
            {"orphanDependents": True, "propagationPolicy": "Orphan"}, {}, (422, _TWO), id="two policies"
        ),
    ],
)
async def test_deletion_with_wrong_options_is_refused(
    api: KubernetesApi, namespace: str, minor: int, body: Any, query: dict[str, str], refusal: tuple[Any, Any]
) -> None:
    """A deletion that was not understood deletes nothing."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    (await api.post(path.removesuffix("/a"), config_map("a"))).ok()
    answer = await api.delete(path, body, **query)
    assert answer.status in said_by(minor, refusal[0])
    assert answer.message in said_by(minor, refusal[1])
    assert (await api.get(path)).status == 200


async def test_deletion_of_another_kind_of_options_is_refused(
    api: KubernetesApi, namespace: str, minor: int
) -> None:
    """A body that is no DeleteOptions, an object for instance, is a mistake of the caller's."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    (await api.post(path.removesuffix("/a"), config_map("a"))).ok()
    answer = await api.delete(path, {"kind": "Pod", "apiVersion": "v1"})
    told = 'no kind "Pod" is registered for version "v1" in scheme "pkg/'
    assert answer.status in said_by(minor, Wording(400, oldest=500))
    assert answer.message.startswith(told)
    assert (await api.delete(path, {"kind": "DeleteOptions", "apiVersion": "v1"})).status == 200


@pytest.mark.parametrize("is_many", [True, False], ids=["many", "one"])
async def test_deletion_that_is_a_dry_run_deletes_nothing(
    api: KubernetesApi, namespace: str, *, is_many: bool
) -> None:
    """`dryRun=All` answers as if it had."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    (await api.post(path, config_map("a"))).ok()
    (await api.delete(path if is_many else f"{path}/a", dryRun="All", pretty="true")).ok()
    assert (await api.get(f"{path}/a")).status == 200


async def test_deletion_of_many_is_of_those_selected(api: KubernetesApi, namespace: str) -> None:
    """Fields select as they do for lists; a time changes nothing."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    for name in "abc":
        (await api.post(path, {"metadata": {"name": name}})).ok()
    (await api.delete(path, fieldSelector="metadata.name!=b", timeoutSeconds="5")).ok()
    assert [item["metadata"]["name"] for item in (await api.get(path)).ok()["items"]] == ["b"]
