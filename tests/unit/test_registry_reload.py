"""What is served while team files change: the next version, the last good one, or none."""

from __future__ import annotations

import logging
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams import registry as registry_module
from jupyterhub_knada.teams.effective import Sourced, effective_team
from jupyterhub_knada.teams.registry import Registry
from jupyterhub_knada.teams.reloading import build_snapshot
from tests.support.config_maps import MountedConfigMap
from tests.support.team_files import SEED, load_folder, write_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.snapshots import Snapshot

BROKEN = "namespace: kyrre\nusers: [e152435\n"
OTHER = "namespace: other\nusers: [e1]\n"


def open_folder(folder: Path, *, team: str | None = None) -> Registry:
    """Open the files below a folder without a thread: the test takes the looks."""
    platform = folder / "platform.yaml"
    return Registry(folder / "teams", platform if platform.exists() else None, team=team)


def look_until_settled(registry: Registry) -> Snapshot:
    """Take the two looks that a finished change needs."""
    registry.poll()
    registry.poll()
    return registry.snapshot


def errors_of(snapshot: Snapshot) -> list[Problem]:
    """Give what does not hold; warnings are not what is tested here."""
    return [problem for problem in snapshot.problems if problem.severity is Severity.ERROR]


def test_registry_first_load_serves_what_holds_and_closes_the_rest(tmp_path: Path) -> None:
    """A broken file closes its own team only, with the reason."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED, broken=BROKEN))

    snapshot = registry.snapshot
    assert (snapshot.version, list(snapshot.teams), list(snapshot.closed)) == (1, ["kyrre"], ["broken"])
    assert [problem.code for problem in snapshot.closed["broken"].problems] == [Code.YAML_SYNTAX]
    assert snapshot.teams_of_user("e152435") == {"kyrre"}


def test_registry_valid_change_is_served_once_the_file_stands_still(tmp_path: Path) -> None:
    """The first look sees a change, the second finds it finished; then it is a new snapshot."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED))
    before = registry.snapshot
    write_files(tmp_path, kyrre=SEED + "memoryLimit: 4G\n")

    assert registry.poll() is False
    assert registry.snapshot is before
    assert registry.poll() is True
    assert registry.snapshot.version == 2
    assert registry.snapshot.teams["kyrre"].team.memory_limit == 4 * 1024**3
    assert before.teams["kyrre"].team.memory_limit is None, "a snapshot never changes"


@pytest.mark.parametrize("is_broken", [False, True], ids=["its file is valid", "its file has errors"])
def test_registry_moved_team_is_served_and_the_newcomer_in_its_old_namespace_is_not(
    tmp_path: Path, *, is_broken: bool
) -> None:
    """A newcomer in the namespace that a team has left gets none of the homes in it."""
    moved = "namespace: new\nusers: [e1]\nmovedFrom: {namespace: old}\n"
    registry = open_folder(write_files(tmp_path, kyrre=moved))
    write_files(tmp_path, newcomer="namespace: old\nusers: [e2]\n")
    if is_broken:
        write_files(tmp_path, kyrre=BROKEN)

    snapshot = look_until_settled(registry)

    assert (list(snapshot.teams), list(snapshot.closed)) == (["kyrre"], ["newcomer"])
    assert snapshot.stale == (frozenset({"kyrre"}) if is_broken else frozenset())


def test_registry_half_written_file_is_never_read(tmp_path: Path) -> None:
    """An editor that writes in steps, each look another one, is waited for."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED))

    for text in ("", "namespace: ky", SEED[:30]):
        write_files(tmp_path, kyrre=text)
        assert registry.poll() is False
    write_files(tmp_path, kyrre=SEED + "cpuLimit: 2\n")

    after = look_until_settled(registry)
    assert (after.version, after.stale, errors_of(after)) == (2, frozenset(), [])


def test_registry_file_that_never_stands_still_is_read_after_ten_looks(tmp_path: Path) -> None:
    """A file that something writes all the time is read rather than never."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED))

    read = []
    for size in range(10):
        write_files(tmp_path, kyrre=f"{SEED}description: {'x' * (size + 1)}\n")
        read.append(registry.poll())

    assert read == [False] * 9 + [True]


def test_registry_file_written_anew_with_the_same_content_changes_nothing(tmp_path: Path) -> None:
    """A `touch`, or a swap of a ConfigMap that concerns another key, makes no new snapshot."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED))
    before = registry.snapshot
    os.utime(tmp_path / "teams" / "kyrre.yaml", ns=(1, 1))

    assert look_until_settled(registry) is before
    assert registry.counts.snapshots == 1


def test_registry_broken_file_keeps_the_last_good_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The team goes on as it last held; the problem is shown, logged and counted until it is mended."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED + "memoryLimit: 4G\n", other=OTHER))
    write_files(tmp_path, kyrre=BROKEN, other=OTHER + "cpuLimit: 2\n")

    with caplog.at_level(logging.INFO, registry_module.__name__):
        after = look_until_settled(registry)

    assert after.teams["kyrre"].team.memory_limit == 4 * 1024**3
    assert after.teams["other"].team.cpu_limit == 2000
    assert (sorted(after.stale), dict(after.closed)) == (["kyrre"], {})
    (problem,) = errors_of(after)
    assert problem.file == "teams/kyrre.yaml"
    assert registry.counts == registry_module.ReloadCounts(snapshots=2, broken=1)
    assert str(problem) in caplog.messages

    write_files(tmp_path, kyrre=SEED)
    with caplog.at_level(logging.INFO, registry_module.__name__):
        mended = look_until_settled(registry)
    assert "all team files are valid again" in caplog.messages
    assert (list(mended.stale), errors_of(mended)) == ([], [])
    assert mended.teams["kyrre"].team.memory_limit is None


def test_registry_deleted_file_takes_its_team_away(tmp_path: Path) -> None:
    """A file that is gone is a team that is gone, served or closed."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED, other=OTHER, broken=BROKEN))
    (tmp_path / "teams" / "kyrre.yaml").unlink()
    (tmp_path / "teams" / "broken.yaml").unlink()

    after = look_until_settled(registry)

    assert (list(after.teams), dict(after.closed), after.teams_of_user("e152435")) == (
        ["other"],
        {},
        frozenset(),
    )


def test_registry_broken_platform_file_starts_nothing_at_first_load(tmp_path: Path) -> None:
    """Without a platform file that has ever held no team is served, until it is mended."""
    registry = open_folder(write_files(tmp_path, "defaults: [", kyrre=SEED))

    assert registry.snapshot.platform is None
    assert (dict(registry.snapshot.teams), list(registry.snapshot.closed)) == ({}, ["kyrre"])

    write_files(tmp_path, "contact: '#knada'\n")
    after = look_until_settled(registry)
    assert (list(after.teams), dict(after.closed)) == (["kyrre"], {})


def test_registry_broken_platform_file_keeps_the_last_good_one(tmp_path: Path) -> None:
    """The platform and the teams under it stay; a new team waits, a deleted one goes."""
    registry = open_folder(write_files(tmp_path, "contact: '#knada'\n", kyrre=SEED, other=OTHER))
    write_files(tmp_path, "contact: [\n", new="namespace: new\nusers: [e2]\n", kyrre=SEED + "cpuLimit: 2\n")
    (tmp_path / "teams" / "other.yaml").unlink()

    after = look_until_settled(registry)

    assert after.platform is not None
    assert after.platform.platform.contact == "#knada"
    assert (list(after.teams), list(after.closed), sorted(after.stale)) == (["kyrre"], ["new"], ["kyrre"])
    assert after.teams["kyrre"].team.cpu_limit is None
    assert after.closed_teams_of("e2", ()) == {"new"}
    assert [problem.file for problem in errors_of(after)] == ["platform.yaml"]


def test_registry_team_keeps_its_image_when_the_platform_drops_the_name(tmp_path: Path) -> None:
    """A name that no platform image has any more is never handed to a registry of images."""
    images = "images: [{name: py312, image: ghcr.io/example/jupyter:3.12}]\n"
    registry = open_folder(write_files(tmp_path, images, kyrre=SEED + "image: py312\n"))
    write_files(tmp_path, "contact: '#knada'\n")

    after = look_until_settled(registry)

    assert after.platform is not None
    assert after.platform.platform.contact == "#knada"
    (profile,) = effective_team(after.platform, after.teams["kyrre"]).profiles
    assert profile.image == Sourced("ghcr.io/example/jupyter:3.12", "teams/kyrre.yaml:5")
    assert sorted(after.stale) == ["kyrre"]


def test_registry_closes_all_claimants_at_first_load_and_the_newcomer_later(tmp_path: Path) -> None:
    """Nobody can say who was first when the hub starts; while it runs, the one that is served was."""
    claimant = "namespace: kyrre-havik-eriksen\nusers: [e1]\n"
    registry = open_folder(write_files(tmp_path, kyrre=SEED))
    write_files(tmp_path, kyrre=SEED + "cpuLimit: 2\n", thief=claimant)

    later = look_until_settled(registry)
    first = open_folder(tmp_path).snapshot

    assert (list(later.teams), list(later.closed)) == (["kyrre"], ["thief"])
    assert later.teams["kyrre"].team.cpu_limit == 2000
    assert {problem.code for problem in later.closed["thief"].problems} == {Code.CLAIMED_TWICE}
    assert (list(first.teams), list(first.closed)) == ([], ["kyrre", "thief"])


@pytest.mark.parametrize(
    "kyrre",
    [
        pytest.param("namespace: moved\nusers: [UPPER]\n", id="broken"),
        pytest.param("namespace: moved\nusers: [e1]\nmemoryLimit: 64G\n", id="over a bound"),
    ],
)
def test_registry_newcomer_cannot_take_what_a_team_is_still_served_with(tmp_path: Path, kyrre: str) -> None:
    """A team served as it last held keeps its namespace, though its file no longer says it."""
    registry = open_folder(write_files(tmp_path, "bounds: {memoryLimit: 8G}\n", kyrre=SEED))
    write_files(tmp_path, kyrre=kyrre, thief="namespace: kyrre-havik-eriksen\nusers: [e1]\n")

    after = look_until_settled(registry)

    assert (list(after.teams), list(after.closed), sorted(after.stale)) == (["kyrre"], ["thief"], ["kyrre"])
    (problem,) = after.closed["thief"].problems
    assert str(problem).startswith("teams/thief.yaml:1:12: namespace: claimed twice")
    assert problem.rule == "team kyrre is served with it, by the last valid version of teams/kyrre.yaml"
    assert problem in after.problems


def test_registry_served_team_cannot_take_what_another_is_still_served_with(tmp_path: Path) -> None:
    """Of two teams that are served, one that moves to where the other still is stays where it was."""
    platform = "bounds: {memoryLimit: 8G}\n"
    registry = open_folder(write_files(tmp_path, platform, kyrre=SEED, other=OTHER))
    write_files(
        tmp_path,
        kyrre="namespace: moved\nusers: [e1]\nmemoryLimit: 64G\n",
        other="namespace: kyrre-havik-eriksen\nusers: [e1]\n",
    )

    after = look_until_settled(registry)

    assert {slug: team.team.namespace for slug, team in after.teams.items()} == {
        "kyrre": "kyrre-havik-eriksen",
        "other": "other",
    }
    assert sorted(after.stale) == ["kyrre", "other"]
    assert Code.CLAIMED_TWICE in {problem.code for problem in errors_of(after)}


def test_registry_link_to_nothing_is_a_broken_file_until_it_leads_somewhere(tmp_path: Path) -> None:
    """A link that leads nowhere closes its team; what it leads to later is seen."""
    (write_files(tmp_path) / "teams" / "kyrre.yaml").symlink_to(".kyrre.yaml")
    registry = open_folder(tmp_path)
    assert list(registry.snapshot.closed) == ["kyrre"]

    (tmp_path / "teams" / ".kyrre.yaml").write_text(SEED, "utf-8")

    assert list(look_until_settled(registry).teams) == ["kyrre"]


def test_registry_folder_that_cannot_be_listed_changes_nothing(tmp_path: Path) -> None:
    """A folder that is away, as in the middle of a mount, closes no team; deleted files in it would."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED, broken=BROKEN))
    (tmp_path / "teams").rename(tmp_path / "away")

    away = look_until_settled(registry)

    assert (list(away.teams), list(away.closed), sorted(away.stale)) == (["kyrre"], ["broken"], ["kyrre"])
    assert [problem.code for problem in errors_of(away)] == [Code.FILE_UNREADABLE]

    (tmp_path / "away").rename(tmp_path / "teams")
    back = look_until_settled(registry)
    assert (list(back.teams), list(back.closed), sorted(back.stale)) == (["kyrre"], ["broken"], [])


def test_registry_folder_that_comes_later_is_found(tmp_path: Path) -> None:
    """A hub that starts before its team files are there serves them once they are."""
    registry = open_folder(tmp_path)
    assert [problem.code for problem in errors_of(registry.snapshot)] == [Code.FILE_UNREADABLE]

    write_files(tmp_path, kyrre=SEED)

    assert list(look_until_settled(registry).teams) == ["kyrre"]


@pytest.mark.parametrize("below", ["", "teams/"], ids=["the mount itself", "a folder of the mount"])
def test_registry_follows_a_config_map_as_the_kubelet_swaps_it(tmp_path: Path, below: str) -> None:
    """A swap of `..data` brings changed, new and removed files in one snapshot."""
    mount = MountedConfigMap(tmp_path / "mount", {f"{below}kyrre.yaml": SEED, f"{below}other.yaml": OTHER})
    registry = Registry(tmp_path / "mount" / below, None)
    assert list(registry.snapshot.teams) == ["kyrre", "other"]

    mount.update(
        {f"{below}kyrre.yaml": SEED + "cpuLimit: 2\n", f"{below}new.yaml": "namespace: new\nusers: [e2]\n"}
    )
    after = look_until_settled(registry)

    assert (list(after.teams), after.version, errors_of(after)) == (["kyrre", "new"], 2, [])
    assert after.teams["kyrre"].team.cpu_limit == 2000


def test_registry_follows_a_config_map_of_the_platform_file(tmp_path: Path) -> None:
    """The platform file is found behind its two links, too."""
    teams = write_files(tmp_path, kyrre=SEED) / "teams"
    mount = MountedConfigMap(tmp_path / "mount", {"platform.yaml": "contact: old\n"})
    registry = Registry(teams, tmp_path / "mount" / "platform.yaml")

    mount.update({"platform.yaml": "contact: new\n"})
    after = look_until_settled(registry)

    assert after.platform is not None
    assert after.platform.platform.contact == "new"


def test_registry_of_one_team_serves_it_alone_and_judges_all(tmp_path: Path) -> None:
    """One hub per team reads all files, so that a claim made twice is seen, and serves one."""
    claims_the_same = "namespace: other\nusers: [e3]\n"
    write_files(tmp_path, kyrre=SEED, other=OTHER, double=claims_the_same)

    kyrre = open_folder(tmp_path, team="kyrre").snapshot
    other = open_folder(tmp_path, team="other").snapshot

    assert (list(kyrre.teams), list(kyrre.closed), kyrre.teams_of_user("e1")) == (["kyrre"], [], frozenset())
    assert (list(other.teams), list(other.closed)) == ([], ["other"])


def test_registry_of_one_team_without_a_file_says_so(tmp_path: Path) -> None:
    """A team that the hub shall serve and that has no file is a problem."""
    snapshot = open_folder(write_files(tmp_path, kyrre=SEED), team="kyre").snapshot

    assert dict(snapshot.teams) == {}
    assert list(map(str, errors_of(snapshot))) == [
        "teams/kyre.yaml: there is no such file; this hub serves team 'kyre' only; "  # noqa: ISC004 - one text
        "create it, or correct the hub's setting `team` [KNADA-C001]"
    ]


STATES: dict[str, str | None] = {
    "absent": None,
    "broken": BROKEN,
    "its own namespace": "namespace: own-{slug}\nusers: [e1]\n",
    "the shared namespace": "namespace: shared\nusers: [e1]\n",
    "the shared id": "namespace: own-{slug}\nid: shared\nusers: [e1]\n",
    "its own namespace, over a bound": "namespace: own-{slug}\nmemoryLimit: 64G\nusers: [e1]\n",
    "the shared id, broken": "namespace: own-{slug}\nid: shared\nusers: [UPPER]\n",
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(
        st.fixed_dictionaries({slug: st.sampled_from(sorted(STATES)) for slug in ("a", "b", "c")}), max_size=4
    )
)
def test_registry_never_serves_two_claimants_nor_loses_a_team(
    tmp_path: Path, history: list[dict[str, str]]
) -> None:
    """Whatever happens to the files: no claim is served twice, and a team goes only with its file."""
    shutil.rmtree(tmp_path / "teams", ignore_errors=True)
    registry = open_folder(write_files(tmp_path, "bounds: {memoryLimit: 8G}\n"))
    for state in history:
        served_before = set(registry.snapshot.teams)
        for slug, name in state.items():
            text = STATES[name]
            if text is None:
                (tmp_path / "teams" / f"{slug}.yaml").unlink(missing_ok=True)
            else:
                write_files(tmp_path, **{slug: text.format(slug=slug)})
        registry.reload()

        snapshot = registry.snapshot
        served = list(snapshot.teams.values())
        assert len({team.team.namespace for team in served}) == len(served)
        assert len({team.team.id or team.slug for team in served}) == len(served)
        present = {slug for slug, name in state.items() if name != "absent"}
        assert served_before & present <= set(snapshot.teams) <= present
        assert set(snapshot.teams) | set(snapshot.closed) == present


def test_build_snapshot_gives_the_same_object_for_the_same_files(tmp_path: Path) -> None:
    """Nothing changed means no new version, at every load after the first."""
    write_files(tmp_path, "namespaces: hub\n", kyrre=SEED, broken=BROKEN)
    first = build_snapshot(None, load_folder(tmp_path))

    assert build_snapshot(first, load_folder(tmp_path)) is first


def test_closed_team_keeps_the_moment_since_when_it_is(tmp_path: Path) -> None:
    """However its errors change; a team that opens and closes again is closed since then."""
    moments = [datetime(2026, 12, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    write_files(tmp_path, kyrre=SEED, broken=BROKEN)
    first = build_snapshot(None, load_folder(tmp_path), now=moments[0])
    assert first.closed["broken"].since == moments[0]
    assert build_snapshot(first, load_folder(tmp_path), now=moments[1]) is first
    write_files(tmp_path, broken="namespace: broken\n", other=BROKEN)
    second = build_snapshot(first, load_folder(tmp_path), now=moments[1])
    assert {slug: team.since for slug, team in second.closed.items()} == {
        "broken": moments[0],
        "other": moments[1],
    }
    (tmp_path / "teams" / "other.yaml").unlink()
    third = build_snapshot(second, load_folder(tmp_path), now=moments[2])
    write_files(tmp_path, other=BROKEN)
    assert build_snapshot(third, load_folder(tmp_path), now=moments[3]).closed["other"].since == moments[3]


def test_registry_tells_listeners_and_survives_their_errors(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each listener gets each new snapshot until it unsubscribes; one that fails is logged."""
    registry = open_folder(write_files(tmp_path, kyrre=SEED))
    heard: list[int] = []

    def fail(snapshot: Snapshot) -> None:
        raise ValueError(snapshot.version)

    registry.subscribe(fail)
    unsubscribe: Callable[[], None] = registry.subscribe(lambda snapshot: heard.append(snapshot.version))
    write_files(tmp_path, kyrre=SEED + "cpuLimit: 2\n")
    look_until_settled(registry)
    unsubscribe()
    unsubscribe()
    write_files(tmp_path, kyrre=SEED)
    look_until_settled(registry)

    assert heard == [2]
    assert "a listener to team files failed" in caplog.text
