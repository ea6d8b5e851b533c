"""Says which nodes may be used, and lets go of the pods of those that are gone.

Source: `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction` and `pkg/controller/podgc` of 1.36,
with their times: a node is unknown after 50 s without a renewed lease, its pods are deleted after their
toleration (300 s by default), a pod on a node that does not exist after 40 s.
"""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from jupyterhub_knada.devcluster.api import deletion, kinds
from jupyterhub_knada.devcluster.api.admission import NOT_READY, UNREACHABLE
from jupyterhub_knada.devcluster.api.controllers.filters import toleration_covers
from jupyterhub_knada.devcluster.api.controllers.recording import record
from jupyterhub_knada.devcluster.api.controllers.running import Controller
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.strategies import touch

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.objects import Objects
    from jupyterhub_knada.devcluster.api.storage import Key
    from jupyterhub_knada.devcluster.api.store import Stored

Json = dict[str, Any]
_LEASES: Final = "kube-node-lease"
_UNKNOWN_SECONDS: Final = 50.0
_GONE_SECONDS: Final = 40.0
_UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
_OURS: Final = (NOT_READY, UNREACHABLE, _UNSCHEDULABLE)
_UNKNOWN_MESSAGE: Final = "Kubelet stopped posting node status."


class Nodes(Controller):
    """Taints nodes by their condition and evicts what does not tolerate it."""

    watches: ClassVar = (kinds.NODES, kinds.PODS, kinds.LEASES)
    every_seconds: ClassVar = 5.0

    def __init__(self, objects: Objects) -> None:
        super().__init__(objects)
        # The real one, too, trusts its own clock for how long it has seen no renewal, never the node's.
        self._renewed: dict[str, tuple[str, float]] = {}
        self._since: dict[Key, float] = {}
        self._since_gone: dict[Key, float] = {}

    def sync(self) -> None:
        """Look at every node, then at every pod."""
        nodes = self.store.all(kinds.NODES)
        for stored in nodes:
            current = self._mark_silent(stored)
            self._taint(current)
        self._evict()
        self._collect({stored.key[1] for stored in nodes})

    def _mark_silent(self, node: Stored) -> Stored:
        """Write that a node is not heard of any more."""
        name = node.key[1]
        lease = self.store.get(kinds.LEASES, _LEASES, name)
        sign = str(lease.body["spec"].get("renewTime")) if lease else ""
        sign += str(_ready(node.body).get("lastHeartbeatTime", ""))
        seen, moment = self._renewed.get(name, ("", 0.0))
        if seen != sign:
            self._renewed[name] = (sign, time.monotonic())
            return node
        if time.monotonic() - moment < _UNKNOWN_SECONDS or _ready(node.body).get("status") == "Unknown":
            return node
        body = copy.deepcopy(node.body)
        for condition in body["status"].get("conditions", []):
            condition |= {
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": _UNKNOWN_MESSAGE,
                "lastTransitionTime": touch(),
            }
        stored = self.objects.edit(kinds.NODES, node, body, "status")
        message = f"Node {name} status is now: NodeNotReady"
        record(self.objects, kinds.NODES, stored, "Normal", "NodeNotReady", message, source="node-controller")
        return stored

    def _taint(self, node: Stored) -> None:
        """Give a node the taints of its condition, and no others of ours."""
        status = _ready(node.body).get("status")
        wanted: list[Json] = []
        if status in ("Unknown", "False"):
            key = UNREACHABLE if status == "Unknown" else NOT_READY
            wanted += [{"key": key, "effect": "NoSchedule"}, {"key": key, "effect": "NoExecute"}]
        elif status is None:
            wanted.append({"key": NOT_READY, "effect": "NoSchedule"})
        if node.body["spec"].get("unschedulable"):
            wanted.append({"key": _UNSCHEDULABLE, "effect": "NoSchedule"})
        taints = node.body["spec"].get("taints", [])
        kept = [taint for taint in taints if taint["key"] not in _OURS]
        here = {(taint["key"], taint["effect"]) for taint in taints if taint["key"] in _OURS}
        if here != {(taint["key"], taint["effect"]) for taint in wanted}:
            body = copy.deepcopy(node.body)
            for taint in wanted:
                taint["timeAdded"] = touch()
            body["spec"]["taints"] = kept + wanted
            self.objects.edit(kinds.NODES, node, body)
        if status in ("Unknown", "False"):
            self._mark_pods(node.key[1])

    def _mark_pods(self, node: str) -> None:
        """Write that the pods of a lost node are not ready."""
        for pod in self.store.all(kinds.PODS):
            ready = _ready(pod.body)
            if pod.body["spec"].get("nodeName") != node or ready.get("status") != "True":
                continue
            body = copy.deepcopy(pod.body)
            _ready(body).update(status="False", lastTransitionTime=touch())
            stored = self.objects.edit(kinds.PODS, pod, body, "status")
            record(
                self.objects,
                kinds.PODS,
                stored,
                "Warning",
                "NodeNotReady",
                "Node is not ready",
                source="node-controller",
            )

    def _evict(self) -> None:
        """Delete the pods whose toleration of a node's taint is over."""
        now, seen = time.monotonic(), set()
        for pod in self.store.all(kinds.PODS):
            node = self.store.get(kinds.NODES, "", pod.body["spec"].get("nodeName", ""))
            if node is None or "deletionTimestamp" in pod.body["metadata"]:
                continue
            taints = [t for t in node.body["spec"].get("taints", []) if t["effect"] == "NoExecute"]
            if not taints:
                continue
            seen.add(pod.key)
            began = self._since.setdefault(pod.key, now)
            if now - began >= _patience(pod.body, taints):
                self._delete_tainted(pod)
        for key in set(self._since) - seen:
            del self._since[key]

    def _delete_tainted(self, pod: Stored) -> None:
        namespace, name = pod.key
        body = copy.deepcopy(pod.body)
        body["status"].setdefault("conditions", []).append(
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
                "lastProbeTime": None,
                "lastTransitionTime": touch(),
            }
        )
        stored = self.objects.edit(kinds.PODS, pod, body, "status")
        message = f"Marking for deletion Pod {namespace}/{name}"
        source = "taint-eviction-controller"
        record(self.objects, kinds.PODS, stored, "Normal", "TaintManagerEviction", message, source=source)
        deletion.delete(self.objects, Request(kinds.PODS, namespace, name), deletion.DeleteOptions())

    def _collect(self, nodes: set[str]) -> None:
        """Force away the pods of nodes that do not exist."""
        now, waiting = time.monotonic(), set()
        for pod in self.store.all(kinds.PODS):
            name = pod.body["spec"].get("nodeName")
            if not name or name in nodes:
                continue
            waiting.add(pod.key)
            if now - self._since_gone.setdefault(pod.key, now) >= _GONE_SECONDS:
                request = Request(kinds.PODS, *pod.key)
                deletion.delete(self.objects, request, deletion.DeleteOptions(grace=0))
        for key in set(self._since_gone) - waiting:
            del self._since_gone[key]


def _ready(body: Json) -> Json:
    found: Json = next((c for c in body["status"].get("conditions", []) if c["type"] == "Ready"), {})
    return found


def _patience(pod: Json, taints: list[Json]) -> float:
    """Give the seconds that a pod may stay under taints; infinite where it tolerates them for good."""
    longest = float("inf")
    for taint in taints:
        covering = [t for t in pod["spec"].get("tolerations", []) if toleration_covers(t, taint)]
        if not covering:
            return 0.0
        times = [float(t["tolerationSeconds"]) for t in covering if "tolerationSeconds" in t]
        longest = min([longest, *times])
    return longest
