"""The hub of `jupyterhub-knada demo`: configured as an admin would, against the embedded cluster.

What the demo chose for this run (ports, tokens) comes in the environment, so that no secret is in a file
that somebody copies.
"""

import json
import os
from pathlib import Path

from jupyterhub_knada import configure

c = get_config()
state = Path(os.environ["KNADA_DEMO_STATE"])

subdomain_host = os.environ["KNADA_DEMO_SUBDOMAIN_HOST"]
configure(
    c,
    teams_dir=state / "teams",
    platform_file=state / "platform.yaml",
    authenticator="knada-demo",
    shared_origin=not subdomain_host,
)
# Each person and team below localhost, which browsers find on this machine; no wildcard name is needed.
c.JupyterHub.subdomain_host = subdomain_host
c.KnadaDemoAuthenticator.user_password = os.environ["KNADA_DEMO_PASSWORD"]
# Administers the hub, and is in no team.
c.KnadaDemoAuthenticator.admin_users = {"admin"}
c.KnadaDemoAuthenticator.admin_password = os.environ["KNADA_DEMO_ADMIN_PASSWORD"]
# Several servers for each person, of one team at a time.
c.JupyterHub.allow_named_servers = True

c.JupyterHub.bind_url = os.environ["KNADA_DEMO_ADDRESS"]
c.JupyterHub.hub_bind_url = os.environ["KNADA_DEMO_HUB_URL"]
c.ConfigurableHTTPProxy.api_url = os.environ["KNADA_DEMO_PROXY_API_URL"]
c.ConfigurableHTTPProxy.command = json.loads(os.environ["KNADA_DEMO_PROXY_COMMAND"])
c.ConfigurableHTTPProxy.pid_file = str(state / "hub" / "proxy.pid")
c.JupyterHub.db_url = f"sqlite:///{state}/hub/jupyterhub.sqlite"
# Of an older JupyterHub after an upgrade of this one; the hub keeps a copy beside it.
c.JupyterHub.upgrade_db = True
c.JupyterHub.cookie_secret_file = str(state / "hub" / "cookie_secret")
c.JupyterHub.template_vars = {
    "announcement": "DEMO: an embedded cluster on this machine; no isolation between servers.",
}

# The embedded cluster: pods are processes on this machine, and two cores start four of them at once well.
c.KubeSpawner.namespace = "knada"
c.KubeSpawner.image = "ghcr.io/example/jupyter:2026-11-01"
c.JupyterHub.concurrent_spawn_limit = 4
c.KubeSpawner.http_timeout = 60
# Long enough for a JupyterLab on a busy machine, short enough to see the GPU profile fail.
c.KubeSpawner.start_timeout = 30
# The namespace enforces Pod Security, level restricted: as helm-values/base.yaml and the chart have it.
c.KubeSpawner.uid = 1000
c.KubeSpawner.pod_security_context = {
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
c.KubeSpawner.container_security_context = {"capabilities": {"drop": ["ALL"]}}
if os.geteuid() == 0:
    # A notebook server refuses to be root unless this allows it; in a real pod it is uid 1000.
    c.KubeSpawner.cmd = ["jupyterhub-singleuser", "--allow-root"]

# With this the demo asks the hub for the token that it prints.
c.JupyterHub.services.append({"name": "demo", "api_token": os.environ["KNADA_DEMO_TOKEN"]})
c.JupyterHub.load_roles.append(
    {"name": "demo", "services": ["demo"], "scopes": ["admin:users", "tokens"]},
)
