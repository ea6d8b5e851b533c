"""Parts of pods that cannot be, beside their containers: said in Kubernetes' own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.manifests import container, pod
from tests.support.wording import Wording, said_by

if TYPE_CHECKING:
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
_ONE = "spec.containers[0]"
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must"
    " start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NO_ADDRESS = 'Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
_SYSCTL = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
_PROFILES = 'supported values: "Localhost", "RuntimeDefault", "Unconfined"'
_GRACE = "terminationGracePeriodSeconds (30)"
_SLEEP = f"{_ONE}.lifecycle.preStop.sleep: Invalid value: 50: must be "
_ENDS = "Forbidden: may not be set for init containers without restartPolicy=Always"
_RESTARTS = 'spec.initContainers[0].restartPolicy: Unsupported value: "x": supported values: "Always"'
_PRIORITY = "must not be provided in pod spec; priority admission controller computed"
_NO_DRIVER = "spec.volumes[0].csi.driver: Required value"
_RESOURCES = ", ".join(
    f'"{kind}.{name}"' for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)


def _volume(**source: Any) -> Json:
    return pod(volumes=[{"name": "v", **source}])


def _security(**context: Any) -> Json:
    return pod(securityContext=context)


def _first(**fields: Any) -> Json:
    return pod(initContainers=[{"name": "first", "image": "x:1", **fields}])


def _node_terms(**term: Any) -> Json:
    return pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(
            pod(hostAliases=[{"ip": "x", "hostnames": ["a"]}]),
            f"spec.hostAliases[0].ip: {_NO_ADDRESS}",
            id="alias of no address",
        ),
        pytest.param(
            pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["-a"]}]),
            f'spec.hostAliases[0].hostnames[0]: Invalid value: "-a": {_SUBDOMAIN}',
            id="alias that is no name",
        ),
        pytest.param(
            pod(dnsPolicy="None"),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
            id="no DNS at all",
        ),
        pytest.param(
            pod(dnsPolicy="None", dnsConfig={"searches": ["example.org"]}),
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when"
            " `dnsPolicy` is None",
            id="no nameserver",
        ),
        pytest.param(
            pod(dnsConfig={"nameservers": ["x"]}),
            f"spec.dnsConfig.nameservers[0]: {_NO_ADDRESS}",
            id="nameserver of no address",
        ),
        pytest.param(
            pod(os={"name": "x"}),
            'spec.os: Unsupported value: "x": supported values: "linux", "windows"',
            id="operating system",
        ),
        pytest.param(
            pod(shareProcessNamespace=True, hostPID=True),
            "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and"
            " HostPID cannot both be enabled",
            id="processes of the pod and of the host",
        ),
        pytest.param(
            pod(schedulingGates=[{"name": "a"}, {"name": "a"}]),
            'spec.schedulingGates[1]: Duplicate value: "a"',
            id="gate twice",
        ),
        pytest.param(
            _node_terms(weight=0, preference={"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
            "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid"
            " value: 0: must be in the range 1-100",
            id="weight of nothing",
        ),
        pytest.param(
            pod(topologySpreadConstraints=[{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "x"}]),
            "[spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero,"
            " spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty,"
            ' spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "x": supported values:'
            ' "DoNotSchedule", "ScheduleAnyway"]',
            id="spread over nothing",
        ),
        pytest.param(
            _security(sysctls=[{"name": "a..b", "value": "1"}]),
            'spec.securityContext.sysctls[0].name: Invalid value: "a..b": must have at most 253 characters'
            f" and match regex {_SYSCTL}",
            id="sysctl",
        ),
        pytest.param(
            pod(
                hostNetwork=True,
                hostIPC=True,
                securityContext={
                    "sysctls": [{"name": name, "value": "1"} for name in ("net.x", "kernel.sem")]
                },
            ),
            '[spec.securityContext.sysctls[0].name: Invalid value: "net.x": may not be specified when'
            " 'hostNetwork' is true, spec.securityContext.sysctls[1].name: Invalid value: \"kernel.sem\": may"
            " not be specified when 'hostIPC' is true]",
            id="sysctls of the host",
        ),
        pytest.param(
            pod(
                hostNetwork=True,
                containers=[{"name": "a", "image": "x:1", "ports": [{"containerPort": 80, "hostPort": 81}]}],
            ),
            f"{_ONE}.ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is"
            " true",
            id="another port of the host",
        ),
        pytest.param(
            _security(supplementalGroups=[-1]),
            "spec.securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647,"
            " inclusive",
            id="group below nothing",
        ),
        pytest.param(
            _security(seccompProfile={"type": "x"}),
            f'spec.securityContext.seccompProfile.type: Unsupported value: "x": {_PROFILES}',
            id="seccomp type",
        ),
        pytest.param(
            _security(seccompProfile={"type": "Localhost"}),
            "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp"
            " type is Localhost",
            id="seccomp without a profile",
        ),
        pytest.param(
            _security(appArmorProfile={"type": "Localhost"}),
            "spec.securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor"
            " type is Localhost",
            id="AppArmor without a profile",
        ),
        pytest.param(
            container(securityContext={"runAsUser": -1}),
            f"{_ONE}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647,"
            " inclusive",
            id="container of nobody",
        ),
        pytest.param(
            pod(
                containers=[
                    {
                        "name": name,
                        "image": "x:1",
                        "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "127.0.0.1"}],
                    }
                    for name in "ab"
                ]
            ),
            'spec.containers[1].ports[0].hostPort: Duplicate value: "TCP/127.0.0.1/80"',
            id="port of the host twice",
        ),
        pytest.param(
            container(envFrom=[{"configMapRef": {"name": "x"}}, {"secretRef": {"name": "A_"}}]),
            f'{_ONE}.envFrom[1].secretRef.name: Invalid value: "A_": {_SUBDOMAIN}',
            id="env from a secret of no name",
        ),
        pytest.param(
            container(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "x"}}}]),
            f'{_ONE}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "x": supported values:'
            f" {_RESOURCES}",
            id="env from no resource",
        ),
        pytest.param(
            container(lifecycle={"preStop": {"sleep": {"seconds": 50}}}),
            Wording(
                f"{_SLEEP}non-negative and less than {_GRACE}",
                oldest=f"{_SLEEP}greater than 0 and less than {_GRACE}. Enable"
                " AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep.",
            ),
            id="sleep beyond the grace",
        ),
        pytest.param(
            container(lifecycle={"postStart": {}}),
            f"{_ONE}.lifecycle.postStart: Required value: must specify a handler type",
            id="hook of nothing",
        ),
        pytest.param(
            container(resources={"limits": {"hugepages-2Mi": "2Mi"}}),
            f"{_ONE}.resources: Forbidden: HugePages require cpu or memory",
            id="huge pages alone",
        ),
        pytest.param(
            container(livenessProbe={"tcpSocket": {"port": 80}, "successThreshold": 2}),
            f"{_ONE}.livenessProbe.successThreshold: Invalid value: 2: must be 1",
            id="liveness that counts",
        ),
        pytest.param(
            container(startupProbe={"exec": {"command": ["a"]}, "initialDelaySeconds": -1}),
            f"{_ONE}.startupProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0",
            id="delay below nothing",
        ),
        pytest.param(
            _first(restartPolicy="x"),
            Wording(f'{_RESTARTS}, "Never", "OnFailure"', oldest=_RESTARTS),
            id="init container's restarts",
        ),
        pytest.param(
            _first(readinessProbe={"tcpSocket": {"port": 1}}),
            f"spec.initContainers[0].readinessProbe: {_ENDS}",
            id="init container with a probe",
        ),
        pytest.param(
            _first(lifecycle={"preStop": {"exec": {"command": ["x"]}}}),
            f"spec.initContainers[0].lifecycle: {_ENDS}",
            id="init container with a hook",
        ),
        pytest.param(
            _volume(nfs={"server": "s", "path": "p"}),
            'spec.volumes[0].nfs.path: Invalid value: "p": must be an absolute path',
            id="relative path of NFS",
        ),
        pytest.param(
            _volume(hostPath={"path": "../x"}),
            "spec.volumes[0].hostPath.path: Invalid value: \"../x\": must not contain '..'",
            id="path of the host that climbs",
        ),
        pytest.param(
            _volume(emptyDir={"sizeLimit": "-1"}),
            "spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource"
            " quantity",
            id="folder below nothing",
        ),
        pytest.param(
            _volume(secret={"secretName": "x", "items": [{"key": "a", "path": "../x"}]}),
            "spec.volumes[0].secret.items[0].path: Invalid value: \"../x\": must not contain '..'",
            id="secret's path that climbs",
        ),
        pytest.param(
            _volume(projected={"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 10}}]}),
            "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 10:"
            " may not specify a duration less than 10 minutes",
            id="token of seconds",
        ),
        pytest.param(
            _volume(downwardAPI={"items": [{"path": "x", "fieldRef": {"fieldPath": "spec.x"}}]}),
            'spec.volumes[0].downwardAPI.fieldRef.fieldPath: Invalid value: "spec.x": error converting'
            " fieldPath: field label not supported: spec.x",
            id="file of an unknown field",
        ),
        pytest.param(
            _volume(downwardAPI={"items": [{"path": "x", "resourceFieldRef": {"resource": "limits.cpu"}}]}),
            "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value",
            id="file of nobody's resource",
        ),
        pytest.param(
            _volume(csi={}),
            Wording(
                _NO_DRIVER,
                oldest=f'[{_NO_DRIVER}, spec.volumes[0].csi.driver: Invalid value: "": {_SUBDOMAIN}]',
            ),
            id="no driver",
        ),
    ],
)
async def test_create_pod_of_wrong_parts_is_refused(
    api: KubernetesApi, namespace: str, minor: int, body: Json, sentence: str | Wording
) -> None:
    """A pod that cannot be is refused with the field, the value and the rule."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body, dryRun="All")
    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.message.removeprefix('Pod "p" is invalid: ') in said_by(minor, sentence)


@pytest.mark.parametrize(
    ("context", "told"),
    [
        pytest.param({"privileged": True}, "`privileged` to true", id="privileged"),
        pytest.param(
            {"capabilities": {"add": ["CAP_SYS_ADMIN"]}}, "`capabilities.Add` CAP_SYS_ADMIN", id="capability"
        ),
    ],
)
async def test_create_container_that_must_not_escalate_and_has_all_is_refused(
    api: KubernetesApi, namespace: str, minor: int, context: Json, told: str
) -> None:
    """What contradicts itself is shown in full, in the newest version as JSON."""
    body = container(securityContext={**context, "allowPrivilegeEscalation": False})
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", body, dryRun="All")
    assert (answer.status, answer.causes) == (422, [(f"{_ONE}.securityContext", "FieldValueInvalid")])
    assert answer.message.endswith(f"cannot set `allowPrivilegeEscalation` to false and {told}")
    shown = answer.message.partition("Invalid value: ")[2]
    assert shown.startswith(
        said_by(minor, Wording('{"Capabilities":', oldest="core.SecurityContext{Capabilities:"))
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param(
            {"runtimeClassName": "gvisor"},
            'pod rejected: RuntimeClass "gvisor" not found',
            id="runtime that is not there",
        ),
        pytest.param(
            {"priority": 5},
            f"the integer value of priority (5) {_PRIORITY} 0 from the given PriorityClass name",
            id="priority of one's own",
        ),
        pytest.param(
            {"preemptionPolicy": "Never"},
            f"the string value of PreemptionPolicy (Never) {_PRIORITY} PreemptLowerPriority from the given"
            " PriorityClass name",
            id="preemption of one's own",
        ),
        pytest.param(
            {"priorityClassName": "x"}, "no PriorityClass with name x was found", id="class that is not there"
        ),
    ],
)
async def test_create_pod_that_the_cluster_does_not_know_is_forbidden(
    api: KubernetesApi, namespace: str, fields: Json, sentence: str
) -> None:
    """What is the cluster's to say is not taken from a pod."""
    answer = await api.post(f"/api/v1/namespaces/{namespace}/pods", pod(**fields), dryRun="All")
    assert answer.refusal == (403, "Forbidden", f'pods "p" is forbidden: {sentence}')


async def test_pod_with_gates_waits_for_them(api: KubernetesApi, namespace: str) -> None:
    """A gated pod says so from the beginning."""
    made = await api.post(f"/api/v1/namespaces/{namespace}/pods", pod(schedulingGates=[{"name": "a/b"}]))
    (condition,) = made.ok()["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "False")
    assert condition["reason"] == "SchedulingGated"
    assert condition["message"] == "Scheduling is blocked due to non-empty scheduling gates"


async def test_pod_of_no_grace_gets_a_second(api: KubernetesApi, namespace: str) -> None:
    """A grace below nothing is the least that there is."""
    body = pod(terminationGracePeriodSeconds=-1, imagePullSecrets=[{}])
    made = (await api.post(f"/api/v1/namespaces/{namespace}/pods", body)).ok()
    assert made["spec"]["terminationGracePeriodSeconds"] == 1
