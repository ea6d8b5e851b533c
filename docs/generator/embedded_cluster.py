"""The page of the embedded cluster, from the kinds that it serves and its list of differences."""

from __future__ import annotations

from docs.generator.markdown import literal, page, section, table
from jupyterhub_knada.devcluster.api.differences import DIFFERENCES
from jupyterhub_knada.devcluster.api.kinds import RESOURCES


def render_embedded_cluster() -> str:
    """Render what the embedded API serves, then what it does otherwise than a real API server."""
    rows = [
        [
            literal(resource.group or "core"),
            literal(resource.plural),
            ", ".join(sorted(resource.verbs)),
            ", ".join(literal(name) for name in sorted(resource.subresources)),
        ]
        for resource in RESOURCES
    ]
    differences = [[found.name, found.embedded, found.reason] for found in DIFFERENCES]
    return page(
        "What the embedded cluster is not",
        "The demo and most tests run on an embedded Kubernetes API: for demos and tests only.\n"
        "It is an honest subset.\n"
        "What it serves answers as Kubernetes does, which one suite of tests checks on it and on real API"
        " servers alike (`tests/contract`; how to run it: [Run the contract suite on real API servers]"
        "(../how-to/run-the-contract-suite.md)).\n"
        "The rest it refuses.",
        section(2, "What it serves", table(["Group", "Kind", "Verbs", "Subresources"], rows)),
        section(
            2,
            "What it does otherwise",
            "A test checks each difference on every cluster, so that none is forgotten when it is gone.",
            table(["What", "Embedded", "Why it stays"], differences),
        ),
    )
