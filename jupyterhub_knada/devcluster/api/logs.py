"""Logs of a pod: fetched from the node that runs it, as a real API server does.

Source: `pkg/registry/core/pod/strategy.go` `LogLocation` and the kubelet's `/containerLogs` of 1.36.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp import web

from jupyterhub_knada.devcluster.api import kinds, statuses

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.objects import Objects
    from jupyterhub_knada.devcluster.api.requests import Request

Json = dict[str, Any]
_PASSED_ON: Final = (
    "follow",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "timestamps",
    "tailLines",
    "limitBytes",
)


async def stream_log(objects: Objects, request: Request, http: web.Request) -> web.StreamResponse:
    """Answer with a container's log.

    Raises:
        ApiError: 400 for a pod without that container, 500 where the node does not answer.
    """
    pod = objects.get(request).body
    container = _container(pod, http.query.get("container", ""))
    node_name = pod["spec"].get("nodeName", "")
    if not node_name:
        # Nothing has been written yet; a real API server says so since 1.34.
        return web.Response(status=HTTPStatus.NO_CONTENT)
    node = objects.store.get(kinds.NODES, "", node_name)
    if node is None:
        raise statuses.not_found(kinds.NODES, node_name)
    place = "/".join(quote(part, safe="") for part in (request.namespace, request.name, container))
    query = urlencode({key: http.query[key] for key in _PASSED_ON if key in http.query})
    timeout = aiohttp.ClientTimeout(total=None, connect=10)
    # The kubelet's certificate is made by the node for itself, and it listens on loopback only.
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=False)) as session:
        try:
            async with session.get(f"{_kubelet(node.body)}/containerLogs/{place}?{query}") as answer:
                return await _pass_on(answer, http)
        except aiohttp.ClientError as error:
            text = (
                f"Internal error occurred: the node {node_name} does not serve logs: {type(error).__name__}"
            )
            raise statuses.ApiError(500, "InternalError", text) from error


def _container(pod: Json, wanted: str) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    found = [c["name"] for c in spec["containers"]]
    every = [*found, *(c["name"] for c in spec.get("initContainers", []))]
    if not wanted and len(found) > 1:
        told = " ".join(found)
        raise statuses.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{told}]"
        )
    if wanted and wanted not in every:
        raise statuses.bad_request(f"container {wanted} is not valid for pod {name}")
    return wanted or found[0]


def _kubelet(node: Json) -> str:
    status = node["status"]
    addresses = {item["type"]: item["address"] for item in status.get("addresses", [])}
    port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port")
    address = addresses.get("InternalIP")
    if not port or not address:
        text = f"Internal error occurred: the node {node['metadata']['name']} has no kubelet address"
        raise statuses.ApiError(500, "InternalError", text)
    return f"https://{address}:{port}"


async def _pass_on(answer: aiohttp.ClientResponse, http: web.Request) -> web.StreamResponse:
    if not answer.ok:
        text = (await answer.text()).strip()
        reason = "BadRequest" if answer.status == HTTPStatus.BAD_REQUEST else "Unknown"
        raise statuses.ApiError(answer.status, reason, text)
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(http)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response
