"""The ready authenticators: Entra ID (Azure AD), OpenID Connect, and the demo's."""

from __future__ import annotations

import ipaddress
import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from jwt import PyJWTError
from oauthenticator.azuread import AzureAdOAuthenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import OAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Dict, List, TraitError, Unicode, default

from jupyterhub_knada.access.claims import GroupClaim, find_claim, read_group_claim, read_ident
from jupyterhub_knada.access.mixin import KnadaAuthenticator
from jupyterhub_knada.access.refusals import to_http_error
from jupyterhub_knada.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.handlers import BaseHandler
    from jupyterhub.user import User

__all__ = [
    "KnadaAuthenticator",
    "KnadaAzureADAuthenticator",
    "KnadaDemoAuthenticator",
    "KnadaOAuthenticator",
    "KnadaOIDCAuthenticator",
]

_TENANTS_OF_ANYBODY = frozenset({"", "common", "organizations", "consumers"})


class KnadaOAuthenticator(KnadaAuthenticator, OAuthenticator):
    """What the mixin needs to know about any OAuthenticator; to be put before one, as the mixin itself."""

    groups_claim = Unicode(
        "groups",
        config=True,
        help="""
        The claim that lists the person's groups, by which `groups` of the team files are decided.

        The name of a claim, or a path with dots into nested claims; default `groups`, the name that most
        providers use. Read at each sign-in and refresh. Whoever may fill this claim at the provider decides
        who is in which team. A sign-in without the claim changes no membership.
        Example: `c.KnadaOIDCAuthenticator.groups_claim = "realm_access.roles"`.

        .. versionadded:: 0.1
        """,
    )

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
        """Give the user name, lower-case.

        Raises:
            HTTPError: 403 where the claim is missing; the base class logs all claims and answers with a 500.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.user_info_to_username`.
        """
        named = self.username_claim
        found = named(user_info) if callable(named) else find_claim(user_info, named)
        ident = read_ident(found, "from username_claim" if callable(named) else named)
        if isinstance(ident, Refusal):
            self.log.warning("Access denied: %s The claims are: %s", ident, ", ".join(sorted(user_info)))
            raise to_http_error(ident)
        return ident

    async def authenticate(
        self, handler: BaseHandler, data: Any = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Ask the provider who it is.

        Raises:
            HTTPError: 403 or 503 with a sentence where the provider refuses, does not answer or answers
                nonsense; the base class puts whole replies, tokens included, into some of its messages.

        Source: OAuthenticator 17 oauth2.py `OAuthenticator.authenticate`.
        """
        try:
            model: dict[str, Any] | None = await super().authenticate(handler, data, **kwargs)
        except (HTTPClientError, OSError) as error:
            code = error.code if isinstance(error, HTTPClientError) else 0
            refused = 400 <= code < 500  # noqa: PLR2004 - the range of HTTP's client errors
            raise self._provider_error(403 if refused else 503) from None
        except (PyJWTError, KeyError, ValueError) as error:
            self.log.warning("The provider's answer could not be used (%s)", type(error).__name__)
            raise self._provider_error(503) from None
        except HTTPError as error:
            if error.status_code < 500 or error.status_code == 503:  # noqa: PLR2004 - HTTP's server errors
                raise
            raise self._provider_error(503) from None
        return model

    def _provider_error(self, status: int) -> HTTPError:
        wrong = "refused this sign-in" if status == 403 else "gave no usable answer"  # noqa: PLR2004 - HTTP
        remedy = "Sign in again; if that does not help, ask the people who run this hub."
        return to_http_error(
            Refusal(Code.PROVIDER_FAILED, f"{self.login_service} {wrong}.", remedy, status=status)
        )

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
        """Fetch as the base class does, without its log line that carries the provider's whole reply."""
        try:
            response = await self.http_client.fetch(req, **kwargs)
        except HTTPClientError as error:
            self.log.warning("%s: %s %s gave %s", label, req.method, urlsplit(req.url).netloc, error.code)
            raise
        if not parse_json:
            return response
        return json.loads(response.body) if response.body else None


class KnadaAzureADAuthenticator(KnadaOAuthenticator, AzureAdOAuthenticator):
    """Sign-in with Entra ID (Azure AD). Entry point `knada-azuread`.

    The user name comes from the claim `onPremisesSamAccountName`, the ident that team files list; the
    application's token configuration has to send it. OAuthenticator's default, `name`, is a display name:
    neither unique nor stable. Set `username_claim` for another claim; one that a person can change for
    themselves lets them become somebody else.
    """

    @default("username_claim")
    def _username_claim_default(self) -> str:
        return "onPremisesSamAccountName"

    @default("scope")
    def _scope_default(self) -> list[str]:
        # Without `openid` there is no id token, where this provider's claims are.
        return ["openid", "profile"]

    def check_allow_config(self) -> None:
        """Refuse, besides what the mixin does, to let in people of every tenant in the world.

        Any tenant's admin can give an account any ident.
        """
        super().check_allow_config()
        if self.tenant_id in _TENANTS_OF_ANYBODY and self.token_url.startswith(self.graph_url):
            raise TraitError(
                self._setting(
                    "tenant_id",
                    f"names no tenant (got {self.tenant_id!r}); idents are unique in one tenant only; "
                    "set it, or AAD_TENANT_ID, to your directory's id",
                )
            )


class KnadaOIDCAuthenticator(KnadaOAuthenticator, GenericOAuthenticator):
    """Sign-in with any OpenID Connect provider. Entry point `knada-oidc`.

    The user name comes from `preferred_username`, what people type to sign in at Keycloak, Authentik or Dex.
    """

    @default("username_claim")
    def _username_claim_default(self) -> str:
        return os.environ.get("OAUTH2_USERNAME_KEY", "preferred_username")

    @default("login_service")
    def _login_service_default(self) -> str:
        return os.environ.get("LOGIN_SERVICE", "OpenID Connect")

    @default("scope")
    def _scope_default(self) -> list[str]:
        return ["openid", "profile"]


class KnadaDemoAuthenticator(KnadaAuthenticator, SharedPasswordAuthenticator):
    """Sign-in of the demo and of tests: anybody's name, one password. Entry point `knada-demo`.

    With it everybody can be everybody, so it works only on a hub that nothing but this machine can reach.
    Set `user_password`, at least 8 characters; without one nobody gets in.
    """

    group_claims = Dict(
        value_trait=List(Unicode()),
        key_trait=Unicode(),
        config=True,
        help="""
        What the group claim of each person says.

        User name to list of groups; somebody who is not in it has an empty claim. Default: nobody is in
        a group. Read at each sign-in.
        Example: `c.KnadaDemoAuthenticator.group_claims = {"kim": ["analysts"]}`.

        .. versionadded:: 0.1
        """,
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for trait, url in self._addresses():
            if not is_loopback_url(url):
                raise TraitError(
                    f"JupyterHub.{trait}: {url!r} is not on loopback; {type(self).__name__} lets everybody "
                    "be everybody and is for this machine only; bind to 127.0.0.1 or take another one. "
                    f"[{Code.HUB_SETTING}]"
                )

    def _addresses(self) -> list[tuple[str, str]]:
        """Give where the hub and its proxy listen, as (setting of JupyterHub, URL)."""
        hub = self.parent
        hub_url = getattr(hub, "hub_bind_url", "") or f"http://{getattr(hub, 'hub_ip', '')}"
        return [("bind_url", getattr(hub, "bind_url", "")), ("hub_bind_url", hub_url)]

    def read_group_claim(self, auth_model: Mapping[str, Any]) -> GroupClaim:
        """Give the groups of `group_claims`."""
        return GroupClaim(frozenset(self.group_claims.get(auth_model["name"], ())))


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
