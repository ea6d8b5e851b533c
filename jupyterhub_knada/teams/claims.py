"""What only one team may have: its id and namespace, those it had before, ingress and secret.

Where all teams share the hub's namespace, also its service account and the secrets for pulling images. One
thing can be shared: teams that were in one namespace together may all say so, as long as no team has it now.

On a first load every team that claims the same is closed: nobody can say who had it. Later the newcomer is.
Who holds a thing is who was served with it, also where that team's file does not hold just now.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, joined

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
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


_NAMESPACE_BEFORE: Path = ("movedFrom", "namespace")


class Claim(NamedTuple):
    """A thing that one team may have."""

    kind: str
    value: str


class _Conflict(NamedTuple):
    """A claim and the other teams that stand in its way, sorted: one or more."""

    claim: Claim
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Claimant:
    """A team that claims a thing, or is served with it."""

    is_shared: bool
    """Whether it only says, now and as it is served, that the thing was its own together with others."""
    is_holder: bool
    """Whether it is served with the thing."""

    def excludes(self, other: _Claimant) -> bool:
        """Tell whether the two cannot both have the thing."""
        return not (self.is_shared and other.is_shared)


def ids_of(slug: str, team: TeamFile) -> tuple[str, ...]:
    """Give the ids that homes of a team may be labelled with: its own, then the one that it had before."""
    before = team.moved_from.id if team.moved_from else None
    return (team.id or slug, before) if before else (team.id or slug,)


def claims_of(slug: str, team: TeamFile, platform: PlatformFile) -> dict[Claim, Path]:
    """Give what a team claims, with where it says so; what it leaves out follows from its name, or is free.

    An id or namespace that the team had before counts as the one that it has: homes are found by the first,
    and lie in the second (`can_share` says which of these others may name as well).

    Args:
        slug: the team's slug.
        team: its file.
        platform: says whether each team has a namespace of its own.
    """
    team_id, *older = ids_of(slug, team)
    said = (
        ("id", team_id, ("id",)),
        *(("id", before, ("movedFrom", "id")) for before in older),
        *_namespaces(team, platform),
        ("ingress", team.ingress, ("ingress",)),
        *_claims_in_the_hubs_namespace(team, platform),
        ("secret", team.secret or team_id, ("id",) if team.id and not team.secret else ("secret",)),
    )
    claims: dict[Claim, Path] = {}
    for kind, value, path in said:
        if value is not None:
            claims.setdefault(Claim(kind, value), path)
    return claims


def can_share(path: Path) -> bool:
    """Tell whether what is claimed here may be claimed by others in the same way.

    Args:
        path: Where a team's file says so, as `claims_of` gives it.
    """
    return path == _NAMESPACE_BEFORE


def _namespaces(team: TeamFile, platform: PlatformFile) -> Iterable[tuple[str, str | None, Path]]:
    """Give the namespaces of a team's homes: in the hub's own all teams are, and nobody's claim is in it."""
    if platform.namespaces == "team":
        yield "namespace", team.namespace, ("namespace",)
        if team.moved_from and team.moved_from.namespace:
            yield "namespace", team.moved_from.namespace, _NAMESPACE_BEFORE


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
        slug: claims_of(slug, loaded.team, platform) for slug, loaded in previous.items() if slug in views
    }
    closed: dict[str, list[Problem]] = {}
    while True:
        losers = _losers(claimed, held, broken | closed.keys())
        found = {slug: _tell(slug, conflicts, views, claimed) for slug, conflicts in losers.items()}
        if found.keys() <= closed.keys():
            return closed
        # A team that is closed keeps what it is served with: that may close another one.
        closed |= found


def _read_claims(slug: str, view: FileView[TeamFile], platform: PlatformFile) -> dict[Claim, Path]:
    """Give the claims of a file as far as they could be read."""
    if view.part is None:
        return {}
    claims = claims_of(slug, view.part, platform)
    unsaid = view.unsaid | ({"secret"} if "id" in view.unsaid and view.part.secret is None else frozenset())
    return {claim: path for claim, path in claims.items() if path[0] not in unsaid}


def _losers(
    claimed: Mapping[str, Mapping[Claim, Path]],
    held: Mapping[str, Mapping[Claim, Path]],
    closed: Iterable[str],
) -> dict[str, list[_Conflict]]:
    """Give, for each team that loses a claim, the conflicts about it."""
    losers: dict[str, list[_Conflict]] = defaultdict(list)
    for claim, claimants in _claimants(claimed, held, closed).items():
        holders = {slug: found for slug, found in claimants.items() if found.is_holder}
        for slug, own in claimants.items():
            # Who is served with a thing keeps it, unless another is, too: then nobody can say whose it is.
            rivals = holders if own.is_holder else claimants
            if any(other != slug and own.excludes(found) for other, found in rivals.items()):
                others = sorted(o for o, found in claimants.items() if o != slug and own.excludes(found))
                losers[slug].append(_Conflict(claim, tuple(others)))
    return losers


def _claimants(
    claimed: Mapping[str, Mapping[Claim, Path]],
    held: Mapping[str, Mapping[Claim, Path]],
    closed: Iterable[str],
) -> Mapping[Claim, Mapping[str, _Claimant]]:
    """Give the teams that claim each thing: by their file, and those of closed teams by what they hold."""
    slugs: dict[Claim, set[str]] = defaultdict(set)
    for slug, claims in (*claimed.items(), *((slug, held.get(slug, {})) for slug in closed)):
        for claim in claims:
            slugs[claim].add(slug)
    found: dict[Claim, dict[str, _Claimant]] = {}
    for claim, names in slugs.items():
        if len(names) > 1:
            found[claim] = {slug: _claimant(claim, claimed[slug], held.get(slug, {})) for slug in names}
    return found


def _claimant(claim: Claim, said: Mapping[Claim, Path], held: Mapping[Claim, Path]) -> _Claimant:
    paths = [claims[claim] for claims in (said, held) if claim in claims]
    return _Claimant(is_shared=all(map(can_share, paths)), is_holder=claim in held)


def _tell(
    slug: str,
    conflicts: Iterable[_Conflict],
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[Claim, Path]],
) -> list[Problem]:
    view = views[slug]
    told = []
    conflicts = tuple(conflicts)
    for claim, others in conflicts:
        if claim not in claimed[slug] or _follows_from_id(claim, others, view, conflicts):
            continue
        path = claimed[slug][claim]
        rule = _who_has(claim, others, views, claimed)
        message = f"claimed twice {got(claim.value)}"
        remedy = _REMEDIES.get(claim.kind, f"give each team its own {claim.kind}")
        if can_share(path):
            remedy = "name the namespace that was this team's, or remove it"
        told.append(view.tell(Fault(Code.CLAIMED_TWICE, message, rule, remedy, path)))
    return told


def _follows_from_id(
    claim: Claim, others: Collection[str], view: FileView[TeamFile], conflicts: Iterable[_Conflict]
) -> bool:
    """Tell whether a secret clashes because the team's id does, which is one mistake and said of the id."""
    is_named = view.part is None or view.part.secret is not None
    if claim.kind != "secret" or is_named:
        return False
    ids = (set(found.others) for found in conflicts if found.claim == Claim("id", claim.value))
    return any(found.issuperset(others) for found in ids)


def _who_has(
    claim: Claim,
    slugs: Sequence[str],
    views: Mapping[str, FileView[TeamFile]],
    claimed: Mapping[str, Mapping[Claim, Path]],
) -> str:
    """Say who has a claim: by its file, or by what it is served with though its file says otherwise."""
    for slug in slugs:
        if views[slug].part is not None and claim not in claimed[slug]:
            return f"team {slug} is served with it, by the last valid version of {views[slug].file}"
    places = [views[slug].place(claimed[slug].get(claim, ())) for slug in slugs[:_MOST_SHOWN]]
    if len(slugs) > _MOST_SHOWN:
        places.append(f"{len(slugs) - _MOST_SHOWN} more")
    return f"{joined(places)} {'claims' if len(places) == 1 else 'claim'} it, too"
