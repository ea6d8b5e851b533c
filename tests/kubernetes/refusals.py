"""How this program says no: one line that says what to do."""

from __future__ import annotations


class NoClusterError(Exception):
    """There is no such cluster; the message says what to set or to install."""


def where_from(version: str) -> str:
    """Give the ways to a real API server, for a message."""
    return (
        "set KUBECONFIG to the file of a test cluster on this machine, or KUBEBUILDER_ASSETS to a folder "
        f"with kube-apiserver {version} and etcd, or install Go 1.26 or newer (https://go.dev/dl/)"
    )
