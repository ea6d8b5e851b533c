"""The start page: a person's teams and their profiles, as HTML inside JupyterHub's own form.

Works without JavaScript and by keyboard: every team has a radio group of its own, so that without `:has()`
all of them are simply there. All text of teams is escaped, and isolated where it runs from right to left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from jupyterhub_knada.errors import Refusal
from jupyterhub_knada.servers.plan_inputs import ResolvedChoice, UserFacts
from jupyterhub_knada.servers.plans import build_plan
from jupyterhub_knada.servers.preselection import preselect
from jupyterhub_knada.servers.profile_options import MAX_OWN_TEXT_LENGTH, default_choice
from jupyterhub_knada.servers.raw_options import UNLISTED_CHOICE, UNLISTED_SUFFIX
from jupyterhub_knada.web.spawn_facts import profile_facts, team_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from jupyterhub_knada.servers.choices import Choice, OptionValue
    from jupyterhub_knada.servers.offer import Offer, TeamOffer
    from jupyterhub_knada.servers.origins import TeamServer
    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.model import Bounds, ProfileOption, UnlistedChoice
    from jupyterhub_knada.web.spawn_facts import Fact

    Options = Mapping[str, OptionValue]

_OTHER: Final = "Other…"


@dataclass(frozen=True, slots=True)
class ChoiceNote:
    """What the file says of one choice beside its name."""

    label: str
    slug: str
    """Empty: none, or the same as the label."""
    description: str


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option of a profile: a list, a text field of one's own, or both."""

    field: str
    """The list's name in the form, `<option>:<team>:<profile>`."""
    text_field: str
    """The text field's name; empty where no own text is taken."""
    id: str
    label: str
    choices: tuple[tuple[str, str], ...]
    """Value and label, in the order of the file."""
    selected: str
    text: str
    """What the person wrote the last time."""
    text_label: str
    text_rule: str
    notes: tuple[ChoiceNote, ...]
    """In the order of the choices; of those that have something to say."""


@dataclass(frozen=True, slots=True)
class ProfileCard:
    """One profile as the page shows it."""

    slug: str
    id: str
    title: str
    description: str
    is_checked: bool
    is_last: bool
    facts: tuple[Fact, ...]
    image: str
    warning: str
    """What stands in the way of a start, or will soon; empty: nothing."""
    options: tuple[OptionField, ...]


@dataclass(frozen=True, slots=True)
class TeamSection:
    """One team as the page shows it."""

    slug: str
    id: str
    title: str
    description: str
    contact: str
    is_checked: bool
    facts: tuple[Fact, ...]
    profiles: tuple[ProfileCard, ...]


@dataclass(frozen=True, slots=True)
class ServerInTheWay:
    """A server of one team that keeps the person from starting one of another."""

    name: str
    """Empty for the default server."""
    team: str
    """As people know it; empty where that is not known."""
    stop_url: str
    """Where the button posts; empty: it is being stopped."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What every part of one page needs."""

    offer: Offer
    choice: Choice | None
    """What is selected; None: several teams and no reason to prefer one."""
    last: Choice | None
    hub: HubSettings
    today: date

    @property
    def bounds(self) -> Bounds | None:
        return self.offer.platform.bounds if self.offer.platform is not None else None

    def plan(self, team: TeamOffer, profile: EffectiveProfile, options: Options) -> ServerPlan | Refusal:
        """Say what a start would make of this, as far as it is the same for everybody."""
        resolved = ResolvedChoice(team.team, profile, options, self.offer.platform)
        return build_plan(resolved, UserFacts(self.offer.user), self.hub)


def render_spawn_page(
    offer: Offer,
    last: Choice | None = None,
    *,
    hub: HubSettings,
    named: Mapping[str, object] | None = None,
    others: Mapping[TeamServer, str] | None = None,
    today: date | None = None,
) -> str:
    """Render the start page.

    Args:
        offer: What the person may choose now; one with a refusal gives a page that says it.
        last: The last accepted choice: selected at first, with a notice where it no longer holds.
        hub: The hub's own configuration, so that the page shows what it adds to the files.
        named: Options that a link names, as `servers.choices.decode_query` gives them: selected as far as
            they are offered, with a sentence for each that is not. None: as the last time.
        others: The person's other servers that start, run or stop, each with the address that stops it; where
            the platform allows one team at a time, those of other teams are in the way.
        today: Decides which images are past their end of life; None: the current day, UTC.

    Returns:
        HTML to stand inside JupyterHub's own `<form>`, without the button that starts the server. Its fields
        are those of `servers.choices.decode_form`.
    """
    if offer.refusal is not None:
        closed = [one for one in offer.closed.values() if one.code is not offer.refusal.code]
        return _render("spawn_refused.html", refusals=[offer.refusal, *closed], notices=offer.notices)
    selected = preselect(named or {}, offer, last)
    page = _Page(offer, selected.choice, last, hub, today or datetime.now(UTC).date())
    return _render(
        "spawn_options.html",
        teams=[_show_team(page, number, one) for number, one in enumerate(offer.teams, start=1)],
        notices=_add_news(offer, selected.notices),
        in_the_way=_show_others(offer, others or {}),
        unlisted=UNLISTED_CHOICE,
        longest_text=MAX_OWN_TEXT_LENGTH,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Compile each template once: KubeSpawner compiles its own on every page, 14 of the 15 ms it takes."""
    return Environment(
        loader=PackageLoader("jupyterhub_knada.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, **context: Any) -> str:
    return _environment().get_template(template).render(**context)


def _add_news(offer: Offer, notices: Iterable[str]) -> list[str]:
    """Say first which teams are missing, why and whom to ask, and what was stopped; none of it twice."""
    closed = {refusal.message: refusal.remedy for refusal in offer.closed.values()}
    return [
        *(f"{message} {remedy}" for message, remedy in closed.items()),
        *offer.notices,
        *(notice for notice in notices if not notice.startswith(tuple(closed))),
    ]


def _show_others(offer: Offer, others: Mapping[TeamServer, str]) -> tuple[ServerInTheWay, ...]:
    """Give the servers that keep a team of the offer from starting one."""
    if offer.platform is None or not offer.platform.one_team_at_a_time:
        return ()
    shown = []
    for server, stop_url in others.items():
        if any(team.team.id != server.team_id for team in offer.teams):
            named = offer.find_team(server.team)
            title = named.team.display_name if named is not None else server.team
            shown.append(ServerInTheWay(server.name, title, "" if server.is_stopping else stop_url))
    return tuple(shown)


def _show_team(page: _Page, number: int, offer: TeamOffer) -> TeamSection:
    team, chosen = offer.team, page.choice
    is_checked = chosen is not None and chosen.team == team.slug
    selected = offer.default_profile
    if chosen is not None and is_checked:
        selected = offer.find_profile(chosen.profile) or selected
    cards = [
        _show_profile(page, f"knada-{number}-{index}", offer, profile, is_checked=profile is selected)
        for index, profile in enumerate(offer.profiles, start=1)
    ]
    plan = page.plan(offer, selected, {})
    return TeamSection(
        slug=team.slug,
        id=f"knada-{number}",
        title=team.display_name,
        description=team.description,
        contact=team.contact or "",
        is_checked=is_checked,
        facts=team_facts(team, plan if not isinstance(plan, Refusal) else None, page.bounds),
        profiles=tuple(cards),
    )


def _show_profile(
    page: _Page, card_id: str, team: TeamOffer, profile: EffectiveProfile, *, is_checked: bool
) -> ProfileCard:
    here = (team.slug, profile.slug)
    chosen, last = page.choice, page.last
    options = chosen.options if chosen is not None and (chosen.team, chosen.profile) == here else {}
    plan = page.plan(team, profile, options)
    return ProfileCard(
        slug=profile.slug,
        id=card_id,
        title=profile.display_name,
        description=profile.description,
        is_checked=is_checked,
        is_last=last is not None and (last.team, last.profile) == here,
        facts=() if isinstance(plan, Refusal) else profile_facts(profile, plan, page.today),
        image="" if isinstance(plan, Refusal) else plan.image or "",
        warning=f"{plan.message} {plan.remedy}" if isinstance(plan, Refusal) else "",
        options=tuple(
            _show_option(card_id, here, name, option, options.get(name))
            for name, option in profile.options.items()
        ),
    )


def _show_option(
    card_id: str, here: tuple[str, str], name: str, option: ProfileOption, chosen: OptionValue | None
) -> OptionField:
    scope = ":".join(here)
    own = option.unlisted_choice if option.unlisted_choice and option.unlisted_choice.enabled else None
    if chosen is None:
        selected = default_choice(option) or UNLISTED_CHOICE
    else:
        selected = UNLISTED_CHOICE if chosen.is_unlisted else chosen.value
    choices = tuple((key, choice.display_name or key) for key, choice in option.choices.items())
    if own is not None and choices:
        choices = (*choices, (UNLISTED_CHOICE, own.display_name_in_choices or _OTHER))
    rule = (
        (own.validation_message or (f"Has to match {own.validation_regex}" if own.validation_regex else ""))
        if own
        else ""
    )
    return OptionField(
        field=f"{name}:{scope}",
        text_field=f"{name}{UNLISTED_SUFFIX}:{scope}" if own is not None else "",
        id=f"{card_id}-{name}",
        label=option.display_name or name,
        choices=choices,
        selected=selected,
        text=chosen.value if chosen is not None and chosen.is_unlisted else "",
        text_label=(own.display_name or "Your own") if own is not None else "",
        text_rule=rule,
        notes=tuple(_choice_notes(option, own)),
    )


def _choice_notes(option: ProfileOption, own: UnlistedChoice | None) -> Iterator[ChoiceNote]:
    for key, choice in option.choices.items():
        label, slug = choice.display_name or key, choice.slug or ""
        if slug or choice.description:
            yield ChoiceNote(label, slug if slug != label else "", choice.description or "")
    if own is not None and own.description_in_choices:
        own_label = own.display_name_in_choices if option.choices else own.display_name
        yield ChoiceNote(own_label or _OTHER, "", own.description_in_choices)
