"""The team files as they are now: one snapshot, replaced while the hub runs.

A thread watches the files; the hub's event loop only ever reads an attribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_knada.teams.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyterhub_knada.teams.loading import OverrideChecker

__all__ = ["Registry", "Snapshot", "open_registry"]


class Registry:
    """The live view of a folder of team files. Thread-safe."""

    @property
    def snapshot(self) -> Snapshot:
        """The teams as they hold now. Never blocks."""
        raise NotImplementedError

    def reload(self) -> bool:
        """Read all files now, in the calling thread; say whether a new snapshot came of it."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to watch the files in a thread of its own. A second call does nothing."""
        raise NotImplementedError

    def stop(self) -> None:
        """End the thread. The snapshot stays. A second call does nothing."""
        raise NotImplementedError

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` with each new snapshot, in the thread that loaded it; the result unsubscribes."""
        raise NotImplementedError


def open_registry(
    teams_dir: str | Path,
    platform_file: str | Path | None,
    *,
    check_override: OverrideChecker | None = None,
    team: str | None = None,
) -> Registry:
    """Give this process's one registry of these files, loaded and watching. Thread-safe.

    Args:
        teams_dir: Folder of the teams' files.
        platform_file: None: there is no platform file.
        check_override: What checks `kubespawnerOverride`; the first caller that hands one in decides.
        team: Serve this team only (one hub per team from the same files); None: all.
    """
    raise NotImplementedError
