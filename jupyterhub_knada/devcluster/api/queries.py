"""Query parameters: what each means, and which are refused because they would have to be honoured.

Source: `meta/v1` `ListOptions`, `CreateOptions`, `PatchOptions` of 1.36. Parameters that no API server
knows are ignored, as a real one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.devcluster.api import statuses
from jupyterhub_knada.devcluster.api.selectors import (
    FieldRequirement,
    Requirement,
    SelectorError,
    parse_fields,
    parse_labels,
)
from jupyterhub_knada.devcluster.api.watching import ListOptions, WatchOptions

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource

Query = Mapping[str, str]
_WRITES: Final = frozenset({"CreateOptions", "UpdateOptions", "PatchOptions"})
_WATCH_SECONDS: Final = 1800.0
_VALIDATIONS: Final = ("Ignore", "Strict", "Warn")
_MATCH: Final = "resourceVersionMatch"
_INITIAL: Final = "sendInitialEvents"
_PAGES: Final = frozenset({"limit", "continue", "resourceVersion", _MATCH, _INITIAL})
"""What would have a deletion see a part of a collection, or its past."""
_LONGEST_MANAGER: Final = 128


def flag(query: Query, name: str) -> bool:
    """Read a boolean as Kubernetes does: present and not `false` or `0`."""
    return name in query and query[name].lower() not in ("false", "0")


def _number(query: Query, name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    try:
        return int(text)
    except ValueError as error:
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def check_served(query: Query, verb: str) -> None:
    """Refuse what would change the meaning of an answer and is not served.

    Raises:
        ApiError: 501.
    """
    if verb == "deletecollection":
        for name in _PAGES & set(query):
            raise statuses.not_served(f"{name} for a deletion of many")
    for name in ("shardSelector", "ignoreStoreReadErrorWithClusterBreakingPotential"):
        if name in query:
            raise statuses.not_served(f"the query parameter {name}")


def dry_run(query: Query, kind: str) -> bool:
    """Read `dryRun`; kind: whose option it is, as `CreateOptions`; empty for a verb that does not know it.

    Raises:
        ApiError: 422 for anything but `All`.
    """
    if not kind:
        return False
    given = query.get("dryRun", "")
    if given not in ("", "All"):
        raise statuses.invalid_options(kind, [statuses.unsupported("dryRun", [given], ("All",))])
    return given == "All"


def field_validation(query: Query, kind: str) -> str:
    """Read `fieldValidation`; kind: as for `dry_run`.

    Raises:
        ApiError: 422 for a value that does not exist.
    """
    if kind not in _WRITES:
        return "Ignore"
    given = query.get("fieldValidation", "") or "Warn"
    if given not in _VALIDATIONS:
        error = statuses.unsupported("fieldValidation", given, ("", *_VALIDATIONS))
        raise statuses.invalid_options(kind, [error])
    return given


def check_manager(query: Query, kind: str) -> None:
    """Check `fieldManager` and `force`, which nothing here uses; kind: as for `dry_run`.

    Raises:
        ApiError: 422 for a name that is none, or force without server-side apply.
    """
    if kind == "PatchOptions" and "force" in query:
        error = statuses.forbidden_value("force", "may not be specified for non-apply patch")
        raise statuses.invalid_options(kind, [error])
    name = query.get("fieldManager", "") if kind in _WRITES else ""
    if len(name.encode()) > _LONGEST_MANAGER:
        raise statuses.invalid_options(kind, [statuses.too_long("fieldManager", _LONGEST_MANAGER)])
    for place, letter in enumerate(name):
        if not letter.isprintable():
            why = f"invalid character U+{ord(letter):04X} (at position {place})"
            raise statuses.invalid_options(kind, [statuses.invalid("fieldManager", name, why)])


def selectors(
    query: Query, resource: Resource
) -> tuple[tuple[Requirement, ...], tuple[FieldRequirement, ...]]:
    """Read `labelSelector` and `fieldSelector`.

    Raises:
        ApiError: 400 for one that cannot be read, or a field that this kind has no selector for.
    """
    try:
        labels = parse_labels(query.get("labelSelector", ""))
        fields = parse_fields(query.get("fieldSelector", ""))
    except SelectorError as error:
        raise statuses.bad_request(str(error)) from error
    known = {"metadata.name", *resource.fields}
    if resource.namespaced or not resource.own_field_words:
        known.add("metadata.namespace")
    if resource.plural == "pods":
        # The name that it had in the API's first version.
        fields = tuple(replace(f, path="spec.nodeName") if f.path == "spec.host" else f for f in fields)
    for requirement in fields:
        if requirement.path not in known:
            raise statuses.bad_request(_unknown_field(resource, requirement.path))
    return labels, fields


def _unknown_field(resource: Resource, path: str) -> str:
    if resource.own_field_words:
        return f"field label not supported: {path}"
    return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def selected_name(query: Query, verb: str) -> str:
    """Give the one name that a list or watch asks for: rights may be for that name alone."""
    if verb not in ("list", "watch", "deletecollection"):
        return ""
    try:
        fields = parse_fields(query.get("fieldSelector", ""))
    except SelectorError:
        return ""
    return next((item.value for item in fields if item.path == "metadata.name" and item.is_equal), "")


def list_options(query: Query) -> ListOptions:
    """Read what a list was asked for.

    Raises:
        ApiError: 400 for a number that is none, 422 for options that contradict each other.
    """
    match, revision, token = (query.get(name, "") for name in (_MATCH, "resourceVersion", "continue"))
    limit, _ = _number(query, "limit"), _number(query, "timeoutSeconds")
    errors = []
    if match and not revision:
        errors.append(_forbidden(f"{_MATCH} is forbidden unless resourceVersion is provided"))
    if match and token:
        errors.append(_forbidden(f"{_MATCH} is forbidden when continue is provided"))
    if match not in ("", "Exact", "NotOlderThan"):
        errors.append(statuses.unsupported(_MATCH, match, ("Exact", "NotOlderThan", "")))
    if match == "Exact" and revision == "0":
        errors.append(_forbidden(f'{_MATCH} "exact" is forbidden for resourceVersion "0"'))
    if _INITIAL in query:
        errors.append(statuses.forbidden_value(_INITIAL, f"{_INITIAL} is forbidden for list"))
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    return ListOptions(max(limit, 0), token, revision, match)


def _forbidden(why: str) -> statuses.FieldError:
    return statuses.forbidden_value(_MATCH, why)


def watch_options(query: Query) -> WatchOptions:
    """Read what a watch was asked for.

    Raises:
        ApiError: 400 for a number that is none, 422 for options that contradict each other.
    """
    seconds, _ = _number(query, "timeoutSeconds"), _number(query, "limit")
    match, is_initial = query.get(_MATCH, ""), _INITIAL in query
    errors = []
    if is_initial and match != "NotOlderThan":
        errors.append(_forbidden(f"{_INITIAL} requires setting {_MATCH} to NotOlderThan"))
    if match and not is_initial:
        errors.append(_forbidden(f"{_MATCH} is forbidden for watch unless {_INITIAL} is provided"))
    if match not in ("", "NotOlderThan"):
        errors.append(statuses.unsupported(_MATCH, match, ("NotOlderThan",)))
    if query.get("continue"):
        errors.append(_forbidden(f"{_MATCH} is forbidden when continue is provided"))
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    return WatchOptions(
        revision=query.get("resourceVersion", ""),
        bookmarks=flag(query, "allowWatchBookmarks"),
        seconds=float(seconds) if seconds > 0 else _WATCH_SECONDS,
        initial_events=flag(query, _INITIAL),
    )
