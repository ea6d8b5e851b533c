"""What others may do with a server, as its owner has shared it: one team's server, and not the next one's."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm


def delete_shares(session: Any, spawner_id: int) -> int:
    """Delete the shares and share codes of a server; give how many there were. The caller commits.

    Args:
        session: Of the hub's database.
        spawner_id: Of the server's row.

    Source: JupyterHub 5.3-6.1, orm.py: both name the server's row, which outlives every server of that name.
    """
    found = [
        shared
        for kind in (orm.Share, orm.ShareCode)
        for shared in session.query(kind).filter(kind.spawner_id == spawner_id)
    ]
    for shared in found:
        session.delete(shared)
    return len(found)
