"""The ready authenticators: Entra ID (Azure AD), OpenID Connect, and the demo's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from oauthenticator.azuread import AzureAdOAuthenticator
from tornado.web import HTTPError
from traitlets import Dict, List, Unicode, default

from jupyterhub_knada.access.claims import GroupClaim
from jupyterhub_knada.access.mixin import KnadaAuthenticator
from jupyterhub_knada.access.oauth import KnadaOAuthenticator, is_loopback_url
from jupyterhub_knada.access.oidc import KnadaOIDCAuthenticator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.handlers import BaseHandler

__all__ = [
    "KnadaAuthenticator",
    "KnadaAzureADAuthenticator",
    "KnadaDemoAuthenticator",
    "KnadaOAuthenticator",
    "KnadaOIDCAuthenticator",
]

_TENANTS_OF_ANYBODY = frozenset({"oauth2", "common", "organizations", "consumers"})
"""First part of an address's path at Entra where another one names a tenant; `oauth2`: none is named."""


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

    def find_faults(self) -> list[str]:
        """Add: people of every tenant in the world; any tenant's admin can give an account any ident."""
        faults = super().find_faults()
        if urlsplit(self.token_url).path.strip("/").partition("/")[0] in _TENANTS_OF_ANYBODY:
            faults.append(
                f"tenant_id: names no tenant (got {self.tenant_id!r}); idents are unique in one tenant only; "
                "set it, or AAD_TENANT_ID, to your directory's id"
            )
        return faults


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

    def find_faults(self) -> list[str]:
        """Add: a hub that somebody else can reach."""
        return super().find_faults() + [
            f"user_password: lets everybody be everybody, and JupyterHub.{setting} is not on loopback "
            f"(got {url!r}); it is for this machine only; bind to 127.0.0.1, or use another authenticator"
            for setting, url in self._addresses()
            if not is_loopback_url(url)
        ]

    async def authenticate(
        self, handler: BaseHandler, data: Any = None, **kwargs: Any
    ) -> dict[str, Any] | str | None:
        """Check the password, unless nothing has kept this hub from starting with settings that cannot work.

        Source: JupyterHub 5.3-6.1 authenticators/shared.py `SharedPasswordAuthenticator.authenticate`.
        """
        if self.find_faults():
            raise HTTPError(403, reason="The demo's sign-in is for this machine only")
        return await super().authenticate(handler, data, **kwargs)

    def _addresses(self) -> list[tuple[str, str]]:
        """Give where the hub and its proxy listen, as (setting of JupyterHub, URL)."""
        hub = self.parent
        hub_url = getattr(hub, "hub_bind_url", "") or f"http://{getattr(hub, 'hub_ip', '')}"
        return [("bind_url", getattr(hub, "bind_url", "")), ("hub_bind_url", hub_url)]

    def read_group_claim(self, auth_model: Mapping[str, Any]) -> GroupClaim:
        """Give the groups of `group_claims`."""
        return GroupClaim(frozenset(self.group_claims.get(auth_model["name"], ())))
