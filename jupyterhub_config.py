"""JupyterHub in production, configured by its environment: `jupyterhub -f jupyterhub_config.py`.

    KNADA_TEAMS_DIR       folder of the team files (required)
    KNADA_PLATFORM_FILE   what applies to all teams; empty: there is no such file
    KNADA_AUTHENTICATOR   knada-azuread (default), knada-oidc, or the path of a class of yours
    KNADA_TEAM            serve this team only; empty: all
    KNADA_CULLER          off: idle servers are not stopped
    KNADA_CULL_EVERY      seconds between two checks for idle servers (default 300)
    KNADA_BIND_URL        where people reach the hub (default http://127.0.0.1:8000)
    KNADA_HUB_BIND_URL    where the hub itself listens (default http://127.0.0.1:8081)
    KNADA_HUB_CONNECT_URL where servers reach the hub, if that is another address
    KNADA_SUBDOMAIN_HOST  the hub's address, https://jupyter.example.org, of which each person's servers of a
                          team get a subdomain: needs a wildcard name and certificate. Needed where several
                          teams are served: without it their pages share one origin with the hub
    KNADA_SHARED_ORIGIN   on: that they share it is meant, and the log has no warning
    KNADA_DB_URL          the hub's database (default: SQLite in the working folder)

The client at the identity provider is configured as OAuthenticator documents it: OAUTH_CLIENT_ID,
OAUTH_CLIENT_SECRET, OAUTH_CALLBACK_URL, and AAD_TENANT_ID (Entra) or OIDC_ISSUER (OpenID Connect).
"""

import os

from jupyterhub_knada import configure

c = get_config()
configure(
    c,
    teams_dir=os.environ.get("KNADA_TEAMS_DIR", ""),
    platform_file=os.environ.get("KNADA_PLATFORM_FILE") or None,
    authenticator=os.environ.get("KNADA_AUTHENTICATOR") or "knada-azuread",
    team=os.environ.get("KNADA_TEAM") or None,
    culler=os.environ.get("KNADA_CULLER", "on") != "off",
    shared_origin=os.environ.get("KNADA_SHARED_ORIGIN") == "on",
)
c.JupyterHub.subdomain_host = os.environ.get("KNADA_SUBDOMAIN_HOST", "")
# Pages of a subdomain can set cookies for the hub's host, but none with this prefix, which needs HTTPS.
c.JupyterHub.cookie_host_prefix_enabled = c.JupyterHub.subdomain_host.startswith("https://")
c.JupyterHub.bind_url = os.environ.get("KNADA_BIND_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_bind_url = os.environ.get("KNADA_HUB_BIND_URL", "http://127.0.0.1:8081")
if "KNADA_HUB_CONNECT_URL" in os.environ:
    c.JupyterHub.hub_connect_url = os.environ["KNADA_HUB_CONNECT_URL"]
c.JupyterHub.db_url = os.environ.get("KNADA_DB_URL", "sqlite:///jupyterhub.sqlite")
