"""A node that runs each pod's containers as local processes, over the plain Kubernetes API.

`python -m jupyterhub_knada.devcluster.node --kubeconfig FILE --root DIR` is a program of its own; tests use
the same node in-process:

    async with LocalNode(NodeOptions(kubeconfig=..., root=...)) as node: ...

What a container is here: a process under a small supervisor, on the pod's own loopback address, with a clean
environment, a thin writable Python environment above the "image", and the volumes' folders by rewritten
paths.

What it is not: there is no container file system, no network of its own, no user of its own. Limits of CPU
and memory are not enforced, `securityContext` is not applied, `readOnly` mounts can be written, a path or
wildcard address inside a script's text or a file stays as it is, `/tmp` is the machine's. It is for demos and
tests only.
"""

from __future__ import annotations

from jupyterhub_knada.devcluster.node.node import LocalNode
from jupyterhub_knada.devcluster.node.options import NodeOptions, OnExit

__all__ = ["LocalNode", "NodeOptions", "OnExit"]
