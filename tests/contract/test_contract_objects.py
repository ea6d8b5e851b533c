"""Objects go in and out as the API promises: names, versions, defaults, conflicts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import claim, config_map, container, pod
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_CANNOT = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
_OPERATION = 'Operation cannot be fulfilled on configmaps "a": '
_TRY_AGAIN = "please apply your changes to the latest version and try again"


async def test_create_object_has_identity_of_its_own(api: KubernetesApi, namespace: str) -> None:
    """A new object carries a uid, a creation time, its namespace and a resourceVersion."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a"))
    metadata = answer.body["metadata"]
    assert answer.status == 201
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMap", "v1")
    assert (metadata["name"], metadata["namespace"]) == ("a", namespace)
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert int(metadata["resourceVersion"]) > 0


async def test_create_server_owned_metadata_is_ignored(api: KubernetesApi, namespace: str) -> None:
    """A caller cannot choose uid, creation time or deletion time."""
    given = config_map(
        "a", uid="mine", creationTimestamp="2001-01-01T00:00:00Z", deletionTimestamp="2001-01-01T00:00:00Z"
    )
    metadata = (await api.post(f"/api/v1/namespaces/{namespace}/configmaps", given)).ok()["metadata"]
    assert metadata["uid"] != "mine"
    assert not metadata["creationTimestamp"].startswith("2001")
    assert "deletionTimestamp" not in metadata


async def test_create_generate_name_appends_five_characters(api: KubernetesApi, namespace: str) -> None:
    """`generateName` gives a name that nobody else has."""
    body = {"metadata": {"generateName": "made-"}}
    made = (await api.post(f"/api/v1/namespaces/{namespace}/configmaps", body)).ok()
    assert re.fullmatch(r"made-[a-z0-9]{5}", made["metadata"]["name"])


async def test_create_pod_defaults_are_written(api: KubernetesApi, namespace: str) -> None:
    """A pod that says little is stored with everything that its readers count on."""
    given = container(
        ports=[{"containerPort": 8888}],
        resources={"limits": {"memory": "1024Mi", "cpu": 0.5}},
        env=[{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        readinessProbe={"httpGet": {"port": 8888}},
    )
    given["spec"]["volumes"] = [{"name": "s", "secret": {"secretName": "x"}}, {"name": "e", "emptyDir": {}}]
    given["spec"]["automountServiceAccountToken"] = False
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", given)).ok()
    spec, only = made["spec"], made["spec"]["containers"][0]
    assert made["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    assert only["resources"] == {
        "limits": {"memory": "1Gi", "cpu": "500m"},
        "requests": {"memory": "1Gi", "cpu": "500m"},
    }
    assert only["ports"] == [{"containerPort": 8888, "protocol": "TCP"}]
    assert only["env"][0]["valueFrom"]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "spec.nodeName"}
    assert only["readinessProbe"] == {
        "httpGet": {"path": "/", "port": 8888, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert only["imagePullPolicy"] == "IfNotPresent"
    assert (only["terminationMessagePath"], only["terminationMessagePolicy"]) == (
        "/dev/termination-log",
        "File",
    )
    assert spec["volumes"] == [
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
        {"name": "e", "emptyDir": {}},
    ]
    expected = {
        "automountServiceAccountToken": False,
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {
                "effect": "NoExecute",
                "key": f"node.kubernetes.io/{condition}",
                "operator": "Exists",
                "tolerationSeconds": 300,
            }
            for condition in ("not-ready", "unreachable")
        ],
    }
    assert {key: spec[key] for key in spec if key not in ("containers", "volumes")} == expected


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        pytest.param("example.org/a", "Always", id="no tag"),
        pytest.param("example.org:5000/a", "Always", id="a port is no tag"),
        pytest.param("example.org/a:latest", "Always", id="latest"),
        pytest.param("example.org/a:1", "IfNotPresent", id="a tag"),
        pytest.param("example.org/a@sha256:" + "0" * 64, "IfNotPresent", id="a digest"),
    ],
)
async def test_create_pod_pull_policy_follows_the_tag(
    api: KubernetesApi, namespace: str, image: str, policy: str
) -> None:
    """Only images that can change under their name are always pulled."""
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", container(image=image))).ok()
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        pytest.param("1024Mi", "1Gi", id="larger suffix"),
        pytest.param("1.5Gi", "1536Mi", id="no fraction"),
        pytest.param(1073741824, "1073741824", id="a number stays decimal"),
        pytest.param("2000M", "2G", id="decimal suffix"),
        pytest.param("1e9", "1e9", id="exponent"),
        pytest.param("500", "500", id="below 1 Ki"),
        pytest.param("0.5Ki", "512", id="half a Ki"),
        pytest.param("1000m", "1", id="milli"),
    ],
)
async def test_create_quantity_is_stored_in_canonical_form(
    api: KubernetesApi, namespace: str, given: Any, stored: str
) -> None:
    """A quantity comes back as Kubernetes writes it, whatever way it was spelled."""
    body = container(resources={"limits": {"memory": given}})
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", body)).ok()
    assert made["spec"]["containers"][0]["resources"]["limits"]["memory"] == stored


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        pytest.param({}, "BestEffort", id="nothing"),
        pytest.param({"requests": {"cpu": "1"}}, "Burstable", id="a request"),
        pytest.param({"limits": {"memory": "1Gi"}}, "Burstable", id="one limit"),
        pytest.param({"limits": {"memory": "1Gi", "cpu": "1"}}, "Guaranteed", id="both limits"),
        pytest.param(
            {"limits": {"memory": "1Gi", "cpu": "1"}, "requests": {"cpu": "500m"}},
            "Burstable",
            id="lower request",
        ),
        pytest.param({"limits": {"nvidia.com/gpu": 1}}, "BestEffort", id="a device"),
    ],
)
async def test_create_pod_quality_class_follows_resources(
    api: KubernetesApi, namespace: str, resources: Json, quality: str
) -> None:
    """`qosClass` says how a pod fares when a node runs short."""
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", container(resources=resources))).ok()
    assert made["status"]["qosClass"] == quality


async def test_create_secret_string_data_becomes_data(api: KubernetesApi, namespace: str) -> None:
    """`stringData` is stored encoded and wins over `data`."""
    body = {"metadata": {"name": "s"}, "data": {"a": "eA==", "b": "eQ=="}, "stringData": {"b": "new"}}
    made = (await api.post(f"/api/v1/namespaces/{namespace}/secrets", body)).ok()
    assert made["data"] == {"a": "eA==", "b": "bmV3"}
    assert "stringData" not in made
    assert made["type"] == "Opaque"


async def test_create_claim_is_pending_and_protected(api: KubernetesApi, namespace: str) -> None:
    """A new claim waits for a volume, and cannot vanish under a pod."""
    made = (await api.post(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", claim())).ok()
    assert made["status"] == {"phase": "Pending"}
    assert made["spec"]["volumeMode"] == "Filesystem"
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


async def test_create_namespace_is_active_and_labelled(api: KubernetesApi, namespace: str) -> None:
    """A namespace carries its own name as a label, and Kubernetes' finalizer."""
    found = (await api.get(f"/api/v1/namespaces/{namespace}")).ok()
    assert found["status"] == {"phase": "Active"}
    assert found["metadata"]["labels"]["kubernetes.io/metadata.name"] == namespace
    assert found["spec"] == {"finalizers": ["kubernetes"]}


async def test_create_empty_fields_are_left_out(api: KubernetesApi, namespace: str) -> None:
    """Null, empty lists and empty maps are stored as nothing, a false that somebody wrote is kept."""
    given = pod(
        nodeSelector={}, imagePullSecrets=[], affinity=None, hostNetwork=False, enableServiceLinks=False
    )
    given["metadata"] |= {"labels": {}, "annotations": None}
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", given)).ok()
    assert not {"nodeSelector", "imagePullSecrets", "affinity", "hostNetwork"} & set(made["spec"])
    assert made["spec"]["enableServiceLinks"] is False
    assert not {"labels", "annotations"} & set(made["metadata"])


async def test_create_dry_run_stores_nothing(api: KubernetesApi, namespace: str) -> None:
    """`dryRun=All` answers as if, and changes nothing."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = await api.post(path, config_map("dry"), dryRun="All")
    assert (made.status, made.body["metadata"]["name"]) == (201, "dry")
    assert (await api.get(f"{path}/dry")).status == 404


async def test_unknown_field_is_warned_of(api: KubernetesApi, namespace: str) -> None:
    """A field that does not exist is dropped and told in a warning."""
    body = pod()
    body["spec"]["containers"][0]["imege"] = "x"
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body)
    assert answer.status == 201
    assert answer.warnings == ('299 - "unknown field \\"spec.containers[0].imege\\""',)
    assert "imege" not in answer.body["spec"]["containers"][0]


async def test_unknown_field_strict_is_refused(api: KubernetesApi, namespace: str) -> None:
    """With `fieldValidation=Strict` an unknown or repeated field is an error."""
    body = pod()
    body["spec"]["nope"] = 1
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body, fieldValidation="Strict")
    assert answer.refusal == (
        400,
        "BadRequest",
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nope"',
    )
    twice = b'{"metadata": {"name": "a", "name": "b"}, "data": {}}'
    answer = await api.post(f"/api/v1/namespaces/{namespace}/configmaps", twice, fieldValidation="Strict")
    assert answer.refusal == (
        400,
        "BadRequest",
        _CANNOT + 'strict decoding error: duplicate field "metadata.name"',
    )


async def test_unknown_field_ignored_is_silent(api: KubernetesApi, namespace: str) -> None:
    """With `fieldValidation=Ignore` nothing is told."""
    body = config_map("a") | {"nope": 1}
    answer = await api.post(f"/api/v1/namespaces/{namespace}/configmaps", body, fieldValidation="Ignore")
    assert (answer.status, answer.warnings) == (201, ())


async def test_update_replaces_and_moves_the_version(api: KubernetesApi, namespace: str) -> None:
    """A PUT replaces the object; what it leaves out is gone."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = (await api.post(path, config_map("a", labels={"x": "1"}))).ok()
    answer = await api.put(f"{path}/a", {"metadata": {"name": "a"}, "data": {"new": "1"}})
    assert answer.status == 200
    assert answer.body["data"] == {"new": "1"}
    assert "labels" not in answer.body["metadata"]
    assert answer.body["metadata"]["uid"] == made["metadata"]["uid"]
    assert int(answer.body["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_update_without_change_keeps_the_version(api: KubernetesApi, namespace: str) -> None:
    """Writing what is there already is no change: no watcher hears of it."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = (await api.post(path, config_map("a"))).ok()
    again = (await api.put(f"{path}/a", made)).ok()
    patched = (await api.patch(f"{path}/a", {"data": {"key": "value"}})).ok()
    versions = {body["metadata"]["resourceVersion"] for body in (made, again, patched)}
    assert len(versions) == 1


async def test_update_stale_version_is_a_conflict(api: KubernetesApi, namespace: str) -> None:
    """An update that was made from an older version is refused, by PUT and by PATCH."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    made = (await api.post(path, config_map("a"))).ok()
    (await api.patch(f"{path}/a", {"data": {"other": "1"}})).ok()
    expected = (
        409,
        "Conflict",
        _OPERATION + "the object has been modified; " + _TRY_AGAIN,
    )
    assert (await api.put(f"{path}/a", made | {"data": {}})).refusal == expected
    version = {"resourceVersion": made["metadata"]["resourceVersion"]}
    assert (await api.patch(f"{path}/a", {"metadata": version, "data": {"x": "1"}})).refusal == expected


async def test_update_of_another_uid_is_a_conflict(api: KubernetesApi, namespace: str) -> None:
    """A PUT meant for an object that is gone does not hit its successor."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = (await api.post(path, config_map("a"))).ok()["metadata"]["uid"]
    key = f"/registry/configmaps/{namespace}/a"
    told = f"UID in precondition: other, UID in object meta: {uid}"
    why = f"AdditionalErrorMsg: Precondition failed: {told}"
    answer = await api.put(f"{path}/a", config_map("a", uid="other"))
    assert answer.refusal == (
        409,
        "Conflict",
        _OPERATION + f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, {why}",
    )


async def test_status_update_leaves_the_spec(api: KubernetesApi, namespace: str) -> None:
    """A write to `status` changes the status only, a write to the object leaves the status."""
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    made = (await api.post(path, claim())).ok()
    changed = made | {"status": {"phase": "Lost"}, "spec": made["spec"] | {"volumeName": "v"}}
    after = (await api.put(f"{path}/c/status", changed)).ok()
    assert after["status"]["phase"] == "Lost"
    assert "volumeName" not in after["spec"]
    labelled = {"metadata": {"labels": {"a": "1"}}, "status": {"phase": "Bound"}}
    after = (await api.patch(f"{path}/c", labelled)).ok()
    assert after["status"]["phase"] != "Bound"
    assert after["metadata"]["labels"] == {"a": "1"}


async def test_generation_counts_changes_of_the_spec(api: KubernetesApi, namespace: str, minor: int) -> None:
    """A pod's generation moves with its spec, not with its labels or status; old versions give it none."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = (await api.post(path, pod())).ok()
    labelled = (await api.patch(f"{path}/p", {"metadata": {"labels": {"a": "1"}}})).ok()
    patch = {"spec": {"containers": [{"name": "notebook", "image": "example.org/notebook:2"}]}}
    changed = (await api.patch(f"{path}/p", patch, "strategic-merge")).ok()
    generations = [body["metadata"].get("generation") for body in (made, labelled, changed)]
    assert generations in said_by(minor, Wording([1, 1, 2], oldest=[None, None, None]))


async def test_update_lease_needs_a_version(api: KubernetesApi, namespace: str) -> None:
    """A lease is only replaced by somebody who has seen it; a PUT to a free name makes one."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    body: Json = {
        "metadata": {"name": "l"},
        "spec": {"holderIdentity": "me", "renewTime": "2026-01-01T00:00:00.500000Z"},
    }
    made = await api.put(f"{path}/l", body)
    assert made.status == 201
    assert made.body["spec"]["renewTime"] == "2026-01-01T00:00:00.500000Z"
    answer = await api.put(f"{path}/l", body)
    assert (answer.status, answer.causes) == (422, [("metadata.resourceVersion", "FieldValueInvalid")])
    body["metadata"]["resourceVersion"] = made.body["metadata"]["resourceVersion"]
    body["spec"]["holderIdentity"] = "you"
    assert (await api.put(f"{path}/l", body)).ok()["spec"]["holderIdentity"] == "you"


async def test_put_to_a_free_name_is_not_found(api: KubernetesApi, namespace: str) -> None:
    """Most kinds are not created by PUT."""
    answer = await api.put(f"/api/v1/namespaces/{namespace}/configmaps/a", config_map("a"))
    assert answer.refusal == (404, "NotFound", 'configmaps "a" not found')


async def test_service_gets_an_address_and_keeps_it(api: KubernetesApi, namespace: str) -> None:
    """A service has an address of its own for life, unless it wants none."""
    path = f"/api/v1/namespaces/{namespace}/services"
    ports = [{"port": 80}]
    made = (await api.post(path, {"metadata": {"name": "s"}, "spec": {"ports": ports}})).ok()
    spec = made["spec"]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert {key: spec[key] for key in spec if key not in ("clusterIP", "clusterIPs", "ports")} == {
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    assert made["status"] == {"loadBalancer": {}}
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 81}]}}
    assert (await api.put(f"{path}/s", body)).ok()["spec"]["clusterIP"] == spec["clusterIP"]
    body = {"metadata": {"name": "n"}, "spec": {"clusterIP": "None", "selector": {"a": "b"}}}
    assert (await api.post(path, body)).ok()["spec"]["clusterIPs"] == ["None"]
