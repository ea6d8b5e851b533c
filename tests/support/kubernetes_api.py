"""A Kubernetes API over plain HTTP, as the contract suite sees every backend."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import io
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import yaml

from tests.kubernetes.refusals import NoClusterError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import TracebackType

Json = dict[str, Any]
_OTHER_WAYS = {
    "exec",
    "auth-provider",
    "username",
    "password",
    "insecure-skip-tls-verify",
    "proxy-url",
    "tls-server-name",
}
"""Keys of a kubeconfig that change how a cluster is reached and that the tests do not serve."""
DEADLINE_SECONDS = 30.0
"""How long a test waits for what has to come; only a failing one waits so long."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Json
    warnings: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Give a Status' sentence."""
        return str(self.body.get("message", ""))

    @property
    def refusal(self) -> tuple[int, str, str]:
        """Give what a refusal is compared by: code, reason and sentence."""
        return self.status, str(self.body.get("reason", "")), self.message

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Give field and reason of each cause, sorted: their order is nobody's contract."""
        found = self.body.get("details", {}).get("causes", [])
        return sorted((cause.get("field", ""), cause.get("reason", "")) for cause in found)

    def ok(self) -> Json:
        """Give the body of an answer that must be good."""
        assert self.status < 300, f"{self.status}: {self.message}"
        return self.body


@dataclass(frozen=True)
class Kubeconfig:
    """The current context of a kubeconfig."""

    path: Path
    context: str
    cluster: Json
    user: Json

    @classmethod
    def load(cls, path: Path) -> Kubeconfig:
        """Read a file: its current context, whose user has a token, certificates, or nothing to show.

        Raises:
            NoClusterError: it is none, names what it does not have, or its user signs in in another way.
        """
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
            name = config["current-context"]
            context = _named(config["contexts"], name)["context"]
            cluster = _named(config["clusters"], context["cluster"])["cluster"]
            user = _named(config["users"], context["user"])["user"] or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise NoClusterError(f"The kubeconfig {path} cannot be read.") from error
        except (KeyError, TypeError, StopIteration) as error:
            raise NoClusterError(f"The kubeconfig {path} has no current context.") from error
        if not (isinstance(cluster, dict) and isinstance(cluster.get("server"), str)):
            raise NoClusterError(f"The kubeconfig {path}, context {name}, has no `server`.")
        unknown = sorted(_OTHER_WAYS & {*cluster, *user})
        if unknown:
            raise NoClusterError(
                f"The kubeconfig {path}, context {name}, has {', '.join(unknown)}, which the tests do not"
                " read: give it a client certificate or a token."
            )
        return cls(path, name, cluster, user)

    @classmethod
    def of_address(cls, server: str) -> Kubeconfig:
        """Give what reaches a plain HTTP server without saying who one is."""
        return cls(Path(), "", {"server": server}, {})

    @property
    def server(self) -> str:
        """Give the cluster's address."""
        return str(self.cluster["server"])

    @property
    def token(self) -> str | None:
        """Give the user's token, if it has one; one in a file is read anew, as it may change.

        Raises:
            NoClusterError: its file cannot be read.
        """
        if "tokenFile" in self.user:
            file = self.path.parent / str(self.user["tokenFile"])
            try:
                return file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise self._unusable("token", error) from error
        return self.user.get("token")

    def tls(self) -> ssl.SSLContext | bool:
        """Give what the connection trusts and shows; True where it is plain HTTP.

        Raises:
            NoClusterError: a certificate or a key is not there, is none, or does not belong to the other.
        """
        if not self.server.startswith("https:"):
            return True
        with tempfile.TemporaryDirectory() as folder:
            what = "certificate-authority"
            try:
                authority = self._file(self.cluster, what, Path(folder))
                context = ssl.create_default_context(cafile=authority)
                what = "client-certificate or client-key"
                certificate = self._file(self.user, "client-certificate", Path(folder))
                if certificate is not None:
                    context.load_cert_chain(certificate, self._file(self.user, "client-key", Path(folder)))
            except (OSError, binascii.Error) as error:
                raise self._unusable(what, error) from error
        return context

    def _unusable(self, what: str, error: Exception) -> NoClusterError:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        return NoClusterError(
            f"The kubeconfig {self.path}, context {self.context}, has a {what} of no use: {reason}."
        )

    def _file(self, entry: Json, key: str, folder: Path) -> Path | None:
        """Give a file that an entry names, or holds itself: then it is written to `folder`."""
        if f"{key}-data" in entry:
            path = folder / key
            path.write_bytes(base64.b64decode(entry[f"{key}-data"]))
            return path
        return self.path.parent / entry[key] if key in entry else None


def send(
    config: Kubeconfig, path: str, method: str = "GET", body: Any = None, *, seconds: float | None = None
) -> tuple[int, str]:
    """Send one request and wait for its answer, where no event loop runs; give its status and its text.

    Raises:
        NoClusterError: a certificate or a token is of no use.
        OSError: nothing answers, or not within `seconds`.
        http.client.HTTPException: what answers does not speak HTTP.
        ValueError: the address is none, or the token cannot stand in a header.
    """
    context = config.tls()
    headers = {"Content-Type": "application/json"}
    if config.token:
        headers["Authorization"] = f"Bearer {config.token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{config.server}{path}", headers=headers, method=method, data=data)
    # As the other clients here: by no proxy that the environment names.
    ways: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if isinstance(context, ssl.SSLContext):
        ways.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*ways).open(request, timeout=seconds) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode(errors="replace")


def _named(entries: list[Json], name: str) -> Json:
    return next(entry for entry in entries if entry["name"] == name)


class Watching:
    """One open watch: its events as they come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._buffer = b""

    @property
    def status(self) -> int:
        """Give the HTTP status that it began with."""
        return self._response.status

    async def next(self, seconds: float = DEADLINE_SECONDS) -> Json | None:
        """Give the next event, or None where the watch has ended."""
        async with asyncio.timeout(seconds):
            while b"\n" not in self._buffer:
                chunk = await self._response.content.readany()
                if not chunk:
                    return None
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        event: Json = json.loads(line)
        return event

    async def rest(self) -> list[Json]:
        """Give all events until the watch ends by itself."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@dataclass
class KubernetesApi:
    """One identity's client; an async context manager."""

    config: Kubeconfig
    acts_as: str | None = None
    """The user as whom an admin asks (impersonation); None: as oneself."""
    session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Self:
        """Open the connections."""
        headers = {"Authorization": f"Bearer {self.config.token}"} if self.config.token else {}
        if self.acts_as:
            headers["Impersonate-User"] = self.acts_as
        connector = aiohttp.TCPConnector(ssl=self.config.tls(), limit=0)
        self.session = aiohttp.ClientSession(
            base_url=self.config.server, headers=headers, connector=connector
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them, and let the TLS ones say goodbye."""
        await self.session.close()

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "", **query: Any
    ) -> Answer:
        """Send one request; a body that is no bytes goes as JSON."""
        headers = {"Accept": "application/json"}
        text = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        # A file-like body: aiohttp warns of large plain ones.
        data = None if text is None else io.BytesIO(text)
        if data is not None:
            headers["Content-Type"] = content_type or "application/json"
        params = {key: str(value) for key, value in query.items()}
        async with self.session.request(method, path, data=data, params=params, headers=headers) as response:
            came = await response.text()
            is_json = response.content_type == "application/json"
            found = json.loads(came) if is_json else {"text": came}
            return Answer(response.status, found, tuple(response.headers.getall("Warning", ())))

    async def get(self, path: str, **query: Any) -> Answer:
        """GET."""
        return await self.call("GET", path, **query)

    async def post(self, path: str, body: Any, **query: Any) -> Answer:
        """POST."""
        return await self.call("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: Any) -> Answer:
        """PUT."""
        return await self.call("PUT", path, body, **query)

    async def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        """DELETE."""
        return await self.call("DELETE", path, body, **query)

    async def patch(self, path: str, body: Any, kind: str = "merge", **query: Any) -> Answer:
        """PATCH; kind: merge, strategic-merge or json."""
        suffix = "json-patch+json" if kind == "json" else f"{kind}-patch+json"
        return await self.call("PATCH", path, body, content_type=f"application/{suffix}", **query)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, **query: Any) -> AsyncIterator[Watching]:
        """Open a watch on a collection."""
        params = {"watch": "true"} | {key: str(value) for key, value in query.items()}
        async with self.session.get(path, params=params) as response:
            yield Watching(response)

    async def until(
        self, path: str, holds: Callable[[Json | None], bool], seconds: float = DEADLINE_SECONDS
    ) -> Json:
        """Wait until an object is as `holds` says (None: it is gone), by watching it; give it."""
        collection, _, name = path.rpartition("/")
        async with asyncio.timeout(seconds):
            while True:
                listed = (await self.get(collection, fieldSelector=f"metadata.name={name}")).ok()
                now = listed["items"][0] if listed["items"] else None
                if holds(now):
                    return now or {}
                query = {"resourceVersion": listed["metadata"]["resourceVersion"], "timeoutSeconds": 5}
                async with self.watch(collection, fieldSelector=f"metadata.name={name}", **query) as watching:
                    while (event := await watching.next(seconds)) is not None:
                        now = None if event["type"] == "DELETED" else event["object"]
                        if event["type"] == "ERROR":
                            break
                        if holds(now):
                            return now or {}

    async def until_gone(self, path: str) -> None:
        """Wait until an object is gone."""
        await self.until(path, lambda found: found is None)
