"""Quotas: what a namespace may use is counted, and what would pass it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, container, pod
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


async def _quota(api: KubernetesApi, namespace: str, hard: Json, **spec: Any) -> str:
    """Make a quota and wait until it is counted; give its address."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    (await api.post(path, {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}})).ok()
    await api.until(f"{path}/q", lambda found: bool((found or {}).get("status", {}).get("used")))
    return f"{path}/q"


async def _until_used(api: KubernetesApi, quota: str, used: Json) -> None:
    """Wait until a quota says that this is used."""
    await api.until(quota, lambda found: (found or {})["status"].get("used") == used)


def _named(name: str, **fields: Any) -> Json:
    made = container(**fields)
    made["metadata"]["name"] = name
    return made


async def test_quota_counts_what_is_there(api: KubernetesApi, namespace: str) -> None:
    """`status.used` follows the objects."""
    quota = await _quota(api, namespace, {"pods": "3", "requests.memory": "4Gi", "secrets": "5"})
    assert (await api.get(quota)).ok()["status"]["hard"] == {
        "pods": "3",
        "requests.memory": "4Gi",
        "secrets": "5",
    }
    pods = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(pods, container(resources={"requests": {"memory": "1Gi"}}))).ok()
    (await api.post(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "s"}})).ok()
    used = {"pods": "1", "requests.memory": "1Gi", "secrets": "1"}
    await api.until(quota, lambda found: (found or {})["status"].get("used") == used)
    (await api.delete(f"{pods}/p", {"gracePeriodSeconds": 0})).ok()
    await api.until(quota, lambda found: (found or {})["status"]["used"]["pods"] == "0")


@pytest.mark.parametrize(
    ("hard", "first", "second", "sentence"),
    [
        pytest.param(
            {"pods": "1"},
            {},
            {},
            "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1",
            id="number of pods",
        ),
        pytest.param(
            {"requests.memory": "1Gi"},
            {"requests": {"memory": "512Mi"}},
            {"requests": {"memory": "1Gi"}},
            "exceeded quota: q, requested: requests.memory=1Gi, used: requests.memory=512Mi, limited:"
            " requests.memory=1Gi",
            id="memory",
        ),
        pytest.param(
            {"requests.memory": "3Gi", "limits.memory": "3G"},
            {"requests": {"memory": "2147483648"}, "limits": {"memory": "2Gi"}},
            {"requests": {"memory": "2Gi"}, "limits": {"memory": "2147483648"}},
            "exceeded quota: q, requested: limits.memory=2147483648,requests.memory=2Gi, used:"
            " limits.memory=2Gi,requests.memory=2147483648, limited: limits.memory=3G,requests.memory=3Gi",
            id="each in its own notation",
        ),
        pytest.param(
            {"limits.cpu": "2"},
            {"limits": {"cpu": "1500m"}},
            {"limits": {"cpu": "1"}},
            "exceeded quota: q, requested: limits.cpu=1, used: limits.cpu=1500m, limited: limits.cpu=2",
            id="CPU limit",
        ),
        pytest.param(
            {"requests.nvidia.com/gpu": "1"},
            {"limits": {"nvidia.com/gpu": "1"}},
            {"limits": {"nvidia.com/gpu": "1"}},
            "exceeded quota: q, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=1,"
            " limited: requests.nvidia.com/gpu=1",
            id="devices",
        ),
        pytest.param(
            {"count/pods": "1", "pods": "5"},
            {},
            {},
            "exceeded quota: q, requested: count/pods=1, used: count/pods=1, limited: count/pods=1",
            id="count of objects",
        ),
    ],
)
async def test_pod_over_quota_is_forbidden(
    api: KubernetesApi, namespace: str, hard: Json, first: Json, second: Json, sentence: str
) -> None:
    """The pod that would pass a quota is refused with what was asked, used and allowed."""
    quota = await _quota(api, namespace, hard)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(pods, _named("one", resources=first))).ok()
    await api.until(quota, lambda found: any(v != "0" for v in (found or {})["status"]["used"].values()))
    answer = await api.post(pods, _named("two", resources=second))
    assert answer.refusal == (403, "Forbidden", f'pods "two" is forbidden: {sentence}')


@pytest.mark.parametrize(
    ("hard", "asked", "sums"),
    [
        pytest.param(
            {"requests.memory": "8Gi"},
            ["2147483648", "1Gi"],
            ["2147483648", "3221225472"],
            id="bytes first, as KubeSpawner asks",
        ),
        pytest.param(
            {"requests.memory": "8589934592"}, ["1Gi", "2147483648"], ["1Gi", "3Gi"], id="binary first"
        ),
        pytest.param({"requests.memory": "8Gi"}, ["0", "1Gi"], ["0", "1Gi"], id="nothing first"),
        pytest.param({"requests.memory": "8Gi"}, ["1e3", "2k"], ["1e3", "3e3"], id="exponent first"),
        pytest.param(
            {"requests.memory": "8Gi"},
            ["1Gi", "1000", "24"],
            ["1Gi", "1073742824", "1073742848"],
            id="a sum without a suffix is one of bytes from then on",
        ),
        pytest.param(
            {"requests.cpu": "4000m"}, ["500m", "0.5", "1e-1"], ["500m", "1", "1100m"], id="parts of a CPU"
        ),
        pytest.param(
            {"requests.storage": "8Gi"},
            ["1073741824", "1Gi", "1500m"],
            ["1073741824", "2147483648", "2147483650"],
            id="storage, in whole bytes",
        ),
    ],
)
async def test_quota_sum_keeps_the_notation_of_what_came_first(
    api: KubernetesApi, namespace: str, hard: Json, asked: list[str], sums: list[str]
) -> None:
    """How the limit is written does not matter to what is used of it."""
    quota = await _quota(api, namespace, hard)
    (limited,) = hard
    resource = limited.removeprefix("requests.")
    kind = "persistentvolumeclaims" if resource == "storage" else "pods"
    for number, (amount, total) in enumerate(zip(asked, sums, strict=True)):
        body = claim(f"c{number}", amount)
        if kind == "pods":
            body = _named(f"p{number}", resources={"requests": {resource: amount}})
        (await api.post(f"/api/v1/namespaces/{namespace}/{kind}", body)).ok()
        await _until_used(api, quota, {limited: total})


async def test_quota_sum_is_written_anew_when_it_becomes_less(api: KubernetesApi, namespace: str) -> None:
    """Once the first is gone, the notation is that of those who are left; nothing has none."""
    quota = await _quota(api, namespace, {"requests.memory": "8Gi"})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    now = {"gracePeriodSeconds": 0}
    (await api.post(pods, _named("one", resources={"requests": {"memory": "1Gi"}}))).ok()
    (await api.post(pods, _named("two", resources={"requests": {"memory": "2147483648"}}))).ok()
    await _until_used(api, quota, {"requests.memory": "3Gi"})
    (await api.delete(f"{pods}/one", now)).ok()
    await _until_used(api, quota, {"requests.memory": "2147483648"})
    (await api.delete(f"{pods}/two", now)).ok()
    await _until_used(api, quota, {"requests.memory": "0"})
    (await api.post(pods, _named("three", resources={"requests": {"memory": "1Gi"}}))).ok()
    await _until_used(api, quota, {"requests.memory": "1Gi"})


@pytest.mark.parametrize(
    ("containers", "before", "told"),
    [
        pytest.param(["2147483648", "1Gi"], [], "3221225472", id="bytes first"),
        pytest.param(["1Gi", "2147483648"], [], "3Gi", id="binary first"),
        pytest.param(["0", "2Gi"], [], "2Gi", id="nothing first"),
        pytest.param(["2147483648"], [("2Gi", {})], "2147483648", id="as much before"),
        pytest.param(["1Gi"], [("2147483648", {})], "2147483648", id="more before"),
        pytest.param(
            ["1"],
            [("1Gi", {"restartPolicy": "Always"}), ("2147483648", {})],
            "3221225472",
            id="more before, beside a sidecar",
        ),
    ],
)
async def test_pod_sum_keeps_the_notation_of_its_first_container(
    api: KubernetesApi, namespace: str, containers: list[str], before: list[tuple[str, Json]], told: str
) -> None:
    """The containers of a pod are summed as the pods of a namespace are."""
    await _quota(api, namespace, {"requests.memory": "1Gi"})
    body = pod()
    (first,) = body["spec"]["containers"]
    body["spec"]["containers"] = [
        first | {"name": f"c{number}", "resources": {"requests": {"memory": memory}}}
        for number, memory in enumerate(containers)
    ]
    body["spec"]["initContainers"] = [
        first | {"name": f"i{number}", "resources": {"requests": {"memory": memory}}} | fields
        for number, (memory, fields) in enumerate(before)
    ]
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    assert answer.status == 403
    assert f"requested: requests.memory={told}, used: requests.memory=0, limited:" in answer.message


async def test_pod_that_does_not_say_how_much_disk_it_wants_is_taken(
    api: KubernetesApi, namespace: str
) -> None:
    """A quota asks for CPU and memory only; of the node's disk nobody has to say anything."""
    await _quota(api, namespace, {"limits.ephemeral-storage": "1Gi", "requests.ephemeral-storage": "1Gi"})
    assert (await api.post(f"/api/v1/namespaces/{namespace}/pods", pod())).status == 201


async def test_pod_without_limits_under_quota_is_forbidden(api: KubernetesApi, namespace: str) -> None:
    """Where a quota limits memory, every pod has to say how much it wants."""
    await _quota(api, namespace, {"limits.memory": "1Gi", "requests.cpu": "1"})
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", pod())
    told = "failed quota: q: must specify limits.memory for: notebook; requests.cpu for: notebook"
    assert answer.refusal == (403, "Forbidden", f'pods "p" is forbidden: {told}')


async def test_claim_over_quota_is_forbidden(api: KubernetesApi, namespace: str) -> None:
    """Storage is counted by claims, in all and by class."""
    hard = {"requests.storage": "5Gi", "persistentvolumeclaims": "2"}
    quota = await _quota(api, namespace, hard)
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(claims, claim("a", "3Gi"))).ok()
    await api.until(quota, lambda found: (found or {})["status"]["used"]["requests.storage"] == "3Gi")
    answer = await api.post(claims, claim("b", "3Gi"))
    told = "exceeded quota: q, requested: requests.storage=3Gi, used: requests.storage=3Gi, limited:"
    assert answer.refusal == (
        403,
        "Forbidden",
        f'persistentvolumeclaims "b" is forbidden: {told} requests.storage=5Gi',
    )


async def test_quota_scope_counts_only_its_pods(api: KubernetesApi, namespace: str) -> None:
    """A quota of a scope is for the pods of that scope."""
    await _quota(api, namespace, {"pods": "0"}, scopes=["BestEffort"])
    pods = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(pods, _named("burst", resources={"requests": {"cpu": "1m"}}))).ok()
    answer = await api.post(pods, pod())
    assert answer.status == 403
    assert "exceeded quota: q" in answer.message


async def test_finished_pod_gives_its_quota_back(api: KubernetesApi, namespace: str) -> None:
    """A pod that has ended uses nothing any more."""
    quota = await _quota(api, namespace, {"pods": "1"})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(pods, pod("one"))).ok()
    await api.until(quota, lambda found: (found or {})["status"]["used"]["pods"] == "1")
    (await api.patch(f"{pods}/one/status", {"status": {"phase": "Failed"}})).ok()
    await api.until(quota, lambda found: (found or {})["status"]["used"]["pods"] == "0")

    async def fits() -> bool:
        return (await api.post(pods, pod("two"))).status == 201

    # A real API server admits by what it has seen of the quota, which may be a moment old.
    await eventually(fits)
