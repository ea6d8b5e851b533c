"""The hub's host and its servers': where people sign in, and what of it is set wrong.

With `JupyterHub.subdomain_host` the hub answers at each person's host, too, for the addresses of servers that
do not run. Somebody who signed in there would be signed in at the origin of a server: its page could ask the
hub for anything, and read the password as it is typed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import maybe_future, subdomain_hook_idna
from oauthenticator.oauth2 import STATE_COOKIE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEE_OTHER = 303
"""Asked again with GET: no form goes along to the other host."""


class AtHubHost:
    """Mixin for handlers of a sign-in, put before one: at any other host it leads to the hub's."""

    async def prepare(self: Any) -> None:
        """Lead to the same page at the hub's host, where this is another.

        Source: Tornado 6.4-6.6, web.py `RequestHandler._execute`: a request that is answered here goes no
        further. JupyterHub 5.3-6.1 app.py: `public_url` is what `subdomain_host` says, unless it is set.
        """
        if self.settings.get("subdomain_host"):
            public = self.settings.get("public_url") or urlsplit(self.settings["subdomain_host"])
            if self.request.host_name != public.hostname:
                self.redirect(f"{public.scheme}://{public.netloc}{self.request.uri}", status=_SEE_OTHER)
                return
        await maybe_future(super().prepare())  # type: ignore[misc, no-untyped-call]


class HubStateCookie:
    """Mixin for handlers of a sign-in, put before one: the state's cookie has the prefix of the hub's own.

    A page of a server can set a cookie of the plain name for the hub's host, too, and so have its visitor
    signed in with a code that somebody else got from the provider. With the prefix `__Host-` a browser lets
    no other host set it.

    Source: OAuthenticator 17 oauth2.py, whose handlers of login, callback and logout get to their cookie
    `STATE_COOKIE_NAME` by these methods of Tornado (6.4-6.6) alone.
    """

    def set_secure_cookie(self: Any, name: str, value: str | bytes, *args: Any, **options: Any) -> None:
        """Set it: with the prefix for HTTPS, the path `/` and no domain, as a browser asks."""
        if (found := _state_cookie(self, name)) != name:
            options |= {"path": "/", "secure": True, "domain": None}
        super().set_secure_cookie(found, value, *args, **options)  # type: ignore[misc]

    def get_secure_cookie(self: Any, name: str, *args: Any, **options: Any) -> bytes | None:
        """Read it; one of the plain name counts for nothing then."""
        value: bytes | None = super().get_secure_cookie(_state_cookie(self, name), *args, **options)  # type: ignore[misc]
        return value

    def clear_cookie(self: Any, name: str, **options: Any) -> None:
        """Take it away; JupyterHub (5.3-6.1) sees to what the prefix asks for."""
        super().clear_cookie(_state_cookie(self, name), **options)  # type: ignore[misc]


def _state_cookie(handler: Any, name: str) -> str:
    is_prefixed = name == STATE_COOKIE_NAME and handler.settings.get("cookie_host_prefix_enabled")
    return f"__Host-{name}" if is_prefixed else name


def at_hub_host(handlers: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Give an authenticator's handlers so that they answer at the hub's host only; the hub's login is added.

    Args:
        handlers: (pattern, handler class, …).

    Source: `Authenticator.get_handlers`, JupyterHub 5.3-6.1.
    """
    found = [(pattern, _guarded(cls), *more) for pattern, cls, *more in handlers]
    if not any(entry[0] == "/login" for entry in found):
        found.append(("/login", _guarded(LoginHandler)))
    return found


@cache
def _guarded(cls: type) -> type:
    return type(cls.__name__, (AtHubHost, HubStateCookie, cls), {"__doc__": cls.__doc__})


def find_host_faults(hub: Any) -> list[str]:
    """Give what is wrong with the hub's settings of hosts, as `setting: what; rule; remedy`.

    Args:
        hub: The `JupyterHub` application; None outside of one.

    Source: JupyterHub 5.3-6.1, handlers/base.py `_set_cookie`: with the prefix `__Host-` the path is `/`.
    """
    if getattr(hub, "cookie_host_prefix_enabled", False) and not hub.subdomain_host:
        rule = "a browser would send the hub's own session to every server"
        remedy = "set subdomain_host, or remove it"
        setting = "JupyterHub.cookie_host_prefix_enabled"
        return [f"{setting}: is True without JupyterHub.subdomain_host; {rule}; {remedy}"]
    return []


def describe_shared_origin(hub: Any, team_count: int) -> str:
    """Say which origins several teams share in a browser, and what to do; empty where they share none.

    Args:
        hub: The `JupyterHub` application; None outside of one.
        team_count: How many teams the hub serves.
    """
    if hub is None or team_count <= 1:
        return ""
    remedy = "set {}, or say configure(shared_origin=True) where this is meant"
    if not hub.subdomain_host:
        return (
            f"{team_count} teams share one origin with the hub: a page of one team's server can do whatever "
            "its visitor can do at the hub and in other teams; " + remedy.format("JupyterHub.subdomain_host")
        )
    hook = hub.subdomain_hook
    if isinstance(hook, str) or hook.__module__ == subdomain_hook_idna.__module__:
        remedy = remedy.format("no JupyterHub.subdomain_hook, so that configure() does")
        left = "what one team's server leaves in a browser rules the next team's"
        return f"{team_count} teams share one origin for each person: {left}; {remedy}"
    return ""
