"""What the demo finds out about the hub's database before it starts a hub on it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from jupyterhub import __version__ as hub_version
from jupyterhub.orm import new_session_factory

from jupyterhub_knada.cli.demo.database import Age, UnusableDatabaseError, check_database
from tests.support.old_databases import make_old_database

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the hub's database lies."""
    return tmp_path / "jupyterhub.sqlite"


def execute(file: Path, statement: str) -> None:
    """Change the database."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(statement)


def test_no_database_is_no_reason_to_upgrade(file: Path) -> None:
    """The first start of a demo makes its database, and looking for it makes none."""
    assert check_database(file) is Age.NONE
    assert not file.exists()


def test_database_of_this_hub_is_current(file: Path) -> None:
    """What the installed JupyterHub has made needs no upgrade."""
    new_session_factory(f"sqlite:///{file}")  # type: ignore[no-untyped-call]
    assert check_database(file) is Age.CURRENT


def test_database_of_an_older_hub_is_older(file: Path) -> None:
    """A database from before every JupyterHub that is supported is upgraded by each of them."""
    make_old_database("4.1.6", file)
    assert check_database(file) is Age.OLDER


def test_database_without_a_version_is_left_to_the_hub(file: Path) -> None:
    """A hub that was ended before it wrote the version makes the rest at its next start."""
    make_old_database("4.1.6", file)
    execute(file, "DELETE FROM alembic_version")
    assert check_database(file) is Age.NONE


def test_database_of_a_newer_hub_is_refused_in_words(file: Path) -> None:
    """The file and both ways out are named; a hub would copy it, and end with a traceback."""
    new_session_factory(f"sqlite:///{file}")  # type: ignore[no-untyped-call]
    execute(file, "UPDATE alembic_version SET version_num = 'f00dfeedbeef'")
    with pytest.raises(UnusableDatabaseError) as refused:
        check_database(file)
    assert str(refused.value) == (
        f"{file} is of a newer JupyterHub than the one here, {hub_version}, which does not know its schema "
        "version 'f00dfeedbeef'. Install the newer JupyterHub again, or move the file away: homes and team "
        "files stay, and people sign in again."
    )


def test_file_that_is_no_database_is_refused_in_words(file: Path) -> None:
    """What was written over is named, with the way out."""
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(UnusableDatabaseError, match=r"cannot be read as a database .*or move the file away"):
        check_database(file)
