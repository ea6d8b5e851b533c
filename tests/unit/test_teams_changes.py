"""What a reload logs: changes in words without any secret, and problems by their kind."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.teams.changes import (
    describe_changes,
    summarize_problems,
    team_news,
    teams_with_other_servers,
)
from jupyterhub_knada.teams.registry import Registry
from jupyterhub_knada.teams.reloading import build_snapshot
from tests.support.team_files import load_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.snapshots import Snapshot

TOP = "namespace: pensjon\nusers: [e1]\nserviceAccount: p\n"
PLATFORM = "project: knada-gcp\n"


def load(folder: Path, before: Snapshot | None = None, platform: str = PLATFORM, **teams: str) -> Snapshot:
    """Give the state of some files, after an earlier one."""
    for file in (folder / "teams").glob("*") if before else ():
        file.unlink()
    return build_snapshot(before, load_folder(write_files(folder, platform, **teams)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("memoryLimit: 4G", "memoryLimit: 6GB", ["memoryLimit 4G -> 6G"], id="memory"),
        pytest.param("cpuLimit: 0.5", "cpuLimit: 2", ["cpuLimit 0.5 -> 2"], id="CPUs"),
        pytest.param(
            "",
            "resources: {gpu: 1, memoryGuarantee: 1G}",
            ["resources.memoryGuarantee unset -> 1G", "resources.gpu unset -> 1"],
            id="nested",
        ),
        pytest.param(
            "culling: {idleTimeout: 1h}",
            "culling: {idleTimeout: never}",
            ["culling.idleTimeout 1h -> never"],
            id="idle timeout",
        ),
        pytest.param("storage: {size: 10Gi}", "", ["storage.size 10Gi -> unset"], id="storage"),
        pytest.param("image: a/b:1", "image: a/b:2", ["image a/b:1 -> a/b:2"], id="image"),
        pytest.param("leads: [e2]", "leads: [e3]", ["leads: e3 added", "leads: e2 removed"], id="people"),
        pytest.param("groups: [a, b]", "groups: [b, a]", ["groups in another order"], id="order"),
        pytest.param("description: s3cret", "description: x", ["description changed"], id="a long text"),
        pytest.param(
            "env: {A: s3cret, B: s3cret, C: x}",
            "env: {A: s3cret2, C: x, D: s3cret}",
            ["env.A changed", "env.B removed", "env.D added"],
            id="variables",
        ),
        pytest.param(
            'extraEnvs: ["A: s3cret"]', 'extraEnvs: ["A: x"]', ["extraEnvs.A changed"], id="old list"
        ),
        pytest.param(
            "annotations: {a: s3cret}", "annotations: {a: x}", ["annotations.a changed"], id="annotations"
        ),
        pytest.param("labels: {a: x}", "labels: {a: y}", ["labels.a changed"], id="labels"),
        pytest.param("tolerations: []", "tolerations: [{key: a}]", ["tolerations added"], id="tolerations"),
        pytest.param(
            "profiles: [{displayName: A, kubespawnerOverride: {cmd: s3cret}}, {displayName: B}]",
            "profiles: [{displayName: A, kubespawnerOverride: {cmd: x}, "
            "resources: {gpu: 1}}, {displayName: C}]",
            [
                "profile a: resources.gpu unset -> 1",
                "profile a: kubespawnerOverride.cmd changed",
                "profile b removed",
                "profile c added",
            ],
            id="profiles",
        ),
        pytest.param("# a comment", "", [], id="nothing"),
    ],
)
def test_change_of_a_team_is_described_without_secrets(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    """Sizes and names are told; of variables, annotations, overrides and texts only that they changed."""
    before = load(tmp_path, pensjon=f"{TOP}{old}\n")
    after = load(tmp_path, before, pensjon=f"{TOP}{new}\n")
    changes = team_news(before, after, "pensjon").changes
    assert list(changes)[: len(expected)] == expected
    assert list(describe_changes(before, after)) == [f"pensjon: {change}" for change in changes]
    assert "s3cret" not in "".join(changes)


def test_teams_that_come_go_close_and_open_are_described(tmp_path: Path) -> None:
    """A reload says what became of each team, and what of the platform changed for all."""
    broken = f"{TOP}colour: red\n"
    first = load(tmp_path, a=TOP.replace("pensjon", "a"), b=TOP.replace("pensjon", "b"), c=broken)
    second = load(
        tmp_path,
        first,
        f"{PLATFORM}bounds: {{memoryLimit: 8G}}\n",
        a=broken,
        c=TOP.replace("pensjon", "c"),
        d=TOP.replace("pensjon", "d"),
        e=broken,
    )
    assert list(describe_changes(None, first)) == []
    assert list(describe_changes(first, second)) == [
        "platform: bounds.memoryLimit unset -> 8G",
        "a: its file has errors now: it is served as it was",
        "b: removed",
        "c: open again",
        "d: added",
        "e: added, and closed: its file has errors",
    ]
    third = load(
        tmp_path,
        second,
        a=TOP.replace("pensjon", "a"),
        c=TOP.replace("pensjon", "c"),
        d=TOP.replace("pensjon", "d"),
    )
    assert "a: its file is valid again" in list(describe_changes(second, third))


def test_team_that_is_served_as_it_was_has_no_other_change(tmp_path: Path) -> None:
    """A typo changes nothing of what is served, nor does its end: names of platform images mean the same."""
    platform = (
        f"{PLATFORM}images:\n  - {{name: py, image: 'a/b:1', python: '3.13'}}\n"
        "  - {name: old, image: 'a/b:0', python: '3.12'}\n"
    )
    text = f"{TOP}image: py\nprofiles: [{{displayName: A, image: old}}]\n"
    first = load(tmp_path, None, platform, pensjon=text)
    typo = load(tmp_path, first, platform, pensjon=f"{text}colour: red\n")
    other = load(tmp_path, typo, platform, pensjon=f"{text}colour: blue\n")
    mended = load(tmp_path, other, platform, pensjon=text)
    assert list(describe_changes(first, typo)) == ["pensjon: its file has errors now: it is served as it was"]
    assert list(describe_changes(typo, other)) == []
    assert list(describe_changes(other, mended)) == ["pensjon: its file is valid again"]
    states = (first, typo, other, mended)
    assert [teams_with_other_servers(*pair) for pair in pairwise(states)] == [(), (), ()]


def test_team_that_is_mended_and_changed_has_its_change(tmp_path: Path) -> None:
    """What differs from what was served meanwhile is news, also where the file is valid again with it."""
    platform = f"{PLATFORM}images: [{{name: py, image: 'a/b:1', python: '3.13'}}]\n"
    first = load(tmp_path, None, platform, pensjon=f"{TOP}image: py\n")
    typo = load(tmp_path, first, platform, pensjon=f"{TOP}image: py\ncolour: red\n")
    mended = load(tmp_path, typo, platform, pensjon=f"{TOP}image: a/b:2\n")
    assert list(describe_changes(typo, mended)) == [
        "pensjon: image a/b:1 -> a/b:2",
        "pensjon: its file is valid again",
    ]
    assert teams_with_other_servers(typo, mended) == ("pensjon",)


def test_news_of_a_team_have_its_problems_too(tmp_path: Path) -> None:
    """A page of one team shows its own problems, whether it is served or closed."""
    before = load(tmp_path, pensjon=TOP, other=TOP.replace("pensjon", "other"))
    after = load(tmp_path, before, pensjon=f"{TOP}colour: red\n", other=TOP.replace("pensjon", "other"))
    news = team_news(before, after, "pensjon")
    assert [problem.field or problem.message for problem in news.problems] == ["unknown key (got 'colour')"]
    assert news.changes == ("its file has errors now: it is served as it was",)
    assert team_news(None, after, "pensjon").changes == ()


def test_many_problems_of_one_kind_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A thousand files with two warnings each are two lines in the hub's log, with count and example."""
    text = "namespace: {0}\nusers: []\n"
    write_files(tmp_path, PLATFORM, **{f"t{n:03}": text.format(f"t{n}") for n in range(300)})
    with caplog.at_level(logging.INFO, logger="jupyterhub_knada.teams.registry"):
        registry = Registry(tmp_path / "teams", tmp_path / "platform.yaml")
    assert len(registry.snapshot.problems) == 600
    assert caplog.messages[:-1] == [
        (
            "300 warnings KNADA-C041 (A secret without an identity that may read it), for example: "
            f"{registry.snapshot.problems[0]}"
        ),
        f"300 warnings KNADA-C044 (A team that nobody can use), for example: {registry.snapshot.problems[1]}",
    ]


def test_few_problems_of_one_kind_have_a_line_each(tmp_path: Path) -> None:
    """What somebody can read is told in full, and only what is new."""
    first = load(tmp_path, a=f"{TOP}colour: red\n", b=f"{TOP.replace('pensjon', 'b')}colour: red\n")
    lines = list(summarize_problems((), first.problems))
    assert [line for _, line in lines] == list(map(str, first.problems))
    assert {severity for severity, _ in lines} == {Severity.ERROR}
    assert list(summarize_problems(first.problems, first.problems)) == []


def test_reload_logs_what_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An edit is news: the hub's log has it in words."""
    write_files(tmp_path, PLATFORM, pensjon=f"{TOP}memoryLimit: 4G\n")
    registry = Registry(tmp_path / "teams", tmp_path / "platform.yaml")
    write_files(tmp_path, pensjon=f"{TOP}memoryLimit: 6G\n")
    with caplog.at_level(logging.INFO, logger="jupyterhub_knada.teams.registry"):
        registry.reload()
    assert caplog.messages[0] == "pensjon: memoryLimit 4G -> 6G"


def test_control_characters_of_keys_and_names_never_reach_the_log_raw(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A nested key cannot forge a line, move a cursor or turn the direction of what is read."""
    nasty = '"\\e[31m\\nFORGED \\u202e"'
    text = (
        f"{TOP}{nasty}: 1\nlabels: {{{nasty}: x}}\nresources: {{{nasty}: 1}}\n"
        f"users2: {nasty}\ngroups: {nasty}\n"
        f"profiles: [{{displayName: A, options: {{{nasty}: {{choices: {{{nasty}: x}}}}}}}}]\n"
    )
    write_files(tmp_path, PLATFORM, pensjon=text)
    with caplog.at_level(logging.INFO, logger="jupyterhub_knada.teams.registry"):
        Registry(tmp_path / "teams", tmp_path / "platform.yaml")
    assert any("FORGED" in message for message in caplog.messages)
    assert [message for message in caplog.messages if not message.isprintable()] == []
