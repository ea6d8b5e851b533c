"""The name of a team's secret, never its value."""

from __future__ import annotations


def team_secret_name(project: str | None, secret_id: str) -> str | None:
    """Give the resource name of a team's secret, the value of KNADA_TEAM_SECRET.

    Args:
        project: Google Cloud project of all teams' secrets; None: the platform says none.
        secret_id: What the team file's `secret` says, else the team's id.

    Source: Secret Manager's resource names, `projects/<project>/secrets/<secret>`, without a version.
    """
    return f"projects/{project}/secrets/{secret_id}" if project else None
