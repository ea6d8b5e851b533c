"""Pods find a node or are told why not, and tell what their node says of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, on_node, pod, running
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]


def _condition(found: Json | None, kind: str = "PodScheduled") -> Json:
    conditions = (found or {}).get("status", {}).get("conditions", [])
    return next((item for item in conditions if item["type"] == kind), {})


def _has_message(pattern: str) -> Callable[[Json | None], bool]:
    return lambda found: re.search(pattern, _condition(found).get("message", "")) is not None


async def _event(api: KubernetesApi, namespace: str, name: str, reason: str) -> Json:
    """Give an event about an object; waits for it: events are written beside what they tell."""
    selector = f"involvedObject.name={name},reason={reason}"
    path = f"/api/v1/namespaces/{namespace}/events"
    async with api.watch(path, fieldSelector=selector, timeoutSeconds=20) as watching:
        found = await watching.next()
    assert found is not None
    event: Json = found["object"]
    return event


async def test_pod_that_fits_is_bound(api: KubernetesApi, namespace: str, node: str) -> None:
    """The scheduler binds a pod, sets the condition, and says so in an event."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, on_node("p", node))).ok()
    bound = await api.until(f"{path}/p", lambda found: _condition(found).get("status") == "True")
    assert bound["spec"]["nodeName"] == node
    assert bound["status"]["phase"] == "Pending"
    event = await _event(api, namespace, "p", "Scheduled")
    assert event["message"] == f"Successfully assigned {namespace}/p to {node}"
    assert (event["type"], event["action"]) == ("Normal", "Binding")
    assert event["reportingComponent"] == "default-scheduler"
    assert event["eventTime"] is not None
    assert (event["firstTimestamp"], event["lastTimestamp"]) == (None, None)
    assert event["involvedObject"]["uid"] == bound["metadata"]["uid"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param(
            {"containers": [{"name": "a", "image": "x", "resources": {"requests": {"memory": "1Ti"}}}]},
            "Insufficient memory",
            id="too much memory",
        ),
        pytest.param(
            {"containers": [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "1000"}}}]},
            "Insufficient cpu",
            id="too much CPU",
        ),
        pytest.param(
            {"containers": [{"name": "a", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]},
            "Insufficient nvidia.com/gpu",
            id="a device that no node has",
        ),
        pytest.param(
            {"nodeSelector": {"contract": "nowhere"}},
            "node(s) didn't match Pod's node affinity/selector",
            id="a label that no node has",
        ),
        pytest.param(
            {
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["moon"]}]}
                            ]
                        }
                    }
                }
            },
            "node(s) didn't match Pod's node affinity/selector",
            id="an affinity that no node meets",
        ),
    ],
)
@pytest.mark.usefixtures("node")
async def test_pod_that_fits_nowhere_is_told_why(
    api: KubernetesApi, namespace: str, spec: Json, reason: str, minor: int
) -> None:
    """A pod that no node takes says so in its condition and in an event, in the scheduler's words."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(**spec))).ok()
    found = await api.until(f"{path}/p", _has_message(re.escape(reason)))
    condition = _condition(found)
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    sentence = (
        r"0/(\d+) nodes are available: \1 "
        + re.escape(reason)
        + r"\. .*preemption: 0/\1 nodes are available: \1"
    )
    unhelpful = "Preemption is not helpful for scheduling."
    is_too_much = reason.startswith("Insufficient")
    endings = Wording(
        unhelpful, oldest="No preemption victims found for incoming pod." if is_too_much else unhelpful
    )
    patterns = [f"{sentence} {re.escape(ending)}" for ending in said_by(minor, endings)]
    assert any(re.fullmatch(pattern, condition["message"]) for pattern in patterns)
    assert (await _event(api, namespace, "p", "FailedScheduling"))["type"] == "Warning"


async def _kept_away(api: KubernetesApi, path: str, node: str, message: str) -> str:
    """Make pods for a node that has just changed until the scheduler keeps one away; give its name.

    A scheduler learns of nodes and of pods by two watches: the first pods may come before the change.
    """
    has_message = _has_message(message)
    for number in range(50):
        name = f"p{number}"
        (await api.post(path, on_node(name, node))).ok()
        found = await api.until(
            f"{path}/{name}",
            lambda found: has_message(found) or _condition(found).get("status") == "True",
        )
        if has_message(found):
            return name
    raise AssertionError(f"{node} takes every pod")


async def test_pod_untolerated_taint_is_told(api: KubernetesApi, namespace: str, node: str) -> None:
    """A taint keeps pods away that do not tolerate it."""
    taint = {"spec": {"taints": [{"key": "only", "value": "them", "effect": "NoSchedule"}]}}
    (await api.patch(f"/api/v1/nodes/{node}", taint)).ok()
    path = f"/api/v1/namespaces/{namespace}/pods"
    await _kept_away(api, path, node, "1 node.s. had untolerated taint")
    tolerates = [{"key": "only", "operator": "Equal", "value": "them", "effect": "NoSchedule"}]
    (await api.post(path, on_node("q", node, tolerations=tolerates))).ok()
    await api.until(f"{path}/q", lambda found: _condition(found).get("status") == "True")


async def test_pod_cordoned_node_is_told(api: KubernetesApi, namespace: str, node: str) -> None:
    """A node that is cordoned takes nobody new; when it is free again, the pod goes there."""
    (await api.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}})).ok()
    path = f"/api/v1/namespaces/{namespace}/pods"
    kept_away = await _kept_away(api, path, node, "1 node.s. were unschedulable")
    (await api.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": None}})).ok()
    await api.until(f"{path}/{kept_away}", lambda found: _condition(found).get("status") == "True")


async def test_pod_waits_for_room_on_a_full_node(api: KubernetesApi, namespace: str, node: str) -> None:
    """What a running pod takes is not there for the next one, until it ends."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    wants = [{"name": "a", "image": "x", "resources": {"requests": {"cpu": "1500m"}}}]
    (await api.post(path, on_node("first", node, containers=wants))).ok()
    await api.until(f"{path}/first", lambda found: _condition(found).get("status") == "True")
    (await api.post(path, on_node("second", node, containers=wants))).ok()
    found = await api.until(f"{path}/second", _has_message("1 Insufficient cpu"))
    assert "1 No preemption victims found for incoming pod." in _condition(found)["message"]
    (await api.delete(f"{path}/first", {"gracePeriodSeconds": 0})).ok()
    await api.until(f"{path}/second", lambda found: _condition(found).get("status") == "True")


@pytest.mark.usefixtures("node")
async def test_pod_missing_claim_is_told(api: KubernetesApi, namespace: str) -> None:
    """A claim that is not there is named; one without a volume is waited for."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    (await api.post(path, pod(volumes=volumes))).ok()
    await api.until(f"{path}/p", _has_message('persistentvolumeclaim "c" not found'))
    (await api.post(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", claim())).ok()
    await api.until(f"{path}/p", _has_message("pod has unbound immediate PersistentVolumeClaims"))


async def test_pod_scheduling_gate_is_told(api: KubernetesApi, namespace: str, node: str) -> None:
    """A gated pod waits until its gate is taken away."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, on_node("p", node, schedulingGates=[{"name": "example.org/wait"}]))).ok()
    found = await api.until(f"{path}/p", lambda found: bool(_condition(found)))
    assert _condition(found)["reason"] == "SchedulingGated"
    assert _condition(found)["message"] == "Scheduling is blocked due to non-empty scheduling gates"
    (await api.patch(f"{path}/p", {"spec": {"schedulingGates": None}})).ok()
    await api.until(f"{path}/p", lambda found: _condition(found).get("status") == "True")


async def test_pod_of_another_scheduler_is_left_alone(api: KubernetesApi, namespace: str, node: str) -> None:
    """A pod names its scheduler; `binding` is how that one speaks, once."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, on_node("p", node, schedulerName="mine"))).ok()
    binding: Json = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}}
    answer = await api.post(f"{path}/p/binding", binding)
    assert (answer.status, answer.body["status"]) == (201, "Success")
    found = (await api.get(f"{path}/p")).ok()
    assert found["spec"]["nodeName"] == node
    assert _condition(found)["status"] == "True"
    again = await api.post(f"{path}/p/binding", binding)
    sentence = (
        f'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "{node}"'
    )
    assert again.refusal == (409, "Conflict", sentence)


async def test_binding_without_target_is_refused(api: KubernetesApi, namespace: str) -> None:
    """A binding says where to."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="mine"))).ok()
    answer = await api.post(f"{path}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node"}})
    assert (answer.status, answer.message) == (500, "target.name: Required value")
    missing = await api.post(f"{path}/q/binding", {"metadata": {"name": "q"}, "target": {"name": "n"}})
    assert missing.status == 404


async def test_pod_status_is_what_the_node_writes(api: KubernetesApi, namespace: str, node: str) -> None:
    """Phase, address and container statuses are kept as a kubelet writes them, and can be selected by."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, on_node("p", node))).ok()
    await api.until(f"{path}/p", lambda found: _condition(found).get("status") == "True")
    body = {"metadata": {"uid": made["metadata"]["uid"]}, "status": running(made)}
    found = (await api.patch(f"{path}/p/status", body, "strategic-merge")).ok()
    assert found["status"]["podIP"] == "127.1.2.3"
    assert found["status"]["qosClass"] == "BestEffort"
    assert found["status"]["containerStatuses"][0]["ready"] is True
    assert found["status"]["containerStatuses"][0]["lastState"] == {}
    assert {item["type"] for item in found["status"]["conditions"]} == {"PodScheduled", "Ready"}
    for selector in ("status.podIP=127.1.2.3", "status.phase=Running", f"spec.nodeName={node}"):
        listed = (await api.get(path, fieldSelector=selector)).ok()["items"]
        assert [item["metadata"]["name"] for item in listed] == ["p"]


async def test_pod_addresses_stay_in_step(api: KubernetesApi, namespace: str) -> None:
    """`podIP` and `podIPs` say the same, and are addresses."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="nobody"))).ok()
    found: Json = {}
    for body in ({"podIP": "127.1.0.1"}, {"podIP": "127.1.0.2"}, {"podIP": None}):
        found = (await api.patch(f"{path}/p/status", {"status": body})).ok()["status"]
        assert found["podIPs"] == [{"ip": found["podIP"]}]
    assert found["podIP"] == "127.1.0.2"
    answer = await api.patch(f"{path}/p/status", {"status": {"podIP": "nowhere"}})
    assert (answer.status, answer.causes) == (422, [("status.podIPs[0]", "FieldValueInvalid")])


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        pytest.param("Always", 0, 200, id="always restarted"),
        pytest.param("OnFailure", 1, 200, id="restarted after a failure"),
        pytest.param("OnFailure", 0, 422, id="not restarted after success"),
        pytest.param("Never", 1, 422, id="never restarted"),
    ],
)
async def test_pod_container_that_ended_for_good_stays_ended(
    api: KubernetesApi, namespace: str, policy: str, code: int, status: int
) -> None:
    """A status cannot revive what its restart policy leaves dead."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, pod(schedulerName="nobody", restartPolicy=policy))).ok()
    statuses = running(made)["containerStatuses"]
    ended = [item | {"state": {"terminated": {"exitCode": code}}} for item in statuses]
    (await api.patch(f"{path}/p/status", {"status": {"containerStatuses": ended}})).ok()
    answer = await api.patch(f"{path}/p/status", {"status": {"containerStatuses": statuses}})
    assert answer.status == status


async def test_pod_keeps_the_tolerations_that_all_have(api: KubernetesApi, namespace: str) -> None:
    """Taking them away brings them back; others can be added, not changed."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, pod(schedulerName="nobody"))).ok()
    kept = (await api.patch(f"{path}/p", {"spec": {"tolerations": []}})).ok()
    assert kept["spec"]["tolerations"] == made["spec"]["tolerations"]
    more = [*made["spec"]["tolerations"], {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert (await api.patch(f"{path}/p", {"spec": {"tolerations": more}})).ok()["spec"]["tolerations"] == more
    answer = await api.patch(f"{path}/p", {"spec": {"tolerations": made["spec"]["tolerations"]}})
    assert answer.status == 422


async def test_pod_that_names_its_node_is_not_scheduled(api: KubernetesApi, namespace: str) -> None:
    """A pod with a node's name goes there, whether it exists or not."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, pod(nodeName="absent"))).ok()
    assert made["spec"]["nodeName"] == "absent"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


async def test_pod_log_without_node_is_empty(api: KubernetesApi, namespace: str) -> None:
    """There is no log of what does not run yet; a container that is not there is refused."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    (await api.post(path, pod(schedulerName="nobody"))).ok()
    assert (await api.get(f"{path}/p/log")).status == 204
    answer = await api.get(f"{path}/p/log", container="other")
    assert answer.refusal == (400, "BadRequest", "container other is not valid for pod p")


async def test_new_node_is_tainted_until_it_is_ready(api: KubernetesApi, node: str) -> None:
    """A node that says nothing of itself takes no pods."""
    name = f"{node}-silent"
    made = (await api.post("/api/v1/nodes", {"metadata": {"name": name}})).ok()
    assert made["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    (await api.patch(f"/api/v1/nodes/{name}/status", ready, "strategic-merge")).ok()
    await api.until(
        f"/api/v1/nodes/{name}", lambda found: found is not None and not found["spec"].get("taints")
    )
    broken = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    (await api.patch(f"/api/v1/nodes/{name}/status", broken, "strategic-merge")).ok()
    tainted = await api.until(
        f"/api/v1/nodes/{name}", lambda found: len((found or {}).get("spec", {}).get("taints", [])) == 2
    )
    effects = {(taint["key"], taint["effect"]) for taint in tainted["spec"]["taints"]}
    key = "node.kubernetes.io/not-ready"
    assert effects == {(key, "NoSchedule"), (key, "NoExecute")}
    (await api.delete(f"/api/v1/nodes/{name}")).ok()
