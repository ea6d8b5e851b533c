"""Databases of hubs that are not installed here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_DUMPS = Path(__file__).parents[1] / "data/hub"


def make_old_database(version: str, file: Path) -> None:
    """Make the database of a JupyterHub: what its own `orm.new_session_factory` made, and one person in it.

    Args:
        version: `4.1.6`, older than all that are supported, or `5.3.0`, the oldest of those.
        file: Where to; must not be there yet.
    """
    script = (_DUMPS / f"jupyterhub-{version}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)
