"""The team files as they are now: one snapshot, replaced while the hub runs.

A thread watches the files, reads them when they have changed and stand still, and puts the next snapshot in
place. The hub's event loop only ever reads an attribute.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.teams.changes import describe_changes, summarize_problems
from jupyterhub_knada.teams.fingerprints import Fingerprint, take_fingerprint
from jupyterhub_knada.teams.loading import FileCache, load_files
from jupyterhub_knada.teams.reloading import build_snapshot
from jupyterhub_knada.teams.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.teams.loading import LoadedFiles, OverrideChecker

__all__ = ["Registry", "ReloadCounts", "Snapshot", "close_registries", "open_registry"]

POLL_SECONDS: Final = 1.0
"""A look costs one `stat` a file; a change is served after two looks: one has to find it standing still."""

_LONGEST_PAUSE_SECONDS: Final = 60.0
"""Between two looks while reading fails for a reason that no file explains."""

_MOST_UNSETTLED_LOOKS: Final = 10
"""Files that change at every look are read after this many, rather than never."""

_MOST_TORN_READS: Final = 3
"""Readings that files changed under; the last is taken, and the next look reads them again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReloadCounts:
    """What a registry has done since the process began; for metrics and admins."""

    snapshots: int = 0
    """Snapshots made: the first, and one for each change."""
    broken: int = 0
    """Of these, the ones in which some file did not hold."""
    failed: int = 0
    """Readings that ended in an unexpected error; the snapshot before them stayed."""


class Registry:
    """The live view of a folder of team files. Thread-safe; use `open_registry` to get the process's own."""

    def __init__(
        self,
        teams_dir: Path,
        platform_file: Path | None,
        *,
        check_override: OverrideChecker | None = None,
        team: str | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Read the files for the first time.

        Args:
            teams_dir: Folder of the teams' files; one that is not there yet is a problem of the snapshot.
            platform_file: None: there is no platform file.
            check_override: What checks `kubespawnerOverride`; None: what KubeSpawner takes is not checked.
            team: Serve this team only.
            poll_seconds: Time between two looks of the thread, > 0.
        """
        self._teams_dir = teams_dir
        self._platform_file = platform_file
        self._check_override = check_override
        self._team = team
        self._poll_seconds = poll_seconds
        # Held while files are read; never taken by `snapshot`, which the event loop calls.
        self._reading = threading.Lock()
        self._cache = FileCache()
        self._snapshot: Snapshot | None = None
        # What the next snapshot is built on: the last one, or nothing where that was served unchecked.
        self._base: Snapshot | None = None
        self._counts = ReloadCounts()
        self._read_as: Fingerprint | None = None
        self._seen: Fingerprint | None = None
        self._unsettled_looks = 0
        self._listeners: dict[object, Callable[[Snapshot], None]] = {}
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.reload()

    @property
    def snapshot(self) -> Snapshot:
        """The teams as they hold now. Never blocks."""
        if self._snapshot is None:  # pragma: no cover - the constructor has set it or raised
            raise RuntimeError("the registry has not read its files")
        return self._snapshot

    @property
    def counts(self) -> ReloadCounts:
        """What has been done so far."""
        return self._counts

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` with each new snapshot, in the thread that read it; the result unsubscribes.

        What a listener raises is logged and stops neither the others nor the watch.
        """
        key = object()
        self._listeners[key] = listener
        return lambda: self._listeners.pop(key, None) and None

    def adopt_check(self, check_override: OverrideChecker) -> None:
        """Use this check from now on if there was none, and judge all files anew.

        What was served unchecked is not a last good version: a team that fails the check is closed.
        """
        # Before the lock: the event loop comes this way for each person, and must not wait for a reload.
        if self._check_override is not None:
            return
        with self._reading:
            self._check_override, self._base = check_override, None
        self.reload()

    def reload(self) -> bool:
        """Read all files now, in the calling thread; say whether a new snapshot came of it.

        Files whose content holds the same as before make no new snapshot.
        """
        with self._reading:
            loaded, read_as = self._read()
            self._read_as, self._seen, self._unsettled_looks = read_as, None, 0
            before = self._snapshot
            now = datetime.now(tz=UTC)
            after = build_snapshot(self._base, loaded, team=self._team, is_listed=read_as.is_listed, now=now)
            if after is before:
                return False
            version = before.version + 1 if before else 1
            self._base = self._snapshot = after = replace(after, version=version)
            self._count(after)
        _log_change(before, after)
        self._tell(after)
        return True

    def poll(self) -> bool:
        """Take one look, as the thread does: read files that have changed and stood still for one look.

        Returns:
            Whether a new snapshot came of it.
        """
        look = self._look()
        if look == self._read_as:
            self._seen, self._unsettled_looks = None, 0
            return False
        self._unsettled_looks += 1
        if look != self._seen and self._unsettled_looks < _MOST_UNSETTLED_LOOKS:
            # Just changed: an editor or a copy may be half-way through.
            self._seen = look
            return False
        return self.reload()

    def start(self) -> None:
        """Begin to watch the files in a thread of its own. A second call does nothing."""
        with self._reading:
            if self._thread is not None:
                return
            # One for each thread: one that is still ending must not be woken by the next.
            self._stopping = threading.Event()
            self._thread = threading.Thread(
                target=self._watch, args=(self._stopping,), name="knada-team-files", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it. The snapshot stays. A second call does nothing."""
        with self._reading:
            self._stopping.set()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _watch(self, stopping: threading.Event) -> None:
        pause = self._poll_seconds
        while not stopping.wait(pause):
            try:
                self.poll()
            except Exception:  # noqa: BLE001 - the edge of the thread: teams that hold go on being served
                self._counts = replace(self._counts, failed=self._counts.failed + 1)
                _log.exception("reading team files in %s failed; the last state stays", self._teams_dir)
                # What fails once a second need not be logged once a second.
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                pause = self._poll_seconds

    def _read(self) -> tuple[LoadedFiles, Fingerprint]:
        """Read all files, again if they changed meanwhile; give what they were like when that began."""
        loaded, before, is_torn = self._read_once()
        for _ in range(_MOST_TORN_READS - 1):
            if not is_torn:
                break
            loaded, before, is_torn = self._read_once()
        return loaded, before

    def _read_once(self) -> tuple[LoadedFiles, Fingerprint, bool]:
        before = self._look()
        loaded = load_files(
            self._teams_dir,
            self._platform_file,
            check_override=self._check_override,
            previous=self._base.teams if self._base else {},
            cache=self._cache,
        )
        return loaded, before, self._look() != before

    def _look(self) -> Fingerprint:
        return take_fingerprint(self._teams_dir, self._platform_file)

    def _count(self, snapshot: Snapshot) -> None:
        counts = self._counts
        broken = counts.broken + snapshot.has_errors
        self._counts = replace(counts, snapshots=counts.snapshots + 1, broken=broken)

    def _tell(self, snapshot: Snapshot) -> None:
        for listener in tuple(self._listeners.values()):
            try:
                listener(snapshot)
            except Exception:  # noqa: BLE001 - one listener must not stop the others
                _log.exception("a listener to team files failed: %r", listener)


_Key = tuple[str, str | None, str | None]

_registries: dict[_Key, Registry] = {}
_opening = threading.Lock()


def open_registry(
    teams_dir: str | Path,
    platform_file: str | Path | None,
    *,
    check_override: OverrideChecker | None = None,
    team: str | None = None,
) -> Registry:
    """Give this process's one registry of these files, loaded and watching. Thread-safe.

    JupyterHub copies configuration deeply for each spawner, so that an object handed over by configuration
    would be many; paths stay what they are. The first call reads the files in the calling thread: call it
    when the hub starts, before its event loop serves anybody.

    Args:
        teams_dir: Folder of the teams' files.
        platform_file: None: there is no platform file.
        check_override: What checks `kubespawnerOverride`. The first one handed in stays; where the registry
            was opened without one, the files are read again with it.
        team: Serve this team only (one hub per team from the same files); None: all.
    """
    # Not resolved: a link that is swapped, as Kubernetes does it, must be followed at each look.
    platform = None if platform_file is None else os.path.abspath(platform_file)  # noqa: PTH100 - see above
    key = (os.path.abspath(teams_dir), platform, team)  # noqa: PTH100 - see above
    with _opening:
        registry = _registries.get(key)
        if registry is None:
            file = None if platform is None else Path(platform)
            registry = Registry(Path(key[0]), file, check_override=check_override, team=team)
            _registries[key] = registry
            registry.start()
        elif check_override is not None:
            registry.adopt_check(check_override)
    return registry


def close_registries() -> None:
    """Stop and forget every registry of this process; for the end of a process and between tests."""
    with _opening:
        for registry in _registries.values():
            registry.stop()
        _registries.clear()


def _log_change(before: Snapshot | None, after: Snapshot) -> None:
    """Log what is new: changes of teams, problems by their kind, and what is served now."""
    for line in describe_changes(before, after):
        _log.info("%s", line)
    for severity, line in summarize_problems(before.problems if before else (), after.problems):
        # A warning is for who keeps the file and shows in `check`; a thousand would bury the hub's log.
        _log.log(logging.ERROR if severity is Severity.ERROR else logging.INFO, "%s", line)
    if before and before.has_errors and not after.has_errors:
        _log.info("all team files are valid again")
    _log.info(
        "team files, version %d: %d served, %d closed (%s), %d in their last valid version (%s)",
        after.version,
        len(after.teams),
        len(after.closed),
        ", ".join(sorted(after.closed)) or "none",
        len(after.stale),
        ", ".join(sorted(after.stale)) or "none",
    )
