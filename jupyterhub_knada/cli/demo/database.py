"""The hub's database: which JupyterHub it is of, before a hub is started on it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from jupyterhub import __version__ as hub_version
from jupyterhub.dbutil import ALEMBIC_DIR

if TYPE_CHECKING:
    from pathlib import Path


class UnusableDatabaseError(Exception):
    """The hub could do nothing with its database; the text says why, and what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}, or move the file away: homes and team files stay, and people sign in again."
        )


class Age(Enum):
    """A database beside the hub that is installed here."""

    NONE = auto()
    """There is none, or an empty one: the hub makes it."""
    CURRENT = auto()
    OLDER = auto()
    """The hub upgrades it."""


def check_database(file: Path) -> Age:
    """Find out whether the hub has to upgrade its database.

    Raises:
        UnusableDatabaseError: it is of a newer JupyterHub, or no database.

    Source: JupyterHub 5.3-6.1 orm.py `check_db_revision`, which knows equal and different only.
    """
    revision = _read_revision(file)
    if revision is None:
        return Age.NONE
    scripts = ScriptDirectory(ALEMBIC_DIR)
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise UnusableDatabaseError(
            f"{file} is of a newer JupyterHub than the one here, {hub_version}, which does not know its "
            f"schema version {revision!r}. Install the newer JupyterHub again"
        ) from None
    return Age.CURRENT if revision in scripts.get_heads() else Age.OLDER


def _read_revision(file: Path) -> str | None:
    """Give the schema's version; None where no hub has written one."""
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return None
            found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise UnusableDatabaseError(
            f"{file} cannot be read as a database ({error}). Put a good copy there"
        ) from None
    return str(found[0]) if found else None
