"""JupyterHub in production, configured by its environment: `jupyterhub -f jupyterhub_config.py`.

    KNADA_TEAMS_DIR       folder of the team files (required)
    KNADA_PLATFORM_FILE   what holds for all teams; empty: there is no such file
    KNADA_AUTHENTICATOR   knada-azuread (default), knada-oidc, or the path of a class of yours
    KNADA_TEAM            serve this team only; empty: all
    KNADA_CULLER          off: idle servers are not stopped
    KNADA_CULL_EVERY      seconds between two looks for idle servers (default 300)
    KNADA_BIND_URL        where people reach the hub (default http://127.0.0.1:8000)
    KNADA_HUB_BIND_URL    where the hub itself listens (default http://127.0.0.1:8081)
    KNADA_HUB_CONNECT_URL where servers reach the hub, if that is another address
    KNADA_DB_URL          the hub's database (default: SQLite in the working folder)

The client at the identity provider is told as OAuthenticator documents it: OAUTH_CLIENT_ID,
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
)
c.JupyterHub.bind_url = os.environ.get("KNADA_BIND_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_bind_url = os.environ.get("KNADA_HUB_BIND_URL", "http://127.0.0.1:8081")
if "KNADA_HUB_CONNECT_URL" in os.environ:
    c.JupyterHub.hub_connect_url = os.environ["KNADA_HUB_CONNECT_URL"]
c.JupyterHub.db_url = os.environ.get("KNADA_DB_URL", "sqlite:///jupyterhub.sqlite")
