"""A container's environment from what its pod says. Pure, but for the reader of secrets and config maps.

Source: kubelet `makeEnvironmentVariables` and Kubernetes' `third_party/forked/golang/expansion`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.cluster import JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping

ObjectReader = Callable[[str, str], Awaitable[JsonObject | None]]
"""(`Secret` or `ConfigMap`, name) → the object of the pod's namespace, or None where it does not exist."""

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\)|(?=.|$))")
_FIELD_KEY = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([KMGTPE]i|[numkMGTPE]?)")
_SUFFIXES = {
    **{suffix: Decimal(10) ** power for suffix, power in zip("num", (-9, -6, -3), strict=True)},
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    **{suffix: Decimal(10) ** (6 + 3 * step) for step, suffix in enumerate("MGTPE")},
    **{f"{suffix}i": Decimal(1024) ** (1 + step) for step, suffix in enumerate("KMGTPE")},
}


class ConfigError(Exception):
    """A container cannot be made yet, in a kubelet's words. What is missing may appear: it is tried again."""


@dataclass(frozen=True, slots=True)
class PodFields:
    """What `fieldRef` and `resourceFieldRef` can say about a pod."""

    pod: JsonObject
    pod_ip: str
    host_ip: str
    allocatable: Mapping[str, str]
    """The node's; stands in where a container has no limit."""

    def read(self, path: str) -> str:
        """Give a field's value; empty for a label that is not there. Raises: ConfigError."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        if match := _FIELD_KEY.fullmatch(path):
            return str((metadata.get(match[1]) or {}).get(match[2], ""))
        if path in {"metadata.labels", "metadata.annotations"}:
            entries = metadata.get(path.removeprefix("metadata.")) or {}
            return "".join(f"{key}={_quote(entries[key])}\n" for key in sorted(entries))
        values = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "status.hostIP": self.host_ip,
            "status.hostIPs": self.host_ip,
            "status.podIP": self.pod_ip,
            "status.podIPs": self.pod_ip,
        }
        if path not in values:
            raise ConfigError(f"unsupported fieldPath: {path}")
        return str(values[path])

    def read_resource(self, container: JsonObject, reference: JsonObject) -> str:
        """Give a `resourceFieldRef`'s value in units of its divisor, rounded up. Raises: ConfigError."""
        if name := reference.get("containerName"):
            container = next(c for c in self.pod["spec"]["containers"] if c["name"] == name)
        kind, _, resource = reference["resource"].partition(".")
        amounts = (container.get("resources") or {}).get(kind) or {}
        amount = amounts.get(resource) or (self.allocatable.get(resource, "0") if kind == "limits" else "0")
        divisor = parse_quantity(str(reference.get("divisor") or "1")) or Decimal(1)
        return str((parse_quantity(amount) / divisor).to_integral_value(ROUND_CEILING))


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def parse_quantity(text: str) -> Decimal:
    """Read a Kubernetes quantity, e.g. `500m` or `2Gi`. Raises: ConfigError."""
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ConfigError(f"not a quantity (got {text!r})")
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by a variable; one that is not there stays as it is, `$$` is one dollar sign."""

    def replace(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        if match[1] is None:
            return match.group()
        return variables.get(match[1], match.group())

    return _REFERENCE.sub(replace, text)


async def build_environment(container: JsonObject, fields: PodFields, read: ObjectReader) -> dict[str, str]:
    """Build what `env` and `envFrom` of a container say; later ones may use and replace earlier ones.

    Raises:
        ConfigError: something that is not optional is missing.
    """
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        variables |= await _read_all_keys(source, read)
    for entry in container.get("env") or []:
        if "valueFrom" not in entry:
            variables[entry["name"]] = expand(entry.get("value") or "", variables)
            continue
        value = await _read_source(entry["valueFrom"], container, fields, read)
        if value is not None:
            variables[entry["name"]] = value
    return variables


async def _read_all_keys(source: JsonObject, read: ObjectReader) -> dict[str, str]:
    kind = "Secret" if "secretRef" in source else "ConfigMap"
    reference = source.get("secretRef") or source["configMapRef"]
    found = await read(kind, reference["name"])
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    prefix = source.get("prefix") or ""
    return {prefix + key: value.decode(errors="replace") for key, value in decode_data(kind, found).items()}


async def _read_source(
    source: JsonObject, container: JsonObject, fields: PodFields, read: ObjectReader
) -> str | None:
    if reference := source.get("fieldRef"):
        return fields.read(reference["fieldPath"])
    if reference := source.get("resourceFieldRef"):
        return fields.read_resource(container, reference)
    kind = "Secret" if "secretKeyRef" in source else "ConfigMap"
    reference = source.get("secretKeyRef") or source.get("configMapKeyRef")
    if reference is None:
        raise ConfigError(f"this node does not know the source of a variable (got {sorted(source)})")
    found = await read(kind, reference["name"])
    data = decode_data(kind, found) if found else {}
    if reference["key"] in data:
        return data[reference["key"]].decode(errors="replace")
    if reference.get("optional"):
        return None
    if found is None:
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    namespace = fields.pod["metadata"]["namespace"]
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def decode_data(kind: str, found: JsonObject) -> dict[str, bytes]:
    """Give the keys of a Secret or a ConfigMap."""
    if kind == "Secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
