"""The names that Kubernetes, Google Cloud and JupyterHub accept, and those that are the platform's own."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A DNS label (RFC 1123): namespaces, team ids, slugs, hosts below a domain."""
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
"""DNS labels joined by points: names of most Kubernetes objects, at most 253 characters."""
LABEL_VALUE = r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
"""The value of a Kubernetes label; may be empty."""
_NAME_PART = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
QUALIFIED_NAME = rf"({SUBDOMAIN}/)?{_NAME_PART}"
"""The key of a label or annotation: an optional domain, a slash, a name."""
VARIABLE = r"[A-Za-z_][A-Za-z0-9_.-]*"
"""An environment variable, as Kubernetes accepts it, but for a leading point or dash."""
SECRET_ID = r"[A-Za-z0-9_-]{1,255}"  # noqa: S105 -- a pattern of names
"""The id of a secret in Google Secret Manager."""
PROJECT_ID = r"([a-z0-9.-]+:)?[a-z]([a-z0-9-]{4,28}[a-z0-9])"
"""The id of a Google Cloud project, old ones with their organisation's domain."""
ENTRY_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
"""The name of a profile, a profile's option or a choice."""
IMAGE_NAME = r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?"
"""The name of a platform image: no slash and no colon, so that it is never an image reference."""
IMAGE_GLOB = r"[A-Za-z0-9_.:/@*+\[\]-]+"
"""An image reference in which `*` stands for any text; there is no other wildcard."""
KEY_GLOB = r"[A-Za-z0-9_./*-]+"
"""The key of a label or annotation, or the name of a resource, in which `*` stands for any text."""

RESERVED_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "aadpodidbinding": "it gives a pod an identity of the cloud",
        "app": "the hub finds its pods by it",
        "chart": "zero-to-jupyterhub sets it",
        "component": "the hub and the network policies find the pods by it",
        "heritage": "zero-to-jupyterhub sets it",
        "release": "zero-to-jupyterhub sets it",
        "team": "it is the team's id, set for every server",
        "app.kubernetes.io/component": "KubeSpawner sets it",
        "app.kubernetes.io/instance": "zero-to-jupyterhub sets it",
        "app.kubernetes.io/managed-by": "KubeSpawner sets it",
        "app.kubernetes.io/name": "KubeSpawner sets it",
        "helm.sh/chart": "zero-to-jupyterhub sets it",
    },
)
RESERVED_ANNOTATIONS: Mapping[str, str] = MappingProxyType(
    {
        "allowlist": "it is made of the key 'allowlist'",
        "kubernetes.io/egress-bandwidth": "only the hub's configuration bounds a server's network",
        "kubernetes.io/ingress-bandwidth": "only the hub's configuration bounds a server's network",
    },
)
_LOOSENS = "it can loosen a server's protection, or give it an identity; only the hub's configuration sets it"
RESERVED_DOMAINS: Mapping[str, str] = MappingProxyType(
    {
        "ad.datadoghq.com": _LOOSENS,
        "admission.datadoghq.com": _LOOSENS,
        "antrea.io": _LOOSENS,
        "apparmor.security.beta.kubernetes.io": _LOOSENS,
        "appmesh.k8s.aws": _LOOSENS,
        "azure.workload.identity": _LOOSENS,
        "bank-vaults.io": _LOOSENS,
        "cdi.k8s.io": _LOOSENS,
        "cilium.io": _LOOSENS,
        "cni.projectcalico.org": _LOOSENS,
        "conjur.org": _LOOSENS,
        "consul.hashicorp.com": _LOOSENS,
        "cri-o.io": _LOOSENS,
        "crio.io": _LOOSENS,
        "dapr.io": _LOOSENS,
        "dynatrace.com": _LOOSENS,
        "gke-gcsfuse": _LOOSENS,
        "iam.amazonaws.com": _LOOSENS,
        "infisical.com": _LOOSENS,
        "injector.tumblr.com": _LOOSENS,
        "instrumentation.opentelemetry.io": _LOOSENS,
        "istio.io": _LOOSENS,
        "jaegertracing.io": _LOOSENS,
        "k8s.ovn.org": _LOOSENS,
        "k8s.v1.cni.cncf.io": _LOOSENS,
        "keeper.security": _LOOSENS,
        "kuma.io": _LOOSENS,
        "linkerd.io": _LOOSENS,
        "multus-cni.io": _LOOSENS,
        "networking.gke.io": _LOOSENS,
        "nri.io": _LOOSENS,
        "nsm.nginx.com": _LOOSENS,
        "openbao.org": _LOOSENS,
        "openservicemesh.io": _LOOSENS,
        "openshift.io": _LOOSENS,
        "ovn.kubernetes.io": _LOOSENS,
        "resources.beta.kubernetes.io": _LOOSENS,
        "seccomp.security.alpha.kubernetes.io": _LOOSENS,
        "sidecar.opentelemetry.io": _LOOSENS,
        "spiffe.io": _LOOSENS,
        "vault.hashicorp.com": _LOOSENS,
        "vault.security.banzaicloud.io": _LOOSENS,
        "vpc.amazonaws.com": _LOOSENS,
        "hub.jupyter.org": "the hub finds its users' objects by it",
        "knada.nav.no": "it says whose server and home an object is",
    },
)
"""Domains of keys, all below them included; a key without a slash can be one, as `cpu-quota.crio.io`."""
RESERVED_PREFIXES = ("dev.gvisor.", "io.cilium.", "io.katacontainers.", "io.kubernetes.")
"""What begins keys that runtimes and networks read, a domain backwards; a slash may be its last point."""
RESERVED_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "KNADA_TEAM_SECRET": "it is the name of the team's secret, set for every server",
        "CPU_GUARANTEE": "the hub gives the server its size in it",
        "CPU_LIMIT": "the hub gives the server its size in it",
        "MEM_GUARANTEE": "the hub gives the server its size in it",
        "MEM_LIMIT": "the hub gives the server its size in it",
        "JUPYTER_IMAGE": "KubeSpawner sets it",
        "JUPYTER_IMAGE_SPEC": "KubeSpawner sets it",
    },
)
RESERVED_VARIABLE_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "JUPYTERHUB_": "the server talks to its hub with these",
        "JPY_": "the server talks to its hub with these",
        # A faked KUBERNETES_SERVICE_HOST would send every client in the pod somewhere else.
        "KUBERNETES_": "Kubernetes sets these",
    },
)


RESERVED_NAMESPACE = r"default|kube-.*"
"""Namespaces that are no team's. Source: Kubernetes, "Namespaces": the prefix `kube-` is reserved."""
RESERVED_ACCOUNT = "default"
"""The service account of every pod that names none."""
RESERVED_TAINT = r"(node-role|node|node\.cloudprovider)\.kubernetes\.io/.*"
"""Taints that are the cluster's own. Source: Kubernetes, "Well-Known Labels, Annotations and Taints"."""


def reserved_namespace(name: str) -> Fault | None:
    """Say why a team may not have this namespace, if it may not."""
    if not re.fullmatch(RESERVED_NAMESPACE, name):
        return None
    rule = "'default' is no team's, and names that begin with 'kube-' are kept for Kubernetes"
    message = f"a namespace of the cluster {got(name)}"
    return Fault(Code.RESERVED_NAME, message, rule, "name one that is the team's own")


def reserved_account(name: str) -> Fault | None:
    """Say why a team may not have this service account in any namespace, if it may not."""
    if name != RESERVED_ACCOUNT:
        return None
    rule = "every pod that names none has it, so that it is nobody's identity"
    message = f"the service account of all {got(name)}"
    return Fault(Code.RESERVED_NAME, message, rule, "name one that is the team's own, or remove it")


def reserved_taint(key: str) -> Fault | None:
    """Say why a team's servers may not tolerate this taint, if they may not."""
    if not re.fullmatch(RESERVED_TAINT, _domain_lowered(key)):
        return None
    rule = (
        "nodes with a role, as the Kubernetes API's, and nodes that are not fit for pods run nobody's server"
    )
    return Fault(Code.RESERVED_NAME, f"a taint of the cluster's own {got(key)}", rule, "remove it")


def reserved_label(key: str) -> Fault | None:
    """Say why a team may not set this label, if it may not."""
    return _reserved("a label", key, RESERVED_LABELS.get(_domain_lowered(key)) or _reserved_domain(key))


def reserved_annotation(key: str) -> Fault | None:
    """Say why a team may not set this annotation, if it may not."""
    return _reserved(
        "an annotation", key, RESERVED_ANNOTATIONS.get(_domain_lowered(key)) or _reserved_domain(key)
    )


def reserved_variable(name: str) -> Fault | None:
    """Say why a team may not set this environment variable, if it may not; its value plays no part."""
    prefixes = (why for prefix, why in RESERVED_VARIABLE_PREFIXES.items() if name.startswith(prefix))
    return _reserved("a variable", name, RESERVED_VARIABLES.get(name) or next(prefixes, None))


def _reserved_domain(key: str) -> str | None:
    domain = _domain_lowered(key).partition("/")[0]
    if f"{domain}.".startswith(RESERVED_PREFIXES):
        return _LOOSENS
    parts = domain.split(".")
    above = (".".join(parts[at:]) for at in range(len(parts)))
    return next((RESERVED_DOMAINS[name] for name in above if name in RESERVED_DOMAINS), None)


def _domain_lowered(key: str) -> str:
    """Spell the domain of a key as Kubernetes wants it: another case is no other domain."""
    domain, slash, name = key.rpartition("/")
    return f"{domain.lower()}{slash}{name}"


def _reserved(kind: str, name: str, why: str | None) -> Fault | None:
    if why is None:
        return None
    message = f"{kind} of the platform {got(name)}"
    return Fault(Code.RESERVED_NAME, message, why, "remove it or choose another name", at_key=True)


def is_name(pattern: str, text: str, *, longest: int = 253) -> bool:
    """Tell whether a text matches one of the patterns of this module in full."""
    return len(text) <= longest and re.fullmatch(pattern, text) is not None
