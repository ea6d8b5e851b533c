"""Events as the controllers write them: the scheduler in the new style, all others in the old one."""

from __future__ import annotations

import copy
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.schema import format_microtime, format_time

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.kinds import Resource
    from jupyterhub_knada.devcluster.api.objects import Objects
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]


def record(  # noqa: PLR0913  an event says that much
    objects: Objects,
    resource: Resource,
    about: Stored,
    kind: str,
    reason: str,
    message: str,
    *,
    source: str,
    action: str = "",
) -> None:
    """Write an event about an object; the same one again is counted instead.

    Args:
        objects: where to.
        resource: the kind of `about`.
        about: the object it is about.
        kind: `Normal` or `Warning`.
        reason: a word.
        message: a sentence.
        source: the component that says so.
        action: of the new style, `Scheduling` or `Binding`; empty: the old style, with a count.
    """
    namespace = about.key[0] or "default"
    found = _same(objects, namespace, about, reason, message, source)
    try:
        if found is not None:
            _count(objects, found, new_style=bool(action))
        else:
            body = _event(resource, about, kind, reason, message)
            body |= _new_style(source, action) if action else _old_style(source)
            body["metadata"]["namespace"] = namespace
            objects.create(Request(kinds.EVENTS, namespace), body)
    except statuses.ApiError as error:
        # A namespace that is ending takes no new events; nobody is left to read them.
        if error.reason != "Forbidden":
            raise


def _same(
    objects: Objects, namespace: str, about: Stored, reason: str, message: str, source: str
) -> Stored | None:
    uid = about.body["metadata"]["uid"]
    for stored in objects.store.all(kinds.EVENTS, namespace):
        event = stored.body
        if (
            event["involvedObject"].get("uid") == uid
            and event.get("reason") == reason
            and event.get("message") == message
            and event.get("reportingComponent") == source
        ):
            return stored
    return None


def _count(objects: Objects, stored: Stored, *, new_style: bool) -> None:
    body, now = copy.deepcopy(stored.body), datetime.now(UTC)
    if new_style:
        count = body.get("series", {}).get("count", 1)
        body["series"] = {"count": count + 1, "lastObservedTime": format_microtime(now)}
    else:
        body["count"] = body.get("count", 1) + 1
        body["lastTimestamp"] = format_time(now)
    objects.edit(kinds.EVENTS, stored, body)


def _event(resource: Resource, about: Stored, kind: str, reason: str, message: str) -> Json:
    metadata = about.body["metadata"]
    involved = {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if about.key[0]:
        involved["namespace"] = about.key[0]
    return {
        "metadata": {"name": f"{metadata['name']}.{secrets.token_hex(8)}"},
        "involvedObject": involved,
        "type": kind,
        "reason": reason,
        "message": message,
    }


def _new_style(source: str, action: str) -> Json:
    return {
        "eventTime": format_microtime(datetime.now(UTC)),
        "action": action,
        "reportingComponent": source,
        "reportingInstance": f"{source}-knada-devcluster",
    }


def _old_style(source: str) -> Json:
    now = format_time(datetime.now(UTC))
    return {
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": source},
        "reportingComponent": source,
    }
