"""What others may do with a server, as its owner has shared it: one team's server, and not the next one's."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from sqlalchemy import inspect


def delete_shares(orm_spawner: Any) -> int:
    """Delete the shares and share codes of a server; give how many there were. The caller commits.

    Source: JupyterHub 5.3-6.1, orm.py: both name the server's row, which outlives every server of that name.
    """
    stored = inspect(orm_spawner, raiseerr=False)
    if stored is None or stored.session is None:
        return 0
    found = [
        shared
        for kind in (orm.Share, orm.ShareCode)
        for shared in stored.session.query(kind).filter(kind.spawner_id == orm_spawner.id)
    ]
    for shared in found:
        stored.session.delete(shared)
    return len(found)
