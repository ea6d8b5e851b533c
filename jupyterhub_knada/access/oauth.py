"""What the mixin needs to know about OAuthenticators, and what it keeps them from saying."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jwt import PyJWTError
from oauthenticator.oauth2 import OAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Unicode

from jupyterhub_knada.access.claims import GroupClaim, find_claim, read_group_claim, read_ident
from jupyterhub_knada.access.mixin import KnadaAuthenticator
from jupyterhub_knada.access.refusals import RefusedSignInError
from jupyterhub_knada.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.handlers import BaseHandler
    from jupyterhub.user import User


class KnadaOAuthenticator(KnadaAuthenticator, OAuthenticator):
    """What the mixin needs to know about any OAuthenticator; to be put before one, as the mixin itself."""

    groups_claim = Unicode(
        "groups",
        config=True,
        help="""
        The claim that lists the person's groups, by which `groups` of the team files are decided.

        The name of a claim, or a path with dots into nested claims; default `groups`, the name that most
        providers use. Read at each sign-in and refresh. Whoever may fill this claim at the provider decides
        who is in which team. A sign-in without the claim changes nothing until
        `leaving.claimAge` of the platform file has gone.
        Example: `c.KnadaOIDCAuthenticator.groups_claim = "realm_access.roles"`.

        .. versionadded:: 0.1
        """,
    )

    def find_faults(self) -> list[str]:
        """Add: a hub that the provider does not know."""
        faults = super().find_faults()
        if not self.client_id:
            faults.append(
                "client_id: is not set; it names this hub to the provider; set it, or OAUTH_CLIENT_ID"
            )
        return faults

    def read_group_claim(self, auth_model: Mapping[str, Any]) -> GroupClaim:
        """Read the claim from `auth_state`; in `groups` OAuthenticator makes absent equal to empty."""
        return read_group_claim(self._claims(auth_model.get("auth_state")), self.groups_claim)

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Give the claim's groups, for `admin_groups`; the base class logs the claim where it is no list.

        Source: OAuthenticator 17 oauth2.py `_apply_managed_groups`.
        """
        return set(read_group_claim(self._claims(auth_state), self.groups_claim).groups or ())

    def _claims(self, auth_state: Any) -> Mapping[str, Any]:
        claims = (auth_state or {}).get(self.user_auth_state_key)
        return claims if isinstance(claims, dict) else {}

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """Give the user name, A-Z as a-z; whether it can be one is seen to in `authenticate`.

        Raises:
            HTTPError: 403 where the claim is missing or no text; the base class logs all claims and answers
                with a 500.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.user_info_to_username`.
        """
        named = self.username_claim
        found = named(user_info) if callable(named) else find_claim(user_info, named)
        ident = read_ident(found, "from username_claim" if callable(named) else named)
        if isinstance(ident, Refusal):
            self.log.warning("Access denied: %s The claims are: %s", ident, ", ".join(sorted(user_info)))
            raise RefusedSignInError(ident)
        return ident

    async def authenticate(
        self, handler: BaseHandler, data: Any = None, **kwargs: Any
    ) -> dict[str, Any] | str | None:
        """Ask the provider who it is.

        Raises:
            HTTPError: With a sentence: 403 where the provider refuses, 503 where it does not answer.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.authenticate`.
        """
        try:
            model = await super().authenticate(handler, data, **kwargs)
        except (HTTPClientError, OSError) as error:
            self.log.warning("Sign-in failed at %s: %s", self.login_service, error)
            raise self.explain_failure(error) from None
        return model

    def explain_failure(self, error: HTTPClientError | OSError) -> HTTPError:
        """Give the page for somebody whose provider did not confirm who they are."""
        refused = isinstance(error, HTTPClientError) and 400 <= error.code < 500  # noqa: PLR2004 - HTTP's ranges
        why = "did not confirm who you are" if refused else "cannot be asked now who you are"
        remedy = "Sign in again; if that does not help, ask the people who run this hub."
        status = 403 if refused else 503
        return RefusedSignInError(
            Refusal(Code.PROVIDER_FAILED, f"{self.login_service} {why}.", remedy, status=status)
        )

    async def get_token_info(self, handler: BaseHandler, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the token endpoint.

        Raises:
            HTTPClientError: It gave no token. The base class shows the whole reply to the person.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.get_token_info`.
        """
        try:
            token_info: dict[str, Any] = await super().get_token_info(handler, params)  # type: ignore[no-untyped-call]
        except (HTTPError, TypeError):
            raise HTTPClientError(403, "the token endpoint gave no token") from None
        return token_info

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Give the claims.

        Raises:
            HTTPClientError: There are none, or the id token is not usable or no longer valid; in a refresh
                this makes OAuthenticator ask for a new token, else for a new sign-in. The base class answers
                with a 500 and shows the token.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.token_to_user` and `refresh_user`.
        """
        try:
            claims = await super().token_to_user(token_info)  # type: ignore[no-untyped-call]
        except (HTTPError, PyJWTError, KeyError) as error:
            raise HTTPClientError(401, f"no usable id token ({type(error).__name__})") from None
        if not isinstance(claims, dict):
            raise HTTPClientError(502, "the claims are not a mapping")
        return claims

    async def refresh_from_provider(
        self, user: User, handler: BaseHandler | None = None, **kwargs: Any
    ) -> bool | dict[str, Any]:
        """Refresh as the base class does; a provider that does not answer changes nothing but the log."""
        try:
            return await super().refresh_from_provider(user, handler, **kwargs)
        except (HTTPClientError, OSError) as error:
            wrong = type(error).__name__
            self.log.warning(
                "%s: no answer for %s (%s); groups stay as they were", self.login_service, user.name, wrong
            )
            return True

    async def fetch(self, req: Any, label: str = "fetching", parse_json: bool = True, **kwargs: Any) -> Any:  # noqa: FBT001,FBT002 - upstream's signature
        """Fetch as the base class does, without its log line that carries the provider's whole reply.

        Raises:
            HTTPClientError: As the base class, and 502 for what should be JSON and is not.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.fetch`.
        """
        try:
            response = await self.http_client.fetch(req, **kwargs)
        except HTTPClientError as error:
            self.log.warning("%s: %s %s gave %s", label, req.method, urlsplit(req.url).netloc, error.code)
            raise
        if not parse_json:
            return response
        try:
            return json.loads(response.body) if response.body else None
        except ValueError:
            raise HTTPClientError(502, "an answer that is not JSON") from None


def is_loopback_url(url: str) -> bool:
    """Say whether nothing but this machine can reach an address that something listens on.

    Args:
        url: As `JupyterHub.bind_url`; without a host it means all interfaces.
    """
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
