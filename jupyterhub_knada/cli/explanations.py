"""What `explain` says: the offer, the choice with the source of each value, the manifests."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic.alias_generators import to_camel

from jupyterhub_knada.cli.manifests import to_yaml
from jupyterhub_knada.cli.tables import comment, comment_table
from jupyterhub_knada.servers.frozen import thaw
from jupyterhub_knada.servers.profile_options import name_them
from jupyterhub_knada.servers.raw_options import UNLISTED_SUFFIX
from jupyterhub_knada.teams.quantities import format_cpu, format_duration, format_memory, format_storage
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyterhub_knada.servers.offer import Offer, TeamOffer
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.servers.preview import Preview
    from jupyterhub_knada.teams.effective import EffectiveProfile

_NOTHING: Final = "-"
_FORMATS: Final[Mapping[str, Callable[[int], str]]] = {
    "memory_limit": format_memory,
    "memory_guarantee": format_memory,
    "shared_memory": format_memory,
    "cpu_limit": format_cpu,
    "cpu_guarantee": format_cpu,
    "home.size": format_storage,
    "idle_timeout": format_duration,
}


def tell_offer(offer: Offer) -> str:
    """Give what a person may start as a comment: each profile of each team."""
    if offer.refusal is not None:
        return comment(f"There is nothing that {offer.user} may start.")
    rows = [row for team in offer.teams for row in _offer_rows(team)]
    columns = ("team", "profile", "shown as", "default", "image", "in the team because")
    return "\n".join([comment(f"{offer.user} may start:\n"), comment_table(columns, rows), comment("")])


def _offer_rows(team: TeamOffer) -> Iterator[tuple[str, ...]]:
    for profile in team.profiles:
        mark = "yes" if profile == team.default_profile else ""
        name = f"{team.team.display_name}: {profile.display_name}"
        yield team.slug, profile.slug, name, mark, _image(profile), team.reason


def _image(profile: EffectiveProfile) -> str:
    image = profile.override.get("image") or (profile.image.value if profile.image else None)
    return str(image or _NOTHING)


def tell_choice(preview: Preview) -> str:
    """Give what would start as a comment: each value of the plan that has a source, with it."""
    plan = preview.plan
    server = f" as the named server {plan.server_name}" if plan.server_name else ""
    chosen = "".join(f", {name} {value}" for name, value in plan.options.items())
    head = f"This would start{server}: team {plan.team}, profile {plan.profile}{chosen}\n"
    rows = [(_label(plan, key), _shown(plan, key), plan.sources[key]) for key in _in_order(plan)]
    table = comment_table(("value", "is", "from"), rows)
    notices = [comment(notice) for notice in preview.choice.notices]
    return "\n".join([comment(head), table, *notices, comment("")])


def tell_dropped(preview: Preview, names: Iterable[str]) -> list[str]:
    """Say which options were named and are none of the profile: a start leaves them out without a word."""
    choice = preview.choice
    team = preview.offer.find_team(choice.team)
    profile = team.find_profile(choice.profile) if team is not None else None
    known = profile.options if profile is not None else {}
    dropped = [name for name in names if name.removesuffix(UNLISTED_SUFFIX) not in known]
    remedy = "It has none." if not known else ""
    return [
        f"Profile {quoted(choice.profile)} of team {quoted(choice.team)} has no option {quoted(name)}, "
        f"which a start leaves out. {remedy or name_them(name, known)}"
        for name in dropped
    ]


def tell_manifests(preview: Preview) -> str:
    """Give the finished manifests of pod and claim as YAML."""
    made = [preview.pod] if preview.claim is None else [preview.pod, preview.claim]
    return to_yaml(made, ascii_only=(sys.stdout.encoding or "").lower().replace("-", "") != "utf8")


def _in_order(plan: ServerPlan) -> list[str]:
    """Order the plan's sources as the plan's fields are, the rest behind them by name."""
    fields = list(type(plan).__dataclass_fields__)
    places = {name: place for place, name in enumerate(fields)}
    return sorted(plan.sources, key=lambda key: (places.get(key.partition(".")[0], len(fields)), key))


def _label(plan: ServerPlan, key: str) -> str:
    """Name a value as the files do: `memoryLimit`, `home.storageClass`, `env.HELLO`, `extra_pod_config`."""
    if key in plan.override:
        return key
    field, point, rest = key.partition(".")
    return f"{to_camel(field)}{point}{to_camel(rest) if field == 'home' else rest}"


def _shown(plan: ServerPlan, key: str) -> str:
    value = _find(plan, key)
    if value is None:
        return "none"
    if isinstance(value, int) and key in _FORMATS:
        return _FORMATS[key](value)
    if isinstance(value, str | int):
        return str(value)
    return json.dumps(thaw(value), ensure_ascii=False)


def _find(plan: ServerPlan, key: str) -> Any:
    """Find the value that a source is of: of the override, of a field, or below a field."""
    if key in plan.override:
        return plan.override[key]
    field, _, rest = key.partition(".")
    value = getattr(plan, field)
    if not rest:
        return value
    if not isinstance(value, Mapping):
        return getattr(value, rest)
    # The labels and annotations of a team stand apart from those that nothing overrides. What was said and is
    # nothing, as an empty allowlist, has a source and no entry.
    return {**getattr(plan, f"team_{field}", {}), **value}.get(rest)
