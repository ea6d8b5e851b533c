"""The fleet that a benchmark looks at: namespaces, fake nodes, and pods as team servers' pods look.

A pod carries what KnadaSpawner gives one: labels, annotations, 32 variables, resources, a mounted home. With
the managed fields that the API server adds and kwok's status it is as large as in a real cluster: 10 kB.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.kubernetes.fake_nodes import ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
ACCOUNT_NAMESPACE: Final = "hub"
"""Where the hubs' service accounts are."""
ALL: Final = "everywhere"
"""Account with a ClusterRole: one watch can serve all namespaces."""
EACH: Final = "team-by-team"
"""Account with a Role in each team's namespace: a watch for each."""
IDENTITIES: Final = {
    "admin": "admin,system:masters",
    **{account: f"system:serviceaccount:{ACCOUNT_NAMESPACE}:{account}" for account in (ALL, EACH)},
}
IMAGE: Final = "ghcr.io/example/jupyter-datascience:2026-11-01"
_NODES: Final = 10
_AT_ONCE: Final = 24
"""Requests of the set-up that are on their way together."""
_RULES: Final = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "create", "delete"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get", "list", "create"]},
]
_NAMESPACES: Final = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"]}
"""Stock alone needs it: with one reflector for all namespaces it makes that of a server before each start."""
_STEPS: Final = (
    ("Scheduled", "default-scheduler", "Successfully assigned {where} to {node}"),
    (
        "Pulled",
        "kubelet",
        f'Container image "{IMAGE}" already present on machine and can be accessed by the pod',
    ),
    ("Created", "kubelet", "Container created"),
    ("Started", "kubelet", "Container started"),
)
"""Reason, source and message of the events of a good start, as a kubelet 1.36 writes them."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """How much there is."""

    pods: int
    namespaces: int
    events: int = len(_STEPS)
    """Of each pod: 0 to 4."""
    port: int = 8888
    """On which their servers are said to listen."""

    def namespace_names(self) -> list[str]:
        """Give the teams' namespaces."""
        return [f"team-{number:04}" for number in range(self.namespaces)]

    def places(self) -> Iterable[tuple[str, str]]:
        """Give namespace and user of each pod; the namespaces in turn, so that all get as many."""
        names = self.namespace_names()
        return ((names[number % len(names)], f"u{number:06}") for number in range(self.pods))


def build_pod(namespace: str, user: str, node: str, port: int = 8888) -> Json:
    """Build a user's pod that is on its node already: a scheduler takes a minute for 3,000."""
    owner = {"hub.jupyter.org/username": user, "knada.nav.no/user": user, "knada.nav.no/team": namespace}
    labels = {
        **owner,
        "app": "jupyterhub",
        "app.kubernetes.io/component": "singleuser-server",
        "app.kubernetes.io/managed-by": "kubespawner",
        "app.kubernetes.io/name": "jupyterhub",
        "component": "singleuser-server",
        "heritage": "jupyterhub",
        "hub.jupyter.org/network-access-hub": "true",
        "hub.jupyter.org/servername": "",
        "team": namespace,
    }
    annotations = {**owner, "allowlist": "db.example.org:5432,pypi.org:443,github.com:443"}
    container = {
        "name": "notebook",
        "image": IMAGE,
        "env": [{"name": name, "value": value} for name, value in _variables(namespace, user, port).items()],
        "ports": [{"containerPort": port, "name": "notebook-port"}],
        "resources": {
            "limits": {"cpu": "1", "memory": "10737418240"},
            "requests": {"cpu": "100m", "memory": "1073741824"},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "runAsUser": 1000},
        "volumeMounts": [
            {"mountPath": "/home/jovyan", "name": "home"},
            {"mountPath": "/dev/shm", "name": "shared-memory"},
        ],
    }
    return {
        "metadata": {"name": f"jupyter-{user}", "labels": labels, "annotations": annotations},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "containers": [container],
            "restartPolicy": "OnFailure",
            "securityContext": {"fsGroup": 100, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {"name": "home", "persistentVolumeClaim": {"claimName": f"home-{user}--{namespace}"}},
                {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
            ],
        },
    }


def _variables(team: str, user: str, port: int) -> dict[str, str]:
    scopes = f'["access:servers!server={user}/", "access:servers!user={user}"]'
    return {
        "CPU_GUARANTEE": "0.1",
        "CPU_LIMIT": "1.0",
        "JPY_API_TOKEN": "0" * 32,
        "JUPYTERHUB_ACTIVITY_URL": f"http://hub:8081/hub/api/users/{user}/activity",
        "JUPYTERHUB_API_TOKEN": "0" * 32,
        "JUPYTERHUB_API_URL": "http://hub:8081/hub/api",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{user}",
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": "0",
        "JUPYTERHUB_DEFAULT_URL": "/lab",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"/user/{user}/oauth_callback",
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_PUBLIC_HUB_URL": "",
        "JUPYTERHUB_PUBLIC_URL": "",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_SERVICE_PREFIX": f"/user/{user}/",
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:{port}/user/{user}/",
        "JUPYTERHUB_USER": user,
        "JUPYTER_IMAGE": IMAGE,
        "JUPYTER_IMAGE_SPEC": IMAGE,
        "KNADA_TEAM": team,
        "KNADA_TEAM_SECRET": f"projects/knada-gcp/secrets/{team}/versions/latest",
        "MEM_GUARANTEE": "1073741824",
        "MEM_LIMIT": "10737418240",
        # What a team's own `env` says.
        "HTTPS_PROXY": "http://proxy.example.org:8088",
        "NO_PROXY": "localhost,127.0.0.1,.svc,.cluster.local,.example.org,metadata.google.internal",
        "PIP_INDEX_URL": "https://pypi.example.org/simple",
        "REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt",
        "TZ": "Europe/Oslo",
    }


def build_events(pod: Json, count: int) -> list[Json]:
    """Build the first events of a started pod, which the API server has."""
    metadata, node = pod["metadata"], pod["spec"]["nodeName"]
    about = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    now = metadata["creationTimestamp"]
    events = []
    for number, (reason, source, message) in enumerate(_STEPS[:count]):
        is_scheduler = source == "default-scheduler"
        part = {} if is_scheduler else {"fieldPath": "spec.containers{notebook}"}
        times = {"firstTimestamp": now, "lastTimestamp": now, "count": 1}
        events.append(
            {
                "metadata": {"name": f"{metadata['name']}.{metadata['uid'][:13]}{number}"},
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", **about, **part},
                "type": "Normal",
                "reason": reason,
                "message": message.format(where=f"{metadata['namespace']}/{metadata['name']}", node=node),
                "action": "Binding" if is_scheduler else "",
                "reportingComponent": source,
                "reportingInstance": f"{source}-0" if is_scheduler else node,
                "source": {} if is_scheduler else {"component": source, "host": node},
                **({"eventTime": now.replace("Z", ".000000Z")} if is_scheduler else times),
            }
        )
    return events


async def launch(api: KubernetesApi, fleet: Fleet, tell: Callable[[str], None]) -> Json:
    """Make all of a fleet as the cluster's admin, and wait until each pod runs; give one of them.

    Raises:
        TimeoutError: the fake nodes do not get ready, or the pods do not run.
    """
    nodes = [f"fake-{number}" for number in range(_NODES)]
    await _all(_make_namespace(api, name, account=EACH) for name in fleet.namespace_names())
    await _all(_make_node(api, name) for name in nodes)
    await _grant_everywhere(api)
    tell(f"{fleet.namespaces} namespaces and {_NODES} nodes are there; {fleet.pods} pods are coming …")
    await _all(
        _make_server(api, build_pod(*place, nodes[number % _NODES], fleet.port), place[0], fleet.events)
        for number, place in enumerate(fleet.places())
    )
    pod = await _until_running(api, fleet)
    tell(f"{fleet.pods} pods run, with {fleet.events} events each.")
    return pod


async def _all(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run calls, some at once."""
    waiting = iter(calls)

    async def take() -> None:
        for call in waiting:
            await call

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(take())


async def _make_namespace(api: KubernetesApi, name: str, account: str) -> None:
    (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: found is not None)
    await _grant(api, account, "Role", f"/namespaces/{name}")


async def _grant_everywhere(api: KubernetesApi) -> None:
    await _grant(api, ALL, "ClusterRole", "")


async def _grant(api: KubernetesApi, account: str, kind: str, where: str) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1{where}/{kind.lower()}"
    metadata = {"name": f"hub-{account}"}
    rules = _RULES if where else [*_RULES, _NAMESPACES]
    (await api.post(f"{path}s", {"metadata": metadata, "rules": rules})).ok()
    binding = {
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": ACCOUNT_NAMESPACE}],
    }
    (await api.post(f"{path}bindings", binding)).ok()


async def _make_node(api: KubernetesApi, name: str) -> None:
    body = {"metadata": {"name": name, "annotations": ANNOTATION, "labels": {"kubernetes.io/hostname": name}}}
    (await api.post("/api/v1/nodes", body)).ok()
    await api.until(f"/api/v1/nodes/{name}", _is_ready_node)


def _is_ready_node(node: Json | None) -> bool:
    conditions = (node or {}).get("status", {}).get("conditions", [])
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return is_ready and node is not None and not node["spec"].get("taints")


async def _make_server(api: KubernetesApi, pod: Json, namespace: str, events: int) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    made = (await api.post(f"{path}/pods", pod)).ok()
    for event in build_events(made, events):
        (await api.post(f"{path}/events", event)).ok()


async def _until_running(api: KubernetesApi, fleet: Fleet, seconds: float = 300) -> Json:
    query = {"fieldSelector": "status.phase=Running", "labelSelector": "component=singleuser-server"}
    async with asyncio.timeout(seconds):
        while True:
            running: list[Json] = (await api.get("/api/v1/pods", **query)).ok()["items"]
            if len(running) >= fleet.pods:
                return running[0]
            await asyncio.sleep(1)
