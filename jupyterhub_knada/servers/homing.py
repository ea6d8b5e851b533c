"""KubeSpawner that finds each home anew, and carries nothing from one start into the next.

KubeSpawner remembers the claim and the namespace of the last start. Here homes are remembered by team, a
claim is mounted only when it is known whose it is, and each start begins with the hub's own settings.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from kubernetes_asyncio.client.rest import ApiException
from sqlalchemy import inspect
from traitlets import default

from jupyterhub_knada.errors import Refusal
from jupyterhub_knada.servers.claims import find_claims, read_claim
from jupyterhub_knada.servers.diagnosis.refusals import explain_home_refusal
from jupyterhub_knada.servers.enduring import HAS_ASKED, EnduringKubeSpawner, StartFailedError
from jupyterhub_knada.servers.homes import CreateClaim, choose_home, is_home_of
from jupyterhub_knada.servers.hub_layer import HubLayer
from jupyterhub_knada.servers.memory import ServerMemory
from jupyterhub_knada.servers.patience import LONGEST_LOGGED, ask_patiently, name_answer, read_status
from jupyterhub_knada.servers.refusal_log import log_refusal, shorten_log_of_refusals
from jupyterhub_knada.servers.refusing import StartRefusedError
from jupyterhub_knada.teams.departures import STATE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.servers.homes import Claim, HomePlan, RememberedHome
    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.departures import Departure


class HomingKubeSpawner(EnduringKubeSpawner):
    """KubeSpawner with homes by team."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        shorten_log_of_refusals(self.log)
        self._hub_layer = HubLayer(self)
        self._is_restored = True
        self._memory = ServerMemory()
        self._plan: ServerPlan | None = None
        self._home_is_there = False
        self._stock_claim_names: tuple[str, ...] = ()

    @default("delete_pvc")
    def _keep_homes(self) -> bool:
        # KubeSpawner's default is True: deleting a user, as a culler may do, would delete the home.
        return False

    @property
    def plan(self) -> ServerPlan | None:
        """The plan of the server that is starting or was started by this object; None before the first."""
        return self._plan

    @property
    def served_team(self) -> str | None:
        """The slug of the team that the last server was started for; None before the first."""
        team = self._memory.server.get("team")
        return team if isinstance(team, str) else None

    @property
    def departure(self) -> Departure | None:
        """That the owner left that team, as far as somebody wrote it down."""
        return self._memory.departure

    def note_departure(self, departure: Departure | None) -> None:
        """Write down that the owner left the team, or came back; a hub that starts again knows it."""
        self._memory = replace(self._memory, departure=departure)
        self._store_state()

    def _read_hub_layer(self) -> HubSettings:
        """Give the hub's settings for a decision, which may fall while a server runs: nothing is touched."""
        return self._hub_layer.read(self) if self._is_restored else self._hub_layer.configured

    def _restore_hub_layer(self) -> None:
        """Give every trait the hub's own value; only where no server of this object starts, runs or stops."""
        self._hub_layer.restore(self)
        self._is_restored = True

    async def _find_home(self, plan: ServerPlan) -> None:
        """Decide on the claim of this start, whatever the last one had; KubeSpawner makes a new one.

        `_pvc_exists` is private to KubeSpawner (7.1): True would make `_start` look for no claim at all.
        """
        self.pvc_name, self._pvc_exists = "", False
        self.storage_pvc_ensure = self._home_is_there = False
        self._plan = plan
        self._memory = replace(self._memory.started(plan, None), departure=None)
        if plan.home is None:
            return
        remembered = self._remembered_home(plan.team)
        names = (remembered.claim_name,) if remembered is not None else ()
        decided = choose_home(plan.home, await self.find_claims(plan.home, names), remembered)
        if isinstance(decided, Refusal):
            raise self._refused(decided)
        self.pvc_name = decided.name
        self.storage_pvc_ensure = isinstance(decided, CreateClaim)
        self._home_is_there = not self.storage_pvc_ensure
        what = "new claim" if self.storage_pvc_ensure else "claim"
        self.log.info(
            "Home of %s in team %s: %s %s/%s", self._log_name, plan.team, what, plan.namespace, decided.name
        )

    def _refused(self, refusal: Refusal) -> StartRefusedError:
        error = StartRefusedError(refusal)
        log_refusal(self.log, self._log_name, error)
        return error

    async def get_pod_manifest(self) -> Any:
        """Make the pod.

        Source: `KubeSpawner.get_pod_manifest`, 7.1, which `_start` calls after it has made the claim: from
        here on the home is one to be remembered.
        """
        self._home_is_there = True
        self._note_token()
        self._store_state()
        return await super().get_pod_manifest()  # type: ignore[no-untyped-call]

    @property
    def _session(self) -> Any:
        """The session of the hub's database that the server's row is in; None: there is no such row.

        It is the row's own: `Spawner.db` is deprecated (JupyterHub 5.3-6.1).
        """
        stored = inspect(self.orm_spawner, raiseerr=False)
        return stored.session if stored is not None else None

    def _note_token(self) -> None:
        """Write down which API token is the server's own: a hub that starts again does not know it.

        JupyterHub 5.3-6.1 keeps a token's hash only, and so leaves it valid when it stops a server that an
        earlier hub has started.
        """
        session = self._session
        found = orm.APIToken.find(session, self.api_token) if session is not None and self.api_token else None  # type: ignore[no-untyped-call]
        own = found.id if found is not None else None
        if own != self._memory.token_id:
            self._delete_token()
        self._memory = replace(self._memory, token_id=own)

    def _delete_token(self) -> None:
        """Delete the last server's own API token, which is valid for the next one, whatever team that is of.

        Databases give an id again: what has it now may be another token, but none of a server of this person.
        """
        session = self._session
        token_id, self._memory = self._memory.token_id, replace(self._memory, token_id=None)
        if session is None or token_id is None:
            return
        token = session.get(orm.APIToken, token_id)
        if token is None or token.user_id != self.orm_spawner.user_id:
            return
        if str(token.note).startswith("Server at "):
            session.delete(token)
            session.commit()

    @property
    def own_token_id(self) -> int | None:
        """The id of the last server's own API token in the hub's database; None: not known."""
        return self._memory.token_id

    def _store_state(self) -> None:
        """Write down where the pod is going to be, before it is made.

        JupyterHub 5.3-6.1 does so after the start: one that dies in between would look for the pod in its own
        namespace, and take the server for gone.
        """
        if self._session is not None:
            self.orm_spawner.state = {**self.get_state(), HAS_ASKED: True}
            self._commit_rows()

    def _commit_rows(self) -> None:
        """Commit what was written into the hub's database; to be called before anything is awaited.

        JupyterHub 5.3-6.1 has one session for all, and at the end of every request drops what nobody has
        committed (handlers/base.py `on_finish`).
        """
        if (session := self._session) is not None:
            session.commit()

    async def _make_create_pvc_request(self, pvc: Any, request_timeout: float) -> bool:
        """Create the claim; False where it has to be tried again.

        Raises:
            StartRefusedError: a claim that is not this home has come meanwhile.
            StartFailedError: the cluster does not make it.

        Source: `KubeSpawner._make_create_pvc_request`, 7.1. Private, and overridden because it takes any
        claim of this name for the home, even a 409 of two who changed a quota at once, and shows people the
        API's raw reply. A test compares its signature.
        """

        async def create() -> None:
            async with asyncio.timeout(request_timeout):
                await self.api.create_namespaced_persistent_volume_claim(self.namespace, pvc)

        try:
            await ask_patiently(create, self.k8s_api_request_retry_timeout, self._log_silence)
        except TimeoutError:
            return False
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise self._refused_home(error) from None
            # Somebody else was quicker, or the answer to an earlier try was lost.
            await self._find_home(self._plan)  # type: ignore[arg-type]  # a start has a plan
            return not self.storage_pvc_ensure
        return True

    def _refused_home(self, error: ApiException) -> StartFailedError:
        message = read_status(error.body)[1]
        where = f"{self.namespace}/{self.pvc_name}"
        said = (name_answer(error), message[:LONGEST_LOGGED] or "nothing more")
        self.log.warning("Claim %s of %s refused: %s: %s", where, self._log_name, *said)
        said_no = error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        told = explain_home_refusal(self.namespace, error.status, message)
        return StartFailedError(told, HTTPStatus.CONFLICT if said_no else HTTPStatus.BAD_GATEWAY)

    async def find_claims(self, home: HomePlan, names: Iterable[str]) -> list[Claim]:
        """Find every claim in the cluster that may be this home; see `claims.find_claims`."""
        return await find_claims(self.api, home, names, self.k8s_api_request_retry_timeout, self._log_silence)

    def _remembered_home(self, team: str) -> RememberedHome | None:
        """Give the home of the last start in this team, by this server or by another of the same person."""
        own = self._memory.homes.get(team)
        if own is not None:
            return own
        others = getattr(self.user, "orm_spawners", {}).values()
        memories = [ServerMemory.from_state((other.state or {}).get(STATE_KEY)) for other in others]
        return next((memory.homes[team] for memory in memories if team in memory.homes), None)

    def get_state(self) -> dict[str, Any]:
        """Give what is kept in the hub's database: KubeSpawner's state and ours.

        Source: `KubeSpawner.get_state`, 7.1; called after each start and stop.
        """
        state: dict[str, Any] = super().get_state()
        self._remember()
        # KubeSpawner's memory of one claim for all teams; ours is by team.
        state.pop("pvc_name", None)
        return {**state, STATE_KEY: self._memory.to_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Read what `get_state` gave, or what stock KubeSpawner did before this package came.

        Source: `KubeSpawner.load_state`, 7.1, which takes over the namespace and the claim of the last start.
        """
        before = self.namespace
        super().load_state(state)
        # A team's namespace is not the hub's own; without one, hooks may change what a page shows.
        self._is_restored = self._is_restored and self.namespace == before
        self._memory = ServerMemory.from_state(state.get(STATE_KEY))
        # Private to KubeSpawner; see `_find_home`.
        self._pvc_exists = False
        stock = state.get("pvc_name") if STATE_KEY not in state else None
        self._stock_claim_names = (stock,) if stock else ()

    def clear_state(self) -> None:
        """Forget the last server, but for where the homes are: every trait is the hub's own again.

        Source: `KubeSpawner.clear_state`, 7.1, called before each start and after each stop; it leaves the
        namespace and the claim of the last start as they are.
        """
        self._remember()
        if self._outliving is not None:
            super().clear_state()
            return
        if getattr(self.orm_spawner, "server", None) is None:
            # A stop, which JupyterHub knows the token of only where this very hub has started the server.
            self._delete_token()
        self._restore_hub_layer()
        self._plan = None
        # Private to KubeSpawner; see `_find_home`.
        self._pvc_exists = self._home_is_there = False
        super().clear_state()

    def _remember(self) -> None:
        """Keep where the home is, once it is known to be there: a claim that was never made is not missed."""
        if self._plan is not None:
            home = self.pvc_name if self._home_is_there else None
            self._memory = self._memory.started(self._plan, home)

    async def delete_forever(self) -> None:
        """Delete the homes of a deleted user, if the hub says so and their labels say whose they are.

        Source: `KubeSpawner.delete_forever`, 7.1, which deletes the claim of the last start by its name.
        Called for each server that is removed; named servers share the homes, so only the default one counts.
        """
        if not self.delete_pvc or self.name:
            self.log.info("Homes of %s are kept", self._log_name)
            return
        for home in self._memory.homes.values():
            claim = await read_claim(
                self.api, home.namespace, home.claim_name, self.k8s_api_request_retry_timeout
            )
            if claim is None or not is_home_of(claim, self.user.name, home.team_id):
                self.log.warning("Claim %s/%s is kept: not labelled", home.namespace, home.claim_name)
                continue
            self.log.warning("Deleting claim %s/%s of %s", home.namespace, home.claim_name, self._log_name)
            await self.api.delete_namespaced_persistent_volume_claim(home.claim_name, home.namespace)
