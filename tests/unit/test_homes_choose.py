"""Which claim is somebody's home: found, made, or refused with the facts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.homes import (
    TEAM_KEY,
    USER_KEY,
    Claim,
    CreateClaim,
    HomePlan,
    MovedFrom,
    RememberedHome,
    UseClaim,
    choose_home,
    home_claim_name,
    home_labels,
    is_home_of,
    label_value,
)

USER, TEAM = "e152435", "alfa-1a2b"
HOME = HomePlan(
    user=USER,
    team="alfa",
    team_id=TEAM,
    namespace="team-alfa",
    claim_name=f"home-{USER}--{TEAM}",
    size=10 * 1024**3,
    storage_class=None,
    older_names=("claim-e152435", "claim-e-152435"),
    contact="#alfa",
)
WAS_HERE = RememberedHome(TEAM, "team-alfa", "odd")
OWN = dict(home_labels(USER, TEAM))


def claim(name: str, labels: dict[str, str] | None = None, **fields: Any) -> Claim:
    """Make a claim in the team's namespace."""
    values = {"namespace": "team-alfa", "annotations": {}, **fields}
    return Claim(name=name, labels=labels or {}, **values)


@pytest.mark.parametrize(
    ("found", "remembered", "decided"),
    [
        pytest.param([], None, CreateClaim(HOME.claim_name), id="nothing there: made"),
        pytest.param([claim("any", OWN)], None, UseClaim("any"), id="labelled: used under any name"),
        pytest.param(
            [claim("b", OWN, created="2026-02-01"), claim("c", OWN, created="2026-01-01")],
            None,
            UseClaim("c"),
            id="two are labelled: the oldest",
        ),
        pytest.param(
            [claim("claim-e152435"), claim("any", OWN)], None, UseClaim("any"), id="labels before older names"
        ),
        pytest.param([claim("claim-e152435")], None, UseClaim("claim-e152435"), id="an older hub's name"),
        pytest.param(
            [claim("claim-e-152435")], None, UseClaim("claim-e-152435"), id="an older hub's escaped name"
        ),
        pytest.param(
            [claim("claim-e152435", annotations={"hub.jupyter.org/username": USER})],
            None,
            UseClaim("claim-e152435"),
            id="an older hub's, with this person's name",
        ),
        pytest.param(
            [claim("claim-e152435", annotations={"hub.jupyter.org/username": "other"})],
            None,
            CreateClaim(HOME.claim_name),
            id="an older name that another person's claim has",
        ),
        pytest.param(
            [claim("claim-e152435", annotations={"hub.jupyter.org/servername": "x"})],
            None,
            CreateClaim(HOME.claim_name),
            id="an older name that a named server's claim has",
        ),
        pytest.param(
            [claim("claim-e152435", dict(home_labels(USER, "beta")))],
            None,
            CreateClaim(HOME.claim_name),
            id="an older name that another team's home has",
        ),
        pytest.param(
            [claim("claim-e152435", {TEAM_KEY: TEAM})],
            None,
            CreateClaim(HOME.claim_name),
            id="an older name with half of a home's labels: whose it is, is not said",
        ),
        pytest.param([claim("odd")], WAS_HERE, UseClaim("odd"), id="remembered and there"),
        pytest.param(
            [claim("new", OWN)], WAS_HERE, UseClaim("new"), id="remembered and gone, another is labelled"
        ),
        pytest.param(
            [claim("odd", namespace="elsewhere")],
            None,
            CreateClaim(HOME.claim_name),
            id="another namespace's",
        ),
        pytest.param(
            [claim("odd", dict(home_labels("old-name", TEAM))), claim("new", OWN)],
            WAS_HERE,
            UseClaim("new"),
            id="remembered under another name, the new name has one of its own",
        ),
        pytest.param(
            [
                claim("odd", annotations={"hub.jupyter.org/username": "old-name"}),
                claim("claim-e152435", annotations={"hub.jupyter.org/username": USER}),
            ],
            WAS_HERE,
            UseClaim("claim-e152435"),
            id="remembered under another name, both of an older hub",
        ),
        pytest.param(
            [claim(HOME.claim_name)],
            None,
            UseClaim(HOME.claim_name),
            id="of the name, restored without labels",
        ),
    ],
)
def test_home_is_found_or_made(
    found: list[Claim], remembered: RememberedHome | None, decided: UseClaim | CreateClaim
) -> None:
    """By labels first, then by the names of older hubs; made only where nothing is and nothing was."""
    assert choose_home(HOME, found, remembered) == decided


@pytest.mark.parametrize(
    ("found", "remembered", "code", "facts"),
    [
        pytest.param(
            [], WAS_HERE, Code.HOME_GONE, ["team-alfa/odd", "is not there", "#alfa", TEAM], id="gone"
        ),
        pytest.param(
            [claim("claim-e152435")],
            WAS_HERE,
            Code.HOME_GONE,
            ["team-alfa/odd"],
            id="gone, an older one is there",
        ),
        pytest.param(
            [claim("odd", is_deleting=True)],
            WAS_HERE,
            Code.HOME_GONE,
            ["is being deleted"],
            id="on its way out",
        ),
        pytest.param(
            [claim("any", OWN, is_deleting=True)],
            None,
            Code.HOME_GONE,
            ["is being deleted"],
            id="labelled, on its way out",
        ),
        pytest.param(
            [claim("odd", dict(home_labels("other", TEAM)))],
            WAS_HERE,
            Code.HOME_NOT_YOURS,
            [
                "was the claim team-alfa/odd",
                "where a user name has changed",
                "#alfa",
                f"label it knada.nav.no/team={TEAM},knada.nav.no/user={USER} and annotate it",
                f"knada.nav.no/user={USER}; else",
            ],
            id="remembered, now another person's",
        ),
        pytest.param(
            [claim("odd", dict(home_labels("other", TEAM))), claim("new", OWN, is_deleting=True)],
            WAS_HERE,
            Code.HOME_GONE,
            ["team-alfa/new", "is being deleted"],
            id="remembered under another name, one's own on its way out",
        ),
        pytest.param(
            [claim("odd", dict(home_labels(USER, "beta")))],
            WAS_HERE,
            Code.HOME_NOT_YOURS,
            ["team-alfa/odd"],
            id="remembered, now another team's",
        ),
        pytest.param(
            [claim(HOME.claim_name, OWN, annotations={USER_KEY: "other"})],
            None,
            Code.HOME_NOT_YOURS,
            [HOME.claim_name],
            id="of the name and labels, but another person's by its annotation",
        ),
        pytest.param(
            [],
            RememberedHome(TEAM, "team-old", "odd"),
            Code.HOME_MOVED,
            ["team-old/odd", "team-alfa", "movedFrom"],
            id="the team moved to another namespace",
        ),
        pytest.param(
            [claim("any", OWN)],
            RememberedHome("old-id", "team-alfa", "odd"),
            Code.HOME_MOVED,
            ["old-id", TEAM, "movedFrom"],
            id="the team has another id",
        ),
    ],
)
def test_home_that_is_not_where_it_was_is_a_refusal_with_the_facts(
    found: list[Claim], remembered: RememberedHome | None, code: Code, facts: list[str]
) -> None:
    """Nobody gets an empty home, or another's, in place of one's own."""
    refusal = choose_home(HOME, found, remembered)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == (code, 409)
    assert [fact for fact in facts if fact not in str(refusal)] == []


@pytest.mark.parametrize(
    ("moved_from", "remembered", "found", "decided"),
    [
        pytest.param(
            MovedFrom("team-old", None),
            RememberedHome(TEAM, "team-old", "odd"),
            [],
            CreateClaim(HOME.claim_name),
            id="another namespace: a new home",
        ),
        pytest.param(
            MovedFrom("team-old", None),
            RememberedHome(TEAM, "team-old", "odd"),
            [claim("copied", OWN)],
            UseClaim("copied"),
            id="another namespace: the copied home",
        ),
        pytest.param(
            MovedFrom(None, "old-id"),
            RememberedHome("old-id", "team-alfa", "odd"),
            [claim("odd", dict(home_labels(USER, "old-id")))],
            UseClaim("odd"),
            id="another id: the home that has the old one",
        ),
        pytest.param(
            MovedFrom(None, "old-id"),
            None,
            [claim("odd", dict(home_labels(USER, "old-id")))],
            UseClaim("odd"),
            id="another id, nothing remembered: found by the old one",
        ),
    ],
)
def test_move_that_the_file_acknowledges_goes_on(
    moved_from: MovedFrom,
    remembered: RememberedHome | None,
    found: list[Claim],
    decided: UseClaim | CreateClaim,
) -> None:
    """`movedFrom` says that somebody has looked after the homes."""
    assert choose_home(replace(HOME, moved_from=moved_from), found, remembered) == decided


def test_move_acknowledged_from_elsewhere_is_still_refused() -> None:
    """An acknowledgement of an earlier move is none of this one."""
    home = replace(HOME, moved_from=MovedFrom("team-older", None))
    refusal = choose_home(home, [], RememberedHome(TEAM, "team-old", "odd"))
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.HOME_MOVED


NAMES = st.one_of(
    st.text(min_size=1, max_size=80),
    st.text(alphabet="ab-.", min_size=1, max_size=70),
    st.sampled_from(["a", "a--b", "b", "a---b", "A", "a.b", "a-b", "æ", "x" * 64]),
)
TEAM_IDS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(st.tuples(NAMES, TEAM_IDS), st.tuples(NAMES, TEAM_IDS))
def test_names_of_homes_are_valid_and_never_those_of_another(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Two people or two teams never share a claim's name or labels, however nasty the names."""
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", home_claim_name(*one))
    assert (home_claim_name(*one) == home_claim_name(*other)) == (one == other)
    assert (home_labels(*one) == home_labels(*other)) == (one == other)


@given(NAMES, NAMES)
def test_label_values_are_valid_and_differ(one: str, other: str) -> None:
    """A label's value fits Kubernetes and stands for one text only."""
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", label_value(one))
    assert (label_value(one) == label_value(other)) == (one == other)


@given(NAMES, TEAM_IDS, NAMES, TEAM_IDS)
def test_claim_is_the_home_of_one_person_in_one_team_only(
    user: str, team: str, other_user: str, other_team: str
) -> None:
    """What was labelled for one is never taken for another's."""
    labels = dict(home_labels(user, team))
    own = claim("x", labels, annotations={USER_KEY: user, TEAM_KEY: team})
    assert is_home_of(own, user, team)
    assert is_home_of(own, other_user, other_team) == ((user, team) == (other_user, other_team))
