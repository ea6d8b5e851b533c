"""Makes `schema.json` from the Go types that define the Kubernetes API: the shape of every object we serve.

DEV/DEMO ONLY, and for maintainers: run it when the supported Kubernetes version moves.

    python -m jupyterhub_knada.devcluster.api.schema_source K8S_API K8S_APIMACHINERY VERSION

where the first two are the folders of the Go modules `k8s.io/api` and `k8s.io/apimachinery` of that version
(`go mod download -json k8s.io/api@v0.36.3` names them). Writes `schema.json` beside this module.

Source: the struct tags of `k8s.io/api/*/v1/types.go` (Apache-2.0), which are also what kube-apiserver decodes
with; the OpenAPI document lacks which fields are pointers, and with it what an answer leaves out.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

ROOTS: Final = {
    "core": (
        "Namespace Node Pod PersistentVolumeClaim PersistentVolume Secret ConfigMap Service ServiceAccount"
        " Event ResourceQuota LimitRange Binding"
    ),
    "events": "Event",
    "storage": "StorageClass",
    "coordination": "Lease",
    "rbac": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "networking": "NetworkPolicy",
    "authorization": "SelfSubjectAccessReview",
    "meta": "DeleteOptions",
}
_STRUCT = re.compile(r"^type (\w+) struct \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_ALIAS = re.compile(r"^type (\w+) ([\w.\[\]]+)\s*$", re.MULTILINE)
_FIELD = re.compile(r"^\s*(?:(\w+)\s+)?([*\w.\[\]]+)\s+`json:\"([^\"]*)\"([^`]*)`", re.MULTILINE)
_MERGED = re.compile(r'patchStrategy:"[^"]*merge')
_MERGE_KEY = re.compile(r'patchMergeKey:"(\w+)"')
_PRIMITIVES: Final = {
    "string": "string",
    "bool": "bool",
    "int": "int32",
    "int32": "int32",
    "int64": "int64",
    "meta.Time": "time",
    "meta.MicroTime": "microtime",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intOrString",
    "types.UID": "string",
    "types.NodeName": "string",
    "runtime.RawExtension": "any",
    "meta.FieldsV1": "any",
}

Fields = dict[str, str]


class Sources:
    """The structs and named types of each Go package, as text."""

    def __init__(self, api: Path, apimachinery: Path) -> None:
        self._structs: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        for package in (*(name for name in ROOTS if name != "meta"), "meta"):
            folder = apimachinery / "pkg/apis/meta/v1" if package == "meta" else api / package / "v1"
            text = (folder / "types.go").read_text(encoding="utf-8")
            text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
            self._structs |= {f"{package}.{name}": body for name, body in _STRUCT.findall(text)}
            self._aliases |= {f"{package}.{name}": target for name, target in _ALIAS.findall(text)}

    def qualified(self, package: str, name: str) -> str:
        """Give a Go type's name with its package, as `core.Pod`."""
        name = re.sub(r"^corev1\.|^v1\.", "core.", re.sub(r"^metav1\.", "meta.", name))
        return name if "." in name or name in _PRIMITIVES else f"{package}.{name}"

    def is_struct(self, name: str) -> bool:
        """Tell whether a qualified name is a struct of its own (and not a string or a time)."""
        return name in self._structs and name not in _PRIMITIVES

    def resolve(self, package: str, go_type: str) -> str:
        """Give the schema's word for a Go type: `string`, `core.Pod`, `[]core.Pod`, `{}quantity`."""
        go_type = go_type.lstrip("*")
        if go_type == "[]byte":
            return "bytes"
        if go_type.startswith("[]"):
            return "[]" + self.resolve(package, go_type[2:])
        if match := re.match(r"map\[[\w.]+\](.*)", go_type):
            return "{}" + self.resolve(package, match[1])
        name = self.qualified(package, go_type)
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        if name in self._aliases:
            return self.resolve(name.split(".", 1)[0], self._aliases[name])
        if not self.is_struct(name):
            raise SystemExit(f"schema_source: no such type: {name}; add its package or its meaning")
        return name

    def fields(self, name: str) -> Fields:
        """Give a struct's JSON fields; embedded structs belong to their outer one."""
        package = name.split(".", 1)[0]
        found: Fields = {}
        for _, go_type, tag, rest in _FIELD.findall(self._structs[name]):
            json_name, *options = tag.split(",")
            if "inline" in options or not json_name:
                inner = self.qualified(package, go_type.lstrip("*"))
                found |= self.fields(inner)
                continue
            found[json_name] = self._field(package, go_type, options, rest)
        return found

    def _field(self, package: str, go_type: str, options: list[str], rest: str) -> str:
        resolved = self.resolve(package, go_type)
        merge = ""
        if _MERGED.search(rest):
            key = _MERGE_KEY.search(rest)
            merge = "@" + (key[1] if key else "")
        if "retainKeys" in rest:
            merge += "@retainKeys"
        return resolved + merge + self._presence(go_type, resolved, options)

    def _presence(self, go_type: str, resolved: str, options: list[str]) -> str:
        """Say what encoding does with a zero value: `?` leaves it out, `!` always writes it."""
        if go_type.startswith("*"):
            return ""
        is_value = self.is_struct(resolved) or resolved in ("time", "microtime", "quantity", "intOrString")
        if "omitempty" in options:
            return "!" if is_value and "omitzero" not in options else "?"
        return "!"


def build_schema(sources: Sources, version: str) -> dict[str, object]:
    """Walk from the kinds that are served to every type they reach."""
    waiting = [f"{package}.{kind}" for package, kinds in ROOTS.items() for kind in kinds.split()]
    types: dict[str, Fields] = {}
    while waiting:
        name = waiting.pop()
        if name in types:
            continue
        types[name] = sources.fields(name)
        inner = (re.sub(r"^(\[\]|\{\})*|[@?!].*$", "", text) for text in types[name].values())
        waiting.extend(text for text in inner if sources.is_struct(text))
    return {
        "source": f"struct tags of k8s.io/api and k8s.io/apimachinery {version}, made by schema_source.py",
        "types": {name: types[name] for name in sorted(types)},
    }


def main(arguments: list[str]) -> None:
    """Write `schema.json`; exits 2 on wrong use."""
    if len(arguments) != len(("api", "apimachinery", "version")):
        sys.stderr.write(f"{__doc__}\n")
        raise SystemExit(2)
    api, apimachinery, version = arguments
    schema = build_schema(Sources(Path(api), Path(apimachinery)), version)
    target = Path(__file__).with_name("schema.json")
    target.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
