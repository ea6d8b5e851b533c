"""Whether a pod fits a node, in the scheduler's own words. Pure.

Source: `pkg/scheduler/framework/plugins` of 1.36 and the messages that a real one wrote. Preferences, and
required affinity between pods, are not served (the latter is refused when the pod is created).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.devcluster.api.quality import NOTHING, ONE, Amounts, add, amounts, pod_amounts
from jupyterhub_knada.devcluster.api.quantities import Quantity
from jupyterhub_knada.devcluster.api.selectors import from_label_selector, matches_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]
_CORDONED: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_DEFAULT_PODS: Final = Quantity(Fraction(110))
_HELPLESS: Final = "Preemption is not helpful for scheduling."
_NO_VICTIMS: Final = "No preemption victims found for incoming pod."


@dataclass
class NodeRoom:
    """A node and what is taken of it."""

    body: Json
    taken: Amounts = field(default_factory=dict)
    ports: set[tuple[str, int]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Give the node's name."""
        return str(self.body["metadata"]["name"])

    def take(self, spec: Json) -> None:
        """Count a pod that runs here."""
        self.taken = add(self.taken, pod_amounts(spec, "requests"), {"pods": ONE})
        self.ports |= host_ports(spec)

    def allocatable(self) -> Amounts:
        """Give what pods may use in all."""
        status = self.body["status"]
        found = amounts(status.get("allocatable") or status.get("capacity"))
        return {"pods": _DEFAULT_PODS} | found


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a node does not take a pod."""

    reasons: tuple[str, ...]
    could_preempt: bool = False
    """Whether other pods stand in the way, rather than the node itself."""


def host_ports(spec: Json) -> set[tuple[str, int]]:
    """Give the ports of the node that a pod takes."""
    return {
        (port.get("protocol", "TCP"), port["hostPort"])
        for container in spec.get("containers") or []
        for port in container.get("ports", [])
        if port.get("hostPort")
    }


def misfit(spec: Json, room: NodeRoom, volumes: Iterable[Json]) -> Misfit | None:
    """Give why a pod does not fit a node, or None: the first rule that fails counts, as in the scheduler."""
    node = room.body
    cordoned = node["spec"].get("unschedulable") and not tolerates(spec, _CORDONED)
    taints = [t for t in node["spec"].get("taints", []) if t["effect"] in ("NoSchedule", "NoExecute")]
    rules = (
        (cordoned, "node(s) were unschedulable"),
        (any(not tolerates(spec, taint) for taint in taints), "node(s) had untolerated taint(s)"),
        (not _wants(spec, node), "node(s) didn't match Pod's node affinity/selector"),
    )
    for fails, reason in rules:
        if fails:
            return Misfit((reason,))
    if room.ports & host_ports(spec):
        return Misfit(("node(s) didn't have free ports for the requested pod ports",), could_preempt=True)
    lacking = _lacking(spec, room)
    if lacking is None and not all(_volume_fits(volume, node) for volume in volumes):
        return Misfit(("node(s) didn't match PersistentVolume's node affinity",))
    return lacking


def tolerates(spec: Json, taint: Json) -> bool:
    """Tell whether a pod tolerates a taint."""
    return any(toleration_covers(toleration, taint) for toleration in spec.get("tolerations", []))


def toleration_covers(toleration: Json, taint: Json) -> bool:
    """Tell whether one toleration is about one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _wants(spec: Json, node: Json) -> bool:
    labels = node["metadata"].get("labels", {})
    if any(labels.get(key) != value for key, value in spec.get("nodeSelector", {}).items()):
        return False
    affinity = spec.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or matches_node_selector(required, node)


def matches_node_selector(selector: Json, node: Json) -> bool:
    """Tell whether a node fulfils any term of a node selector; an empty term fulfils nothing."""
    labels = node["metadata"].get("labels", {})
    fields = {"metadata.name": node["metadata"]["name"]}
    for term in selector.get("nodeSelectorTerms") or []:
        expressions, names = term.get("matchExpressions", []), term.get("matchFields", [])
        if not expressions and not names:
            continue
        by_label = from_label_selector({"matchExpressions": expressions})
        by_field = from_label_selector({"matchExpressions": names})
        if matches_labels(by_label, labels) and matches_labels(by_field, fields):
            return True
    return False


def _volume_fits(volume: Json, node: Json) -> bool:
    required = volume["spec"].get("nodeAffinity", {}).get("required")
    return required is None or matches_node_selector(required, node)


def _lacking(spec: Json, room: NodeRoom) -> Misfit | None:
    wanted = pod_amounts(spec, "requests") | {"pods": ONE}
    there = room.allocatable()
    short = {
        name
        for name, value in wanted.items()
        if value and room.taken.get(name, NOTHING) + value > there.get(name, NOTHING)
    }
    if not short:
        return None
    never = any(wanted[name] > there.get(name, NOTHING) for name in short)
    reasons = tuple("Too many pods" if name == "pods" else f"Insufficient {name}" for name in sorted(short))
    return Misfit(reasons, could_preempt=not never)


def explain(nodes: int, misfits: Iterable[Misfit]) -> str:
    """Give the scheduler's sentence about a pod that fits nowhere."""
    found = list(misfits)
    reasons = Counter(reason for one in found for reason in one.reasons)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    helped = Counter(_NO_VICTIMS if one.could_preempt else _HELPLESS for one in found)
    preemption = ", ".join(sorted(f"{count} {reason}" for reason, count in helped.items()))
    return (
        f"0/{nodes} nodes are available: {told}. no new claims to deallocate, preemption: 0/{nodes} nodes are"
        f" available: {preemption}"
    )


def explain_before(nodes: int, reason: str) -> str:
    """Give the sentence about a pod that was turned down before any node was looked at."""
    return f"0/{nodes} nodes are available: {reason}. not found"


def freest(rooms: Iterable[NodeRoom]) -> NodeRoom:
    """Give the node with the largest free part of CPU and memory; the first by name among equals."""

    def used_part(room: NodeRoom) -> Fraction:
        there = room.allocatable()
        parts = [
            room.taken.get(name, NOTHING).value / there[name].value
            for name in ("cpu", "memory")
            if there.get(name)
        ]
        return sum(parts, Fraction(0))

    return min(rooms, key=lambda room: (used_part(room), room.name))
