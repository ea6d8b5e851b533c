"""Offers built from parts, for tests of what is chosen from them."""

from __future__ import annotations

from typing import Any

from jupyterhub_knada.servers.offer import Offer, TeamOffer
from jupyterhub_knada.teams.effective import EffectiveProfile, EffectiveTeam, Sourced
from jupyterhub_knada.teams.model import PlatformFile, PlatformImage, ProfileOption


def said(value: Any) -> Sourced[Any]:
    """Give a value as a team file says it."""
    return Sourced(value, "teams/test.yaml:1")


def make_profile(slug: str = "small", **values: Any) -> EffectiveProfile:
    """Make a profile; `options` and `image_info` as the files write them."""
    options = values.pop("options", {})
    info = values.pop("image_info", None)
    plain: Any = {
        "display_name": slug.capitalize(),
        "description": "",
        "is_default": False,
        "override": {},
        "source": "teams/test.yaml:1",
    }
    sourced: Any = dict.fromkeys(
        (
            "image",
            "memory_limit",
            "memory_guarantee",
            "cpu_limit",
            "cpu_guarantee",
            "gpu",
            "shared_memory",
            "interface",
        )
    )
    for name, value in values.items():
        (sourced if name in sourced else plain)[name] = said(value) if name in sourced else value
    return EffectiveProfile(
        slug=slug,
        image_info=PlatformImage.model_validate(info) if info else None,
        options={name: ProfileOption.model_validate(option) for name, option in options.items()},
        **plain,
        **sourced,
    )


def make_team(slug: str = "kyrre", *profiles: EffectiveProfile, **values: Any) -> TeamOffer:
    """Make one team of an offer; without profiles it has one, `small`."""
    profiles = profiles or (make_profile(is_default=True),)
    fields: dict[str, Any] = dict.fromkeys(EffectiveTeam.__dataclass_fields__)
    fields |= {
        "slug": slug,
        "id": slug,
        "display_name": f"Team {slug}",
        "description": "",
        "profiles": profiles,
    }
    fields |= {"env": {}, "labels": {}, "annotations": {}, "node_selector": {}, "sources": {}}
    return TeamOffer(
        EffectiveTeam(**(fields | values)), profiles, f"listed under users in teams/{slug}.yaml:3"
    )


def make_offer(*teams: TeamOffer, user: str = "e152435", platform: dict[str, Any] | None = None) -> Offer:
    """Make an offer; `platform` as platform.yaml writes it."""
    bounds = PlatformFile.model_validate(platform) if platform is not None else None
    return Offer(user, teams or (make_team(),), None, bounds)
