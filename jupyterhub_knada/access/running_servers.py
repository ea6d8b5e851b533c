"""The other half of what a reload of team files means: which running servers stay as they were started."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.access.loop_calls import on_this_loop
from jupyterhub_knada.teams.changes import teams_with_other_servers

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable

    from jupyterhub_knada.teams.registry import Registry
    from jupyterhub_knada.teams.snapshots import Snapshot


def report_running_servers(registry: Registry, hub: Any, log: logging.Logger) -> Callable[[], None]:
    """Log, after each change of a team's servers, how many of them run on as they are.

    Called on the hub's event loop, where spawners may be asked; changes come in the registry's thread.

    Args:
        registry: Tells of each new state of the files.
        hub: Has the users, each with spawners (`JupyterHub.users`, 5.3-6.1).
        log: The hub's.

    Returns:
        What ends it.
    """
    last = registry.snapshot

    @on_this_loop
    def count(slugs: tuple[str, ...]) -> None:
        running = count_running(spawner for user in hub.users.values() for spawner in user.spawners.values())
        for slug in slugs:
            if number := running[slug]:
                what = "server keeps what it was" if number == 1 else "servers keep what they were"
                log.info("%s: %d %s started with", slug, number, what)

    def compare(after: Snapshot) -> None:
        nonlocal last
        before, last = last, after
        if slugs := teams_with_other_servers(before, after):
            count(slugs)

    return registry.subscribe(compare)


def count_running(spawners: Iterable[Any]) -> Counter[str]:
    """Count the running servers of each team, by its slug; a spawner that is none of ours counts nowhere."""
    running: Counter[str] = Counter()
    for spawner in spawners:
        started = (spawner.get_state() or {}).get("knada") if spawner.active else None
        team = started.get("team") if isinstance(started, dict) else None
        if isinstance(team, str):
            running[team] += 1
    return running
