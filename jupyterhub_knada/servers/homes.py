"""Whose home is where: one claim per person and team, chosen afresh for every start.

KubeSpawner remembers the claim of the last start, whatever team that was for, and makes a claim by name
without looking whose it is. Here a claim is used only if it is this person's in this team: by its labels, by
its name where an older hub would have given that name, or because this very home was used before. What was
there and is gone, moved or somebody else's is a refusal with the facts, never an empty home.

Pure: what the cluster holds is handed in; the spawner lists claims and makes the one that is decided on.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEAM_KEY = "knada.nav.no/team"
"""Label and annotation: the team's id; as an annotation exactly as written, as a label made to fit one."""
USER_KEY = "knada.nav.no/user"
"""Label and annotation: the user's name, likewise."""

KUBESPAWNER_USER_KEY = "hub.jupyter.org/username"
"""Annotation that KubeSpawner gives each claim: the user's name, exactly."""
KUBESPAWNER_SERVER_KEY = "hub.jupyter.org/servername"
"""Annotation that KubeSpawner gives the claim of a named server."""

_MAX_NAME = 63
_DIGEST = 16
_SLUG = 16


@dataclass(frozen=True, slots=True)
class MovedFrom:
    """What the team file's `movedFrom` acknowledges: the place or the id that the team had before."""

    namespace: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class HomePlan:
    """The home that a server is to have, before the cluster is asked what is there."""

    user: str
    """The owner's name, as JupyterHub knows it."""
    team: str
    """The team's slug, for messages."""
    team_id: str
    namespace: str
    claim_name: str
    """The name that the claim gets if it has to be made; see `home_claim_name`."""
    size: int
    """Bytes."""
    storage_class: str | None
    """None: the cluster's default class."""
    older_names: tuple[str, ...] = ()
    """Names that older hubs would have given, in order; empty where this team inherits no homes."""
    moved_from: MovedFrom | None = None
    contact: str | None = None
    """Whom a refused person asks."""

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that make a claim this person's home in this team."""
        return home_labels(self.user, self.team_id)

    @property
    def annotations(self) -> Mapping[str, str]:
        """The same names exactly as they are; labels cannot hold every name."""
        return MappingProxyType({TEAM_KEY: self.team_id, USER_KEY: self.user})

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that has to be looked up beside the labels."""
        return tuple(dict.fromkeys((self.claim_name, *self.older_names)))

    @property
    def team_ids(self) -> tuple[str, ...]:
        """The ids under which the home may be labelled: the team's own, and the one that it had before."""
        before = self.moved_from.id if self.moved_from else None
        return (self.team_id,) if before in (None, self.team_id) else (self.team_id, str(before))


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim as far as it matters here."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created: str = ""
    """RFC 3339, so that it sorts; empty if unknown."""
    is_deleting: bool = False


@dataclass(frozen=True, slots=True)
class RememberedHome:
    """The home of this person in this team at the last start, from the spawner's state."""

    team_id: str
    namespace: str
    claim_name: str


@dataclass(frozen=True, slots=True)
class UseClaim:
    """This claim is the home."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """There is no home yet and none is remembered: make one of this name, labelled."""

    name: str


def label_value(text: str) -> str:
    """Make any text a label value, a different one for each text.

    A text that is one already stays as it is, but for those with `---`, which marks the shortened ones.
    """
    is_label = len(text) <= _MAX_NAME and re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text)
    return text if is_label and "---" not in text else f"{_slug(text)}---{_digest(text)}"


def home_labels(user: str, team_id: str) -> Mapping[str, str]:
    """Give the labels of this person's home in this team.

    A team's id is a DNS label, so that it is a label's value as it is; a user's name may be anything.
    """
    return MappingProxyType({TEAM_KEY: team_id, USER_KEY: label_value(user)})


def home_claim_name(user: str, team_id: str) -> str:
    """Name a new home: always the same for a person and team, never the same for two.

    `home-<user>--<team id>` where both are plain, so that whoever looks at the cluster reads whose it is.
    KubeSpawner's own claims begin with `claim-`, so that none of them is met by accident.
    """
    name = f"home-{user}--{team_id}"
    if _is_plain(user) and _is_plain(team_id) and len(name) <= _MAX_NAME:
        return name
    return f"home-{_slug(user)}--{_slug(team_id)}---{_digest(user, team_id)}"


def is_labelled(claim: Claim) -> bool:
    """Tell whether somebody's name or a team's is on this claim: then it is nobody else's."""
    return any(key in claim.labels or key in claim.annotations for key in (TEAM_KEY, USER_KEY))


def is_home_of(claim: Claim, user: str, team_id: str) -> bool:
    """Tell whether a claim is labelled as this person's home in this team.

    The labels have to match, and the annotations where there are any: two names never share a label.
    """
    labels = home_labels(user, team_id)
    exact = {TEAM_KEY: team_id, USER_KEY: user}
    return all(claim.labels.get(key) == value for key, value in labels.items()) and all(
        claim.annotations.get(key, value) == value for key, value in exact.items()
    )


def is_foreign(claim: Claim, user: str, team_ids: Sequence[str]) -> bool:
    """Tell whether a claim is visibly another person's or another team's, by our labels or by KubeSpawner's.

    A claim without any name on it is nobody's: shared storage, say.
    """
    other_team = claim.labels.get(TEAM_KEY, "") not in {"", *team_ids}
    other_exact_team = claim.annotations.get(TEAM_KEY, "") not in {"", *team_ids}
    return other_team or other_exact_team or _names_another_person(claim, user)


def _names_another_person(claim: Claim, user: str) -> bool:
    if is_labelled(claim):
        other_user = claim.labels.get(USER_KEY, "") not in {"", label_value(user)}
        return other_user or claim.annotations.get(USER_KEY, "") not in {"", user}
    return claim.annotations.get(KUBESPAWNER_USER_KEY, user) != user


def choose_home(
    home: HomePlan, found: Sequence[Claim], remembered: RememberedHome | None
) -> UseClaim | CreateClaim | Refusal:
    """Decide which claim is the home.

    Args:
        home: What the server is to have.
        found: Of `home.namespace`: every claim with the labels of this home, and every one of the names that
            may be it (`home.names`, and the remembered one). Others do no harm.
        remembered: What this home was at the last start; None if this person never started in this team.

    Returns:
        The claim to mount, or to make and mount; or a refusal: the home moved with its team (`HOME_MOVED`),
        was there and is gone (`HOME_GONE`), or its name is taken by somebody else's (`HOME_NOT_YOURS`), as
        the home of the last start is where the person was called otherwise then.
    """
    if remembered is not None and not _is_same_place(home, remembered):
        if not _is_acknowledged(home, remembered):
            return _refuse_moved(home, remembered)
        if remembered.namespace != home.namespace:
            remembered = None
    here = {claim.name: claim for claim in found if claim.namespace == home.namespace}
    last = here.get(remembered.claim_name) if remembered else None
    is_anothers = last is not None and _names_another_person(last, home.user)
    claim = (None if is_anothers else last) or _find_labelled(home, tuple(here.values()))
    if claim is None and last is None and remembered is not None:
        return _refuse_gone(home, remembered.claim_name, "is not there")
    claim = claim or _find_older(home, here) or here.get(home.claim_name)
    if claim is None:
        return CreateClaim(home.claim_name) if last is None else _refuse_renamed(home, last)
    return _use(home, claim)


def _use(home: HomePlan, claim: Claim) -> UseClaim | Refusal:
    """Use a claim that is the home by name or label, unless it is somebody else's or on its way out."""
    if is_foreign(claim, home.user, home.team_ids):
        return _refuse_not_yours(home, claim)
    if claim.is_deleting:
        return _refuse_gone(home, claim.name, "is being deleted")
    return UseClaim(claim.name)


def _find_labelled(home: HomePlan, claims: Sequence[Claim]) -> Claim | None:
    """Find the labelled home; of several the oldest, which holds the files."""
    for team_id in home.team_ids:
        labelled = [claim for claim in claims if is_home_of(claim, home.user, team_id)]
        if labelled:
            return min(labelled, key=lambda claim: (claim.is_deleting, claim.created, claim.name))
    return None


def _find_older(home: HomePlan, here: Mapping[str, Claim]) -> Claim | None:
    """Find the home that an older hub made: by name, without a label, not another person's or server's."""
    for name in home.older_names:
        claim = here.get(name)
        if claim is None or is_labelled(claim) or is_foreign(claim, home.user, home.team_ids):
            continue
        if not claim.annotations.get(KUBESPAWNER_SERVER_KEY):
            return claim
    return None


def _is_same_place(home: HomePlan, remembered: RememberedHome) -> bool:
    """Tell whether the team is where it was, under the id that it had."""
    return (remembered.namespace, remembered.team_id) == (home.namespace, home.team_id)


def _is_acknowledged(home: HomePlan, remembered: RememberedHome) -> bool:
    """Tell whether the team file's `movedFrom` names the place and the id that are remembered."""
    before = home.moved_from
    if before is None:
        return False
    return remembered.namespace in (before.namespace, home.namespace) and remembered.team_id in (
        before.id,
        home.team_id,
    )


def _refuse_moved(home: HomePlan, remembered: RememberedHome) -> Refusal:
    return Refusal(
        Code.HOME_MOVED,
        f"Your home in team {home.team} is the claim {remembered.namespace}/{remembered.claim_name} "
        f"(team id {remembered.team_id}), but the team is now in namespace {home.namespace} "
        f"with id {home.team_id}: you would get an empty home.",
        f"Ask {_whom(home)} to copy the homes and then to say so with movedFrom in the team's file.",
        status=409,
    )


def _refuse_gone(home: HomePlan, claim_name: str, what: str) -> Refusal:
    labels = ",".join(f"{key}={value}" for key, value in sorted(home.labels.items()))
    return Refusal(
        Code.HOME_GONE,
        f"Your home in team {home.team}, the claim {home.namespace}/{claim_name}, {what}. "
        "No empty one is put in its place.",
        f"Ask {_whom(home)} to restore it or, if the files are lost, to make a claim labelled {labels}.",
        status=409,
    )


def _refuse_not_yours(home: HomePlan, claim: Claim) -> Refusal:
    return Refusal(
        Code.HOME_NOT_YOURS,
        f"The claim {claim.namespace}/{claim.name} would be your home in team {home.team}, "
        "but its labels say that it belongs to another person or team.",
        f"Ask {_whom(home)} to check its labels and annotations.",
        status=409,
    )


def _refuse_renamed(home: HomePlan, last: Claim) -> Refusal:
    labels = ",".join(f"{key}={value}" for key, value in sorted(home.labels.items()))
    return Refusal(
        Code.HOME_NOT_YOURS,
        f"Your home in team {home.team} was the claim {last.namespace}/{last.name}, but its labels now name "
        f"another person than {home.user}, as they do where a user name has changed. "
        "No empty one is put in its place.",
        f"Ask {_whom(home)}: if its files are yours, they label it {labels} and annotate it "
        f"{USER_KEY}={home.user}; else they make a claim with these labels.",
        status=409,
    )


def _whom(home: HomePlan) -> str:
    return home.contact or "whoever runs this hub"


def _is_plain(text: str) -> bool:
    """Tell whether a text can stand in a name as it is, and be told apart from what follows `--`."""
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) is not None


def _slug(text: str) -> str:
    """Give what of a text can stand in a name, for people; the digest beside it tells names apart."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_SLUG].strip("-") or "x"


def _digest(*texts: str) -> str:
    """Give a short digest; the list is written as JSON, so that no two lists are one text."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:_DIGEST]
