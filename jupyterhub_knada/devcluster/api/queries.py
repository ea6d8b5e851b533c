"""Query parameters: what each means, and which are refused because they would have to be honoured.

Source: `meta/v1` `ListOptions`, `CreateOptions`, `PatchOptions` of 1.36. Parameters that no API server
knows are ignored, as a real one does.
"""

from __future__ import annotations

from collections.abc import Mapping
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
_WATCH_SECONDS: Final = 1800.0
_VALIDATIONS: Final = ("Ignore", "Strict", "Warn")
_MATCH: Final = "resourceVersionMatch"


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
    for name in ("shardSelector", "ignoreStoreReadErrorWithClusterBreakingPotential"):
        if name in query:
            raise statuses.not_served(f"the query parameter {name}")
    if verb == "patch" and "force" in query:
        raise statuses.not_served("server-side apply")


def dry_run(query: Query, kind: str) -> bool:
    """Read `dryRun`; kind: whose option it is, as `CreateOptions`.

    Raises:
        ApiError: 422 for anything but `All`.
    """
    given = query.get("dryRun", "")
    if given not in ("", "All"):
        raise statuses.invalid_options(kind, [statuses.unsupported("dryRun", [given], ("All",))])
    return given == "All"


def field_validation(query: Query, kind: str) -> str:
    """Read `fieldValidation`.

    Raises:
        ApiError: 422 for a value that does not exist.
    """
    given = query.get("fieldValidation", "") or "Warn"
    if given not in _VALIDATIONS:
        error = statuses.unsupported("fieldValidation", given, ("", *_VALIDATIONS))
        raise statuses.invalid_options(kind, [error])
    return given


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
    if resource.namespaced or resource.plural == "persistentvolumes":
        known.add("metadata.namespace")
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
        ApiError: 400 for a number that is none, or options that contradict each other.
    """
    match, revision = query.get(_MATCH, ""), query.get("resourceVersion", "")
    errors = []
    if match and not revision:
        errors.append(_forbidden("is forbidden unless resourceVersion is provided"))
    if match == "Exact" and revision == "0":
        errors.append(_forbidden('"exact" is forbidden for resourceVersion "0"'))
    if match not in ("", "Exact", "NotOlderThan"):
        errors.append(statuses.unsupported(_MATCH, match, ("Exact", "NotOlderThan", "")))
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    limit = _number(query, "limit")
    return ListOptions(limit, query.get("continue", ""), revision, match)


def _forbidden(why: str) -> statuses.FieldError:
    return statuses.forbidden_value(_MATCH, f"{_MATCH} {why}")


def watch_options(query: Query) -> WatchOptions:
    """Read what a watch was asked for.

    Raises:
        ApiError: 400 for a number that is none, 422 for options that contradict each other.
    """
    seconds = _number(query, "timeoutSeconds")
    match, initial = query.get(_MATCH, ""), flag(query, "sendInitialEvents")
    errors = []
    if match and "sendInitialEvents" not in query:
        errors.append(_forbidden("is forbidden for watch unless sendInitialEvents is provided"))
    if "sendInitialEvents" in query and not match:
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        errors.append(statuses.forbidden_value(_MATCH, why))
    if match not in ("", "NotOlderThan"):
        errors.append(statuses.unsupported(_MATCH, match, ("NotOlderThan",)))
    if errors:
        raise statuses.invalid_options("ListOptions", errors)
    return WatchOptions(
        revision=query.get("resourceVersion", ""),
        bookmarks=flag(query, "allowWatchBookmarks"),
        seconds=float(seconds) if seconds > 0 else _WATCH_SECONDS,
        initial_events=initial,
    )
