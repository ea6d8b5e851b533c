"""What a person chose, from form, link, REST or an earlier start, checked against what may be chosen now.

There is one way in, `parse_choice`. What it gives is rebuilt from the offer: nothing of the input passes
that was not compared with it. KubeSpawner's own check lets much through (a missing profile, `re.match`,
bytes, lists), so none of it is relied on. Pure: no hub, no Kubernetes, no clock.

The options are the same on every path, all plain strings:

- `team`: the slug of a team,
- `profile`: the slug of one of its profiles,
- `<option>`: a choice of one of the profile's options, or `<option>--unlisted-choice`: the person's own text.

Nothing named means: as the last time. What then no longer holds falls back to what does, with a notice, so
that a changed team file locks nobody out; what a person names now and does not exist is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.servers.profile_options import (
    OptionValue,
    check_option,
    name_them,
    option_overrides,
    read_own_text,
    resulting_image,
)
from jupyterhub_knada.servers.raw_options import (
    PROFILE,
    SAVED,
    TEAM,
    UNLISTED_CHOICE,
    UNLISTED_SUFFIX,
    decode_form,
    decode_query,
    read_options,
)
from jupyterhub_knada.teams.image_bounds import refuse_image
from jupyterhub_knada.teams.patterns import MatchDeadline
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_knada.servers.offer import Offer, TeamOffer
    from jupyterhub_knada.servers.profile_options import Matcher
    from jupyterhub_knada.teams.effective import EffectiveProfile

__all__ = ["Choice", "OptionValue", "decode_form", "decode_query", "option_overrides", "parse_choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice that was within the offer when it was made."""

    team: str
    profile: str
    options: Mapping[str, OptionValue] = field(default_factory=lambda: MappingProxyType({}))
    """Only what was chosen; the other options of the profile follow its defaults, see `option_overrides`."""
    notices: tuple[str, ...] = field(default=(), compare=False)
    """Sentences for the person: what of an earlier choice is gone, and what stands in for it."""

    def to_options(self) -> dict[str, str]:
        """Give what is stored as `user_options`; `parse_choice` knows it again as an earlier choice."""
        options = {TEAM: self.team, PROFILE: self.profile, SAVED: "yes"}
        for name, chosen in self.options.items():
            options[name + UNLISTED_SUFFIX if chosen.is_unlisted else name] = chosen.value
        return options

    @classmethod
    def from_options(cls, options: object) -> Choice | None:
        """Read what `to_options` gave; None for anything else. No check: what it says may be long gone."""
        try:
            named = read_options(options)
        except RefusedError:
            return None
        if SAVED not in named or TEAM not in named or PROFILE not in named:
            return None
        values = {}
        for name, value in named.items():
            if name not in {TEAM, PROFILE, SAVED}:
                option = name.removesuffix(UNLISTED_SUFFIX)
                values[option] = OptionValue(value, is_unlisted=option != name)
        return cls(named[TEAM], named[PROFILE], MappingProxyType(values))


def parse_choice(raw: object, offer: Offer, last: Choice | None = None) -> Choice | Refusal:
    """Turn raw options into a choice that is within the offer, or say why not.

    All regular expressions together have `patterns.MATCH_SECONDS`, however many options there are.

    Args:
        raw: Whatever came: None or an empty mapping where nothing was named (VS Code posts no body), what
            `decode_form` or `decode_query` gave, parsed JSON of any shape, or what `Choice.to_options`
            stored.
        offer: What this person may choose now.
        last: The last accepted choice of this person for this server, None if there is none. Options that
            `Choice.to_options` stored stand in for it.

    Returns:
        A choice within the offer, or a refusal with a status of 400 to 499. Never raises.
    """
    if offer.refusal is not None:
        return offer.refusal
    try:
        named = read_options(raw)
        if SAVED in named:
            named, last = {}, Choice.from_options(raw) or last
        return _choose(named, offer, last, MatchDeadline().matches)
    except RefusedError as refused:
        return refused.refusal


def _choose(named: Mapping[str, str], offer: Offer, last: Choice | None, matches: Matcher) -> Choice:
    notices: list[str] = []
    team = choose_team(named.get(TEAM), offer, last, notices)
    last_here = last if last is not None and last.team == team.slug else None
    profile = choose_profile(named.get(PROFILE), team, offer, last_here, notices)
    values = _named_values(named, profile, matches)
    if PROFILE not in named and last_here is not None and last_here.profile == profile.slug:
        lasting = lasting_values(last_here, profile, (team, offer), values, notices, matches)
        values = {**lasting, **values}
    check_image(profile, values, team, offer)
    return Choice(team.slug, profile.slug, MappingProxyType(values), tuple(notices))


def choose_team(named: str | None, offer: Offer, last: Choice | None, notices: list[str]) -> TeamOffer:
    """Give the named team, else the last one, else the only one; say in `notices` where the last is gone.

    Raises:
        RefusedError: the named team is not offered; several teams and none named.
    """
    slugs = [team.slug for team in offer.teams]
    if named is not None:
        team = offer.find_team(named)
        if team is None and named in offer.closed:
            raise RefusedError(offer.closed[named])
        if team is None:
            # The same words whether such a team exists: whose teams there are is not everybody's business.
            message = f"{offer.user} is in no team {quoted(named)} that can start a server."
            raise RefusedError(Refusal(Code.TEAM_NOT_YOURS, message, name_them(named, slugs)))
        return team
    team = offer.find_team(last.team) if last is not None else None
    if team is not None:
        return team
    if len(offer.teams) == 1:
        team = offer.teams[0]
        if last is not None:
            notices.append(_where_it_went(last.team, offer))
        return team
    message = f"{offer.user} is in several teams, and this start names none."
    if last is not None:
        message += f" {_where_it_went(last.team, offer)}"
    remedy = f"Name one as team. {name_them('', slugs)}"
    raise RefusedError(Refusal(Code.TEAM_UNDECIDED, message, remedy, status=400))


def _where_it_went(team: str, offer: Offer) -> str:
    """Say what became of the team of the last start."""
    closed = offer.closed.get(team)
    return closed.message if closed else f"Team {quoted(team)}, named as the last one, is not open to you."


def choose_profile(
    named: str | None, team: TeamOffer, offer: Offer, last: Choice | None, notices: list[str]
) -> EffectiveProfile:
    """Give the named profile, else the last one of this team, else its default.

    Raises:
        RefusedError: the named profile is not offered.
    """
    if named is not None:
        profile = team.find_profile(named)
        if profile is None:
            message = f"Team {quoted(team.slug)} has no profile {quoted(named)}."
            remedy = name_them(named, [profile.slug for profile in team.profiles])
            others = [quoted(other.slug) for other in offer.teams if other.find_profile(named) is not None]
            if others:
                remedy += (
                    f" A profile of this name belongs to team {' and '.join(others)}: name that team, too."
                )
            raise RefusedError(Refusal(Code.UNKNOWN_PROFILE, message, remedy, status=400))
        return profile
    if last is None:
        return team.default_profile
    profile = team.find_profile(last.profile)
    if profile is None:
        profile = team.default_profile
        notices.append(
            f"Profile {quoted(last.profile)} of the last start is gone; {quoted(profile.slug)} stands in."
        )
    return profile


def _named_values(
    named: Mapping[str, str], profile: EffectiveProfile, matches: Matcher
) -> dict[str, OptionValue]:
    """Read the options that were named for this profile; names that no option has are left out.

    Raises:
        RefusedError: a value that the profile does not take, a text of one's own for no option of it, or a
            listed choice and an own text for one option.
    """
    values: dict[str, OptionValue] = {}
    for name, value in named.items():
        option = name.removesuffix(UNLISTED_SUFFIX)
        is_unlisted = option != name
        if name in {TEAM, PROFILE} or not (is_unlisted or name in profile.options):
            continue
        if not is_unlisted and value == UNLISTED_CHOICE and value not in profile.options[name].choices:
            if name + UNLISTED_SUFFIX not in named:
                check_option(profile, name, OptionValue("", is_unlisted=True), matches)
            continue
        text = read_own_text(profile.options.get(option), value) if is_unlisted else value
        chosen = OptionValue(text, is_unlisted)
        check_option(profile, option, chosen, matches)
        if option in values:
            message = f"Option {quoted(option)} was given twice: from the list and as a text of your own."
            raise RefusedError(Refusal(Code.BAD_OPTIONS, message, "Give one of the two.", status=400))
        values[option] = chosen
    return values


def lasting_values(
    last: Choice,
    profile: EffectiveProfile,
    within: tuple[TeamOffer, Offer],
    named: Mapping[str, OptionValue],
    notices: list[str],
    matches: Matcher,
) -> dict[str, OptionValue]:
    """Keep those options of the last start that the profile still takes; tell of the others."""
    values: dict[str, OptionValue] = {}
    for name, chosen in last.options.items():
        if name in named:
            continue
        try:
            check_option(profile, name, chosen, matches)
            check_image(profile, {**values, **named, name: chosen}, *within)
        except RefusedError:
            notices.append(
                f"{quoted(chosen.value)}, chosen last time for {quoted(name)}, is gone; the default is used."
            )
        else:
            values[name] = chosen
    return values


def check_image(
    profile: EffectiveProfile, values: Mapping[str, OptionValue], team: TeamOffer, offer: Offer
) -> None:
    """Check the image that would start against the platform's bounds: an own text may name any.

    Raises:
        RefusedError: BAD_IMAGE, IMAGE_NOT_ALLOWED or IMAGE_WITHOUT_TAG.
    """
    image = resulting_image(profile, values)
    if image is None:
        return
    refusal = refuse_image(image, offer.platform, profile.slug, team.team.contact)
    if refusal is not None:
        raise RefusedError(refusal)
