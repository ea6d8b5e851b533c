"""Credentials and first objects of the demo's cluster: what an admin does before the hub is installed."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import aiohttp
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from jupyterhub_knada.cli.demo.folder import DemoFolder

# Who calls the API: user and groups, as a real API server would see them.
IDENTITIES = {
    "admin": ("demo-admin", "system:masters"),
    "hub": ("system:serviceaccount:knada:hub", "system:serviceaccounts,system:serviceaccounts:knada"),
    "node": ("system:node:demo", "system:nodes"),
}
# Collections of the kinds that the manifests use.
COLLECTIONS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}
_CONFLICT = 409


def write_tokens(folder: DemoFolder, url: str) -> None:
    """Write the API server's token file and a kubeconfig for each identity, all for their owner's eyes only.

    Source: the format of kube-apiserver's `--token-auth-file`.
    """
    rows = []
    for identity, (user, groups) in IDENTITIES.items():
        token = folder.secret(identity)
        rows.append(f'{token},{user},{user},"{groups}"\n')
        _write_private(folder.kubeconfig(identity), _kubeconfig(url, identity, token))
    _write_private(folder.root / "credentials" / "tokens.csv", "".join(rows))


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as opened:
        opened.write(text)


def _kubeconfig(url: str, identity: str, token: str) -> str:
    return f"""apiVersion: v1
kind: Config
clusters: [{{name: demo, cluster: {{server: "{url}"}}}}]
users: [{{name: {identity}, user: {{token: "{token}"}}}}]
contexts: [{{name: demo, context: {{cluster: demo, user: {identity}}}}}]
current-context: demo
"""


async def apply_manifests(kubeconfig: Path, manifests: Traversable) -> None:
    """Create the objects that are not there yet, as `kubectl create` would."""
    documents = YAML(typ="safe", pure=True).load_all(manifests.read_text(encoding="utf-8"))
    async with open_session(kubeconfig) as session:
        for document in documents:
            path = COLLECTIONS[document["kind"]].format(**document["metadata"])
            async with session.post(path, json=document) as reply:
                if reply.status != _CONFLICT:
                    reply.raise_for_status()


def open_session(kubeconfig: Path) -> aiohttp.ClientSession:
    """Open a client of the API server that a kubeconfig names, as the user that it names.

    Args:
        kubeconfig: with one cluster and one user, who has a token.
    """
    config = YAML(typ="safe", pure=True).load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = cluster.get("certificate-authority")
    trust = ssl.create_default_context(cafile=authority) if authority else True
    return aiohttp.ClientSession(
        cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}"},
        connector=aiohttp.TCPConnector(ssl=trust),
    )
