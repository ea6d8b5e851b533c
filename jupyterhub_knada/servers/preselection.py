"""What is selected when the start page opens: what a link names, else what was started the last time.

A link decides nothing: it opens the page, and the person starts. So what it names and is not offered is said
in a sentence, and everything else of it is selected. Texts of one's own are shown as they were written: they
are compared with their regular expressions when somebody starts with them. Pure: no hub, no Kubernetes, no
clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import RefusedError
from jupyterhub_knada.servers.choices import (
    Choice,
    check_image,
    choose_profile,
    choose_team,
    lasting_values,
)
from jupyterhub_knada.servers.profile_options import OptionValue, check_option
from jupyterhub_knada.servers.raw_options import (
    MAX_OPTIONS,
    PROFILE,
    SAVED,
    TEAM,
    UNLISTED_SUFFIX,
    read_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.servers.offer import Offer, TeamOffer
    from jupyterhub_knada.teams.effective import EffectiveProfile


_NOT_OFFERED_AT_MOST: Final = 5
"""Sentences about options of a link; more would push the page itself out of sight."""


@dataclass(frozen=True, slots=True)
class Preselection:
    """What the page selects, and what it says about that."""

    choice: Choice | None
    """None: several teams, and no reason to prefer one."""
    notices: tuple[str, ...]
    """Sentences for the person: what was named and is not offered, what of the last start is gone."""


def preselect(named: Mapping[str, object], offer: Offer, last: Choice | None = None) -> Preselection:
    """Select as much of what a link names as is offered. Never raises.

    Args:
        named: What `decode_query` gave; empty: no link named anything.
        offer: What this person may choose now; not one with a refusal.
        last: The last accepted choice of this person for this server, None if there is none.
    """
    notices: list[str] = []
    texts = _readable(named, notices)
    del notices[_NOT_OFFERED_AT_MOST:]
    team = _select_team(texts, offer, last, notices)
    if team is None:
        return Preselection(None, tuple(notices))
    last_here = last if last is not None and last.team == team.slug else None
    profile = _select_profile(texts, team, offer, last_here, notices)
    values = _select_values(texts, profile, (team, offer), notices)
    if last_here is not None and last_here.profile == profile.slug and PROFILE not in texts:
        lasting = lasting_values(last_here, profile, (team, offer), values, notices, _compare_nothing)
        values = {**lasting, **values}
    return Preselection(Choice(team.slug, profile.slug, MappingProxyType(values)), tuple(notices))


def keep_offered(options: Mapping[str, object], offer: Offer, last: Choice | None = None) -> dict[str, str]:
    """Give as much of what a form sent as is offered, so that its page comes back with it. Never raises.

    Args:
        options: What `decode_form` gave.
        offer: What this person may choose now.
        last: The last accepted choice of this person for this server, None if there is none.

    Returns:
        Options for `preselect`, which then has nothing to say of them; empty where the team is not offered.
    """
    team = options.get(TEAM)
    if not isinstance(team, str) or offer.find_team(team) is None:
        return {}
    choice = preselect(options, offer, last).choice
    return (
        {} if choice is None else {name: text for name, text in choice.to_options().items() if name != SAVED}
    )


def _compare_nothing(_pattern: str, _text: str) -> bool:
    return True


def _readable(named: Mapping[str, object], notices: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    if len(named) > MAX_OPTIONS:
        notices.append(f"The link names {len(named)} options; at most {MAX_OPTIONS} are read.")
    for name, value in islice(named.items(), MAX_OPTIONS):
        try:
            texts |= read_options({name: value})
        except RefusedError as refused:
            notices.append(str(refused.refusal))
    return texts


def _select_team(
    texts: Mapping[str, str], offer: Offer, last: Choice | None, notices: list[str]
) -> TeamOffer | None:
    if TEAM in texts:
        try:
            return choose_team(texts[TEAM], offer, last, notices)
        except RefusedError as refused:
            notices.append(str(refused.refusal))
    try:
        return choose_team(None, offer, last, notices)
    except RefusedError as refused:
        if texts and TEAM not in texts:
            notices.append(str(refused.refusal))
    return None


def _select_profile(
    texts: Mapping[str, str], team: TeamOffer, offer: Offer, last: Choice | None, notices: list[str]
) -> EffectiveProfile:
    try:
        return choose_profile(texts.get(PROFILE), team, offer, last, notices)
    except RefusedError as refused:
        notices.append(str(refused.refusal))
    return choose_profile(None, team, offer, last, notices)


def _select_values(
    texts: Mapping[str, str],
    profile: EffectiveProfile,
    within: tuple[TeamOffer, Offer],
    notices: list[str],
) -> dict[str, OptionValue]:
    """Keep each option that the profile takes beside those before it."""
    values: dict[str, OptionValue] = {}
    rejected: list[str] = []
    for name, text in texts.items():
        if name in {TEAM, PROFILE}:
            continue
        option = name.removesuffix(UNLISTED_SUFFIX)
        chosen = OptionValue(text, is_unlisted=option != name)
        try:
            check_option(profile, option, chosen, _compare_nothing)
            check_image(profile, {**values, option: chosen}, *within)
        except RefusedError as refused:
            rejected.append(str(refused.refusal))
        else:
            values[option] = chosen
    notices += rejected[:_NOT_OFFERED_AT_MOST]
    if len(rejected) > _NOT_OFFERED_AT_MOST:
        notices.append(f"{len(rejected) - _NOT_OFFERED_AT_MOST} more options of the link are not offered.")
    return values
