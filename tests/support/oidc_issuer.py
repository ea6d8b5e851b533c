"""An OpenID Connect provider on loopback: real HTTP, real redirects, id tokens signed with a real key.

It answers only what the tests of sign-in ask, and refuses what a real one refuses: an unknown client, a code
that was used before, a wrong PKCE verifier, a token that was revoked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError, RequestHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENT_ID = "knada-hub"
CLIENT_SECRET = "not-a-real-secret"


@dataclass
class Issuer:
    """What the provider knows, and how a test makes it misbehave."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    """Of the person who is signed in at the provider now."""
    id_token_claims: dict[str, Any] = field(default_factory=dict)
    """Put over those in the id token; a value of None leaves one out."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Put over what the provider says of itself."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    signing_key: Any = None
    """None: the published one. Another one is a forger's."""
    algorithm: str = "RS256"
    failing: str = ""
    """Path that answers 500."""
    requests: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    """Code -> PKCE challenge."""
    access_tokens: set[str] = field(default_factory=set)

    def sign(self) -> str:
        """Give an id token of the person for the hub."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 600,
            **self.claims,
            **self.id_token_claims,
        }
        told = {name: value for name, value in claims.items() if value is not None}
        key: Any = None if self.algorithm == "none" else self.signing_key or self.key
        return jwt.encode(told, key, self.algorithm, headers={"kid": "k1"})

    def published_keys(self) -> dict[str, Any]:
        """Give the key set that verifies the tokens."""
        algorithm = jwt.get_algorithm_by_name("RS256")
        key = json.loads(algorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": "k1", "use": "sig", "alg": "RS256"}]}


class _Handler(RequestHandler):
    def initialize(self, issuer: Issuer) -> None:
        self.issuer = issuer

    def prepare(self) -> None:
        self.issuer.requests.append(self.request.path)
        if self.issuer.failing and self.request.path.endswith(self.issuer.failing):
            raise HTTPError(500)

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish({"error": "server_error" if status_code >= 500 else "invalid_request"})


class _Metadata(_Handler):
    def get(self) -> None:
        url = self.issuer.url
        paths = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        endpoints = {f"{name}_endpoint": f"{url}/{path}" for name, path in paths.items()}
        told = {"issuer": url, "jwks_uri": f"{url}/keys", **endpoints, **self.issuer.metadata}
        self.finish({name: value for name, value in told.items() if value is not None})


class _Keys(_Handler):
    def get(self) -> None:
        self.finish(self.issuer.published_keys())


class _Authorize(_Handler):
    def get(self) -> None:
        """Sign the person in without asking, and send them back with a code."""
        if self.get_query_argument("client_id") != CLIENT_ID or "openid" not in self.get_query_argument(
            "scope"
        ):
            raise HTTPError(400)
        code = secrets.token_urlsafe(8)
        self.issuer.codes[code] = self.get_query_argument("code_challenge")
        back = {"code": code, "state": self.get_query_argument("state")}
        self.redirect(f"{self.get_query_argument('redirect_uri')}?{urlencode(back)}")


class _Token(_Handler):
    def post(self) -> None:
        """Give tokens for a code, once, to the client that asked for it."""
        client = (self.get_body_argument("client_id"), self.get_body_argument("client_secret"))
        if client != (CLIENT_ID, CLIENT_SECRET):
            raise HTTPError(401)
        challenge = self.issuer.codes.pop(self.get_body_argument("code"), None)
        digest = hashlib.sha256(self.get_body_argument("code_verifier").encode()).digest()
        if challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            raise HTTPError(400)
        access_token = secrets.token_urlsafe(16)
        self.issuer.access_tokens.add(access_token)
        self.finish({"access_token": access_token, "token_type": "Bearer", "id_token": self.issuer.sign()})


class _UserInfo(_Handler):
    def get(self) -> None:
        """Give the claims to whoever has a token that holds."""
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.issuer.access_tokens:
            raise HTTPError(401)
        self.finish(self.issuer.claims)


@asynccontextmanager
async def serving_issuer() -> AsyncIterator[Issuer]:
    """Serve a provider on a free port of loopback."""
    sock, port = bind_unused_port()
    issuer = Issuer(f"http://127.0.0.1:{port}")
    handlers = {
        "/.well-known/openid-configuration": _Metadata,
        "/keys": _Keys,
        "/authorize": _Authorize,
        "/token": _Token,
        "/userinfo": _UserInfo,
    }
    routes = [(path, handler, {"issuer": issuer}) for path, handler in handlers.items()]
    server = HTTPServer(Application(routes, log_function=lambda _: None))
    server.add_sockets([sock])
    try:
        yield issuer
    finally:
        server.stop()
        await server.close_all_connections()
