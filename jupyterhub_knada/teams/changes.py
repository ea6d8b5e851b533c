"""What a reload changed, in words: for the log, and for pages that show a team's news.

Values of variables, annotations and overrides are never shown, nor are texts: their names, and that they are
added, changed or removed. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from jupyterhub_knada.errors import Problem, Severity, printable
from jupyterhub_knada.teams import quantities
from jupyterhub_knada.teams.effective import pin_images
from jupyterhub_knada.teams.quoting import LONGEST_SHOWN
from jupyterhub_knada.teams.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyterhub_knada.teams.model import Profile, TeamFile
    from jupyterhub_knada.teams.snapshots import Snapshot

_MOST_ALONE: Final = 3
"""Problems of one kind that have a line each."""
_MOST_NAMES: Final = 5
"""Names that one line lists."""

_FORMATS: Final[Mapping[str, Callable[[int], str]]] = MappingProxyType(
    {
        **dict.fromkeys(("memory_limit", "memory_guarantee", "shared_memory"), quantities.format_memory),
        **dict.fromkeys(("cpu_limit", "cpu_guarantee"), quantities.format_cpu),
        **dict.fromkeys(("size", "storage_size"), quantities.format_storage),
        "idle_timeout": quantities.format_duration,
    }
)
"""How a number is written in a file, by the field that has it."""
_SHOWN_AS_NAMES: Final = frozenset({"env", "extra_envs", "annotations", "kubespawner_override"})
"""Mappings of which no value is shown."""
_TEXTS: Final = frozenset({"description", "description_in_choices", "validation_message"})
"""Texts that are too long for a line."""


@dataclass(frozen=True, slots=True)
class TeamNews:
    """What is new with one team, between two states of the files."""

    problems: tuple[Problem, ...]
    """All that its file has now, sorted."""
    changes: tuple[str, ...]
    """In words, one thing each: `memoryLimit 4G -> 6G`."""


def team_news(before: Snapshot | None, after: Snapshot, slug: str) -> TeamNews:
    """Give the problems and changes of one team.

    Args:
        before: An earlier state; None: there was none, and nothing has changed.
        after: The state now.
        slug: The team's.
    """
    closed, served = after.closed.get(slug), after.teams.get(slug)
    file = closed.file if closed else served.file if served else ""
    problems = tuple(problem for problem in after.problems if problem.file == file)
    return TeamNews(problems, () if before is None else tuple(_changes_of(before, after, slug)))


def describe_changes(before: Snapshot | None, after: Snapshot) -> Iterator[str]:
    """Give a line for each change: `pensjon: memoryLimit 4G -> 6G`; none where nothing was served before."""
    if before is None:
        return
    old, new = (one.platform.platform if one.platform else None for one in (before, after))
    if old is not None and new is not None:
        yield from (printable(f"platform: {change}") for change in _differences(old, new))
    for slug in sorted({*before.teams, *before.closed, *after.teams, *after.closed}):
        yield from (printable(f"{slug}: {change}") for change in _changes_of(before, after, slug))


def _changes_of(before: Snapshot, after: Snapshot, slug: str) -> Iterator[str]:
    old, new = before.teams.get(slug), after.teams.get(slug)
    if old is not None and new is not None:
        yield from _differences(*_comparable(before, after, slug))
        if slug in after.stale and slug not in before.stale:
            yield "its file has errors now: it is served as it was"
        elif slug in before.stale and slug not in after.stale:
            yield "its file is valid again"
    elif new is not None:
        yield "open again" if slug in before.closed else "added"
    elif old is not None:
        yield "closed" if slug in after.closed else "removed"
    elif slug in after.closed and slug not in before.closed:
        yield "added, and closed: its file has errors"


def _comparable(before: Snapshot, after: Snapshot, slug: str) -> tuple[TeamFile, TeamFile]:
    """Give a team that is served in both states, its images written alike.

    One that is served as it was has full references in place of the names of platform images.
    """
    if slug not in before.stale | after.stale:
        return before.teams[slug].team, after.teams[slug].team
    old, new = (
        pin_images(one.teams[slug], one.platform).team if one.platform else one.teams[slug].team
        for one in (before, after)
    )
    return old, new


def _differences(old: BaseModel, new: BaseModel, path: str = "") -> Iterator[str]:
    """Compare two models of one class, key by key, in the order of the reference."""
    for name, field in type(new).model_fields.items():
        one, other = getattr(old, name), getattr(new, name)
        if one != other:
            yield from _difference(name, f"{path}{field.alias or name}", one, other)


def _difference(name: str, key: str, old: Any, new: Any) -> Iterator[str]:
    model = next((type(value) for value in (new, old) if isinstance(value, BaseModel)), None)
    if model is not None and _can_be_empty(model):
        yield from _differences(old or model.model_construct(), new or model.model_construct(), f"{key}.")
    elif name == "profiles":
        yield from _profiles(old, new)
    elif name in _SHOWN_AS_NAMES:
        yield from _names(key, _as_mapping(old), _as_mapping(new))
    elif isinstance(old, tuple) and isinstance(new, tuple) and all(isinstance(one, str) for one in old + new):
        yield from _entries(key, old, new)
    elif isinstance(old or new, Mapping):
        yield from _names(key, old or {}, new or {})
    elif name in _TEXTS or isinstance(old or new, tuple):
        yield f"{key} {_verb(old, new)}"
    else:
        yield f"{key} {_written(name, old)} -> {_written(name, new)}"


def _can_be_empty(model: Any) -> bool:
    return not any(field.is_required() for field in model.model_fields.values())


def _profiles(old: Iterable[Profile], new: Iterable[Profile]) -> Iterator[str]:
    before = {profile.slug: profile for profile in old or ()}
    after = {profile.slug: profile for profile in new or ()}
    for slug in dict.fromkeys((*before, *after)):
        if slug in before and slug in after:
            yield from _differences(before[slug], after[slug], f"profile {slug}: ")
        else:
            yield f"profile {slug} {'added' if slug in after else 'removed'}"
    if list(before) != list(after) and set(before) == set(after):
        yield "profiles in another order"


def _names(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new or old[name] != new[name]:
            yield f"{key}.{name} {_verb(old.get(name), new.get(name))}"


def _entries(key: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    added = [entry for entry in new if entry not in old]
    gone = [entry for entry in old if entry not in new]
    for verb, names in (("added", added), ("removed", gone)):
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            yield f"{key}: {', '.join(names[:_MOST_NAMES])}{more} {verb}"
    if not added and not gone:
        yield f"{key} in another order"


def _as_mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    return {one.name: one.value for one in value or () if isinstance(one, Variable)}


def _verb(old: Any, new: Any) -> str:
    if old is None or old == ():
        return "added"
    return "removed" if new is None or new == () else "changed"


def _written(name: str, value: Any) -> str:
    """Write a single value as a file has it."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and name in _FORMATS:
        return _FORMATS[name](value)
    text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def summarize_problems(before: Iterable[Problem], after: Iterable[Problem]) -> Iterator[tuple[Severity, str]]:
    """Give a line for each new problem; of a kind that has many, one with their number and an example."""
    told = set(before)
    kinds: dict[tuple[Severity, str], list[Problem]] = defaultdict(list)
    for problem in after:
        if problem not in told:
            kinds[problem.severity, str(problem.code)].append(problem)
    for (severity, code), problems in kinds.items():
        if len(problems) <= _MOST_ALONE:
            yield from ((severity, str(problem)) for problem in problems)
        else:
            kind = "errors" if severity is Severity.ERROR else "warnings"
            title = problems[0].code.title
            yield severity, f"{len(problems)} {kind} {code} ({title}), for example: {problems[0]}"


_NOT_OF_SERVERS: Final = frozenset(
    {"users", "groups", "leads", "display_name", "description", "contact", "moved_from"}
)
"""Keys of a team of which a running server has nothing."""


def teams_with_other_servers(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """Give the slugs of the teams whose next server may be another than those that run, sorted."""
    is_platform_other = before.platform != after.platform
    return tuple(
        slug
        for slug in sorted(before.teams.keys() & after.teams.keys())
        if is_platform_other or _has_other_servers(*_comparable(before, after, slug))
    )


def _has_other_servers(old: TeamFile, new: TeamFile) -> bool:
    return any(
        getattr(old, name) != getattr(new, name)
        for name in type(new).model_fields
        if name not in _NOT_OF_SERVERS
    )
