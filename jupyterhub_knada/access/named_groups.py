"""Since when team files name the groups that they name, kept in the hub's database.

The hub keeps those groups of a person's claim that some file names when the claim is said. Of a group that a
file names later nobody can say whether the person is in it, until the provider says the claim anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from sqlalchemy import select

from jupyterhub_knada.access.leaving import ALWAYS
from jupyterhub_knada.teams.hub_groups import SAID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.teams.snapshots import Snapshot

_RECORD: Final = "claim-groups:named"
"""The JupyterHub group that carries the record in its properties; nobody is in it, as no slug has a colon."""
_KEY: Final = "named_since"
_TIDY_EVERY: Final = timedelta(hours=1)


class NamedGroups:
    """The record of one hub; to be used on its event loop."""

    def __init__(self, app: Any) -> None:
        """Prepare it.

        Args:
            app: The `JupyterHub` application.
        """
        self._app = app
        self._since: dict[str, datetime] | None = None
        self._tidied: datetime | None = None

    def update(self, snapshot: Snapshot, now: datetime) -> dict[str, datetime]:
        """Give since when each group is named; the record follows the files.

        Args:
            snapshot: The team files, which can be read.
            now: UTC.
        """
        db = self._app.db
        record = orm.Group.find(db, _RECORD)  # type: ignore[no-untyped-call]
        if self._since is None:
            self._since = _read(record.properties if record else None)
        named = snapshot.groups
        if record is not None and self._since.keys() == named:
            return self._since
        # Whoever has no record yet has no claim that is older than it.
        first = now if record is not None else ALWAYS
        self._since = {group: self._since.get(group, first) for group in sorted(named)}
        if record is None:
            record = orm.Group(name=_RECORD)
            db.add(record)
        record.properties = {_KEY: {group: since.isoformat() for group, since in self._since.items()}}
        db.commit()
        return self._since

    def tidy(self, now: datetime) -> None:
        """Delete the groups of moments that nobody's claim is of any more, once in a while."""
        if self._tidied is not None and now - self._tidied < _TIDY_EVERY:
            return
        self._tidied = now
        db = self._app.db
        used = {group_id for (group_id,) in db.execute(select(orm.user_group_map.c.group_id).distinct())}
        for group in db.query(orm.Group).filter(orm.Group.name.like(f"{SAID_PREFIX}%")):
            if group.id not in used:
                db.delete(group)
        db.commit()


def _read(properties: Mapping[str, Any] | None) -> dict[str, datetime]:
    stored = (properties or {}).get(_KEY)
    found = {}
    for group, since in stored.items() if isinstance(stored, dict) else ():
        try:
            found[str(group)] = datetime.fromisoformat(str(since))
        except ValueError:
            continue
    return found
