"""Sign-in: who somebody is comes from a provider, which teams they are in comes from the team files.

`KnadaAuthenticator` is a mixin for any JupyterHub Authenticator, put before it:

    class MyAuthenticator(KnadaAuthenticator, SomeAuthenticator): ...

The base class says who it is; the mixin decides who may come in and keeps the person's JupyterHub groups
(`teams.hub_groups`) in step with the team files and the group claim, at sign-in and at every refresh.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.utils import maybe_future

from jupyterhub_knada.access.claims import GroupClaim, read_groups
from jupyterhub_knada.access.placing import Placement, needs_new_claim, place_person
from jupyterhub_knada.access.refusals import RefusedSignInError
from jupyterhub_knada.access.team_files import TeamFilesAuthenticator
from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.departures import read_departures
from jupyterhub_knada.teams.user_names import find_user_name_fault, normalize_user_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.handlers import BaseHandler
    from jupyterhub.user import User

_CONFUSED: Final = "The hub's database confuses your user name with another person's."
_CONFUSED_REMEDY: Final = "Show this to the people who run this hub: its database needs a binary collation."


class KnadaAuthenticator(TeamFilesAuthenticator):
    """Lets in whoever is in a team, by the team files' `users` and `leads` lists and by group claims."""

    def normalize_username(self, username: str) -> str:
        """Give the name under which the hub knows somebody: A-Z as a-z, then `username_map`.

        Source: JupyterHub 5.3-6.1 auth.py `Authenticator.normalize_username`, which folds all of Unicode, so
        that two names of the provider can become one person.
        """
        name = normalize_user_name(username)
        return str(self.username_map.get(name, name))

    def validate_username(self, username: str) -> bool:
        """Say whether a normalized name can be a user; also for those whom an admin adds.

        Source: JupyterHub 5.3-6.1 auth.py `Authenticator.validate_username`.
        """
        return not find_user_name_fault(username) and bool(super().validate_username(username))  # type: ignore[no-untyped-call]

    async def authenticate(
        self, handler: BaseHandler, data: Any = None, **kwargs: Any
    ) -> dict[str, Any] | str | None:
        """Ask the base class who it is.

        Raises:
            HTTPError: 403 for a name that can be no user; JupyterHub would say that the password is wrong.

        Source: JupyterHub 5.3-6.1 auth.py `Authenticator.get_authenticated_user`.
        """
        said = maybe_future(super().authenticate(handler, data, **kwargs))  # type: ignore[no-untyped-call]
        model: dict[str, Any] | str | None = await said
        named = model.get("name") if isinstance(model, dict) else model
        if isinstance(named, str) and (refusal := self._refuse_name(named)):
            self._say_refused(refusal, ascii(named))
            raise RefusedSignInError(refusal)
        return model

    def _refuse_name(self, name: str) -> Refusal | None:
        normalized = self.normalize_username(name)
        if self.validate_username(normalized):
            return None
        fault = find_user_name_fault(normalized) or "is not of the form that this hub asks for"
        return Refusal(
            Code.BAD_IDENT,
            f"Your user name cannot be used here: it {fault}.",
            "Show this to the people who run this hub: it has to be another claim, or another name there.",
        )

    def read_group_claim(self, auth_model: Mapping[str, Any]) -> GroupClaim:
        """Read the person's group claim; override where the base class keeps it elsewhere than in `groups`.

        Args:
            auth_model: What `authenticate` or `refresh_user` of the base class gave.
        """
        groups = auth_model.get("groups")
        return (
            GroupClaim(None)
            if groups is None
            else read_groups(groups, "what the authenticator gives as groups")
        )

    async def check_allowed(self, username: str, authentication: dict[str, Any] | None = None) -> bool:
        """Let the base class forbid somebody by raising; leave whom it merely does not list to the teams.

        Source: JupyterHub 5.3-6.1 auth.py `get_authenticated_user`, which goes on to `run_post_auth_hook`.
        """
        await maybe_future(super().check_allowed(username, authentication))  # type: ignore[no-untyped-call]
        return True

    async def run_post_auth_hook(
        self, handler: BaseHandler | None, auth_model: dict[str, Any]
    ) -> dict[str, Any]:
        """Put the person in their teams, or refuse the sign-in; then let the admin's own hook have its say.

        The last step of each sign-in, with the name as the hub will keep it; no `allow_*` setting skips it.

        Raises:
            HTTPError: 403 with the refusal, where somebody is in no team. A hub admin comes in all the same,
                to the admin page; without a team they are offered no server.

        Source: JupyterHub 5.3-6.1 auth.py `Authenticator.run_post_auth_hook`.
        """
        name = auth_model["name"]
        known = handler.find_user(name) if handler else None  # type: ignore[no-untyped-call]
        if known and known.name != name:
            # A database may ignore case, accents or blanks, as MySQL does where nobody says otherwise.
            refusal = Refusal(Code.BAD_IDENT, _CONFUSED, _CONFUSED_REMEDY)
            self._say_refused(refusal, name)
            raise RefusedSignInError(refusal)
        placed = self._place(name, self.read_group_claim(auth_model), _group_names(known))
        if placed.refusal and not auth_model.get("admin"):
            self._say_refused(placed.refusal, name)
            raise RefusedSignInError(_with_departures(placed.refusal, known))
        for membership in placed.decision.memberships:
            self.log.info(
                "%s is %s of team %s: %s", name, membership.role, membership.team, membership.reason
            )
        model = {**auth_model, "groups": list(placed.groups)}
        hooked: dict[str, Any] = await super().run_post_auth_hook(handler, model)  # type: ignore[no-untyped-call]
        return hooked

    async def refresh_user(
        self, user: User, handler: BaseHandler | None = None, **kwargs: Any
    ) -> bool | dict[str, Any]:
        """Decide the person's teams anew, from what the provider says now, else from what it last said.

        Returns:
            As JupyterHub asks: True where nothing changed, False where the person has to sign in again, else
            the new `groups` with whatever the base class refreshed. Somebody who has left every team loses
            the groups at once (JupyterHub >= 6.1 goes on with a stale user for token requests) and has to
            sign in again, which tells them why.

        Source: JupyterHub 5.3-6.1 handlers/base.py `refresh_auth`, which never calls `check_allowed`.
        """
        if handler is not None and not hasattr(handler, "_token_authenticated"):
            # JupyterHub 6.1.1 reads it where we give False, but sets it for requests with a token only: each
            # page of somebody who has to sign in again would log an AttributeError (`refresh_auth`).
            handler._token_authenticated = False  # noqa: SLF001 - tested against a real hub
        refreshed = await self.refresh_from_provider(user, handler, **kwargs)
        if not refreshed:
            return False
        model: dict[str, Any] = {} if refreshed is True else refreshed
        if self.normalize_username(model.get("name", user.name)) != user.name:
            self.log.warning("The provider now has another name for %s: a new sign-in is needed", user.name)
            return False
        claim, names = self.read_group_claim(model) if model else GroupClaim(None), _group_names(user)
        # A token cannot sign in.
        may_sign_in = handler is not None and not handler.get_token()
        if claim.groups is None and may_sign_in and needs_new_claim(names, self.snapshot, self.now()):
            self.log.warning("%s: the groups were said too long ago: a new sign-in is needed", user.name)
            return False
        placed = self._place(user.name, claim, names)
        if placed.refusal and not user.admin:
            self._say_refused(placed.refusal, user.name)
            user.sync_groups(placed.groups)  # type: ignore[no-untyped-call]
            return False
        if not model and set(placed.groups) == names:
            return True
        return {**model, "groups": list(placed.groups)}

    async def refresh_from_provider(
        self, user: User, handler: BaseHandler | None = None, **kwargs: Any
    ) -> bool | dict[str, Any]:
        """Refresh as the base class does: its `refresh_user`, before teams are looked at."""
        refreshed: bool | dict[str, Any] = await maybe_future(super().refresh_user(user, handler, **kwargs))  # type: ignore[no-untyped-call]
        return refreshed

    def _place(self, name: str, claim: GroupClaim, names: frozenset[str]) -> Placement:
        placed = place_person(name, claim, names, self.snapshot, self.now())
        for note in placed.notes:
            self.log.warning("%s: %s", name, note)
        return placed

    def _say_refused(self, refusal: Refusal, name: str) -> None:
        self.log.warning("Access denied: %s: %s", name, refusal)


def _group_names(user: User | None) -> frozenset[str]:
    """Give the names of somebody's JupyterHub groups; none for whom the hub does not know."""
    return frozenset(group.name for group in user.groups) if user else frozenset()


def _with_departures(refusal: Refusal, user: User | None) -> Refusal:
    """Add what became of the servers of somebody who is refused."""
    states = [spawner.state for spawner in user.orm_spawners.values()] if user else []
    told = " ".join(str(departure) for departure in read_departures(states))
    return replace(refusal, message=f"{refusal.message} {told}") if told else refusal
