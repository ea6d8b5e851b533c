"""What only one team may have: its id, the one it had before, namespace, ingress and secret.

Where all teams share the hub's namespace, also its service account and the secrets for pulling images.

On a first load every team that claims the same is closed: nobody can say who had it. Later the newcomer is.
Who holds a thing is who was served with it, also where that team's file does not hold just now.
"""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.loaded import LoadedTeam
    from jupyterhub_knada.teams.model import PlatformFile, TeamFile

_MOST_SHOWN = 3
"""Other teams that a message names."""
_REMEDIES = MappingProxyType(
    {"imagePullSecrets": "give each team its own secret, or name it in the platform file's defaults"}
)


class Claim(NamedTuple):
    """A thing that one team may have."""

    kind: str
    value: str


class _Conflict(NamedTuple):
    """A claim and the teams that have it, sorted: two or more."""

    claim: Claim
    slugs: tuple[str, ...]


def ids_of(slug: str, team: TeamFile) -> tuple[str, ...]:
    """Give the ids that homes of a team may be labelled with: its own, then the one that it had before."""
    before = team.moved_from.id if team.moved_from else None
    return (team.id or slug, before) if before else (team.id or slug,)


def claims_of(slug: str, team: TeamFile, platform: PlatformFile) -> dict[Claim, Path]:
    """Give what a team claims, with where it says so; what it leaves out follows from its name, or is free.

    An id that the team had before counts as the one that it has: homes are found by both.

    Args:
        slug: the team's slug.
        team: its file.
        platform: says whether each team has a namespace of its own.
    """
    team_id, *older = ids_of(slug, team)
    said = (
        ("id", team_id, ("id",)),
        *(("id", before, ("movedFrom", "id")) for before in older),
        ("namespace", team.namespace if platform.namespaces == "team" else None, ("namespace",)),
        ("ingress", team.ingress, ("ingress",)),
        *_claims_in_the_hubs_namespace(team, platform),
        ("secret", team.secret or team_id, ("id",) if team.id and not team.secret else ("secret",)),
    )
    claims: dict[Claim, Path] = {}
    for kind, value, path in said:
        if value is not None:
            claims.setdefault(Claim(kind, value), path)
    return claims


def _claims_in_the_hubs_namespace(team: TeamFile, platform: PlatformFile) -> Iterable[tuple[str, str, Path]]:
    """Give what a namespace of its own would keep apart: identity, and secrets for pulling images.

    A secret that the platform's file gives to all teams is no team's.
    """
    if platform.namespaces == "team":
        return
    if team.service_account is not None:
        yield "serviceAccount", team.service_account, ("serviceAccount",)
    shared = platform.defaults.image_pull_secrets or ()
    for index, name in enumerate(team.image_pull_secrets or ()):
        if name not in shared:
            yield "imagePullSecrets", name, ("imagePullSecrets", index)


def decide_claims(
    views: Mapping[str, FileView[TeamFile]],
    previous: Mapping[str, LoadedTeam],
    broken: AbstractSet[str],
    platform: PlatformFile,
) -> dict[str, list[Problem]]:
    """Decide which teams are closed because another one has what they claim. Pure.

    Args:
        views: the files, by slug, those that do not hold among them.
        previous: the teams that are served now, by slug; empty on a first load.
        broken: the slugs of the files that do not hold for another reason.
        platform: says which things are shared.

    Returns:
        The problems of each team that is closed by it, by slug.
    """
    claimed = {slug: _read_claims(slug, view, platform) for slug, view in views.items()}
    held = {
        slug: frozenset(claims_of(slug, loaded.team, platform))
        for slug, loaded in previous.items()
        if slug in views
    }
    moved = _tell_moves(views, claimed, held)
    closed: dict[str, list[Problem]] = {}
    while True:
        losers = _losers(claimed, held, broken | closed.keys() | moved.keys())
        found = {slug: _tell(slug, conflicts, views, claimed) for slug, conflicts in losers.items()}
        if found.keys() <= closed.keys():
            return {slug: moved.get(slug, []) + closed.get(slug, []) for slug in moved.keys() | closed.keys()}
        # A team that is closed keeps what it is served with: that may close another one.
        closed |= found


def _read_claims(slug: str, view: FileView[TeamFile], platform: PlatformFile) -> dict[Claim, Path]:
    """Give the claims of a file as far as they could be read."""
    if view.part is None:
        return {}
    claims = claims_of(slug, view.part, platform)
    unsaid = view.unsaid | ({"secret"} if "id" in view.unsaid and view.part.secret is None else frozenset())
    return {claim: path for claim, path in claims.items() if path[0] not in unsaid}


def _tell_moves(
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[Claim, Path]],
    held: Mapping[str, frozenset[Claim]],
) -> dict[str, list[Problem]]:
    """Tell the teams that say they were in a namespace which is another team's.

    Unlike an id it is nobody's claim: teams that had one namespace together may all say so.
    """
    told: dict[str, list[Problem]] = {}
    for slug, view in views.items():
        before = view.part.moved_from if view.part else None
        claim = Claim("namespace", before.namespace if before and before.namespace else "")
        others = [other for other in views if claim in {*claimed[other], *held.get(other, ())}]
        others = sorted(other for other in others if other != slug)
        if others:
            rule = _who_has(claim, others, views, claimed).removesuffix(", too")
            message = f"claimed twice {got(claim.value)}"
            remedy = "name the namespace that was this team's, or remove it"
            fault = Fault(Code.CLAIMED_TWICE, message, rule, remedy, ("movedFrom", "namespace"))
            told[slug] = [view.tell(fault)]
    return told


def _losers(
    claimed: Mapping[str, Mapping[Claim, Path]],
    held: Mapping[str, frozenset[Claim]],
    closed: Iterable[str],
) -> dict[str, list[_Conflict]]:
    """Give, for each team that loses a claim, the conflicts about it."""
    claimants: dict[Claim, set[str]] = defaultdict(set)
    for slug, claims in claimed.items():
        for claim in claims:
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
    claimed: Mapping[str, Mapping[Claim, Path]],
) -> list[Problem]:
    view = views[slug]
    told = []
    for claim, slugs in conflicts:
        if claim not in claimed[slug]:
            continue
        others = [other for other in slugs if other != slug]
        rule = _who_has(claim, others, views, claimed)
        message = f"claimed twice {got(claim.value)}"
        remedy = _REMEDIES.get(claim.kind, f"give each team its own {claim.kind}")
        told.append(view.tell(Fault(Code.CLAIMED_TWICE, message, rule, remedy, claimed[slug][claim])))
    return told


def _who_has(
    claim: Claim,
    slugs: Sequence[str],
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[Claim, Path]],
) -> str:
    """Say who has a claim: by its file, or by what it is served with though its file says otherwise."""
    for slug in slugs:
        if views[slug].model is not None and claim not in claimed[slug]:
            return f"team {slug} is served with it, as {views[slug].file} last held"
    places = [views[slug].place(claimed[slug].get(claim, ())) for slug in slugs[:_MOST_SHOWN]]
    if len(slugs) > _MOST_SHOWN:
        places.append(f"{len(slugs) - _MOST_SHOWN} more")
    return f"{joined(places)} {'claims' if len(places) == 1 else 'claim'} it, too"
