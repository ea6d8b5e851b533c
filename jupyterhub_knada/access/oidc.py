"""Sign-in with any OpenID Connect provider, told by its issuer.

Source: OpenID Connect Core 1.0 and Discovery 1.0, https://openid.net/specs/.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import jwt
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthLoginHandler
from tornado.httpclient import HTTPClientError
from traitlets import Unicode, default

from jupyterhub_knada.access.oauth import KnadaOAuthenticator, is_loopback_url

if TYPE_CHECKING:
    from jupyterhub.handlers import BaseHandler

_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""With a public key; never `none`, never a shared secret, whatever a token's header says."""

_CLOCK_SKEW_SECONDS: Final = 60

_REQUIRED_METADATA: Final = frozenset({"authorization_endpoint", "token_endpoint", "jwks_uri"})


class OIDCLoginHandler(OAuthLoginHandler):
    """Learns the provider's addresses before it sends anybody there."""

    async def get(self) -> None:
        """Redirect to the provider; a page with 503 if it cannot be found."""
        try:
            await self.authenticator.discover()
        except (HTTPClientError, OSError) as error:
            self.log.warning("Sign-in failed at %s: %s", self.authenticator.login_service, error)
            raise self.authenticator.explain_failure(error) from None
        super().get()  # type: ignore[no-untyped-call]


class KnadaOIDCAuthenticator(KnadaOAuthenticator, GenericOAuthenticator):
    """Sign-in with any OpenID Connect provider. Entry point `knada-oidc`.

    The user name comes from `preferred_username`, what people type to sign in at Keycloak, Authentik or Dex;
    set `username_claim` for another. With `issuer` the addresses come from the provider and its id tokens are
    verified; without, OAuthenticator's `authorize_url`, `token_url` and `userdata_url` are used as they are.
    """

    login_handler = OIDCLoginHandler

    issuer = Unicode(
        config=True,
        help="""
        The provider's issuer identifier, the URL below which its `.well-known/openid-configuration` is.

        An https URL (http on loopback), exactly as the provider writes it. Default: OIDC_ISSUER of the
        environment, else none. Asked at the first sign-in; the answer is kept until the hub is restarted.
        With it each id token's signature, issuer, audience and expiry are verified.
        Example: `c.KnadaOIDCAuthenticator.issuer = "https://login.example.org/realms/staff"`.

        .. versionadded:: 0.1
        """,
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        self._metadata: dict[str, Any] = {}
        self._keys: dict[str | None, jwt.PyJWK] = {}

    @default("issuer")
    def _issuer_default(self) -> str:
        return os.environ.get("OIDC_ISSUER", "")

    def find_faults(self) -> list[str]:
        """Add: a provider that is not told, or that anybody could answer for."""
        faults = super().find_faults()
        if not self.issuer and not (self.authorize_url and self.token_url):
            faults.append("issuer: is not set; it says where people sign in; set it, or OIDC_ISSUER")
        if self.issuer and not self.issuer.startswith("https://") and not is_loopback_url(self.issuer):
            faults.append(
                f"issuer: is not an https URL (got {self.issuer!r}); anybody on the way could answer for it; "
                "write it with https"
            )
        return faults

    @default("username_claim")
    def _username_claim_default(self) -> str:
        return os.environ.get("OAUTH2_USERNAME_KEY", "preferred_username")

    @default("login_service")
    def _login_service_default(self) -> str:
        return os.environ.get("LOGIN_SERVICE", "OpenID Connect")

    @default("scope")
    def _scope_default(self) -> list[str]:
        return ["openid", "profile"]

    async def discover(self) -> None:
        """Learn the provider's addresses, once; one that is configured stays.

        Raises:
            HTTPClientError: It does not answer, or speaks for another issuer (Discovery 1.0 §4.3).
        """
        if self._metadata or not self.issuer:
            return
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        metadata = await self.httpfetch(url, "Reading the provider's metadata")  # type: ignore[no-untyped-call]
        if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer:
            raise HTTPClientError(502, "the metadata are of another issuer")
        if missing := sorted(_REQUIRED_METADATA - metadata.keys()):
            raise HTTPClientError(502, f"the metadata have no {', '.join(missing)}")
        self.authorize_url = self.authorize_url or metadata["authorization_endpoint"]
        self.token_url = self.token_url or metadata["token_endpoint"]
        if not self.userdata_from_id_token:
            self.userdata_url = self.userdata_url or metadata.get("userinfo_endpoint", "")
        self._metadata = metadata

    async def get_token_info(self, handler: BaseHandler, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the token endpoint, and verify the id token that it gives.

        Raises:
            HTTPClientError: As the base class; 401 where the id token is missing or not valid. A refresh need
                not bring one (Core 1.0 §12.2).
        """
        await self.discover()
        token_info = await super().get_token_info(handler, params)
        if self.issuer and ("id_token" in token_info or params["grant_type"] == "authorization_code"):
            await self._verify(token_info.get("id_token"))
        return token_info

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Give the claims of the verified id token, with what the provider's user info says now on top.

        Raises:
            HTTPClientError: As the base class; 401 where the two speak of different people (Core 1.0 §5.3.2).
        """
        if not self.issuer:
            return await super().token_to_user(token_info)
        await self.discover()
        id_token = token_info.get("id_token")
        told = jwt.decode(id_token, options={"verify_signature": False}) if id_token else {}
        if not self.userdata_url:
            return told
        now = await super().token_to_user(token_info)
        if told and now.get("sub") != told["sub"]:
            raise HTTPClientError(401, "the user info is of somebody else than the id token")
        return {**told, **now}

    async def _verify(self, id_token: str | None) -> None:
        """Verify an id token just received (Core 1.0 §3.1.3.7).

        Raises:
            HTTPClientError: 401 where it is not what this provider gave to this hub.
        """
        try:
            key = await self._find_key(jwt.get_unverified_header(id_token or "").get("kid"))
            claims = jwt.decode(
                id_token or "",
                key.key,
                algorithms=list(_ALGORITHMS),
                audience=self.client_id,
                issuer=self.issuer,
                leeway=_CLOCK_SKEW_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise HTTPClientError(401, f"the id token is not valid ({type(error).__name__})") from None
        if claims.get("azp", self.client_id) != self.client_id:
            raise HTTPClientError(401, "the id token is for another client")

    async def _find_key(self, key_id: str | None) -> jwt.PyJWK:
        """Give the provider's signing key of that id; its keys are read again when it has a new one.

        Raises:
            KeyError: There is none.
        """
        if key_id not in self._keys:
            found = await self.httpfetch(self._metadata["jwks_uri"], "Reading the provider's keys")  # type: ignore[no-untyped-call]
            keys = jwt.PyJWKSet.from_dict(found if isinstance(found, dict) else {}).keys
            self._keys = {key.key_id: key for key in keys if key.public_key_use in {None, "sig"}}
        return self._keys[key_id]
