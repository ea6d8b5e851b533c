"""The names of somebody's JupyterHub groups, as a test compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_knada.teams.hub_groups import SAID_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable


def without_moment(names: Iterable[str]) -> list[str]:
    """Leave out the one group that says when the claim was said: it is another one at another time of day."""
    kept = list(names)
    moments = [name for name in kept if name.startswith(SAID_PREFIX)]
    assert len(moments) == 1, kept
    return [name for name in kept if name not in moments]
