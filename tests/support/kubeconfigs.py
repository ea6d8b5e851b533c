"""Files by which a client finds its cluster."""

from __future__ import annotations

# KubeSpawner wants one to be constructed; nothing is asked of the cluster before a start.
NO_CLUSTER = """
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
current-context: none
"""
