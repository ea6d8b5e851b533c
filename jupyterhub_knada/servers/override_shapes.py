"""What Kubernetes expects at each place of an override that it reads itself: the type, and which values.

A value of another type ends the start with a 400 of the API, another text with a 422. Only what a profile may
say (`override_rules`) is here; a test compares it with the models of the Kubernetes client. Pure.
Source: Kubernetes API reference, core/v1 and meta/v1, and pkg/apis/core/validation/validation.go, 1.32-1.36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers import override_walk as walk
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.names import LABEL, LABEL_VALUE, QUALIFIED_NAME, SUBDOMAIN, is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MOST_32: Final = 2**31 - 1
_MOST_64: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `rule` says in words which ones."""

    fits: Callable[[str], bool] = lambda _: True
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few texts; an empty one leaves it to Kubernetes."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = -_MOST_64
    most: int = _MOST_64


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount: a number, or a text with a unit of Kubernetes."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: Shape
    least: int = 0


@dataclass(frozen=True, slots=True)
class Entries:
    """A list of objects, or a mapping of them as zero-to-jupyterhub writes lists."""

    item: Model


@dataclass(frozen=True, slots=True)
class TextOr:
    """A text, or an object: KubeSpawner makes the object of the text."""

    text: Text
    model: Model


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping of keys that anybody may choose to texts."""

    key: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Model:
    """An object of Kubernetes' API."""

    kind: str
    """The class of it in the Kubernetes client."""
    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    is_one: bool = False
    """Whether exactly one of its fields is to be said."""
    contradictions: Callable[[Any], Iterable[Fault]] = field(default=lambda _: ())


Shape = Text | Choice | Whole | Truth | Quantity | ListOf | Entries | TextOr | Pairs | Model


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_below(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


_NAME_RULE: Final = "letters, digits and . _ -, at most 63, with a letter or digit at both ends"
_ANY: Final = Text()
_KEY: Final = Text(
    lambda text: is_name(QUALIFIED_NAME, text, longest=317), f"{_NAME_RULE}, optionally behind 'example.org/'"
)
_ANNOTATION_KEY: Final = Text(lambda text: _KEY.fits(_lowered(text)), _KEY.rule)
_LABEL_VALUE: Final = Text(lambda text: is_name(LABEL_VALUE, text, longest=63), _NAME_RULE)
_DNS_LABEL: Final = Text(
    lambda text: not text or is_name(LABEL, text, longest=63),
    "lower-case letters a-z, digits and -, at most 63, with a letter or digit at both ends",
)
_DNS_NAME: Final = Text(
    lambda text: is_name(SUBDOMAIN, text),
    "lower-case letters a-z, digits and -, in parts with points between",
)
_ADDRESS: Final = Text(_is_address, "an IP address")
_SUB_PATH: Final = Text(_is_below, "a path without '/' at its start and without '..'")
_MEDIUM: Final = Text(
    lambda text: re.fullmatch(r"|Memory|HugePages(-.+)?", text) is not None,
    "'Memory' or 'HugePages', with a capital; left out, it is the node's disk",
)


def _lowered(key: str) -> str:
    """Spell the key of an annotation as Kubernetes reads it, which asks for no case (ValidateAnnotations)."""
    return key.lower()


def _toleration(said: Any) -> Iterable[Fault]:
    if walk.field(said, "operator") == "Exists" and walk.field(said, "value"):
        rule = "with the operator Exists there is no value"
        yield Fault(Code.BAD_OVERRIDE, "a value without use", rule, "remove one", ("value",))
    seconds, effect = walk.field(said, "tolerationSeconds"), walk.field(said, "effect")
    if seconds is not None and effect != "NoExecute":
        spelling = next(key for key in walk.keys(said) if walk.camel(key) == "tolerationSeconds")
        rule, remedy = "only with the effect NoExecute", "remove it or set the effect"
        yield Fault(Code.BAD_OVERRIDE, "tolerationSeconds without use", rule, remedy, (spelling,))


def _requirement(said: Any) -> Iterable[Fault]:
    operator, values = walk.field(said, "operator"), walk.field(said, "values")
    if values is not None and not isinstance(values, list | tuple):
        return
    count = len(values or ())
    if operator in ("In", "NotIn") and not count:
        rule = f"with the operator {operator} there is at least one"
        yield Fault(Code.BAD_OVERRIDE, "no values", rule, "add them as a list")
    elif operator in ("Exists", "DoesNotExist") and count:
        rule = f"with the operator {operator} there are none"
        yield Fault(Code.BAD_OVERRIDE, "values without use", rule, "remove them", ("values",))
    elif operator in ("Gt", "Lt") and count != 1:
        rule = f"with the operator {operator} there is one, a whole number in quotes"
        yield Fault(Code.BAD_OVERRIDE, "not one value", rule, "write one")


_NODE_TERM: Final = Model(
    "V1NodeSelectorTerm",
    {
        "matchExpressions": ListOf(
            Model(
                "V1NodeSelectorRequirement",
                {
                    "key": _KEY,
                    "operator": Choice(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")),
                    "values": ListOf(_LABEL_VALUE),
                },
                ("key", "operator"),
                contradictions=_requirement,
            )
        )
    },
)
_SELECTOR: Final = Model(
    "V1LabelSelector",
    {
        "matchExpressions": ListOf(
            Model(
                "V1LabelSelectorRequirement",
                {
                    "key": _KEY,
                    "operator": Choice(("In", "NotIn", "Exists", "DoesNotExist")),
                    "values": ListOf(_LABEL_VALUE),
                },
                ("key", "operator"),
                contradictions=_requirement,
            )
        ),
        "matchLabels": Pairs(_KEY, _LABEL_VALUE),
    },
)
_POD_TERM: Final = Model(
    "V1PodAffinityTerm",
    {
        "labelSelector": _SELECTOR,
        "matchLabelKeys": ListOf(_KEY),
        "mismatchLabelKeys": ListOf(_KEY),
        "topologyKey": _KEY,
    },
    ("topologyKey",),
)
_WEIGHT: Final = Whole(1, 100)
_WEIGHTED_POD_TERM: Final = Model(
    "V1WeightedPodAffinityTerm",
    {"podAffinityTerm": _POD_TERM, "weight": _WEIGHT},
    ("podAffinityTerm", "weight"),
)
_HANDLER: Final = Model(
    "V1LifecycleHandler",
    {
        "exec": Model("V1ExecAction", {"command": ListOf(_ANY, least=1)}, ("command",)),
        "sleep": Model("V1SleepAction", {"seconds": Whole(least=0)}, ("seconds",)),
    },
    is_one=True,
)
_SPREAD: Final = Model(
    "V1TopologySpreadConstraint",
    {
        "labelSelector": _SELECTOR,
        "matchLabelKeys": ListOf(_KEY),
        "maxSkew": Whole(1, _MOST_32),
        "minDomains": Whole(1, _MOST_32),
        "nodeAffinityPolicy": Choice(("Honor", "Ignore")),
        "nodeTaintsPolicy": Choice(("Honor", "Ignore")),
        "topologyKey": _KEY,
        "whenUnsatisfiable": Choice(("DoNotSchedule", "ScheduleAnyway")),
    },
    ("maxSkew", "topologyKey", "whenUnsatisfiable"),
)
_POD: Final = Model(
    "V1PodSpec",
    {
        "dnsConfig": Model(
            "V1PodDNSConfig",
            {
                "nameservers": ListOf(_ADDRESS),
                "options": ListOf(Model("V1PodDNSConfigOption", {"name": _ANY, "value": _ANY}, ("name",))),
                "searches": ListOf(_ANY),
            },
        ),
        "dnsPolicy": Choice(("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")),
        "enableServiceLinks": Truth(),
        "hostAliases": ListOf(
            Model("V1HostAlias", {"hostnames": ListOf(_DNS_NAME), "ip": _ADDRESS}, ("ip",))
        ),
        "hostname": _DNS_LABEL,
        "restartPolicy": Choice(("Always", "OnFailure", "Never")),
        "runtimeClassName": _DNS_NAME,
        "shareProcessNamespace": Truth(),
        "subdomain": _DNS_LABEL,
        "terminationGracePeriodSeconds": Whole(0),
        "topologySpreadConstraints": ListOf(_SPREAD),
    },
)
_CONTAINER: Final = Model(
    "V1Container",
    {
        "stdin": Truth(),
        "terminationMessagePath": _ANY,
        "terminationMessagePolicy": Choice(("File", "FallbackToLogsOnError")),
        "tty": Truth(),
        "workingDir": _ANY,
    },
)
_TOLERATION: Final = Model(
    "V1Toleration",
    {
        "effect": Choice(("NoSchedule", "PreferNoSchedule", "NoExecute")),
        "key": _KEY,
        "operator": Choice(("Equal", "Exists")),
        "tolerationSeconds": Whole(),
        "value": _LABEL_VALUE,
    },
    contradictions=_toleration,
)
_MOUNT: Final = Model(
    "V1VolumeMount",
    {"mountPath": _ANY, "name": _ANY, "readOnly": Truth(), "subPath": _SUB_PATH, "subPathExpr": _SUB_PATH},
)
_VOLUME: Final = Model(
    "V1Volume",
    {
        "emptyDir": Model("V1EmptyDirVolumeSource", {"medium": _MEDIUM, "sizeLimit": Quantity()}),
        "name": _ANY,
    },
)

SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "extra_annotations": Pairs(_ANNOTATION_KEY, _ANY),
        "extra_container_config": _CONTAINER,
        "extra_labels": Pairs(_KEY, _LABEL_VALUE),
        "extra_pod_config": _POD,
        "image_pull_policy": Choice(("Always", "IfNotPresent", "Never")),
        "image_pull_secrets": ListOf(
            TextOr(_DNS_NAME, Model("V1LocalObjectReference", {"name": _DNS_NAME}, ("name",)))
        ),
        "lifecycle_hooks": Model("V1Lifecycle", {"postStart": _HANDLER, "preStop": _HANDLER}),
        "node_affinity_preferred": Entries(
            Model(
                "V1PreferredSchedulingTerm",
                {"preference": _NODE_TERM, "weight": _WEIGHT},
                ("preference", "weight"),
            )
        ),
        "node_affinity_required": Entries(_NODE_TERM),
        "node_selector": Pairs(_KEY, _LABEL_VALUE),
        "pod_affinity_preferred": Entries(_WEIGHTED_POD_TERM),
        "pod_affinity_required": Entries(_POD_TERM),
        "pod_anti_affinity_preferred": Entries(_WEIGHTED_POD_TERM),
        "tolerations": Entries(_TOLERATION),
        "volume_mounts": Entries(_MOUNT),
        "volumes": Entries(_VOLUME),
    }
)
"""Trait -> what Kubernetes expects of its value."""
