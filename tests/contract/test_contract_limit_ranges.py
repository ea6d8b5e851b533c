"""Limit ranges: what a namespace gives those who do not say, and the bounds of what they may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, container, pod
from tests.support.waiting import eventually
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


def _limit_range(*items: Json, name: str = "l") -> Json:
    return {"metadata": {"name": name}, "spec": {"limits": list(items)}}


def _of_containers(**lists: Json) -> Json:
    return {"type": "Container", **lists}


async def _limit(api: KubernetesApi, namespace: str, *items: Json) -> Json:
    """Make a limit range before anything else is in the namespace: from then on it holds."""
    made = await api.post(f"/api/v1/namespaces/{namespace}/limitranges", _limit_range(*items))
    return made.ok()


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        pytest.param(
            {"max": {"cpu": "2"}},
            {"max": {"cpu": "2"}, "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2"}},
            id="max is the default limit",
        ),
        pytest.param(
            {"default": {"memory": "1Gi"}},
            {"default": {"memory": "1Gi"}, "defaultRequest": {"memory": "1Gi"}},
            id="default limit is the default request",
        ),
        pytest.param(
            {"min": {"cpu": "0.0001"}},
            {"min": {"cpu": "1m"}, "defaultRequest": {"cpu": "1m"}},
            id="min is the default request, in thousandths",
        ),
        pytest.param(
            {"min": {"cpu": "1"}, "max": {"cpu": "4"}, "defaultRequest": {"cpu": "2"}},
            {
                "min": {"cpu": "1"},
                "max": {"cpu": "4"},
                "default": {"cpu": "4"},
                "defaultRequest": {"cpu": "2"},
            },
            id="what is said stays",
        ),
    ],
)
async def test_limit_range_is_completed(
    api: KubernetesApi, namespace: str, given: Json, stored: Json
) -> None:
    """What a limit range for containers leaves out follows from what it says."""
    made = await _limit(api, namespace, _of_containers(**given))
    assert made["spec"]["limits"] == [_of_containers(**stored)]


async def test_limit_range_of_pods_has_no_defaults(api: KubernetesApi, namespace: str) -> None:
    """Only containers are given something."""
    item = {"type": "Pod", "max": {"cpu": "2"}}
    assert (await _limit(api, namespace, item))["spec"]["limits"] == [item]


async def test_pod_is_given_what_its_containers_do_not_ask_for(api: KubernetesApi, namespace: str) -> None:
    """Each container gets the defaults that it lacks, the pod a note about it, and its class of quality."""
    defaults = {"default": {"cpu": "1", "memory": "512Mi"}, "defaultRequest": {"cpu": "100m"}}
    await _limit(api, namespace, _of_containers(**defaults))
    body = container(resources={"limits": {"memory": "1Gi"}})
    body["spec"]["initContainers"] = [{"name": "first", "image": "example.org/first:1"}]
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", body)).ok()
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "1Gi"},
        "requests": {"cpu": "100m", "memory": "1Gi"},
    }
    assert made["spec"]["initContainers"][0]["resources"] == {
        "limits": {"cpu": "1", "memory": "512Mi"},
        "requests": {"cpu": "100m", "memory": "512Mi"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu request for container notebook; cpu limit for container notebook;"
        " cpu, memory request for init container first; cpu, memory limit for init container first"
    )
    assert made["status"]["qosClass"] == "Burstable"


async def test_pod_that_says_all_is_left_alone(api: KubernetesApi, namespace: str) -> None:
    """Nothing is added, and nothing noted, where nothing is missing."""
    await _limit(api, namespace, _of_containers(default={"cpu": "1"}))
    asked = {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", container(resources=asked))).ok()
    assert made["spec"]["containers"][0]["resources"] == asked
    assert "annotations" not in made["metadata"]


async def test_pod_with_defaults_passes_a_quota(api: KubernetesApi, namespace: str) -> None:
    """Quotas see a pod as limit ranges have completed it."""
    await _limit(api, namespace, _of_containers(default={"memory": "1Gi"}))
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    (await api.post(quotas, {"metadata": {"name": "q"}, "spec": {"hard": {"limits.memory": "1Gi"}}})).ok()
    await api.until(f"{quotas}/q", lambda found: bool((found or {}).get("status", {}).get("used")))
    (await api.post(f"/api/v1/namespaces/{namespace}/pods", pod())).ok()
    used = {"limits.memory": "1Gi"}
    await api.until(f"{quotas}/q", lambda found: (found or {})["status"]["used"] == used)
    refused = await api.post(f"/api/v1/namespaces/{namespace}/pods", pod("second"))
    assert refused.status == 403
    assert "exceeded quota: q, requested: limits.memory=1Gi" in refused.message


async def test_pod_whose_request_is_above_the_default_limit_is_invalid(
    api: KubernetesApi, namespace: str
) -> None:
    """A default limit holds for those who asked for more and named no limit: they are told by the field."""
    await _limit(api, namespace, _of_containers(default={"memory": "1Gi"}))
    body = container(resources={"requests": {"memory": "2Gi"}})
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    told = 'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi'
    sentence = f'Pod "p" is invalid: spec.containers[0].resources.requests: {told}'
    assert answer.refusal == (422, "Invalid", sentence)


_BIG = {"limits": {"cpu": "4"}, "requests": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("item", "asked", "sentence"),
    [
        pytest.param(
            _of_containers(min={"memory": "1Gi"}),
            {"requests": {"memory": "512Mi"}},
            "minimum memory usage per Container is 1Gi, but request is 512Mi",
            id="request below the minimum",
        ),
        pytest.param(
            _of_containers(max={"cpu": "2"}),
            {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}},
            "maximum cpu usage per Container is 2, but limit is 3",
            id="limit above the maximum",
        ),
        pytest.param(
            _of_containers(max={"nvidia.com/gpu": "1"}),
            {"limits": {"nvidia.com/gpu": "2"}},
            "maximum nvidia.com/gpu usage per Container is 1, but limit is 2",
            id="too many devices",
        ),
        pytest.param(
            _of_containers(maxLimitRequestRatio={"cpu": "3"}),
            _BIG,
            "cpu max limit to request ratio per Container is 3, but provided ratio is 4.000000",
            id="limit too far above its request",
        ),
        pytest.param(
            _of_containers(maxLimitRequestRatio={"cpu": "3"}),
            {"requests": {"cpu": "1"}},
            "cpu max limit to request ratio per Container is 3, but no limit is specified or limit is 0",
            id="ratio without a limit",
        ),
        pytest.param(
            _of_containers(maxLimitRequestRatio={"cpu": "3"}),
            {},
            "cpu max limit to request ratio per Container is 3, but no request is specified or request is 0",
            id="ratio without a request",
        ),
        pytest.param(
            {"type": "Pod", "max": {"cpu": "3"}},
            _BIG,
            "maximum cpu usage per Pod is 3, but limit is 4",
            id="pod above the maximum",
        ),
        pytest.param(
            {"type": "Pod", "max": {"memory": "3Gi"}},
            {},
            "maximum memory usage per Pod is 3Gi.  No limit is specified",
            id="pod without a limit",
        ),
        pytest.param(
            {"type": "Pod", "min": {"memory": "3Gi"}},
            {},
            "minimum memory usage per Pod is 3Gi.  No request is specified",
            id="pod without a request",
        ),
        pytest.param(
            {"type": "Pod", "min": {"cpu": "2"}},
            _BIG,
            "minimum cpu usage per Pod is 2, but request is 1",
            id="pod below the minimum",
        ),
    ],
)
async def test_pod_outside_limits_is_forbidden(
    api: KubernetesApi, namespace: str, item: Json, asked: Json, sentence: str
) -> None:
    """A pod that does not keep a limit range is refused with the bound and what it asked for."""
    await _limit(api, namespace, item)
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", container(resources=asked))
    assert answer.refusal == (403, "Forbidden", f'pods "p" is forbidden: {sentence}')


async def test_pod_is_summed_over_its_containers(api: KubernetesApi, namespace: str) -> None:
    """Limits of pods are for all of their containers together; init containers run before them."""
    await _limit(api, namespace, {"type": "Pod", "max": {"memory": "2Gi"}})
    asked = {"limits": {"memory": "1536Mi"}}
    body = container(resources=asked)
    body["spec"]["initContainers"] = [{"name": "first", "image": "example.org/x:1", "resources": asked}]
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, body)).ok()
    body["metadata"]["name"] = "two"
    body["spec"]["containers"].append(body["spec"]["containers"][0] | {"name": "second"})
    answer = await api.post(path, body)
    told = "maximum memory usage per Pod is 2Gi, but limit is 3Gi"
    assert answer.refusal == (403, "Forbidden", f'pods "two" is forbidden: {told}')


async def test_pod_breaking_several_limits_is_told_all(api: KubernetesApi, namespace: str) -> None:
    """All that is wrong by one limit range is said at once."""
    item = _of_containers(max={"cpu": "1"}, min={"memory": "1Gi"})
    await _limit(api, namespace, item)
    asked = {"limits": {"cpu": "2", "memory": "1Mi"}}
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", container(resources=asked))
    told = (
        "[minimum memory usage per Container is 1Gi, but request is 1Mi,"
        " maximum cpu usage per Container is 1, but limit is 2]"
    )
    assert answer.refusal == (403, "Forbidden", f'pods "p" is forbidden: {told}')


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        pytest.param(
            {"max": {"storage": "5Gi"}},
            "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi",
            id="too large",
        ),
        pytest.param(
            {"min": {"storage": "20Gi"}},
            "minimum storage usage per PersistentVolumeClaim is 20Gi, but request is 10Gi",
            id="too small",
        ),
    ],
)
async def test_claim_outside_limits_is_forbidden(
    api: KubernetesApi, namespace: str, bounds: Json, sentence: str
) -> None:
    """Claims have bounds of their own."""
    await _limit(api, namespace, {"type": "PersistentVolumeClaim", **bounds})
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    answer = await api.post(path, claim(size="10Gi"))
    assert answer.refusal == (403, "Forbidden", f'persistentvolumeclaims "c" is forbidden: {sentence}')


async def test_claim_from_before_its_limits_cannot_be_changed(api: KubernetesApi, namespace: str) -> None:
    """A claim that was there first stays, but any change of it is held against the new bounds."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    (await api.post(path, claim(size="1Gi"))).ok()
    await _limit(api, namespace, {"type": "PersistentVolumeClaim", "min": {"storage": "2Gi"}})

    async def is_refused() -> bool:
        answer = await api.patch(f"{path}/c", {"metadata": {"labels": {"a": "b"}}})
        return answer.status == 403

    # A real API server learns of limit ranges by a watch, where it has looked for them before.
    await eventually(is_refused)
    assert (await api.delete(f"{path}/c")).status == 200


async def test_running_pod_is_not_held_against_new_limits(api: KubernetesApi, namespace: str) -> None:
    """Limits are for pods to come: one that is there can be labelled and has its status."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="nobody"))).ok()
    await _limit(api, namespace, _of_containers(min={"memory": "1Gi"}))
    (await api.patch(f"{path}/p", {"metadata": {"labels": {"a": "b"}}})).ok()
    (await api.patch(f"{path}/p/status", {"status": {"phase": "Running"}})).ok()


_MIN_MAX = "spec.limits[0].min[cpu]: Invalid value: {}: min value 2 is greater than max value 1"
_RATIO = (
    "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: {}: ratio 3 is greater than max/min = 2.000000"
)
_DEVICES = (
    "spec.limits[0].defaultRequest[nvidia.com/gpu]: Invalid value: {}: default value 2 must equal to"
    " defaultRequest value 1 in nvidia.com/gpu"
)


def _in_go(value: int) -> str:
    """Give a whole number as version 1.32 prints quantities."""
    return (
        f"resource.Quantity{{i:resource.int64Amount{{value:{value}, scale:0}},"
        f' d:resource.infDecAmount{{Dec:(*inf.Dec)(nil)}}, s:"{value}", Format:"DecimalSI"}}'
    )


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        pytest.param(
            [{"type": "Cat"}],
            'spec.limits[0].type: Invalid value: "Cat": must be a standard limit type or fully qualified',
            id="unknown type",
        ),
        pytest.param(
            [_of_containers(), _of_containers()],
            'spec.limits[1].type: Duplicate value: "Container"',
            id="a type twice",
        ),
        pytest.param(
            [{"type": "Pod", "default": {"cpu": "1"}}],
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            id="default of pods",
        ),
        pytest.param(
            [{"type": "PersistentVolumeClaim", "max": {"requests.storage": "1Gi"}}],
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but"
            " neither was provided",
            id="claims without a size",
        ),
        pytest.param(
            [{"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}],
            Wording(_MIN_MAX.format('"2"'), oldest=_MIN_MAX.format(_in_go(2))),
            id="minimum above the maximum",
        ),
        pytest.param(
            [{"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}}],
            Wording(_RATIO.format('"3"'), oldest=_RATIO.format(_in_go(3))),
            id="ratio that cannot be reached",
        ),
        pytest.param(
            [_of_containers(default={"nvidia.com/gpu": "2"}, defaultRequest={"nvidia.com/gpu": "1"})],
            Wording(_DEVICES.format('"1"'), oldest=_DEVICES.format(_in_go(1))),
            id="devices that are not what is asked for",
        ),
    ],
)
async def test_wrong_limit_range_is_refused(
    api: KubernetesApi, namespace: str, items: list[Json], sentence: str | Wording, minor: int
) -> None:
    """A limit range that nothing could keep is refused with the field and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/limitranges", _limit_range(*items))
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.message.removeprefix('LimitRange "l" is invalid: ') in said_by(minor, sentence)


async def test_limit_range_order_of_its_values_is_checked(api: KubernetesApi, namespace: str) -> None:
    """Minimum, default request, default limit and maximum come in this order."""
    item = _of_containers(
        min={"cpu": "3"}, defaultRequest={"cpu": "2"}, default={"cpu": "1"}, max={"cpu": "500m"}
    )
    answer = await api.post(f"/api/v1/namespaces/{namespace}/limitranges", _limit_range(item))
    place = "spec.limits[0]"
    assert (answer.status, answer.causes) == (
        422,
        [
            *[(f"{place}.defaultRequest[cpu]", "FieldValueInvalid")] * 3,
            *[(f"{place}.default[cpu]", "FieldValueInvalid")] * 2,
            (f"{place}.min[cpu]", "FieldValueInvalid"),
        ],
    )
