"""A guard at the hub's database: options are stored as they will be read back, and as JSON can carry them.

JupyterHub 6 stores the options of a stopped server (`PATCH` and `PUT /users/:name/servers/:server`) without
asking its spawner, makes bytes of a marker in them when it reads them after a restart, and then cannot list
anybody's stopped servers.
"""

from __future__ import annotations

from typing import Any, Final

from jupyterhub import orm
from sqlalchemy import event

from jupyterhub_knada.servers.raw_options import what_json_carries

_COLUMN: Final = orm.JSONDict()


def guard_stored_options() -> None:
    """Have every set of stored options looked at, from now on in this process; more calls change nothing."""
    if not event.contains(orm.Spawner.user_options, "set", _as_read_back):
        event.listen(orm.Spawner.user_options, "set", _as_read_back, retval=True)


def _as_read_back(_spawner: orm.Spawner, options: object, _old: object, _event: object) -> Any:
    """Give options as `orm.JSONDict` (5.3-6.1) will read them, without what JSON cannot carry."""
    read = _COLUMN.process_result_value(_COLUMN.process_bind_param(options, None), None)  # type: ignore[no-untyped-call]
    return what_json_carries(read)
