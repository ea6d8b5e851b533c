"""Where the embedded API stays behind a real API server, on purpose: DEV/DEMO ONLY.

The contract suite holds each of these against both, and the reference page is made from them; what is in
neither is the same on both, or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a real API server does otherwise; words in Markdown."""

    name: str
    embedded: str
    """What the embedded API does."""
    reason: str


DIFFERENCES: Final = (
    Difference(
        "Bodies other than JSON",
        "YAML, CBOR and protobuf are refused with 415.",
        "Clients that matter here, KubeSpawner's among them, speak JSON.",
    ),
    Difference(
        "Server-side apply",
        "Refused with 415; nothing has `managedFields`.",
        "Merging by owner of a field is a machinery of its own, and neither the hub nor the node applies.",
    ),
    Difference(
        "Deleting a page",
        "A deletion of many accepts selectors; `limit`, `continue`, `resourceVersion`, `resourceVersionMatch`"
        " and `sendInitialEvents` are refused with 501.",
        "It would delete a part of what is meant, and no client that matters asks for that.",
    ),
    Difference(
        "Parameters of alpha features",
        "`shardSelector` and `ignoreStoreReadErrorWithClusterBreakingPotential` are refused with 501.",
        "A real API server has them switched off, and then overlooks them.",
    ),
    Difference(
        "Kinds that are not served",
        "404, in discovery too; the table above lists what there is.",
        "What neither the hub nor the node asks for would be served by guesswork.",
    ),
    Difference(
        "Parts of pods and volumes",
        "Refused with 501 by their names: volumes of clouds and of images, generic ephemeral volumes, block"
        " devices, resource claims, resources of a whole pod, ephemeral containers, readiness gates, pods of"
        " Windows, annotations that have become fields.",
        "Nothing here would honour or check them; all others come back as they were sent, or are refused as"
        " by a real API server.",
    ),
    Difference(
        "Admission webhooks and policies",
        "Not served: 404.",
        "What they say is a cluster's own, and no test could know it.",
    ),
    Difference(
        "Priority classes",
        "Only `system-cluster-critical` and `system-node-critical`; others are forbidden, as ones that are"
        " missing.",
        "They serve preemption, which the scheduler does not know.",
    ),
    Difference(
        "Older versions of Pod Security",
        "A namespace whose labels name another version than `latest` is refused with 501.",
        "The checks are those of the newest Kubernetes, and would not be an older one's.",
    ),
    Difference(
        "Service account tokens",
        "`serviceaccounts/token` is refused with 501, and no pod gets one.",
        "Notebook servers get none: `automountServiceAccountToken` is off for all of them.",
    ),
    Difference(
        "Required affinity between pods",
        "Refused with 501; preferences are kept and ignored.",
        "The demo's scheduler has one node to choose from.",
    ),
    Difference(
        "Required topology spread",
        "Refused with 501.",
        "As for affinity between pods.",
    ),
    Difference(
        "Services beyond the cluster",
        "NodePort and LoadBalancer are refused with 501; nothing listens on a cluster address.",
        "There is no network of the cluster's own: pods are processes on loopback.",
    ),
    Difference(
        "Exec, attach and port-forward",
        "Refused with 501.",
        "Neither the hub nor the demo uses them.",
    ),
    Difference(
        "Impersonation",
        "Requests with `Impersonate-` headers are refused: with 403, or 501 to those who might.",
        "Each identity here has a token of its own.",
    ),
    Difference(
        "Encryption",
        "Plain HTTP on loopback.",
        "Nothing leaves the machine; but Go clients such as kubectl send no token without TLS.",
    ),
    Difference(
        "Length of history",
        "1,000 changes of each kind, and none after a restart: an older watch gets 410 and lists again.",
        "A short history makes clients prove that they can.",
    ),
    Difference(
        "New rights",
        "Apply at once, where a real API server learns of them through a watch of its own.",
        "There is one process.",
    ),
    Difference(
        "Network policies",
        "Stored, not enforced.",
        "Pods are processes of one machine, without a network of their own.",
    ),
)
