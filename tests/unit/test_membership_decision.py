"""Who is in which team, with a reason; and why somebody is in none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.loading import ClosedTeam, LoadedPlatform, LoadedTeam, Positions
from jupyterhub_knada.teams.membership import Membership, Role, decide_memberships
from jupyterhub_knada.teams.model import PlatformFile, TeamFile
from jupyterhub_knada.teams.reloading import build_snapshot
from jupyterhub_knada.teams.snapshots import Snapshot
from tests.support.team_files import load_folder, load_texts, write_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOWHERE = Positions({}, {})
PLATFORM = LoadedPlatform(None, PlatformFile.model_validate({"contact": "#knada"}), NOWHERE)
ALL_GROUP = "f2816319-7db0-4061-8d0c-5ddbe232d60c"


def make_snapshot(
    *,
    platform: LoadedPlatform | None = PLATFORM,
    closed: Mapping[str, ClosedTeam] | None = None,
    **teams: Any,
) -> Snapshot:
    """Make a snapshot of teams given by their keys."""
    loaded = {
        slug: LoadedTeam(
            slug,
            f"teams/{slug}.yaml",
            TeamFile.model_validate({"namespace": slug, "users": [], **keys}),
            NOWHERE,
            (),
        )
        for slug, keys in teams.items()
    }
    return Snapshot(1, platform, loaded, closed or {}, ())


def test_membership_reason_names_list_file_and_line(tmp_path: Path) -> None:
    """Each membership says which entry of which file grants it."""
    loaded = load_texts(
        tmp_path,
        alpha="namespace: alpha\nusers:\n  - other\n  - e152435\n",
        beta="namespace: beta\nusers: []\nleads:\n  - e152435\n",
        gamma="namespace: gamma\nusers: [other]\ngroups:\n  - analysts\n",
        delta="namespace: delta\nusers: [other]\n",
    )
    snapshot = Snapshot(1, loaded.platform, loaded.teams, loaded.closed, loaded.problems)

    decision = decide_memberships("e152435", ["analysts"], snapshot)

    assert decision.refusal is None
    assert decision.memberships == (
        Membership("alpha", Role.MEMBER, "listed under users in teams/alpha.yaml:4"),
        Membership("beta", Role.LEAD, "listed under leads in teams/beta.yaml:4"),
        Membership("gamma", Role.MEMBER, "in group analysts, named in teams/gamma.yaml:4"),
    )


@pytest.mark.parametrize(
    ("user", "groups", "keys", "role"),
    [
        pytest.param("e152435", None, {"users": ["e152435"]}, Role.MEMBER, id="listed, claim unknown"),
        pytest.param("E152435", [], {"users": ["e152435"]}, Role.MEMBER, id="signed in in upper case"),
        pytest.param("e152435", [], {"leads": ["e152435"]}, Role.LEAD, id="a lead is a member"),
        pytest.param(
            "e152435", [], {"users": ["e152435"], "leads": ["e152435"]}, Role.LEAD, id="lead before member"
        ),
        pytest.param("e1", [ALL_GROUP], {"groups": [ALL_GROUP]}, Role.MEMBER, id="group by id"),
        pytest.param("e1", ["KNADA  team"], {"groups": ["KNADA team"]}, None, id="a group's blanks count"),
        pytest.param("e1", ["KNADA\u00a0team"], {"groups": ["KNADA team"]}, None, id="another blank"),
        pytest.param("e1", ["KNADA team "], {"groups": ["KNADA team"]}, None, id="a blank behind a group"),
        pytest.param(
            "e1",
            ["KNADA\u00a0team"],
            {"groups": ["KNADA\u00a0team"]},
            Role.MEMBER,
            id="a group written exactly as in the claim",
        ),
        pytest.param("\u212aari", [], {"users": ["kari"]}, None, id="a Kelvin sign is no k"),
        pytest.param("kari\u00a0", [], {"users": ["kari"]}, None, id="a blank behind a name"),
        pytest.param(
            "e1",
            [ALL_GROUP],
            {"users": ["e1"], "groups": [ALL_GROUP]},
            Role.MEMBER,
            id="listed and in the group",
        ),
        pytest.param("e1", ["knada"], {"groups": ["KNADA"]}, None, id="a group's case counts"),
        pytest.param("e1524", [], {"users": ["e152435"]}, None, id="part of a name"),
        pytest.param("analysts", [], {"groups": ["analysts"]}, None, id="a user named like a group"),
        pytest.param("e1", ["e152435"], {"users": ["e152435"]}, None, id="a group named like a user"),
        pytest.param("", [""], {"users": ["e1"]}, None, id="empty names"),
    ],
)
def test_membership_of_one_team_is_decided(
    user: str, groups: list[str] | None, keys: dict[str, Any], role: Role | None
) -> None:
    """Names and groups are compared whole, A-Z of users as a-z, groups as they are."""
    decision = decide_memberships(user, groups, make_snapshot(alpha=keys))

    assert [membership.role for membership in decision.memberships] == ([role] if role else [])
    assert (decision.refusal is None) == (role is not None)


@pytest.mark.parametrize(
    ("groups", "snapshot", "code", "text"),
    [
        pytest.param(
            [],
            make_snapshot(alpha={"users": ["other"]}),
            Code.NO_TEAM,
            "You are e152435, but no team here lists you. "
            "Ask a team's lead or #knada to add you, then sign in again. [KNADA-A001]",
            id="in no team",
        ),
        pytest.param(
            None,
            make_snapshot(alpha={"users": ["other"]}),
            Code.NO_TEAM,
            "You are e152435, but no team here lists you. "
            "Ask a team's lead or #knada to add you, then sign in again. [KNADA-A001]",
            id="claim unknown where no team names a group",
        ),
        pytest.param(
            None,
            make_snapshot(alpha={"groups": ["analysts"]}),
            Code.CLAIM_MISSING,
            "You are e152435, but your sign-in came without the list of your groups, by which "
            "teams are decided here. Sign in again; if this comes back, ask #knada. [KNADA-A002]",
            id="claim unknown where a team names a group",
        ),
        pytest.param(
            [],
            make_snapshot(
                closed={"kyrre": ClosedTeam("kyrre", "teams/kyrre.yaml", (), frozenset({"E152435"}))}
            ),
            Code.TEAM_CLOSED,
            "Team kyrre is closed: teams/kyrre.yaml has errors. "
            "You are still in it, and running servers run on. "
            "Ask whoever changed it last, or #knada, to correct it. [KNADA-S007]",
            id="the only team is closed",
        ),
        pytest.param(
            [],
            make_snapshot(
                closed={
                    slug: ClosedTeam(slug, f"teams/{slug}.yaml", (), frozenset({"e152435"}))
                    for slug in ("kyrre", "alpha")
                }
            ),
            Code.TEAM_CLOSED,
            "Team alpha is closed: teams/alpha.yaml has errors. "
            "Team kyrre is closed: teams/kyrre.yaml has errors. "
            "You are still in them, and running servers run on. "
            "Ask whoever changed them last, or #knada, to correct them. [KNADA-S007]",
            id="both teams are closed",
        ),
        pytest.param(
            [],
            make_snapshot(
                closed={"kyrre": ClosedTeam("kyrre", "teams/kyrre.yaml", (), frozenset({"other"}))}
            ),
            Code.NO_TEAM,
            "You are e152435, but no team here lists you. "
            "Ask a team's lead or #knada to add you, then sign in again. [KNADA-A001]",
            id="somebody else's team is closed",
        ),
        pytest.param(
            [],
            make_snapshot(platform=None),
            Code.PLATFORM_CLOSED,
            "You are e152435, but nothing can be started here now: the platform's own file has "
            "errors. The administrators see what is wrong in the hub's log; try again when it is mended. "
            "[KNADA-S011]",
            id="the platform file is broken",
        ),
        pytest.param(
            [],
            make_snapshot(platform=LoadedPlatform(None, PlatformFile(), NOWHERE)),
            Code.NO_TEAM,
            "You are e152435, but no team here lists you. Ask a team's lead or the "
            "administrators of this hub to add you, then sign in again. [KNADA-A001]",
            id="a platform without a contact",
        ),
    ],
)
def test_membership_refusal_says_why_and_whom_to_ask(
    groups: list[str] | None, snapshot: Snapshot, code: Code, text: str
) -> None:
    """Somebody in no team is told the reason that can be mended first."""
    decision = decide_memberships("e152435", groups, snapshot)

    assert decision.memberships == ()
    assert decision.refusal is not None
    assert (decision.refusal.code, str(decision.refusal)) == (code, text)


def test_membership_of_an_open_team_counts_beside_a_closed_one() -> None:
    """A broken file takes nothing from a person but that team."""
    closed = {"kyrre": ClosedTeam("kyrre", "teams/kyrre.yaml", (), frozenset({"e1"}))}

    decision = decide_memberships("e1", [], make_snapshot(closed=closed, alpha={"users": ["e1"]}))

    assert decision.teams == ("alpha",)


@pytest.mark.parametrize(
    ("user", "groups", "was_in", "closed"),
    [
        pytest.param("e1", [], (), ("kyrre",), id="named under users"),
        pytest.param("e2", ["analysts"], (), ("kyrre",), id="by group"),
        pytest.param("e2", None, ("kyrre", "alpha"), ("kyrre",), id="in it when it could be read"),
        pytest.param("e2", ["others"], ("alpha",), (), id="not in it"),
    ],
)
def test_closed_team_is_told_to_whoever_is_in_it(
    user: str, groups: list[str] | None, was_in: tuple[str, ...], closed: tuple[str, ...]
) -> None:
    """By what can be read of its file, and by where the person was before."""
    shut = ClosedTeam("kyrre", "teams/kyrre.yaml", (), frozenset({"E1"}), frozenset({"analysts"}))
    snapshot = make_snapshot(closed={"kyrre": shut}, alpha={"users": ["e1", "e2"]})

    decision = decide_memberships(user, groups, snapshot, was_in)

    assert (decision.closed, decision.teams) == (closed, ("alpha",))


def test_closed_team_says_since_when_and_the_kind_of_its_errors(tmp_path: Path) -> None:
    """Enough to find the line, and nothing of what stands there."""
    text = "namespace: kyrre\nusers: [e1]\nenv: {SECRET TOKEN: abc}\nmemoryLimit: 2\n"
    loaded = load_folder(write_files(tmp_path, kyrre=text))
    [first] = build_snapshot(None, loaded, now=datetime(2026, 12, 1, 8, 20, tzinfo=UTC)).closed.values()
    assert str(first) == (
        "Team kyrre is closed since 2026-12-01 08:20 UTC: teams/kyrre.yaml has errors "
        "(line 3: Not an environment variable, and 1 more)."
    )


NAMES = st.sampled_from(["a", "b", "c", "d"])


@given(
    user=NAMES,
    claim=st.none() | st.lists(NAMES),
    teams=st.dictionaries(
        st.sampled_from(["t1", "t2", "t3"]),
        st.fixed_dictionaries(
            {key: st.lists(NAMES, unique=True, max_size=3) for key in ("users", "leads", "groups")}
        ),
    ),
)
def test_membership_is_exactly_what_the_files_grant(
    user: str, claim: list[str] | None, teams: dict[str, dict[str, list[str]]]
) -> None:
    """A person is in a team if and only if it lists them or a group of theirs, and is refused if in none."""
    decision = decide_memberships(user, claim, make_snapshot(**cast("Any", teams)))

    granted = sorted(
        slug
        for slug, keys in teams.items()
        if user in keys["users"] + keys["leads"] or set(claim or ()) & set(keys["groups"])
    )
    assert list(decision.teams) == granted
    assert (decision.refusal is None) == bool(granted)
