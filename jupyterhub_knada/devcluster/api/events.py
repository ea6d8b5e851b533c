"""Events have two faces: `v1` and `events.k8s.io/v1` show the same objects.

They are stored as `v1`. Source: `pkg/apis/events/v1/conversion.go` and the struct tags of both groups.
"""

from __future__ import annotations

from typing import Any, Final

from jupyterhub_knada.devcluster.api.schema import fill

Json = dict[str, Any]
_NEW_TO_OLD: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_OLD_TO_NEW: Final = {old: new for new, old in _NEW_TO_OLD.items()}


def to_new(body: Json) -> Json:
    """Give the `events.k8s.io/v1` view of a stored event."""
    return fill({_OLD_TO_NEW.get(key, key): value for key, value in body.items()}, "events.Event")


def to_old(body: Json) -> Json:
    """Give what is stored for an event that came as `events.k8s.io/v1`."""
    return fill({_NEW_TO_OLD.get(key, key): value for key, value in body.items()}, "core.Event")
