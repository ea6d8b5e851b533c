"""The Kubernetes API as the node sees it: raw JSON over the configuration of kubernetes_asyncio.

Raw, because a node passes most of an object through: generated models drop fields that are newer than they
are.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp
from kubernetes_asyncio import config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

JsonObject = dict[str, Any]
"""A Kubernetes object or a part of one, as the API's JSON has it."""

MERGE_PATCH = "application/merge-patch+json"
_REQUEST_SECONDS = 30.0
_WATCH_SECONDS = 300


class ApiError(Exception):
    """The API server said no.

    Attributes:
        status: HTTP status.
        reason: Kubernetes' own word for it, e.g. `NotFound`; empty where the reply was no Status.
    """

    def __init__(self, what: str, status: int, reason: str, message: str) -> None:
        super().__init__(f"{what}: {status} {reason}: {message}")
        self.status = status
        self.reason = reason


class ApiUnreachableError(Exception):
    """The API server did not answer: not started, restarting, or gone. Never a reason to end a pod."""


class ClusterClient:
    """Requests to one API server."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get(self, path: str, **query: str) -> JsonObject:
        """Read an object or a list. Raises: ApiError, ApiUnreachableError (as do all the requests)."""
        return await self._request("GET", path, query=query)

    async def create(self, path: str, body: JsonObject) -> JsonObject:
        """Create an object in the collection at `path`; 409 where it is there already."""
        return await self._request("POST", path, body=body)

    async def patch(self, path: str, body: JsonObject) -> JsonObject:
        """Apply a JSON merge patch (RFC 7386): lists are replaced as a whole."""
        return await self._request("PATCH", path, body=body, content_type=MERGE_PATCH)

    async def delete(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Delete an object; `body` is a DeleteOptions."""
        return await self._request("DELETE", path, body=body)

    async def watch(
        self, path: str, resource_version: str, query: Mapping[str, str]
    ) -> AsyncIterator[JsonObject]:
        """Yield the watch events (`{type, object}`) after a version, until the server ends the watch.

        Raises:
            ApiError: also for an ERROR event, e.g. 410 where the version is too old.
            ApiUnreachableError: the connection broke.
        """
        params = {
            **query,
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_WATCH_SECONDS + 30)
        what = f"watch {path}"
        try:
            async with self._api.rest_client.pool_manager.get(
                self._url(path), params=params, headers=await self._headers(), timeout=timeout
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise _build_error(what, response.status, await response.text())
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _build_error(
                            what, event["object"].get("code", 500), json.dumps(event["object"])
                        )
                    yield event
        except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
            raise ApiUnreachableError(f"{what}: {type(failure).__name__}: {failure}") from failure

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: JsonObject | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        what = f"{method} {path}"
        headers = await self._headers()
        headers["Content-Type"] = content_type
        try:
            async with self._api.rest_client.pool_manager.request(
                method,
                self._url(path),
                params=query,
                headers=headers,
                data=None if body is None else json.dumps(body),
                timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS),
            ) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise ApiUnreachableError(f"{what}: {type(failure).__name__}: {failure}") from failure
        if not response.ok:
            raise _build_error(what, response.status, text)
        reply: JsonObject = json.loads(text)
        return reply

    def _url(self, path: str) -> str:
        return f"{str(self._api.configuration.host).rstrip('/')}{path}"

    async def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"])
        return headers


def _build_error(what: str, status: int, text: str) -> ApiError:
    """Read a Status reply; another reply is not repeated, for it may hold anything."""
    try:
        reply = json.loads(text)
    except ValueError:
        reply = {}
    if not isinstance(reply, dict) or reply.get("kind") != "Status":
        return ApiError(what, status, "", "the reply is not a Kubernetes Status")
    return ApiError(what, status, reply.get("reason", ""), reply.get("message", ""))


@asynccontextmanager
async def connect(kubeconfig: Path) -> AsyncIterator[ClusterClient]:
    """Open a client from a kubeconfig's current context.

    Raises:
        kubernetes_asyncio.config.ConfigException: the file is missing or no kubeconfig.
    """
    api = await config.new_client_from_config(config_file=str(kubeconfig), persist_config=False)
    try:
        yield ClusterClient(api)
    finally:
        await api.close()


class Retry:
    """The pauses between tries towards an API server that is away: 0.2 s, doubled, up to 5 s, with jitter."""

    def __init__(self) -> None:
        self._delay = 0.0

    def reset(self) -> None:
        """Begin anew: the server answered."""
        self._delay = 0.0

    async def pause(self) -> None:
        """Wait for the next try."""
        self._delay = min(self._delay * 2 or 0.2, 5.0)
        await asyncio.sleep(self._delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


@dataclass(frozen=True, slots=True)
class Listed:
    """The whole collection: what is not in it does not exist."""

    items: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """One object was added or modified, or deleted."""

    item: JsonObject
    deleted: bool


def object_path(
    group_version: str, plural: str, namespace: str | None = None, name: str | None = None
) -> str:
    """Build an object's or collection's path; `group_version` is `v1` or e.g. `storage.k8s.io/v1`."""
    parts = ["/api" if group_version == "v1" else "/apis", group_version]
    parts += ["namespaces", namespace] if namespace else []
    return "/".join([*parts, plural, *([name] if name else [])])
