"""What only one team may have: its id, namespace, ingress and secret.

On a first load every team that claims the same is closed: nobody can say who had it. Later the newcomer is.
Who holds a thing is who was served with it, also where that team's file does not hold just now.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.loaded import LoadedTeam
    from jupyterhub_knada.teams.model import TeamFile

_MOST_SHOWN = 3
"""Other teams that a message names."""


class Claim(NamedTuple):
    """A thing that one team may have."""

    kind: str
    value: str


class _Conflict(NamedTuple):
    """A claim and the teams that have it, sorted: two or more."""

    claim: Claim
    slugs: tuple[str, ...]


def claims_of(slug: str, team: TeamFile, *, with_namespace: bool) -> dict[str, Claim]:
    """Give what a team claims, by key; what a file leaves out follows from its name, or is not claimed.

    Args:
        slug: the team's slug.
        team: its file.
        with_namespace: whether each team has a namespace of its own (`namespaces: team`).
    """
    team_id = team.id or slug
    said = {
        "id": team_id,
        "namespace": team.namespace if with_namespace else None,
        "ingress": team.ingress,
        "secret": team.secret or team_id,
    }
    return {kind: Claim(kind, value) for kind, value in said.items() if value is not None}


def decide_claims(
    views: Mapping[str, FileView[TeamFile]],
    previous: Mapping[str, LoadedTeam],
    broken: AbstractSet[str],
    *,
    with_namespace: bool,
) -> dict[str, list[Problem]]:
    """Decide which teams are closed because another one has what they claim. Pure.

    Args:
        views: the files, by slug, those that do not hold among them.
        previous: the teams that are served now, by slug; empty on a first load.
        broken: the slugs of the files that do not hold for another reason.
        with_namespace: whether each team has a namespace of its own.

    Returns:
        The problems of each team that is closed by it, by slug.
    """
    claimed = {slug: _read_claims(slug, view, with_namespace=with_namespace) for slug, view in views.items()}
    held = {
        slug: frozenset(claims_of(slug, loaded.team, with_namespace=with_namespace).values())
        for slug, loaded in previous.items()
        if slug in views
    }
    closed: dict[str, list[Problem]] = {}
    while True:
        losers = _losers(claimed, held, broken | closed.keys())
        found = {slug: _tell(slug, conflicts, views, claimed) for slug, conflicts in losers.items()}
        if found.keys() <= closed.keys():
            return closed
        # A team that is closed keeps what it is served with: that may close another one.
        closed |= found


def _read_claims(slug: str, view: FileView[TeamFile], *, with_namespace: bool) -> dict[str, Claim]:
    """Give the claims of a file as far as they could be read."""
    if view.part is None:
        return {}
    claims = claims_of(slug, view.part, with_namespace=with_namespace)
    unsaid = view.unsaid | ({"secret"} if "id" in view.unsaid and view.part.secret is None else frozenset())
    return {kind: claim for kind, claim in claims.items() if kind not in unsaid}


def _losers(
    claimed: Mapping[str, Mapping[str, Claim]],
    held: Mapping[str, frozenset[Claim]],
    closed: Iterable[str],
) -> dict[str, list[_Conflict]]:
    """Give, for each team that loses a claim, the conflicts about it."""
    claimants: dict[Claim, set[str]] = defaultdict(set)
    for slug, claims in claimed.items():
        for claim in claims.values():
            claimants[claim].add(slug)
    for slug in closed:
        for claim in held.get(slug, ()):
            claimants[claim].add(slug)
    losers: dict[str, list[_Conflict]] = defaultdict(list)
    for claim, slugs in claimants.items():
        if len(slugs) > 1:
            holders = {slug for slug in slugs if claim in held.get(slug, ())}
            conflict = _Conflict(claim, tuple(sorted(slugs)))
            for slug in slugs - (holders if len(holders) == 1 else set()):
                losers[slug].append(conflict)
    return losers


def _tell(
    slug: str,
    conflicts: Iterable[_Conflict],
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[str, Claim]],
) -> list[Problem]:
    view = views[slug]
    told = []
    for claim, slugs in conflicts:
        if claim not in claimed[slug].values():
            continue
        others = [other for other in slugs if other != slug]
        rule = _who_has(claim, others, views, claimed)
        message = f"claimed twice {got(claim.value)}"
        remedy = f"give each team its own {claim.kind}"
        path = _said_at(claim, view)
        told.append(view.tell(Fault(Code.CLAIMED_TWICE, message, rule, remedy, path or (claim.kind,))))
    return told


def _who_has(
    claim: Claim,
    slugs: Sequence[str],
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[str, Claim]],
) -> str:
    """Say who has a claim: by its file, or by what it is served with though its file says otherwise."""
    for slug in slugs:
        if views[slug].model is not None and claim not in claimed[slug].values():
            return f"team {slug} is served with it, as {views[slug].file} last held"
    places = [views[slug].place(_said_at(claim, views[slug])) for slug in slugs[:_MOST_SHOWN]]
    if len(slugs) > _MOST_SHOWN:
        places.append(f"{len(slugs) - _MOST_SHOWN} more")
    return f"{joined(places)} {'claims' if len(places) == 1 else 'claim'} it, too"


def _said_at(claim: Claim, view: FileView[TeamFile]) -> tuple[str, ...]:
    """Give the key that a claim comes from: a secret without a name of its own is the id's."""
    keys = ("secret", "id") if claim.kind == "secret" else (claim.kind,)
    return next(((key,) for key in keys if view.positions.has((key,))), ())
