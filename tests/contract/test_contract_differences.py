"""What the embedded API does not do, on purpose: each difference is one, and is in the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from jupyterhub_knada.devcluster.api.differences import DIFFERENCES
from tests.support.backends import EMBEDDED, Backend
from tests.support.kubernetes_api import Kubeconfig, KubernetesApi
from tests.support.manifests import config_map, pod

_APART = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "zone"}
_SPREAD = {
    "maxSkew": 1,
    "topologyKey": "zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": _APART["labelSelector"],
}
_OLDER = {"pod-security.kubernetes.io/enforce-version": "v1.30"}
OWN_TESTS = {"Impersonation"}
UNSEEN = {"Encryption", "Length of history", "New rights", "Network policies"}
"""Differences that no single answer shows."""


@dataclass(frozen=True)
class Seen:
    """One request, and what is answered to it; `{ns}` is the namespace."""

    difference: str
    method: str
    path: str
    embedded: int
    real: int
    body: Any = None
    content_type: str = ""


_OLD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
_IN = "/api/v1/namespaces/{ns}"
REQUESTS = [
    Seen(
        "Bodies other than JSON",
        "POST",
        f"{_IN}/configmaps",
        415,
        201,
        b"metadata: {name: a}",
        "application/yaml",
    ),
    Seen(
        "Server-side apply",
        "PATCH",
        f"{_IN}/configmaps/a?fieldManager=contract&force=true",
        415,
        201,
        config_map("a") | {"apiVersion": "v1", "kind": "ConfigMap"},
        "application/apply-patch+yaml",
    ),
    *(
        Seen("Deleting a page", "DELETE", f"{_IN}/secrets?dryRun=All&{query}", 501, 200)
        for query in ("limit=1", "resourceVersion=0", "resourceVersionMatch=NotOlderThan&resourceVersion=0")
    ),
    Seen("Deleting a page", "DELETE", f"{_IN}/secrets?continue=x", 501, 400),
    Seen("Deleting a page", "DELETE", f"{_IN}/secrets?sendInitialEvents=true", 501, 422),
    Seen("Parameters of alpha features", "GET", f"{_IN}/secrets?shardSelector=x", 501, 200),
    Seen(
        "Parameters of alpha features",
        "DELETE",
        f"{_IN}/secrets?dryRun=All&ignoreStoreReadErrorWithClusterBreakingPotential=true",
        501,
        200,
    ),
    Seen("Kinds that are not served", "GET", "/apis/apps/v1/deployments", 404, 200),
    Seen(
        "Admission webhooks and policies",
        "GET",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        404,
        200,
    ),
    Seen("Priority classes", "GET", "/apis/scheduling.k8s.io/v1/priorityclasses", 404, 200),
    Seen(
        "Older versions of Pod Security",
        "POST",
        "/api/v1/namespaces?dryRun=All",
        501,
        201,
        {"metadata": {"name": "contract-older", "labels": _OLDER}},
    ),
    Seen("Service account tokens", "POST", f"{_IN}/serviceaccounts/default/token", 501, 201, {"spec": {}}),
    Seen(
        "Required affinity between pods",
        "POST",
        f"{_IN}/pods",
        501,
        201,
        pod(affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_APART]}}),
    ),
    Seen(
        "Required topology spread",
        "POST",
        f"{_IN}/pods",
        501,
        201,
        pod(topologySpreadConstraints=[_SPREAD]),
    ),
    Seen(
        "Services beyond the cluster",
        "POST",
        f"{_IN}/services",
        501,
        201,
        {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}},
    ),
    Seen(
        "Parts of pods and volumes",
        "POST",
        f"{_IN}/pods?dryRun=All&resources",
        501,
        201,
        pod(resources={"limits": {"memory": "1Gi"}}),
    ),
    Seen(
        "Parts of pods and volumes",
        "POST",
        f"{_IN}/pods?dryRun=All&windows",
        501,
        201,
        pod(os={"name": "windows"}),
    ),
    Seen(
        "Parts of pods and volumes",
        "POST",
        f"{_IN}/pods?dryRun=All&annotation",
        501,
        201,
        pod() | {"metadata": {"name": "p", "annotations": {_OLD_ANNOTATION: "runtime/default"}}},
    ),
    Seen("Exec, attach and port-forward", "POST", f"{_IN}/pods/absent/exec", 501, 404),
]


@pytest.mark.parametrize(
    "seen", REQUESTS, ids=lambda seen: f"{seen.difference} {seen.path.rpartition('/')[2]}"
)
async def test_difference_is_refused_by_the_embedded_api_alone(
    api: KubernetesApi, backend: Backend, namespace: str, seen: Seen
) -> None:
    """What the embedded API lacks it refuses, and a real one does: else it is a difference no more."""
    path = seen.path.format(ns=namespace)
    answer = await api.call(seen.method, path, seen.body, content_type=seen.content_type)
    expected = seen.embedded if backend.name == EMBEDDED else seen.real
    assert answer.status == expected, answer.message


async def test_impersonation_is_refused_by_the_embedded_api_alone(backend: Backend) -> None:
    """An admin who asks as somebody else is answered as them, or not at all: never as the admin."""
    async with KubernetesApi(Kubeconfig.load(backend.kubeconfig()), acts_as="nobody") as acting:
        for path in ("/api/v1/pods", "/metrics"):
            answer = await acting.get(path)
            assert answer.status == (501 if backend.name == EMBEDDED else 403)


def test_every_difference_is_held_or_said_to_be_unseen() -> None:
    """No difference is in the documentation only, none in the tests only."""
    assert {seen.difference for seen in REQUESTS} | OWN_TESTS | UNSEEN == {
        found.name for found in DIFFERENCES
    }
