"""Overrides that would harm other teams' servers, or the hub, are refused where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from traitlets import Unicode

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.servers import overrides
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

HARMLESS: dict[str, dict[str, Any]] = {
    "annotations of a service, not of what runs it": {
        "extra_annotations": dict.fromkeys(
            ("resource.opentelemetry.io/service.name", "kubernetes.io/description", "io.nav.app", "crio"), "x"
        )
    },
    "words for a slow start": {"slow_spawn_message": "Up to {seconds} s of {{900}}, have some coffee."},
    "words for a slow start, with somebody's own": {"slow_spawn_message": "{value}: {seconds} s"},
    "the team's own servers together or apart": {
        "pod_affinity_required": [{"labelSelector": {}, "topologyKey": "zone"}],
        "pod_affinity_preferred": {"a": {"weight": 1, "pod_affinity_term": {"topologyKey": "zone"}}},
        "pod_anti_affinity_preferred": [
            {"weight": 100, "podAffinityTerm": {"labelSelector": {"matchLabels": {}}, "topologyKey": "host"}}
        ],
        "node_affinity_preferred": [{"weight": 1, "preference": {"matchExpressions": []}}],
    },
    "a field with all that belongs to it": {
        "environment": {
            "A": {"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            "B": {
                "valueFrom": {
                    "resourceFieldRef": {"containerName": "n", "resource": "limits.cpu", "divisor": 1}
                }
            },
        }
    },
    "as many variables, and as much that refers to others": {
        "environment": {f"A{n}": "$(B)" if n < 100 else "x" for n in range(1000)}
    },
    "many braces that are no names": {"environment": {"A": "{{x}} " * 2000, "B": '{"namespace": {}}' * 900}},
    "as much as a pod can carry": {"cmd": ["x"], "args": ["y" * 32_768, "z" * 32_000]},
}

TERM: dict[str, Any] = {"labelSelector": {}, "topologyKey": "kubernetes.io/os"}

HARMFUL: dict[str, tuple[dict[str, Any], Code, tuple[str | int, ...], str]] = {
    **{
        f"words for a slow start with {words}": (
            {"slow_spawn_message": words},
            Code.BAD_OVERRIDE,
            ("slow_spawn_message",),
            "nothing but {seconds}",
        )
        for words in (
            "{seconds:>300000000}",
            "{seconds!r}",
            "{seconds.__class__}",
            "{seconds[0]}",
            "{0}",
            "{}",
            "{username}",
            "{seconds",
            "{value}{seconds:>300000000}",
            "{{value}}",
        )
    },
    "endless words for a slow start": (
        {"slow_spawn_message": "x" * 1001},
        Code.TEXT_TOO_LONG,
        ("slow_spawn_message",),
        "at most 1000",
    ),
    "a text that is too long": (
        {"args": ["x", "y" * 32_769]},
        Code.TEXT_TOO_LONG,
        ("args", 1),
        "at most 32768",
    ),
    "a key that is too long": (
        {"node_selector": {"y" * 32_769: "x"}},
        Code.TEXT_TOO_LONG,
        ("node_selector",),
        "at most 32768",
    ),
    "too much in many texts": ({"args": ["y" * 100] * 640}, Code.OUT_OF_RANGE, (), "at most 65536"),
    "too much once Kubernetes has written it": (
        {"args": ["<" * 11_000]},
        Code.OUT_OF_RANGE,
        (),
        "at most 65536",
    ),
    "many short texts": (
        {"extra_pod_config": {"dnsConfig": {"searches": ["a"] * 2000}}, "args": ["x"]},
        Code.OUT_OF_RANGE,
        (),
        "at most 2000 texts",
    ),
    "many empty lists": (
        {"extra_pod_config": {"dnsConfig": {"searches": [[]] * 2000}}},
        Code.OUT_OF_RANGE,
        (),
        "at most 2000 texts",
    ),
    "names that fill in to too much": (
        {"environment": {"A": "{namespace}" * 260}},
        Code.OUT_OF_RANGE,
        (),
        "each name in braces counts 253",
    ),
    "names of a URL that fill in to too much": (
        {"notebook_dir": "{base_url}" * 260},
        Code.OUT_OF_RANGE,
        (),
        "each name in braces counts 253",
    ),
    "more variables than a server has": (
        {"environment": {f"A{n}": "x" for n in range(1001)}},
        Code.OUT_OF_RANGE,
        ("environment",),
        "at most 1000",
    ),
    "a chain of variables": (
        {"environment": {f"A{n}": f"$(A{n + 1})" for n in range(101)}},
        Code.OUT_OF_RANGE,
        ("environment",),
        "at most 100",
    ),
    "a text of nothing but beginnings of references": (
        {"environment": {"A": "$(" * 101}},
        Code.OUT_OF_RANGE,
        ("environment",),
        "at most 100",
    ),
    "machines of one's own": (
        {"pod_anti_affinity_required": [{**TERM, "namespaceSelector": {}}]},
        Code.OWNED_OVERRIDE,
        ("pod_anti_affinity_required",),
        "other teams' servers off a machine: use pod_anti_affinity_preferred",
    ),
    **{
        f"{trait} to other teams' servers by {key}": (
            {trait: [{"weight": 1, at: {**TERM, key: value}} if at else {**TERM, key: value}]},
            Code.OWNED_OVERRIDE,
            (trait, 0, at, key) if at else (trait, 0, key),
            "other teams' servers",
        )
        for trait, at in (
            ("pod_affinity_required", None),
            ("pod_affinity_preferred", "podAffinityTerm"),
            ("pod_anti_affinity_preferred", "pod_affinity_term"),
        )
        for key, value in (("namespaces", ["b"]), ("namespaceSelector", {}), ("namespace_selector", {}))
    },
    "one node by its name": (
        {"node_affinity_required": [{"matchFields": [{"key": "metadata.name", "values": ["n"]}]}]},
        Code.OWNED_OVERRIDE,
        ("node_affinity_required", 0, "matchFields"),
        "as nodeName would",
    ),
    "one node by its name, preferred": (
        {"node_affinity_preferred": {"a": {"weight": 1, "preference": {"match_fields": []}}}},
        Code.OWNED_OVERRIDE,
        ("node_affinity_preferred", "a", "preference", "match_fields"),
        "as nodeName would",
    ),
    **{
        f"a toleration of {taint}": (
            {"tolerations": [{"key": taint, "operator": "Exists"}]},
            Code.RESERVED_NAME,
            ("tolerations", 0, "key"),
            "the cluster's own",
        )
        for taint in (
            "node.kubernetes.io/unschedulable",
            "node.kubernetes.io/not-ready",
            "node.cloudprovider.kubernetes.io/uninitialized",
            "node-role.kubernetes.io/control-plane",
            "node-role.kubernetes.io/ingress",
            "Node.Kubernetes.io/not-ready",
        )
    },
    **{
        f"a variable from {kind} with {key} inside": (
            {"environment": {"A": {"valueFrom": {kind: {name: "limits.cpu", key: value}}}}},
            Code.BAD_OVERRIDE,
            ("environment", "A"),
            "secrets are read by their name",
        )
        for kind, name, key, value in (
            ("fieldRef", "fieldPath", "secretKeyRef", {"name": "hub", "key": "x"}),
            ("fieldRef", "fieldPath", "apiVersion", {"name": "hub"}),
            ("fieldRef", "fieldPath", "resource", "limits.cpu"),
            ("resourceFieldRef", "resource", "configMapKeyRef", {"name": "hub", "key": "x"}),
        )
    },
    **{
        f"the label {key}": ({"extra_labels": {key: "x"}}, Code.RESERVED_NAME, ("extra_labels", key), words)
        for key, words in (
            ("Hub.jupyter.org/username", "its users' objects"),
            ("APP.kubernetes.io/name", "KubeSpawner sets it"),
            ("azure.workload.identity/use", "an identity"),
            ("gke-gcsfuse/volumes", "an identity"),
            ("spiffe.io/spire-managed-identity", "an identity"),
            ("injector.nsm.nginx.com/auto-inject", "an identity"),
        )
    },
    **{
        f"the annotation {key}": (
            {"extra_annotations": {key: "x"}},
            Code.RESERVED_NAME,
            ("extra_annotations", key),
            "loosen a server's protection",
        )
        for key in (
            "v1.multus-cni.io/default-network",
            "networking.gke.io/interfaces",
            "networking.gke.io/default-interface",
            "k8s.ovn.org/pod-networks",
            "ovn.kubernetes.io/logical_switch",
            "policy.cilium.io/no-track-port",
            "dapr.io/enabled",
            "kuma.io/gateway",
            "consul.hashicorp.com/connect-inject",
            "vault.hashicorp.com/role",
            "sidecar.opentelemetry.io/inject",
            "instrumentation.opentelemetry.io/inject-python",
            "admission.datadoghq.com/python-lib.version",
            "ad.datadoghq.com/notebook.checks",
            "vault.security.banzaicloud.io/vault-addr",
            "secrets-webhook.security.bank-vaults.io/vault-addr",
            "injector.tumblr.com/request",
            "conjur.org/container-mode",
            "appmesh.k8s.aws/sidecarInjectorWebhook",
            "openservicemesh.io/sidecar-injection",
            "cpu-quota.crio.io",
            "seccomp-profile.kubernetes.cri-o.io/notebook",
            "io.kubernetes.cri-o.Devices",
            "io.kubernetes.cri-o.seccompProfile/notebook",
            "io.katacontainers.config.hypervisor.kernel_params",
            "dev.gvisor.spec.mount.x.type",
            "io.cilium/shared-service",
            "devices.nri.io/container.notebook",
            "cdi.k8s.io/gpu",
            "cni.antrea.io/networks",
            "ipam.antrea.io/ippools",
            "vpc.amazonaws.com/pod-eni",
            "rdt.resources.beta.kubernetes.io/pod",
            "spiffe.io/spiffe-id",
            "oneagent.dynatrace.com/inject",
            "data-ingest.dynatrace.com/inject",
            "sidecar.jaegertracing.io/inject",
            "injector.nsm.nginx.com/auto-inject",
            "config.nsm.nginx.com/mtls-mode",
            "openshift.io/required-scc",
            "target.workload.openshift.io/management",
            "org.infisical.com/inject",
            "openbao.openbao.org/agent-inject",
            "keeper.security/inject",
        )
    },
    **{
        f"the annotation {key}": (
            {"extra_annotations": {key: "1k"}},
            Code.RESERVED_NAME,
            ("extra_annotations", key),
            "bounds a server's network",
        )
        for key in ("kubernetes.io/egress-bandwidth", "Kubernetes.io/ingress-bandwidth")
    },
    "the annotation that brings a bucket": (
        {"extra_annotations": {"gke-gcsfuse/volumes": "true"}},
        Code.RESERVED_NAME,
        ("extra_annotations", "gke-gcsfuse/volumes"),
        "an identity",
    ),
}

FILE = """\
namespace: team-kyrre
users: [e152435]
profiles:
  - slug: it
    displayName: It
    kubespawnerOverride:
      slow_spawn_message: "{seconds:>300000000}"
      pod_anti_affinity_required: [{labelSelector: {}, namespaceSelector: {}, topologyKey: kubernetes.io/os}]
    options:
      own:
        unlistedChoice:
          enabled: true
          kubespawnerOverride:
            slow_spawn_message: "{value!r}"
"""


@pytest.fixture(autouse=True)
def _newest_kubespawner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the words for a slow start, which KubeSpawner 7.0 lacks, with any version."""
    known = {"slow_spawn_message": Unicode(), **overrides._config_traits()}
    monkeypatch.setattr(overrides, "_config_traits", lambda: known)


@pytest.mark.parametrize("override", HARMLESS.values(), ids=HARMLESS.keys())
def test_check_override_of_what_harms_nobody_finds_nothing(override: dict[str, Any]) -> None:
    """What stays within the team's own servers passes."""
    assert check_override(override) == ()


@pytest.mark.parametrize(("override", "code", "path", "words"), HARMFUL.values(), ids=HARMFUL.keys())
def test_check_override_of_what_harms_others_says_where_and_why(
    override: dict[str, Any], code: Code, path: tuple[str | int, ...], words: str
) -> None:
    """What would reach other teams or fill the hub's memory is one fault at its own place."""
    (fault,) = check_override(override)
    assert (fault.code, fault.path) == (code, path)
    assert words in f"{fault.message}; {fault.rule}; {fault.remedy}"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param(["x"] * 2000, "an override of 2003 values, 2001 of them in args", id="of many values"),
        pytest.param(
            ["y" * 100] * 640, "an override of 65954 bytes as JSON, 65921 of them in args", id="of bytes"
        ),
    ],
)
def test_check_override_of_too_much_names_what_is_largest(args: list[str], words: str) -> None:
    """Whoever reads it knows where to begin."""
    (fault,) = check_override({"environment": {"A": "x"}, "args": args})
    assert fault.message == words


def test_file_that_harms_others_is_refused_with_each_place(tmp_path: Path) -> None:
    """In a profile and in what somebody's own text is filled into."""
    write_files(tmp_path, "project: knada-gcp\n", kyrre=FILE)
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", check_override=check_override)
    found = [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
    assert [(problem.line, problem.column, problem.code) for problem in found] == [
        (7, 27, Code.BAD_OVERRIDE),
        (8, 7, Code.OWNED_OVERRIDE),
        (14, 33, Code.BAD_OVERRIDE),
    ]


def test_check_override_of_a_setting_that_this_kubespawner_lacks_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """KubeSpawner 7.0 has no words of its own for a slow start; a file that has is told."""
    known = dict(overrides._config_traits())
    del known["slow_spawn_message"]
    monkeypatch.setattr(overrides, "_config_traits", lambda: known)
    (fault,) = check_override({"slow_spawn_message": "Wait."})
    assert (fault.code, fault.rule) == (Code.BAD_OVERRIDE, "a newer version of KubeSpawner has it")
