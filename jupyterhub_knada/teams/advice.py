"""Warnings: what holds, but is probably not meant, or lacks something that people will miss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.cross_checks import check_inheritor
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.lookalikes import find_lookalikes
from jupyterhub_knada.teams.positions import NO_FILE
from jupyterhub_knada.teams.quoting import got, joined
from jupyterhub_knada.teams.variable_advice import advise_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.model import PlatformFile, TeamFile

_MOST_SHOWN = 3
"""Other teams that a message names."""


def advise_platform(view: FileView[PlatformFile], slugs: Iterable[str]) -> Iterable[Problem]:
    """Warn about the platform file.

    Args:
        view: the file, which holds.
        slugs: the teams that have a file.
    """
    platform = view.model
    if platform is not None and platform.project is None:
        rule = "KNADA_TEAM_SECRET is not set in any server"
        if view.data is None:
            remedy = "create it with 'project: <id>' of the Google Cloud project of the teams' secrets"
            fault = Fault(Code.NO_PROJECT, "there is no platform file", rule, remedy)
            yield replace(view.tell(fault, Severity.WARNING), line=NO_FILE.line, column=NO_FILE.column)
        else:
            remedy = "add 'project: <id>' of the Google Cloud project of the teams' secrets"
            fault = Fault(Code.NO_PROJECT, "no project", rule, remedy, ("project",))
            yield view.tell(fault, Severity.WARNING)
    missing = check_inheritor(view, slugs)
    if missing is not None:
        yield view.tell(missing, Severity.WARNING)
    yield from _advise_profiles(view)
    if view.part is not None:
        yield from advise_variables(view, ("defaults",), view.part.defaults, view.part.profiles)


def advise_team(view: FileView[TeamFile], platform: PlatformFile) -> Iterable[Problem]:
    """Warn about one team's file, as far as it can be read."""
    team = view.part
    if team is None:
        return
    if platform.project is not None and team.service_account is None:
        rule = "KNADA_TEAM_SECRET is set, and read with the person's own sign-in only"
        remedy = "add the team's serviceAccount if its servers shall read the secret themselves"
        fault = Fault(Code.NO_IDENTITY, "no serviceAccount", rule, remedy, ("serviceAccount",))
        yield view.tell(fault, Severity.WARNING)
    yield from _advise_profiles(view)
    yield from advise_variables(view, (), team, team.profiles)
    if platform.namespaces == "hub" and team.namespace is not None:
        rule = "the platform runs all teams in the hub's own namespace"
        message = f"not used {got(team.namespace)}"
        fault = Fault(
            Code.NAMESPACE_UNUSED, message, rule, "remove it, or set 'namespaces: team'", ("namespace",)
        )
        yield view.tell(fault, Severity.WARNING)
    if not (team.users or team.groups or team.leads or view.unsaid & {"users", "groups", "leads"}):
        rule = "a team without users, groups and leads is offered to nobody"
        fault = Fault(
            Code.NO_MEMBERS, "nobody is in this team", rule, "add somebody, or remove the file", ("users",)
        )
        yield view.tell(fault, Severity.WARNING)


def warn_of_lookalikes(views: Mapping[str, FileView[TeamFile]]) -> Iterator[tuple[str, Problem]]:
    """Warn about teams that look the same on a page, which shows names; with the slug of each."""
    shown = {slug: (slug, *_display_name(view)) for slug, view in views.items()}
    for slug, others in find_lookalikes(shown).items():
        message = f"a name that looks like another team's {got(shown[slug][-1])}"
        named = [views[other].place(("displayName",)) for other in others[:_MOST_SHOWN]]
        more = [f"{len(others) - _MOST_SHOWN} more"] if len(others) > _MOST_SHOWN else []
        rule = f"people cannot distinguish it from {joined([*named, *more])}"
        fault = Fault(
            Code.CONFUSABLE_NAMES, message, rule, "give each team a name of its own", ("displayName",)
        )
        yield slug, views[slug].tell(fault, Severity.WARNING)


def _display_name(view: FileView[TeamFile]) -> tuple[str, ...]:
    name = view.part.display_name if view.part is not None else None
    return (name,) if name is not None else ()


def _advise_profiles(view: FileView[TeamFile] | FileView[PlatformFile]) -> Iterable[Problem]:
    """Warn once in a file of what lists of jupyterhub-fancy-profiles have and nothing here does."""
    profiles = view.part.profiles if view.part else ()
    building = [
        ("profiles", index, "options", name, "dynamicImageBuilding")
        for index, profile in enumerate(profiles)
        for name, option in profile.options.items()
        if option.dynamic_image_building is not None and option.dynamic_image_building.enabled
    ]
    if building:
        places = f"in {len(building)} places of this file" if len(building) > 1 else "here"
        rule = f"no image is built at a start; what else the option offers is offered ({places})"
        remedy = "set 'enabled: false', or name images that are built already"
        fault = Fault(Code.NO_EFFECT, "without effect", rule, remedy, building[0], at_key=True)
        yield view.tell(fault, Severity.WARNING)
