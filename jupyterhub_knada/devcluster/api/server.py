"""The HTTP face: authentication, rights, addresses, bodies and answers.

Source: `k8s.io/apiserver/pkg/endpoints` of 1.36.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from jupyterhub_knada.devcluster.api import (
    deletion,
    discovery,
    events,
    kinds,
    patches,
    queries,
    rbac,
    statuses,
    subresources,
)
from jupyterhub_knada.devcluster.api.addresses import Address, parse_address
from jupyterhub_knada.devcluster.api.decoding import read_body
from jupyterhub_knada.devcluster.api.logs import stream_log
from jupyterhub_knada.devcluster.api.requests import Request
from jupyterhub_knada.devcluster.api.store import Stored
from jupyterhub_knada.devcluster.api.watching import Filter, Watch, list_objects, with_type

if TYPE_CHECKING:
    from jupyterhub_knada.devcluster.api.identities import Identity, Tokens
    from jupyterhub_knada.devcluster.api.objects import Objects

log = logging.getLogger(__name__)
Json = dict[str, Any]
LARGEST_BODY: Final = 3 * 1024 * 1024
_JSON: Final = "application/json"
_OPTIONS: Final = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}


class Server:
    """Answers every request; holds no state of its own."""

    def __init__(self, objects: Objects, tokens: Tokens) -> None:
        self._objects = objects
        self._tokens = tokens

    def application(self) -> web.Application:
        """Give the aiohttp application."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_shutdown.append(self._end_watches)
        return app

    async def _end_watches(self, _: web.Application) -> None:
        self._objects.store.end_watches()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(http)
        except statuses.ApiError as error:
            return _refusal(error)
        except web.HTTPRequestEntityTooLarge:
            return _refusal(statuses.too_large(LARGEST_BODY))
        except (ConnectionResetError, web.HTTPException):
            raise
        except Exception:
            # A fault of this program: told as a real API server tells its own, and in full to the log.
            log.exception("%s %s failed", http.method, http.path)
            text = "Internal error occurred: see the log of the API"
            return _refusal(statuses.ApiError(500, "InternalError", text))

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        who = self._tokens.identify(http.headers.get("Authorization"))
        address = parse_address(http.path)
        if address is None:
            return self._answer_path(http, who)
        verb = address.verb(http.method, watch=queries.flag(http.query, "watch"))
        if _impersonates(http):
            self._authorize(http, who, address, f"impersonate-on:user-info:{verb}")
            raise statuses.not_served("impersonation")
        self._authorize(http, who, address, verb)
        if not address.is_served:
            raise statuses.not_served(f"{address.resource.plural}/{address.subresource}")
        _check_accept(http)
        if verb == "patch" and http.content_type not in patches.TYPES:
            raise statuses.unsupported_patch()
        queries.check_served(http.query, verb)
        options = _OPTIONS.get(verb, "")
        queries.check_manager(http.query, options)
        request = Request(
            address.resource,
            address.namespace,
            address.name,
            address.subresource,
            who=who,
            dry_run=queries.dry_run(http.query, options),
            field_validation=queries.field_validation(http.query, options),
        )
        if verb in ("list", "watch"):
            return await self._collection(http, request, verb)
        if address.subresource == "log":
            return await stream_log(self._objects, request, http)
        if verb == "get":
            return self._object(request, self._objects.get(request), 200)
        if verb in ("delete", "deletecollection"):
            return await self._delete(http, request, verb)
        return self._write(
            http, request, verb, await _body(http, verb, "" if verb == "patch" else address.resource.kind)
        )

    def _answer_path(self, http: web.Request, who: Identity) -> web.Response:
        if _impersonates(http):
            raise statuses.not_served("impersonation")
        verb = http.method.lower()
        if not rbac.allows_path(self._objects.store, who, verb, http.path) and not http.path.startswith(
            "/healthz"
        ):
            text = f'forbidden: User "{who.user}" cannot {verb} path "{http.path}"'
            raise statuses.ApiError(403, "Forbidden", text, {})
        document = discovery.answer(http.path) if http.method in ("GET", "HEAD") else None
        if document is None:
            if not discovery.is_known(http.path):
                return web.Response(text="404 page not found\n", status=404)
            raise statuses.unknown_path()
        return web.Response(text=document) if isinstance(document, str) else _json_response(document)

    def _authorize(self, http: web.Request, who: Identity, address: Address, verb: str) -> None:
        resource = address.resource
        named = "/".join(part for part in (resource.plural, address.subresource) if part)
        namespace = address.name if resource is kinds.NAMESPACES else address.namespace
        name = address.name or queries.selected_name(http.query, verb)
        action = rbac.Action(verb, resource.group, named, namespace, name)
        rbac.check(self._objects.store, who, resource, action)

    async def _collection(self, http: web.Request, request: Request, verb: str) -> web.StreamResponse:
        wanted = _filter(http, request)
        if verb == "list":
            text = list_objects(
                self._objects.store, request.resource, wanted, queries.list_options(http.query)
            )
            return web.Response(text=text, content_type=_JSON)
        watch = Watch(self._objects.store, request.resource, wanted, queries.watch_options(http.query))
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        await response.prepare(http)
        async for line in watch.lines():
            await response.write(line)
        await response.write_eof()
        return response

    def _write(self, http: web.Request, request: Request, verb: str, body: Any) -> web.Response:
        resource = request.resource
        if request.subresource == "binding":
            return _json_response(subresources.bind(self._objects, request, body), 201)
        if resource is kinds.ACCESS_REVIEWS:
            return _json_response(subresources.review_access(self._objects, request, body), 201)
        if verb == "create":
            return self._object(request, self._objects.create(request, body), 201)
        if verb == "update":
            stored, created = self._objects.update(request, body)
            return self._object(request, stored, 201 if created else 200)
        return self._object(request, self._objects.patch(request, http.content_type, body), 200)

    async def _delete(self, http: web.Request, request: Request, verb: str) -> web.Response:
        body = await _body(http, verb, "DeleteOptions")
        options = deletion.read_options(body, dict(http.query))
        if verb == "delete":
            found = deletion.delete(self._objects, request, options)
            if isinstance(found, Stored):
                return self._object(request, found, 200)
            return _json_response(found)
        wanted = _filter(http, request)
        chosen = [
            stored
            for stored in self._objects.store.all(request.resource, request.namespace)
            if wanted.matches(stored)
        ]
        for stored in chosen:
            deletion.delete(self._objects, request.named(stored.key[1]), options)
        items = ",".join(wanted.text(stored) for stored in chosen)
        resource = request.resource
        metadata = json.dumps({"resourceVersion": str(self._objects.store.revision)})
        head = f'{{"kind":"{resource.kind}List","apiVersion":"{resource.group_version}"'
        return web.Response(text=f'{head},"metadata":{metadata},"items":[{items}]}}', content_type=_JSON)

    def _object(self, request: Request, stored: Stored, status: int) -> web.Response:
        text = with_type(_view(request, "").text(stored), request.resource)
        headers = [("Warning", f'299 - "{_escaped(warning)}"') for warning in request.warnings]
        response = web.Response(text=text, status=status, content_type=_JSON)
        for name, value in headers:
            response.headers.add(name, value)
        return response


def _impersonates(http: web.Request) -> bool:
    """Tell whether a request is to be taken for somebody else's: never done here, and never overlooked."""
    return any(name.lower().startswith("impersonate-") and value for name, value in http.headers.items())


def _view(request: Request, namespace: str) -> Filter:
    convert = events.to_new if request.resource is kinds.NEW_EVENTS else None
    return Filter(namespace, (), (), convert)


def _filter(http: web.Request, request: Request) -> Filter:
    labels, fields = queries.selectors(http.query, request.resource)
    convert = events.to_new if request.resource is kinds.NEW_EVENTS else None
    return Filter(request.namespace, labels, fields, convert)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _refusal(error: statuses.ApiError) -> web.Response:
    return _json_response(error.body(), error.code)


def _json_response(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


async def _body(http: web.Request, verb: str, kind: str) -> Any:
    raw = await http.read()
    if verb in ("delete", "deletecollection") and not raw.strip():
        return None
    if verb != "patch" and "Content-Type" in http.headers and http.content_type != _JSON:
        raise statuses.unsupported_media((_JSON,))
    return read_body(raw, kind)


def _check_accept(http: web.Request) -> None:
    accepted = [part.split(";")[0].strip() for part in http.headers.get("Accept", "*/*").split(",")]
    if not any(kind in ("*/*", "application/*", _JSON, "") for kind in accepted):
        raise statuses.not_acceptable((_JSON,))
