"""Keeps the objects in a folder: every acknowledged change survives a SIGKILL of this program.

SQLite in WAL mode with `synchronous=NORMAL`: a change is in the kernel's hands before it is acknowledged, so
that only a crash of the whole machine can lose the last ones (and never tears one). One transaction a change.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  storage TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT
  NOT NULL, PRIMARY KEY (storage, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL);
"""

Key = tuple[str, str]
"""Namespace (empty for cluster-wide kinds) and name."""


class StateError(Exception):
    """The state folder cannot be used; the message says which and why."""


class Storage:
    """The file behind the store; one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open or make the folder's database.

        Raises:
            StateError: another process holds it, or it cannot be written or is damaged.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                f"state folder {folder}: {error.strerror}; choose one that can be written"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StateError(
                f"state folder {folder} is in use by another embedded API; stop it or choose another folder"
            ) from error
        file = folder / "objects.sqlite"
        try:
            self._database = sqlite3.connect(file, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise StateError(f"{file}: {error}; move it away or choose another folder") from error

    def revision(self) -> int:
        """Give the last revision that was written; 0 for a new folder."""
        row = self._database.execute("SELECT value FROM revision").fetchone()
        return int(row[0]) if row else 0

    def load(self) -> Iterator[tuple[str, Key, int, dict[str, Any]]]:
        """Give every object as (storage key of its kind, key, revision, object)."""
        rows = self._database.execute("SELECT storage, namespace, name, revision, body FROM objects")
        for storage, namespace, name, revision, body in rows:
            yield storage, (namespace, name), revision, json.loads(body)

    def write(self, storage: str, key: Key, revision: int, body: str | None) -> None:
        """Write one change; None removes the object."""
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            if body is None:
                self._database.execute(
                    "DELETE FROM objects WHERE storage=? AND namespace=? AND name=?", (storage, *key)
                )
            else:
                self._database.execute(
                    "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", (storage, *key, revision, body)
                )
            self._database.execute("INSERT OR REPLACE INTO revision VALUES (1, ?)", (revision,))

    def close(self) -> None:
        """Let go of the folder."""
        self._database.close()
        os.close(self._lock)
