"""What only one team may have: who is closed when two files claim it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.loading import FileCache, LoadedFiles, load_files
from tests.support.team_files import load_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path


def team(namespace: str, rest: str = "") -> str:
    """Write a team's file with one user."""
    return f"namespace: {namespace}\nusers: [e1]\n{rest}"


def told(loaded: LoadedFiles) -> list[str]:
    """Give the messages about team files."""
    return [str(problem) for problem in loaded.problems if problem.file.startswith("teams")]


def reload(folder: Path, before: LoadedFiles) -> LoadedFiles:
    """Load again, with what was served."""
    return load_files(folder / "teams", None, previous=before.teams)


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        pytest.param(
            "namespace",
            team("same"),
            team("same"),
            [
                "teams/a.yaml:1:12: namespace: claimed twice (got 'same'); teams/b.yaml:1 claims it, too",
                "teams/b.yaml:1:12: namespace: claimed twice (got 'same'); teams/a.yaml:1 claims it, too",
            ],
            id="namespace",
        ),
        pytest.param(
            "ingress",
            team("a", "ingress: same\n"),
            team("b", "ingress: same\n"),
            [
                "teams/a.yaml:3:10: ingress: claimed twice (got 'same'); teams/b.yaml:3 claims it, too",
                "teams/b.yaml:3:10: ingress: claimed twice (got 'same'); teams/a.yaml:3 claims it, too",
            ],
            id="ingress",
        ),
        pytest.param(
            "secret",
            team("a", "secret: same\n"),
            team("b", "secret: same\n"),
            [
                "teams/a.yaml:3:9: secret: claimed twice (got 'same'); teams/b.yaml:3 claims it, too",
                "teams/b.yaml:3:9: secret: claimed twice (got 'same'); teams/a.yaml:3 claims it, too",
            ],
            id="secret",
        ),
        pytest.param(
            "id",
            team("a", "id: same\nsecret: a\n"),
            team("b", "id: same\nsecret: b\n"),
            [
                "teams/a.yaml:3:5: id: claimed twice (got 'same'); teams/b.yaml:3 claims it, too",
                "teams/b.yaml:3:5: id: claimed twice (got 'same'); teams/a.yaml:3 claims it, too",
            ],
            id="id",
        ),
    ],
)
def test_claim_of_two_files_closes_both_on_a_first_load(
    tmp_path: Path,
    kind: str,
    one: str,
    other: str,
    expected: list[str],
) -> None:
    """Nobody can say who had it: both are told, and a third team is unharmed."""
    loaded = load_folder(write_files(tmp_path, a=one, b=other, c=team("c")))
    assert (list(loaded.teams), list(loaded.closed)) == (["c"], ["a", "b"])
    assert told(loaded) == [f"{line}; give each team its own {kind} [KNADA-C031]" for line in expected]


def test_id_of_one_team_that_is_the_name_of_another_closes_both(tmp_path: Path) -> None:
    """A team without an id claims its file's name, as id and as secret."""
    loaded = load_folder(write_files(tmp_path, a=team("a"), b=team("b", "id: a\n")))
    assert list(loaded.closed) == ["a", "b"]
    assert told(loaded) == [
        (
            "teams/a.yaml:1:1: id: claimed twice (got 'a'); teams/b.yaml:3 claims it, too; "
            "give each team its own id [KNADA-C031]"
        ),
        (
            "teams/b.yaml:3:5: id: claimed twice (got 'a'); teams/a.yaml:1 claims it, too; "
            "give each team its own id [KNADA-C031]"
        ),
    ]


def test_newcomer_is_closed_on_a_reload(tmp_path: Path) -> None:
    """Who is served with a namespace keeps it."""
    before = load_folder(write_files(tmp_path, a=team("same")))
    loaded = reload(write_files(tmp_path, b=team("same")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["a"], ["b"])


def test_two_newcomers_are_both_closed_on_a_reload(tmp_path: Path) -> None:
    """Two new files that claim the same are as two on a first load."""
    before = load_folder(write_files(tmp_path, a=team("a")))
    loaded = reload(write_files(tmp_path, b=team("same"), c=team("same")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["a"], ["b", "c"])


def test_team_whose_file_is_broken_keeps_what_it_is_served_with(tmp_path: Path) -> None:
    """A typo in one file does not hand its namespace to another."""
    before = load_folder(write_files(tmp_path, a=team("same")))
    loaded = reload(write_files(tmp_path, a="namespace: [", b=team("same")), before)
    assert list(loaded.closed) == ["a", "b"]
    assert told(loaded)[-1] == (
        "teams/b.yaml:1:12: namespace: claimed twice (got 'same'); teams/a.yaml:1 claims it, too; "
        "give each team its own namespace [KNADA-C031]"
    )


def test_team_that_grabs_another_namespace_keeps_its_own(tmp_path: Path) -> None:
    """A team that is closed for what it newly claims still holds what it is served with."""
    before = load_folder(write_files(tmp_path, a=team("a"), b=team("b")))
    loaded = reload(write_files(tmp_path, a=team("b"), c=team("a")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["b"], ["a", "c"])


def test_two_teams_may_swap_namespaces(tmp_path: Path) -> None:
    """What is claimed once afterwards is no conflict, whoever had it."""
    before = load_folder(write_files(tmp_path, a=team("a"), b=team("b")))
    loaded = reload(write_files(tmp_path, a=team("b"), b=team("a")), before)
    assert list(loaded.teams) == ["a", "b"]


def test_team_whose_file_is_gone_holds_nothing(tmp_path: Path) -> None:
    """A renamed file takes its namespace along."""
    before = load_folder(write_files(tmp_path, a=team("same")))
    (tmp_path / "teams" / "a.yaml").rename(tmp_path / "teams" / "b.yaml")
    assert list(reload(tmp_path, before).teams) == ["b"]


def test_namespaces_are_free_where_the_platform_uses_none(tmp_path: Path) -> None:
    """With `namespaces: hub` two teams may name the same namespace: neither uses it."""
    loaded = load_folder(write_files(tmp_path, "namespaces: hub\n", a=team("same"), b=team("same")))
    assert list(loaded.teams) == ["a", "b"]


def test_wrong_claim_of_a_broken_file_closes_nobody(tmp_path: Path) -> None:
    """What a broken file claims counts as far as it can be read, and no further."""
    broken = team("ok", "id: NOT AN ID\ningress: same\nimage: '!'\n")
    loaded = load_folder(write_files(tmp_path, a=broken, b=team("b", "ingress: same\n"), c=team("c")))
    assert list(loaded.teams) == ["c"]
    assert [line for line in told(loaded) if "claimed" in line] == [
        (
            "teams/a.yaml:4:10: ingress: claimed twice (got 'same'); teams/b.yaml:3 claims it, too; "
            "give each team its own ingress [KNADA-C031]"
        ),
        (
            "teams/b.yaml:3:10: ingress: claimed twice (got 'same'); teams/a.yaml:4 claims it, too; "
            "give each team its own ingress [KNADA-C031]"
        ),
    ]


def test_closed_team_names_its_people(tmp_path: Path) -> None:
    """Who is in a closed team can be told so, also where only a part of the lists can be read."""
    loaded = load_folder(
        write_files(tmp_path, a="users: [e1, E2, [x]]\nleads: [e3]\n", b="users: [e1", c="- x")
    )
    assert loaded.closed["a"].users == {"e1", "E2", "e3"}
    assert loaded.closed["b"].users == frozenset()
    assert loaded.closed["c"].users == frozenset()


def test_changed_file_alone_is_judged_again(tmp_path: Path) -> None:
    """With a cache an unchanged file gives the same object; changed and removed ones are seen."""
    write_files(tmp_path, a=team("a"), b=team("b"), c=team("c"))
    cache = FileCache()
    before = load_files(tmp_path / "teams", None, cache=cache)
    write_files(tmp_path, b=team("b", "image: x/y:1\n"))
    (tmp_path / "teams" / "c.yaml").unlink()
    after = load_files(tmp_path / "teams", None, cache=cache, previous=before.teams)
    assert list(after.teams) == ["a", "b"]
    assert after.teams["a"].team is before.teams["a"].team
    assert after.teams["b"].team.image == "x/y:1"


def test_file_that_was_broken_for_a_while_holds_again_from_the_cache(tmp_path: Path) -> None:
    """A problem stays told as long as the file is as it is, and no longer."""
    cache = FileCache()
    write_files(tmp_path, a=team("A"))
    first = load_files(tmp_path / "teams", None, cache=cache)
    second = load_files(tmp_path / "teams", None, cache=cache)
    assert first.problems == second.problems
    write_files(tmp_path, a=team("a"))
    assert list(load_files(tmp_path / "teams", None, cache=cache).teams) == ["a"]


def test_platform_that_begins_to_use_namespaces_closes_who_shares_one(tmp_path: Path) -> None:
    """Two teams that shared a namespace in name only cannot go on with it; nor may a third have it."""
    before = load_folder(write_files(tmp_path, "namespaces: hub\n", a=team("same"), b=team("same")))
    loaded = load_files(
        write_files(tmp_path, "namespaces: team\n", a="[") / "teams",
        tmp_path / "platform.yaml",
        previous=before.teams,
    )
    assert list(loaded.closed) == ["a", "b"]
    assert [line for line in told(loaded) if "claimed" in line] == [
        (
            "teams/b.yaml:1:12: namespace: claimed twice (got 'same'); teams/a.yaml:1 claims it, too; "
            "give each team its own namespace [KNADA-C031]"
        ),
    ]


def test_team_that_passes_a_bound_keeps_what_it_is_served_with(tmp_path: Path) -> None:
    """A file that breaks a rule of the platform is as broken as one with a typo."""
    bounds = "bounds: {memoryLimit: 4G}\n"
    before = load_folder(write_files(tmp_path, bounds, a=team("a")))
    write_files(tmp_path, a=team("other", "memoryLimit: 8G\n"), b=team("a"))
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", previous=before.teams)
    assert list(loaded.closed) == ["a", "b"]
    assert str(loaded.closed["b"].problems[0]) == (
        "teams/b.yaml:1:12: namespace: claimed twice (got 'a'); "
        "team a is served with it, by the last valid version of teams/a.yaml; "
        "give each team its own namespace [KNADA-C031]"
    )


def test_claim_of_very_many_names_a_few_of_them(tmp_path: Path) -> None:
    """A copied line in a hundred files is told shortly in each."""
    loaded = load_folder(write_files(tmp_path, **{f"t{n:02}": team("same") for n in range(50)}))
    assert len(loaded.closed) == 50
    assert str(loaded.closed["t01"].problems[0]) == (
        "teams/t01.yaml:1:12: namespace: claimed twice (got 'same'); "
        "teams/t00.yaml:1, teams/t02.yaml:1, teams/t03.yaml:1 and 46 more claim it, too; "
        "give each team its own namespace [KNADA-C031]"
    )


PENSJON = team("pensjon", "id: pensjon-9b2e\n")


def test_moved_from_cannot_name_the_id_of_a_living_team(tmp_path: Path) -> None:
    """Homes are found by the id that a team had before: those of a team that has it are not handed out."""
    before = load_folder(write_files(tmp_path, pensjon=PENSJON))
    loaded = reload(write_files(tmp_path, x=team("x", "movedFrom: {id: pensjon-9b2e}\n")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["pensjon"], ["x"])
    assert told(loaded) == [
        (
            "teams/x.yaml:3:17: movedFrom.id: claimed twice (got 'pensjon-9b2e'); "
            "teams/pensjon.yaml:3 claims it, too; give each team its own id [KNADA-C031]"
        ),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(PENSJON, team("x", "movedFrom: {id: pensjon-9b2e}\n"), id="an id"),
        pytest.param(team("p"), team("x", "movedFrom: {id: a}\n"), id="the name of a file without an id"),
        pytest.param(
            team("p", "movedFrom: {id: old}\n"),
            team("x", "movedFrom: {id: old}\n"),
            id="what another one was, too",
        ),
        pytest.param(
            team("p", "id: pensjon-9b2e\nimage: '!'\n"),
            team("x", "movedFrom: {id: pensjon-9b2e}\n"),
            id="an id of a team that is closed",
        ),
    ],
)
def test_moved_from_of_two_claimants_closes_both_on_a_first_load(
    tmp_path: Path, one: str, other: str
) -> None:
    """An id that a team had before is claimed as the one that it has: nobody can say whose homes they are."""
    loaded = load_folder(write_files(tmp_path, a=one, b=other))
    assert list(loaded.closed) == ["a", "b"]


def test_newcomer_cannot_take_the_id_that_a_team_had_before(tmp_path: Path) -> None:
    """Homes with a moved team's old id on them are that team's."""
    before = load_folder(write_files(tmp_path, a=team("a", "id: a-2\nmovedFrom: {id: a-1}\n")))
    loaded = reload(write_files(tmp_path, b=team("b", "id: a-1\n")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["a"], ["b"])


def test_moved_from_of_the_team_itself_is_no_clash(tmp_path: Path) -> None:
    """A team that changes its id says which one it had, and is served."""
    before = load_folder(write_files(tmp_path, a=team("a", "id: a-1\n")))
    loaded = reload(write_files(tmp_path, a=team("a", "id: a-2\nmovedFrom: {id: a-1}\n")), before)
    assert list(loaded.teams) == ["a"]


MOVED = team("new", "movedFrom: {namespace: old}\n")


def test_moved_from_and_the_namespace_of_another_team_close_both_on_a_first_load(tmp_path: Path) -> None:
    """Nobody can say whose homes lie there: the rule is the one of ids."""
    loaded = load_folder(write_files(tmp_path, a=MOVED, b=team("old"), c=team("c")))
    assert (list(loaded.teams), list(loaded.closed)) == (["c"], ["a", "b"])
    assert told(loaded) == [
        (
            "teams/a.yaml:3:24: movedFrom.namespace: claimed twice (got 'old'); teams/b.yaml:1 claims it, "
            "too; name the namespace that was this team's, or remove it [KNADA-C031]"
        ),
        (
            "teams/b.yaml:1:12: namespace: claimed twice (got 'old'); teams/a.yaml:3 claims it, too; "
            "give each team its own namespace [KNADA-C031]"
        ),
    ]


def test_newcomer_cannot_take_the_namespace_that_a_team_had_before(tmp_path: Path) -> None:
    """The homes of a moved team may still lie there: it stays open, and the newcomer is closed."""
    before = load_folder(write_files(tmp_path, a=MOVED))
    loaded = reload(write_files(tmp_path, b=team("old")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["a"], ["b"])
    [message] = told(loaded)
    assert message.startswith("teams/b.yaml:1:12: namespace: claimed twice (got 'old'); teams/a.yaml:3 ")


def test_newcomer_cannot_name_the_namespace_of_another_team_as_its_own_before(tmp_path: Path) -> None:
    """Who says that it was where another team is has made a mistake, or means harm; the other is unharmed."""
    before = load_folder(write_files(tmp_path, b=team("old")))
    loaded = reload(write_files(tmp_path, a=MOVED), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["b"], ["a"])


def test_team_that_moves_keeps_others_out_of_both_namespaces(tmp_path: Path) -> None:
    """In the same reload in which a team moves, nobody takes the place that it leaves."""
    before = load_folder(write_files(tmp_path, a=team("old")))
    loaded = reload(write_files(tmp_path, a=MOVED, b=team("old"), c=team("new")), before)
    assert (list(loaded.teams), list(loaded.closed)) == ([], ["a", "b", "c"])
    loaded = reload(write_files(tmp_path, c=team("c")), before)
    assert (list(loaded.teams), list(loaded.closed)) == (["a", "c"], ["b"])


def test_newcomer_that_was_in_the_same_namespace_harms_nobody(tmp_path: Path) -> None:
    """Teams that leave one namespace for all may say so one after the other."""
    before = load_folder(write_files(tmp_path, a=MOVED))
    loaded = reload(write_files(tmp_path, b=team("b", "movedFrom: {namespace: old}\n")), before)
    assert list(loaded.teams) == ["a", "b"]


def test_moved_from_cannot_name_the_namespace_that_another_team_is_served_with(tmp_path: Path) -> None:
    """What a team whose file is broken is served with is that team's."""
    before = load_folder(write_files(tmp_path, pensjon=team("pensjon")))
    write_files(tmp_path, pensjon="[", x=team("x", "movedFrom: {namespace: pensjon}\n"))
    assert list(reload(tmp_path, before).closed) == ["pensjon", "x"]


def test_teams_that_leave_one_namespace_may_all_say_so(tmp_path: Path) -> None:
    """From one namespace for all to one for each, every team was in the same place."""
    rest = "movedFrom: {namespace: jupyterhub}\n"
    loaded = load_folder(write_files(tmp_path, a=team("a", rest), b=team("b", rest)))
    assert list(loaded.teams) == ["a", "b"]


HUB = "namespaces: hub\n"


@pytest.mark.parametrize(
    ("platform", "rest", "is_shared"),
    [
        pytest.param(HUB, "serviceAccount: same\n", True, id="an account in one namespace"),
        pytest.param(None, "serviceAccount: same\n", False, id="an account in two namespaces"),
        pytest.param(HUB, "imagePullSecrets: [same]\n", True, id="a pull secret in one namespace"),
        pytest.param(None, "imagePullSecrets: [same]\n", False, id="a pull secret in two namespaces"),
        pytest.param(
            HUB + "defaults: {imagePullSecrets: [same]}\n",
            "imagePullSecrets: [same]\n",
            False,
            id="a pull secret of the platform",
        ),
    ],
)
def test_identity_is_one_teams_where_all_share_a_namespace(
    tmp_path: Path, platform: str | None, rest: str, *, is_shared: bool
) -> None:
    """Whoever runs as another team's service account reads its secrets, and its pull secret its images."""
    loaded = load_folder(write_files(tmp_path, platform, a=team("a", rest), b=team("b", rest)))
    assert list(loaded.closed) == (["a", "b"] if is_shared else [])
    codes = {problem.code for closed in loaded.closed.values() for problem in closed.problems}
    assert (Code.CLAIMED_TWICE in codes) == is_shared


def test_newcomer_cannot_take_the_service_account_of_another_team(tmp_path: Path) -> None:
    """Who is served with an identity keeps it."""
    before = load_folder(write_files(tmp_path, HUB, a=team("a", "serviceAccount: a-sa\n")))
    write_files(tmp_path, b=team("b", "serviceAccount: a-sa\n"))
    loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", previous=before.teams)
    assert (list(loaded.teams), list(loaded.closed)) == (["a"], ["b"])


def test_pull_secret_of_two_teams_is_told_with_both_ways_out(tmp_path: Path) -> None:
    """A secret is made one team's, or the platform's."""
    rest = "imagePullSecrets: [own, same]\n"
    loaded = load_folder(
        write_files(tmp_path, HUB, a=team("a", rest), b=team("b", "imagePullSecrets: [same]\n"))
    )
    assert str(loaded.closed["a"].problems[-1]) == (
        "teams/a.yaml:3:25: imagePullSecrets[1]: claimed twice (got 'same'); "
        "teams/b.yaml:3 claims it, too; "
        "give each team its own secret, or name it in the platform file's defaults [KNADA-C031]"
    )
