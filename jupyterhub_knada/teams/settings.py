"""What a team may say for all its servers, and the platform file as a default for all teams."""

# ruff: noqa: TC001, TC003 -- pydantic reads the annotations when the classes are made

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.fields import (
    AllowlistEntries,
    Annotations,
    CpuCount,
    Flag,
    Grace,
    IdleTimeout,
    Image,
    Interface,
    Labels,
    LabelValue,
    MemorySize,
    NodeSelector,
    ObjectName,
    ObjectNames,
    Seconds,
    StorageSize,
    TaintKey,
    TolerationEffect,
    TolerationOperator,
    VariableLines,
    VariableMap,
)
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.profiles import Resources
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.trees import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_TOLERATIONS = 50


class Storage(FileModel):
    """The home of each member, at /home/jovyan."""

    size: StorageSize | None = Field(
        default=None,
        description="Size of the claim, as Kubernetes writes it: `10Gi`. A home can grow, never shrink.",
        examples=["10Gi"],
    )
    class_: ObjectName | None = Field(
        default=None,
        alias="class",
        description="Storage class of the claim; null is the cluster's default class.",
        examples=["premium-rwo"],
    )
    none: Flag | None = Field(
        default=None,
        description="True: no home is mounted, and all work is gone when the server stops.",
        examples=[False],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find a size or class of a home that is not mounted."""
        if str(data.get("none", "")).lower() == "true":
            for key in ("size", "class"):
                if data.get(key) is not None:
                    message, rule = f"without use {got(data[key])}", "'none: true' mounts no home"
                    yield Fault(Code.TWO_SPELLINGS, message, rule, f"remove {key!r} or 'none'", (key,))


class Culling(FileModel):
    """When an idle server is stopped."""

    idle_timeout: IdleTimeout | None = Field(
        default=None,
        description="How long a server may be idle before it is stopped; `never` leaves it running.",
        examples=["1h", "90m", "never"],
    )


class Leaving(FileModel):
    """What becomes of the servers of somebody who has left their team."""

    grace: Grace = Field(
        default=15 * 60,
        description="How long a server runs on after its owner has left its team: time to come back, where "
        "somebody was left out by mistake. `0` stops it at once; `never` leaves it running.",
        examples=["15m", "0", "never"],
    )
    claim_age: IdleTimeout = Field(
        default=7 * 24 * 3600,
        description="How long a person's last known groups count where the identity provider says nothing "
        "about them any more; `never`: for ever.",
        examples=["7d", "never"],
    )


class Toleration(FileModel):
    """A taint of nodes that the team's servers tolerate. Source: Kubernetes, core/v1 Toleration."""

    key: TaintKey = Field(
        description="Key of the taint; required, as without one every taint would be tolerated.",
        examples=["nvidia.com/gpu"],
    )
    operator: TolerationOperator = Field(
        default="Equal",
        description="Whether the taint's value must be equal, or the taint need only exist.",
        examples=["Exists"],
    )
    value: LabelValue | None = Field(
        default=None,
        description="Value of the taint, where the operator is Equal.",
        examples=["present"],
    )
    effect: TolerationEffect | None = Field(
        default=None,
        description="Effect of the taint; without one all effects.",
        examples=["NoSchedule"],
    )
    toleration_seconds: Seconds | None = Field(
        default=None,
        description="Seconds that a server stays after the taint came; only with the effect NoExecute.",
        examples=[300],
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find what the API server would refuse. Source: Kubernetes, validation.go ValidateTolerations."""
        exists = data.get("operator") == "Exists"
        if exists and data.get("value"):
            rule = "with the operator Exists there is no value"
            yield Fault(
                Code.BAD_NAME, f"a value without use {got(data['value'])}", rule, "remove one", ("value",)
            )
        if data.get("tolerationSeconds") is not None and data.get("effect") != "NoExecute":
            rule = "only with the effect NoExecute"
            path = ("tolerationSeconds",)
            yield Fault(
                Code.BAD_NAME, "tolerationSeconds without use", rule, "remove it or set the effect", path
            )

    def to_kubernetes(self) -> Mapping[str, Any]:
        """Give the toleration as a pod's manifest has it."""
        found: Mapping[str, Any] = frozen(self.model_dump(by_alias=True, exclude_none=True))
        return found


class Settings(FileModel):
    """The keys that a team file and the platform file's `defaults` share."""

    memory_limit: MemorySize | None = Field(
        default=None,
        description="Short for `resources.memoryLimit`. Where nobody says it: 2G.",
        examples=["10GB"],
    )
    cpu_limit: CpuCount | None = Field(
        default=None,
        description="Short for `resources.cpuLimit`. Where nobody says it: 0.5.",
        examples=["1", "500m"],
    )
    resources: Resources | None = Field(
        default=None,
        description="Size of the servers, where a profile does not say it.",
        examples=[{"memoryLimit": "10G", "memoryGuarantee": "4G", "cpuLimit": "1"}],
    )
    image: Image | None = Field(
        default=None,
        description="Image of the servers: the name of a platform image, or a reference with tag or digest.",
        examples=["ghcr.io/navikt/mine:2026-11", "python-3.13"],
    )
    image_pull_secrets: ObjectNames | None = Field(
        default=None,
        description="Kubernetes secrets in the servers' namespace that images are pulled with; where "
        "teams share it, each secret is one team's, or one of the platform file.",
        examples=[["ghcr-credentials"]],
    )
    interface: Interface | None = Field(
        default=None,
        description="What a started server opens with. Where nobody says it: lab.",
        examples=["lab"],
    )
    jupyter_labs: Flag | None = Field(
        default=None,
        description="The old spelling of `interface`: false is `notebook`, true is `lab`.",
        examples=[False],
    )
    extra_envs: VariableLines | None = Field(
        default=None,
        description="Environment variables as strings `NAME: value`, the old way. Braces have no meaning.",
        examples=[["hello: world"]],
    )
    env: VariableMap | None = Field(
        default=None,
        description="Environment variables; null removes one of the platform file. Braces have no meaning.",
        examples=[{"HELLO": "world"}],
    )
    allowlist: AllowlistEntries | None = Field(
        default=None,
        description="Hosts that servers may reach: `host`, `host:port`, `host:first-last`; default port 443.",
        examples=[["db.example.org:5432", "api.example.org"]],
    )
    storage: Storage | None = Field(
        default=None,
        description="The home of each member.",
        examples=[{"size": "10Gi"}],
    )
    culling: Culling | None = Field(
        default=None,
        description="When an idle server is stopped. Where nobody says it: after 1h.",
        examples=[{"idleTimeout": "1h"}],
    )
    labels: Labels | None = Field(
        default=None,
        description="Further labels of the pods; null removes one that the platform file sets.",
        examples=[{"cost-center": "4711"}],
    )
    annotations: Annotations | None = Field(
        default=None,
        description="Further annotations of the pods; null removes one that the platform file sets.",
        examples=[{"example.org/owner": "kyrre"}],
    )
    node_selector: NodeSelector | None = Field(
        default=None,
        description="Labels of the nodes that run the servers; null removes one of the platform file.",
        examples=[{"cloud.google.com/gke-nodepool": "notebooks"}],
    )
    tolerations: tuple[Toleration, ...] | None = Field(
        default=None,
        description="Taints of nodes that the servers tolerate.",
        examples=[[{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]],
        max_length=MOST_TOLERATIONS,
    )

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Find settings that are written in two ways."""
        resources = data.get("resources")
        for key in ("memoryLimit", "cpuLimit"):
            if key in data and isinstance(resources, dict) and key in resources:
                rule = f"'resources.{key}' says the same"
                yield Fault(Code.TWO_SPELLINGS, "written in two ways", rule, "keep one", (key,), at_key=True)
        if data.get("interface") is not None and data.get("jupyterLabs") is not None:
            rule = "'interface' says the same"
            yield Fault(
                Code.TWO_SPELLINGS,
                "written in two ways",
                rule,
                "keep 'interface'",
                ("jupyterLabs",),
                at_key=True,
            )
        yield from _variables_twice(data.get("extraEnvs"), data.get("env"))


def _variables_twice(lines: Any, pairs: Any) -> Iterable[Fault]:
    if not isinstance(lines, list) or not isinstance(pairs, dict):
        return
    for index, line in enumerate(lines):
        name = line.partition(":")[0].strip() if isinstance(line, str) else None
        if name in pairs:
            rule = "'env' sets it, too"
            yield Fault(
                Code.TWO_SPELLINGS, f"a variable twice {got(name)}", rule, "keep one", ("extraEnvs", index)
            )
