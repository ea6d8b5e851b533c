"""Where a profile's servers may run: beside or apart from the team's own, on nodes that are for everybody.

Kubernetes holds some of these rules against other pods, too, or finds pods of other namespaces by them. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.override_walk import camel, entries, field, items, keys, not_among
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.names import reserved_taint

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOLERATION_KEYS: Final = frozenset({"effect", "key", "operator", "tolerationSeconds", "value"})
_NODE_KEYS: Final = frozenset({"matchExpressions"})
_POD_KEYS: Final = frozenset({"labelSelector", "matchLabelKeys", "mismatchLabelKeys", "topologyKey"})
_WEIGHTED: Final = {"node_affinity_preferred": "preference", "pod_affinity_preferred": "podAffinityTerm"}
"""Where the term stands in an entry that has a weight, too. Source: Kubernetes, core/v1."""
_NAMES_A_NODE: Final = (
    "it names one node past the scheduler's choice, as nodeName would: use matchExpressions"
)
_OTHERS_PODS: Final = (
    "it would find other teams' servers, or keep them away: without it, the team's own namespace is meant"
)


def check_tolerations(_: str, value: Any) -> Iterable[Fault]:
    """Find tolerations of every taint, or of one that is the cluster's own."""
    for place, toleration in entries(value):
        for key in keys(toleration):
            if camel(key) not in _TOLERATION_KEYS:
                yield not_among(key, _TOLERATION_KEYS, "a part of a toleration").below((place, key))
        taint = field(toleration, "key")
        if toleration is not None and not (isinstance(taint, str) and taint):
            message, rule = "a toleration of every taint", "a profile's toleration names the taint by its key"
            remedy = "add key: nodes that are kept free for others would be used, too"
            yield Fault(Code.OWNED_OVERRIDE, message, rule, remedy, (place,))
        elif isinstance(taint, str) and (fault := reserved_taint(taint)):
            spelling = next(key for key in keys(toleration) if camel(key) == "key")
            yield fault.below((place, spelling))


def check_node_affinity(name: str, value: Any) -> Iterable[Fault]:
    """Find terms that name a node by its fields."""
    for place, entry in entries(value):
        for path, key in _keys_of_term(entry, _WEIGHTED.get(name)):
            if camel(key) not in _NODE_KEYS:
                why = _NAMES_A_NODE if camel(key) == "matchFields" else None
                yield not_among(key, _NODE_KEYS, "a part of a node affinity", why).below((place, *path, key))


def check_pod_affinity(name: str, value: Any) -> Iterable[Fault]:
    """Find terms about pods of other namespaces."""
    weighted = _WEIGHTED.get(name.replace("_anti_", "_"))
    for place, entry in entries(value):
        for path, key in _keys_of_term(entry, weighted):
            if camel(key) not in _POD_KEYS:
                why = _OTHERS_PODS if camel(key) in {"namespaces", "namespaceSelector"} else None
                yield not_among(key, _POD_KEYS, "a part of a pod affinity", why).below((place, *path, key))


def _keys_of_term(entry: Any, weighted: str | None) -> Iterable[tuple[tuple[str, ...], str]]:
    """Give the keys of a term, with the path to it; of one with a weight, those of what is weighed."""
    if weighted is None:
        for key in keys(entry):
            yield (), key
        return
    for name, term in items(entry):
        for key in keys(term) if camel(name) == weighted else ():
            yield (name,), key
