"""An honest subset of the Kubernetes API with the controllers that it needs: DEV/DEMO ONLY.

It answers what KubeSpawner, this project and its node ask, in Kubernetes' own words, and refuses the rest
with a proper `Status`. It binds loopback only, keeps its objects in a folder (SQLite) and survives its own
death; it offers no TLS, no admission webhooks, no network policy enforcement (policies are stored, not
enforced) and no service account tokens.

As a program:

    python -m jupyterhub_knada.devcluster.api --state-dir DIR [--port 0]
        [--tokens FILE] [--identity NAME=USER[,GROUP...]]... [--kubeconfig [NAME=]FILE]... [--ready-file FILE]

prints one line, `embedded Kubernetes API (DEV/DEMO only) ready at http://127.0.0.1:PORT`, when it answers,
and ends cleanly on SIGTERM or SIGINT. `--port 0` picks a free port. Without `--tokens` and `--identity`
everybody is
`system:admin` of `system:masters`. `--tokens` reads kube-apiserver's static token file
(`token,user,uid,"group1,group2"`); `--identity` makes a token of its own, kept in DIR/tokens.csv (0600), so
that it holds over restarts; `--kubeconfig NAME=FILE` writes a kubeconfig (0600) for an identity (of a token
file: its user); without `NAME=`, for the first one. `--ready-file` is written (the address, one line) when
it answers.

In a program's own event loop, for tests:

    from jupyterhub_knada.devcluster.api import EmbeddedCluster, Identity

    async with EmbeddedCluster(state_dir, identities={"admin": Identity("admin", ("system:masters",))}) as
    cluster:
        cluster.url                                          # http://127.0.0.1:PORT
        cluster.token("admin")                               # the bearer token, None where everybody is admin
        cluster.write_kubeconfig(path, user="admin")         # 0600

What a node needs to know: it registers itself (POST nodes, PUT/PATCH status, a Lease in kube-node-lease),
watches pods by `spec.nodeName`, patches `pods/status`, confirms a deletion with a DELETE of grace period 0,
and provides volumes (PersistentVolume with `claimRef`; the claim binder here binds them). New nodes carry
the taint
`node.kubernetes.io/not-ready` until their Ready condition is True: the node lifecycle controller here takes
it away, as the real one does. The group `system:nodes` may do all that.

Where it stays behind a real API server, on purpose, is told by `differences.DIFFERENCES`; the contract suite
holds that, and the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.cluster import EmbeddedCluster
    from jupyterhub_knada.devcluster.api.identities import Identity

__all__ = ["EmbeddedCluster", "Identity"]


def __getattr__(name: str) -> object:
    """Load the public names when they are asked for: `python -m` of a module inside stays quick."""
    if name == "EmbeddedCluster":
        from jupyterhub_knada.devcluster.api.cluster import EmbeddedCluster  # noqa: PLC0415  lazily: see above

        return EmbeddedCluster
    if name == "Identity":
        from jupyterhub_knada.devcluster.api.identities import Identity  # noqa: PLC0415  lazily: see above

        return Identity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
