"""What `check` asks the plan: what of every profile and choice would be refused, lowered or left out.

The rules of single files cannot judge what comes of them together: sizes of overrides over those of profile,
team and platform, and the bounds over all. So each start is planned as the hub would plan it. The hub itself
does not do so when it loads the files: it plans when somebody starts. Pure.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Code, Refusal, Severity
from jupyterhub_knada.servers.adjustments import Adjustment, adjust
from jupyterhub_knada.servers.plan_inputs import HubSettings, ResolvedChoice, UserFacts
from jupyterhub_knada.servers.plans import build_plan
from jupyterhub_knada.servers.profile_options import OptionValue, default_choice, override_path
from jupyterhub_knada.teams.effective import effective_team
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.levels import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyterhub_knada.teams.effective import EffectiveProfile
    from jupyterhub_knada.teams.loaded import LoadedPlatform, LoadedTeam

MOST_CHOICES: Final = 200
"""Choices of one team that are planned, each by itself, beside the defaults of every profile."""
_HUB: Final = HubSettings(namespace="")
"""A hub that sets no size and no image, as helm-values/base.yaml; no team has this namespace."""
_MEMBER: Final = UserFacts("somebody")

_IMAGE_CODES: Final = frozenset({Code.BAD_IMAGE, Code.IMAGE_NOT_ALLOWED, Code.IMAGE_WITHOUT_TAG})


def check_plans(platform: LoadedPlatform, team: LoadedTeam) -> Iterator[Adjustment]:
    """Plan every profile of a team, and each listed choice of its options by itself.

    Args:
        platform: The platform's file, which holds.
        team: A team's file, as far as it can be read.

    Returns:
        What the plans change of what is said, in the order of the files; the same may come more than once. A
        start that is refused is an error at the choice, profile or image that is why.
    """
    effective = effective_team(platform, team)
    profiles = effective.profiles
    choices = chain.from_iterable(map(_choices, profiles))
    starts: Iterable[tuple[EffectiveProfile, Mapping[str, OptionValue]]] = chain(
        ((profile, {}) for profile in profiles), islice(choices, MOST_CHOICES)
    )
    refusals: dict[str, Refusal] = {}
    for profile, options in starts:
        chosen = ResolvedChoice(effective, profile, options, platform.platform)
        plan = build_plan(chosen, _MEMBER, _HUB)
        if not isinstance(plan, Refusal):
            yield from plan.adjustments
        elif refusals.get(profile.slug) != plan:  # Said of the profile, and of its choices not again.
            yield from _refused(plan, profile, options)
            if not options:
                refusals[profile.slug] = plan
    if next(choices, None) is not None:
        yield from _too_many(team)


def _choices(profile: EffectiveProfile) -> Iterator[tuple[EffectiveProfile, Mapping[str, OptionValue]]]:
    """Give each listed choice that overrides something, without the defaults, which are planned as such."""
    for name, option in profile.options.items():
        default = default_choice(option)
        for key, choice in option.choices.items():
            if choice.kubespawner_override and key != default:
                yield profile, {name: OptionValue(key)}


def _refused(
    refusal: Refusal, profile: EffectiveProfile, options: Mapping[str, OptionValue]
) -> list[Adjustment]:
    """Say that every such start is refused, where choice, profile or image stand."""
    place = profile.place
    if place is not None and refusal.code in _IMAGE_CODES and not options and profile.image is not None:
        place = profile.image.place
    for name, chosen in options.items():
        path = override_path(profile.options[name], chosen)[:-1]
        place = place and Place(place.file, (*place.path, "options", name, *path))
    message = f"every start of it is refused: {refusal.message.rstrip('.')}"
    return adjust(place, Fault(refusal.code, message, "", "change it"), Severity.ERROR)


def _too_many(team: LoadedTeam) -> list[Adjustment]:
    message = f"more than {MOST_CHOICES} choices in its profiles"
    rule = f"the first {MOST_CHOICES} are planned and checked, the others when somebody starts with them"
    fault = Fault(Code.OUT_OF_RANGE, message, rule, "make fewer profiles or choices", ("profiles",))
    return adjust(Place(team.file, ()), fault)
