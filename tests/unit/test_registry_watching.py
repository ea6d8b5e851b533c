"""The thread that watches, and the one registry that a process has of the same files."""

from __future__ import annotations

import copy
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import loading
from jupyterhub_knada.teams import registry as registry_module
from jupyterhub_knada.teams.loading import OverrideFault
from jupyterhub_knada.teams.registry import Registry, close_registries, open_registry
from tests.support.config_maps import MountedConfigMap
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE = 30
"""Seconds; a test that needs them has failed."""


@pytest.fixture(autouse=True)
def _forget_registries() -> Iterator[None]:
    """Leave no thread behind."""
    yield
    close_registries()


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Registry]:
    """A registry whose thread looks all the time."""
    registry = Registry(write_files(tmp_path, kyrre=SEED) / "teams", None, poll_seconds=0.001)
    registry.start()
    yield registry
    registry.stop()


def test_registry_thread_serves_a_change_by_itself(watching: Registry, tmp_path: Path) -> None:
    """A changed file becomes a snapshot without anybody asking for it."""
    changed = threading.Event()
    watching.subscribe(lambda snapshot: changed.set() if "new" in snapshot.teams else None)

    write_files(tmp_path, new="namespace: new\nusers: [e2]\n")

    assert changed.wait(DEADLINE)
    assert watching.snapshot.teams_of_user("e2") == {"new"}


def test_registry_thread_follows_a_config_map_while_it_is_swapped(tmp_path: Path) -> None:
    """However the looks fall between the kubelet's steps, no team is lost or served half."""
    mount = MountedConfigMap(
        tmp_path / "mount", {"kyrre.yaml": SEED, "other.yaml": "namespace: o\nusers: [e1]\n"}
    )
    registry = Registry(tmp_path / "mount", None, poll_seconds=0.0001)
    seen: list[frozenset[str]] = []
    done = threading.Event()

    def listen(snapshot: registry_module.Snapshot) -> None:
        seen.append(frozenset(snapshot.teams))
        if snapshot.teams["kyrre"].team.cpu_limit == 50_000:
            done.set()

    registry.subscribe(listen)
    registry.start()
    try:
        for cpus in range(1, 51):
            mount.update(
                {"kyrre.yaml": f"{SEED}cpuLimit: {cpus}\n", "other.yaml": "namespace: o\nusers: [e1]\n"}
            )
        assert done.wait(DEADLINE)
    finally:
        registry.stop()
    assert set(seen) == {frozenset({"kyrre", "other"})}


def test_registry_thread_survives_an_unexpected_error(
    watching: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever reading raises is logged and counted; the snapshot stays and the next change is served."""
    load, failed, healed = loading.load_files, threading.Event(), threading.Event()

    def fail_once(*args: Any, **keywords: Any) -> Any:
        if failed.is_set():
            return load(*args, **keywords)
        failed.set()
        raise MemoryError("no memory for a file")

    monkeypatch.setattr(registry_module, "load_files", fail_once)
    watching.subscribe(lambda _: healed.set())

    with caplog.at_level(logging.ERROR, registry_module.__name__):
        write_files(tmp_path, new="namespace: new\nusers: [e2]\n")
        assert failed.wait(DEADLINE)
        assert healed.wait(DEADLINE)

    assert watching.counts.failed == 1
    assert set(watching.snapshot.teams) == {"kyrre", "new"}
    assert "the last state stays" in caplog.text


def test_registry_stops_and_starts_again(watching: Registry, tmp_path: Path) -> None:
    """A stopped registry keeps its snapshot; started again it sees what it missed."""
    # Other registries of this process may be watching, too.
    before = [thread for thread in threading.enumerate() if thread.name == "knada-team-files"]
    watching.stop()
    watching.stop()
    assert [thread.is_alive() for thread in before].count(False) == 1
    write_files(tmp_path, new="namespace: new\nusers: [e2]\n")
    assert list(watching.snapshot.teams) == ["kyrre"]

    changed = threading.Event()
    watching.subscribe(lambda _: changed.set())
    watching.start()
    watching.start()

    assert changed.wait(DEADLINE)


def test_registry_may_be_stopped_by_its_own_listener(watching: Registry, tmp_path: Path) -> None:
    """Stopping in the watching thread itself does not wait for it."""
    stopped = threading.Event()

    def stop(_: registry_module.Snapshot) -> None:
        watching.stop()
        stopped.set()

    watching.subscribe(stop)
    write_files(tmp_path, kyrre=SEED + "cpuLimit: 2\n")

    assert stopped.wait(DEADLINE)


def test_open_registry_gives_one_for_all_spellings_of_its_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths, text, relative ones and copies of either all find the same registry."""
    teams = write_files(tmp_path, "contact: '#knada'\n", kyrre=SEED) / "teams"
    platform = tmp_path / "platform.yaml"
    monkeypatch.chdir(tmp_path)

    first = open_registry(teams, platform)

    settings = copy.deepcopy({"teams_dir": str(teams) + os.sep, "platform_file": str(platform)})
    assert open_registry(settings["teams_dir"], settings["platform_file"]) is first
    assert open_registry("teams", "platform.yaml") is first
    assert open_registry(teams, platform, team="kyrre") is not first
    assert open_registry(teams, None) is not first


def test_open_registry_is_one_for_all_threads(tmp_path: Path) -> None:
    """Eight threads at once get one registry with one watching thread."""
    teams = write_files(tmp_path, kyrre=SEED) / "teams"
    before = set(threading.enumerate())  # another test's registry may still be watched
    together = threading.Barrier(8)

    def open_together(_: int) -> Registry:
        together.wait(DEADLINE)
        return open_registry(teams, None)

    with ThreadPoolExecutor(8) as pool:
        opened = set(pool.map(open_together, range(8)))

    assert len(opened) == 1
    begun = set(threading.enumerate()) - before
    assert [thread.name for thread in begun].count("knada-team-files") == 1


def test_open_registry_never_waits_for_a_reload(tmp_path: Path) -> None:
    """Whoever asks for a registry that is there gets it at once, also while files are being read."""
    teams = write_files(tmp_path, kyrre=SEED) / "teams"
    reading, read_on = threading.Event(), threading.Event()

    def check_slowly(_: object) -> list[OverrideFault]:
        reading.set()
        assert read_on.wait(DEADLINE)
        return []

    def check_at_once(_: object) -> list[OverrideFault]:
        return []

    registry = open_registry(teams, None, check_override=check_slowly)
    write_files(tmp_path, kyrre=SEED + "profiles: [{displayName: A, kubespawnerOverride: {uid: 1}}]\n")
    assert reading.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(open_registry, teams, None, check_override=check_at_once)
        try:
            assert again.result(DEADLINE) is registry
            assert "kyrre" in registry.snapshot.teams
        finally:
            read_on.set()


def test_open_registry_adopts_the_first_check_that_is_handed_in(tmp_path: Path) -> None:
    """A room that cannot check overrides may open the registry first; the files are then read again."""
    profile = "profiles: [{displayName: A, kubespawnerOverride: {mem_limt: 1G}}]\n"
    teams = write_files(tmp_path, kyrre=SEED, big=f"namespace: big\nusers: [e1]\n{profile}") / "teams"
    fault = OverrideFault(Code.BAD_OVERRIDE, "no such trait", "rule", "remedy", ("mem_limt",))

    unchecked = open_registry(teams, None)
    assert set(unchecked.snapshot.teams) == {"kyrre", "big"}

    assert open_registry(teams, None, check_override=lambda _: [fault]) is unchecked
    assert (set(unchecked.snapshot.teams), set(unchecked.snapshot.closed)) == ({"kyrre"}, {"big"})
    assert unchecked.snapshot.version == 2
    open_registry(teams, None, check_override=lambda _: [])
    assert set(unchecked.snapshot.closed) == {"big"}, "the first check stays"
