"""What the API says about itself: groups, resources, version, and an OpenAPI document for kubectl."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from jupyterhub_knada.devcluster.api import kinds

Json = dict[str, Any]
VERSION: Final[Json] = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3+knada-devcluster",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "python",
    "platform": "linux/any",
}
"""The version whose words this API speaks; the suffix says that it is not the real one."""
_HEALTH: Final = ("/healthz", "/livez", "/readyz")


def answer(path: str) -> Json | str | None:
    """Give the document or the text at an address that is no resource; None where there is none."""
    path = path.rstrip("/") or "/"
    if path in _HEALTH or path.startswith(tuple(f"{health}/" for health in _HEALTH)):
        return "ok"
    return _documents().get(path)


def is_known(path: str) -> bool:
    """Tell whether an address lies below an API group that is served."""
    parts = path.strip("/").split("/")
    groups = {resource.group for resource in kinds.RESOURCES}
    return parts[0] == "api" or (parts[0] == "apis" and len(parts) > 1 and parts[1] in groups)


def _documents() -> dict[str, Json]:
    found: dict[str, Json] = {
        "/version": VERSION,
        "/api": {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        },
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
        "/openapi/v3": {"paths": {}},
    }
    ordered = sorted(kinds.RESOURCES, key=lambda resource: resource.group)
    for group, members in groupby(ordered, key=lambda resource: resource.group):
        resources = list(members)
        base = f"/apis/{group}" if group else "/api"
        found[f"{base}/v1"] = _resource_list(resources)
        found[f"/openapi/v3{base}/v1"] = _openapi(base, resources)
        found["/openapi/v3"]["paths"][f"{base[1:]}/v1"] = {"serverRelativeURL": f"/openapi/v3{base}/v1"}
        if group:
            found[base] = {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
            found["/apis"]["groups"].append(_group(group))
    found["/"] = {"paths": sorted([*found, *_HEALTH])}
    return found


def _group(group: str) -> Json:
    version = {"groupVersion": f"{group}/v1", "version": "v1"}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resource_list(resources: list[kinds.Resource]) -> Json:
    entries: list[Json] = []
    for resource in resources:
        entries.append(
            {
                "name": resource.plural,
                "singularName": resource.singular,
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": sorted(resource.verbs),
                **({"categories": ["all"]} if resource in (kinds.PODS, kinds.SERVICES) else {}),
                **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
            }
        )
        entries += [_subresource(resource, name) for name in sorted(resource.subresources)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": resources[0].group_version,
        "resources": entries,
    }


def _subresource(resource: kinds.Resource, name: str) -> Json:
    verbs = {"binding": ["create"], "log": ["get"]}.get(name, ["get", "patch", "update"])
    return {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": "Binding" if name == "binding" else resource.kind,
        "verbs": verbs,
    }


def _openapi(base: str, resources: list[kinds.Resource]) -> Json:
    """Say what kubectl asks OpenAPI for: that fields are validated here, so that it need not do it."""
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    paths: Json = {}
    for resource in resources:
        place = "/namespaces/{namespace}" if resource.namespaced else ""
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        operation = {
            "parameters": [parameter],
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": kind,
            "responses": {"200": {"description": "OK"}},
        }
        paths[f"{base}/v1{place}/{resource.plural}/{{name}}"] = {"patch": operation}
    return {
        "openapi": "3.0.0",
        "info": {"title": "embedded Kubernetes API (DEV/DEMO only)", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": {}},
    }
