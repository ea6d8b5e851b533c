"""Which tokens of the hub's database were given to servers that do not run: they open the next ones.

A token names its server by the person and the server's name, not by the team. JupyterHub (5.3-6.1) deletes
it with the server, but not one that an earlier hub has started, nor where a hub was killed in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub.user import User

_NOTE: Final = "Server at "
"""Source: JupyterHub 5.3-6.1, user.py `spawn`: so begins the note of a server's own token, then its path."""
_AT_ONCE: Final = 500
"""Ids of one query: databases bound them."""


def delete_tokens_of_stopped_servers(db: Any, users: Iterable[User]) -> int:
    """Delete the own tokens of all servers that do not run; one query, where there are none.

    Args:
        db: The hub's database.
        users: All who have servers that start, run or stop now.

    Returns:
        How many there were.
    """
    kept: set[int] = set()
    noted: set[tuple[int, str]] = set()
    for user in users:
        for name, spawner in user.spawners.items():
            token_id = getattr(spawner, "own_token_id", None)
            if not spawner.active:
                continue
            if token_id is None or spawner.pending == "spawn":
                # Not known yet, or not any more: one of those with its note.
                path = url_path_join(user.base_url, url_escape_path(name), "/")  # type: ignore[no-untyped-call]
                noted.add((user.id, _NOTE + path))
            else:
                kept.add(token_id)
    token = orm.APIToken
    found = db.query(token.id, token.user_id, token.note).filter(
        token.user_id.is_not(None), token.note.like(f"{_NOTE}%")
    )
    ended = [id_ for id_, user_id, note in found if id_ not in kept and (user_id, note) not in noted]
    for start in range(0, len(ended), _AT_ONCE):
        for one in db.query(token).filter(token.id.in_(ended[start : start + _AT_ONCE])):
            db.delete(one)
    if ended:
        db.commit()
    return len(ended)
