"""Pod Security: what a namespace's labels let in, word for word."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.support.manifests import pod
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.backends import Backend
    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
pytestmark = pytest.mark.asyncio(loop_scope="module")

_ENFORCE = "pod-security.kubernetes.io/enforce"
_WARN = "pod-security.kubernetes.io/warn"
_CLOSED: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_NON_ROOT: Json = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@dataclass(frozen=True)
class Secured:
    """A cluster with a namespace of each level."""

    api: KubernetesApi
    prefix: str

    async def create(self, level: str, body: Json) -> Any:
        """Ask for a pod, without keeping it."""
        path = f"/api/v1/namespaces/{self.prefix}-{level}/pods"
        return await self.api.post(path, body, dryRun="All")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(backend: Backend) -> AsyncIterator[Secured]:
    """Give namespaces that are made with their labels, so that these hold at once."""
    prefix = f"contract-{secrets.token_hex(4)}"
    async with backend.api() as api:
        for level in ("baseline", "restricted"):
            name = f"{prefix}-{level}"
            metadata = {"name": name, "labels": {_ENFORCE: level}}
            (await api.post("/api/v1/namespaces", {"metadata": metadata})).ok()
            await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
        yield Secured(api, prefix)
        for level in ("baseline", "restricted"):
            await api.delete(f"/api/v1/namespaces/{prefix}-{level}")


def closed_pod(*, container: Json | None = None, **spec: Any) -> Json:
    """Give a pod that the strictest level takes, with changes of its spec and of its one container."""
    made = pod(**{"securityContext": _NON_ROOT, **spec})
    made["spec"]["containers"][0] |= {"securityContext": _CLOSED, **(container or {})}
    return made


def _context(**changes: Any) -> Json:
    return closed_pod(container={"securityContext": {**_CLOSED, **changes}})


def _pod_context(**changes: Any) -> Json:
    return closed_pod(securityContext={**_NON_ROOT, **changes})


def _volume(**source: Any) -> Json:
    return closed_pod(volumes=[{"name": "v", **source}])


def _annotated(body: Json, **annotations: str) -> Json:
    return {**body, "metadata": {**body["metadata"], "annotations": annotations}}


_INIT = {"name": "first", "image": "example.org/notebook:1"}
BOTH = ("baseline", "restricted")
TOO_OPEN = [
    pytest.param(
        pod(),
        'allowPrivilegeEscalation != false (container "notebook" must set'
        " securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container"
        ' "notebook" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or'
        ' container "notebook" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container'
        ' "notebook" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
        ("restricted",),
        id="nothing is said",
    ),
    pytest.param(
        closed_pod(initContainers=[_INIT], securityContext={}),
        'allowPrivilegeEscalation != false (container "first" must set'
        " securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container"
        ' "first" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or'
        ' containers "first", "notebook" must set securityContext.runAsNonRoot=true), seccompProfile (pod or'
        ' containers "first", "notebook" must set securityContext.seccompProfile.type to "RuntimeDefault" or'
        ' "Localhost")',
        ("restricted",),
        id="init container",
    ),
    pytest.param(
        closed_pod(hostNetwork=True, hostPID=True, hostIPC=True),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
        BOTH,
        id="namespaces of the node",
    ),
    pytest.param(
        closed_pod(container={"ports": [{"containerPort": 80, "hostPort": 8080}]}),
        'hostPort (container "notebook" uses hostPort 8080)',
        BOTH,
        id="port of the node",
    ),
    pytest.param(
        _context(privileged=True, allowPrivilegeEscalation=True),
        'privileged (container "notebook" must not set securityContext.privileged=true),'
        ' allowPrivilegeEscalation != false (container "notebook" must set'
        " securityContext.allowPrivilegeEscalation=false)",
        ("restricted",),
        id="privileged",
    ),
    pytest.param(
        _pod_context(seLinuxOptions={"type": "spc_t", "user": "u", "role": "r"}),
        'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set;'
        " role may not be set)",
        BOTH,
        id="SELinux",
    ),
    pytest.param(
        _pod_context(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
        "forbidden sysctls (kernel.msgmax)",
        BOTH,
        id="kernel setting",
    ),
    pytest.param(
        _context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN", "NET_BIND_SERVICE", "CHOWN"]}),
        'unrestricted capabilities (container "notebook" must not include "CHOWN", "SYS_ADMIN" in'
        " securityContext.capabilities.add)",
        ("restricted",),
        id="capabilities added",
    ),
    pytest.param(
        _context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN", "CHOWN"]}),
        'non-default capabilities (container "notebook" must not include "SYS_ADMIN" in'
        " securityContext.capabilities.add)",
        ("baseline",),
        id="capabilities beyond the default",
    ),
    pytest.param(
        _context(capabilities={"drop": ["NET_RAW"]}),
        'unrestricted capabilities (container "notebook" must set securityContext.capabilities.drop=["ALL"])',
        ("restricted",),
        id="capabilities kept",
    ),
    pytest.param(
        _volume(hostPath={"path": "/"}),
        'restricted volume types (volume "v" uses restricted volume type "hostPath")',
        ("restricted",),
        id="disk of the node",
    ),
    pytest.param(
        _volume(hostPath={"path": "/"}),
        'hostPath volumes (volume "v")',
        ("baseline",),
        id="disk of the node, at baseline",
    ),
    pytest.param(
        _volume(nfs={"server": "nfs", "path": "/"}),
        'restricted volume types (volume "v" uses restricted volume type "nfs")',
        ("restricted",),
        id="volume of a server",
    ),
    pytest.param(
        _pod_context(runAsNonRoot=False),
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
        ("restricted",),
        id="root allowed by the pod",
    ),
    pytest.param(
        _context(runAsNonRoot=False),
        'runAsNonRoot != true (container "notebook" must not set securityContext.runAsNonRoot=false)',
        ("restricted",),
        id="root allowed by a container",
    ),
    pytest.param(
        _pod_context(runAsUser=0),
        "runAsUser=0 (pod must not set runAsUser=0)",
        ("restricted",),
        id="root of the pod",
    ),
    pytest.param(
        _context(runAsUser=0),
        'runAsUser=0 (container "notebook" must not set runAsUser=0)',
        ("restricted",),
        id="root of a container",
    ),
    pytest.param(
        _pod_context(seccompProfile={"type": "Unconfined"}),
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
        BOTH,
        id="seccomp of the pod",
    ),
    pytest.param(
        _context(seccompProfile={"type": "Unconfined"}),
        'seccompProfile (container "notebook" must not set securityContext.seccompProfile.type to'
        ' "Unconfined")',
        BOTH,
        id="seccomp of a container",
    ),
    pytest.param(
        closed_pod(hostNetwork=True, securityContext={**_NON_ROOT, "windowsOptions": {"hostProcess": True}}),
        "host namespaces (hostNetwork=true), hostProcess (pod must not set"
        " securityContext.windowsOptions.hostProcess=true)",
        BOTH,
        id="process of a Windows node",
    ),
]


@pytest.mark.parametrize(("body", "told", "levels"), TOO_OPEN)
async def test_pod_that_a_level_forbids_is_refused_with_every_reason(
    secured: Secured, body: Json, told: str, levels: tuple[str, ...]
) -> None:
    """The refusal names the level and, for each check in order, who says what."""
    for level in levels:
        answer = await secured.create(level, body)
        sentence = f'pods "p" is forbidden: violates PodSecurity "{level}:latest": {told}'
        assert answer.refusal == (403, "Forbidden", sentence)


CLOSED = [
    pytest.param(closed_pod(), id="everything said"),
    pytest.param(_context(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}), id="low ports"),
    pytest.param(_pod_context(sysctls=[{"name": "net.ipv4.tcp_rmem", "value": "1 2 3"}]), id="safe sysctl"),
    pytest.param(_pod_context(seLinuxOptions={"type": "container_t", "level": "s0"}), id="SELinux level"),
    pytest.param(_pod_context(seccompProfile={"type": "Localhost", "localhostProfile": "p"}), id="seccomp"),
    pytest.param(_volume(emptyDir={"medium": "Memory"}), id="memory as a volume"),
    pytest.param(_volume(persistentVolumeClaim={"claimName": "home"}), id="claim"),
    pytest.param(_volume(configMap={"name": "c"}), id="config map"),
    pytest.param(_volume(secret={"secretName": "s"}), id="secret"),
    pytest.param(
        closed_pod(
            container={
                "securityContext": {**_CLOSED, **_NON_ROOT, "seccompProfile": {"type": "RuntimeDefault"}}
            },
            securityContext={},
        ),
        id="said by the container alone",
    ),
]


@pytest.mark.parametrize("body", CLOSED)
async def test_pod_that_says_everything_is_taken_without_a_warning(secured: Secured, body: Json) -> None:
    """The strictest level takes what keeps to it."""
    answer = await secured.create("restricted", body)
    assert (answer.status, answer.message, answer.warnings) == (201, "", ())


async def test_ordinary_pod_is_taken_at_baseline_and_warned_of_nothing(secured: Secured) -> None:
    """A namespace warns as strictly as it enforces, where its labels do not say otherwise."""
    answer = await secured.create("baseline", pod())
    assert (answer.status, answer.warnings) == (201, ())


async def test_host_of_a_probe_is_refused_from_1_34_on(secured: Secured, minor: int) -> None:
    """The node would send the request past every network policy; older API servers do not look."""
    probe = {"readinessProbe": {"httpGet": {"port": 80, "host": "metadata"}}}
    answer = await secured.create("restricted", closed_pod(container=probe))
    if minor < 34:
        assert answer.status == 201
        return
    told = 'probe or lifecycle host (container "notebook" uses probe or lifecycle host "metadata")'
    sentence = f'pods "p" is forbidden: violates PodSecurity "restricted:latest": {told}'
    assert answer.refusal == (403, "Forbidden", sentence)


@pytest.mark.parametrize("level", BOTH)
@pytest.mark.parametrize(
    ("body", "who"),
    [
        pytest.param(_pod_context(appArmorProfile={"type": "Unconfined"}), "pod", id="pod"),
        pytest.param(
            _context(appArmorProfile={"type": "Unconfined"}), 'container "notebook"', id="container"
        ),
    ],
)
async def test_pod_without_apparmor_is_refused(
    secured: Secured, minor: int, level: str, body: Json, who: str
) -> None:
    """1.32 writes the older annotation beside the field, and tells of both."""
    answer = await secured.create(level, body)
    told = f'forbidden AppArmor profile ({who} must not set AppArmor profile type to "Unconfined")'
    if minor < 34:
        note = '"container.apparmor.security.beta.kubernetes.io/notebook="unconfined""'
        told = f"forbidden AppArmor profiles ({who} and annotation must not set AppArmor profile type to"
        told += f' "Unconfined", {note})'
    sentence = f'pods "p" is forbidden: violates PodSecurity "{level}:latest": {told}'
    assert answer.refusal == (403, "Forbidden", sentence)


async def test_unmasked_proc_is_refused_from_1_35_on(secured: Secured, minor: int) -> None:
    """At baseline a user namespace excuses it, at restricted nothing does; 1.32 does not know the field."""
    body = closed_pod(container={"securityContext": {**_CLOSED, "procMount": "Unmasked"}}, hostUsers=False)
    assert (await secured.create("baseline", body)).status == 201
    answer = await secured.create("restricted", body)
    if minor < 33:
        assert answer.status == 201
        return
    told = 'procMount (container "notebook" must not set securityContext.procMount to "Unmasked")'
    sentence = f'pods "p" is forbidden: violates PodSecurity "restricted:latest": {told}'
    assert answer.refusal == (403, "Forbidden", sentence)


async def test_user_namespace_excuses_root_from_1_35_on(secured: Secured, minor: int) -> None:
    """Root of a user namespace is nobody on the node; older API servers do not take that into account."""
    context = {**_NON_ROOT, "runAsNonRoot": False, "runAsUser": 0}
    answer = await secured.create("restricted", closed_pod(hostUsers=False, securityContext=context))
    is_excused = minor >= 35
    assert answer.status == (201 if is_excused else 403)


def _text(warning: str) -> str:
    """Give what a `Warning` header says: code, agent and the text in quotes."""
    text: str = json.loads(warning.split(" ", 2)[2])
    return text


async def test_namespace_that_warns_takes_the_pod_and_says_what_is_wrong(
    secured: Secured,
) -> None:
    """`warn` is told in a header; `audit` reaches nobody here."""
    name = f"{secured.prefix}-warns"
    labels = {_WARN: "baseline", "pod-security.kubernetes.io/audit": "restricted"}
    (await secured.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})).ok()
    await secured.api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    answer = await secured.create("warns", pod(hostNetwork=True))
    told = 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    assert (answer.status, [_text(warning) for warning in answer.warnings]) == (201, [told])
    await secured.api.delete(f"/api/v1/namespaces/{name}")


async def test_namespace_with_a_level_that_does_not_exist_is_invalid(secured: Secured) -> None:
    """A misspelt level is found when it is written, not when a pod comes."""
    name = f"{secured.prefix}-wrong"
    labels = {_ENFORCE: "strict", f"{_ENFORCE}-version": "1.30"}
    answer = await secured.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    told = (
        f'[metadata.labels[{_ENFORCE}]: Invalid value: "strict": must be one of privileged, baseline,'
        f' restricted, metadata.labels[{_ENFORCE}-version]: Invalid value: "1.30": must be "latest" or'
        ' "v1.x"]'
    )
    assert answer.refusal == (422, "Invalid", f'Namespace "{name}" is invalid: {told}')


async def test_stricter_label_warns_of_the_pods_that_are_there(secured: Secured) -> None:
    """Who tightens a namespace learns which pods would not come back; they run on."""
    api, name = secured.api, f"{secured.prefix}-tightened"
    (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", bool)
    for body in (pod("b", hostNetwork=True), pod("a", hostNetwork=True), closed_pod()):
        (await api.post(f"/api/v1/namespaces/{name}/pods", body)).ok()
    told = [
        f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 1 other pod): host namespaces",
    ]

    async def warns_of_both() -> bool:
        # The admission plugin learns of pods a moment late.
        space, labels = f"/api/v1/namespaces/{name}", {_ENFORCE: "baseline"}
        (await api.patch(space, {"metadata": {"labels": {_ENFORCE: None}}})).ok()
        answer = await api.patch(space, {"metadata": {"labels": labels}})
        answer.ok()
        return [_text(warning) for warning in answer.warnings] == told

    await eventually(warns_of_both)
    assert len((await api.get(f"/api/v1/namespaces/{name}/pods")).ok()["items"]) == 3
    await api.delete(f"/api/v1/namespaces/{name}")
