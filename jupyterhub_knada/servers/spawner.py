"""KnadaSpawner: KubeSpawner for teams. Traits and calls; every rule lives in a pure module.

One start: `apply_user_options` checks the choice on every path, `load_user_options` turns it into a plan, the
plan into trait values and finds the home; then KubeSpawner does its job.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from kubespawner.slugs import is_valid_label, safe_slug
from tornado.web import HTTPError
from traitlets import Any as AnyTrait
from traitlets import Callable, TraitError, Unicode, default, validate

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.servers.choices import Choice, decode_form, decode_query, parse_choice
from jupyterhub_knada.servers.hub_layer import newly_overruled
from jupyterhub_knada.servers.offer import offer_now
from jupyterhub_knada.servers.older_names import older_claim_names
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.servers.page_request import current_page_request
from jupyterhub_knada.servers.plans import UserFacts, build_plan, resolve_choice
from jupyterhub_knada.servers.preselection import keep_offered
from jupyterhub_knada.servers.raw_options import what_json_carries
from jupyterhub_knada.servers.refusing import PageAskedError, StartRefusedError
from jupyterhub_knada.servers.sent_pod import refuse_environment, refuse_pod
from jupyterhub_knada.servers.stored_options import guard_stored_options
from jupyterhub_knada.servers.team_starts import TeamStartsKubeSpawner
from jupyterhub_knada.servers.traits import spawner_traits
from jupyterhub_knada.teams.registry import open_registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from jupyterhub_knada.servers.offer import Offer
    from jupyterhub_knada.servers.plan_inputs import HubSettings
    from jupyterhub_knada.servers.plans import ServerPlan
    from jupyterhub_knada.teams.registry import Registry
    from jupyterhub_knada.teams.snapshots import Snapshot


class KnadaSpawner(TeamStartsKubeSpawner):
    """Start servers of many teams, each as its team's file and the platform's say.

    All settings of KubeSpawner are the lowest layer; what a team or the platform says is used instead.
    """

    teams_dir = Unicode(
        "teams",
        config=True,
        help="""
        The folder of the team files, one `<team>.yaml` per team.

        A path; relative to the hub's working folder. The default is `teams`, as `jupyterhub-knada check` has
        it. Read when the hub starts and whenever a file changes; running servers never change, a new start
        follows the files as they are then. Whoever may write here decides who gets which server.

        Example: `c.KnadaSpawner.teams_dir = "/etc/knada/teams"`.

        .. versionadded:: 0.1
        """,
    )

    platform_file = Unicode(
        None,
        allow_none=True,
        config=True,
        help="""
        The file that applies to all teams: defaults, bounds, images, profiles.

        A path, or None (the default): there is no such file, so no defaults and no bounds. Read when the hub
        starts and whenever it changes; running servers never change. Without it nothing bounds what a team
        file asks for.

        Example: `c.KnadaSpawner.platform_file = "/etc/knada/platform/platform.yaml"`.

        .. versionadded:: 0.1
        """,
    )

    team = Unicode(
        None,
        allow_none=True,
        config=True,
        help="""
        The one team that this hub serves.

        A team's slug, or None (the default): all teams of `teams_dir`. Read when the hub starts; running
        servers of other teams run on, none can be started. Everybody in other teams only is refused.

        Example: `c.KnadaSpawner.team = "kyrre"`.

        .. versionadded:: 0.1
        """,
    )

    spawn_page = Callable(
        None,
        allow_none=True,
        config=True,
        help="""
        What draws the start page.

        A function that gives the HTML that stands in JupyterHub's form. Called whenever the page is opened,
        with an `Offer`, the last `Choice` (or None), and by name `hub`, the hub's own settings, which servers
        get where no file says otherwise, `named`, the options that a link names, and `others`, the person's
        other servers with the address that stops each. The default is None: there is no page; `configure()`
        sets it. Its result is trusted as HTML: the function escapes what teams and links say.

        Example: `c.KnadaSpawner.spawn_page = render_spawn_page`.

        .. versionadded:: 0.1
        """,
    )

    _notices: tuple[str, ...] = ()

    # JupyterHub's is a Dict: a JSON list that comes by REST (JupyterHub < 6) is stored, and then ends each
    # construction of this user's spawner with a TraitError. Anything is taken here, and refused in words.
    user_options = AnyTrait()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        guard_stored_options()
        super().__init__(*args, **kwargs)

    @default("user_options")
    def _no_options(self) -> dict[str, str]:
        return {}

    @validate("user_options")
    def _keep_what_json_carries(self, proposal: Any) -> Any:
        return what_json_carries(proposal.value)

    @validate("enable_user_namespaces")
    def _refuse_user_namespaces(self, proposal: Any) -> bool:
        if proposal.value:
            raise TraitError(
                "KnadaSpawner.enable_user_namespaces: cannot be switched on (got True); servers run in the "
                "namespace of their team; remove it, and set `namespace` in the team files. "
                f"[{Code.HUB_SETTING}]"
            )
        return False

    @validate("common_labels", "component_label")
    def _keep_selected_labels(self, proposal: Any) -> Any:
        name, value = proposal.trait.name, proposal.value
        got = value.get("app", "jupyterhub") if name == "common_labels" else value
        wanted = "jupyterhub" if name == "common_labels" else "singleuser-server"
        if got != wanted:
            label = "app" if name == "common_labels" else "component"
            raise TraitError(
                f"KnadaSpawner.{name}: the label {label} is not {wanted!r} (got {got!r}); egress and network "
                f"policies select servers by it; remove it (for app, the chart's nameOverride). "
                f"[{Code.HUB_SETTING}]"
            )
        return value

    @property
    def registry(self) -> Registry:
        """The hub's one view of the team files; every spawner with the same files has the same."""
        return open_registry(
            self.teams_dir, self.platform_file or None, check_override=check_override, team=self.team or None
        )

    @property
    def snapshot(self) -> Snapshot:
        """The team files as they hold now."""
        return self.registry.snapshot

    def build_offer(self, snapshot: Snapshot) -> Offer:
        """Decide what the server's owner may choose; whoever else asks chooses from the owner's teams."""
        names = [group.name for group in self.user.groups]
        states = [other.state for other in getattr(self.user, "orm_spawners", {}).values()]
        return offer_now(self.user.name, names, states, snapshot, datetime.now(tz=UTC))

    async def get_options_form(self) -> str:
        """Give the start page: what may be chosen, or why there is nothing and whom to ask.

        All that is not the person's is of the request that draws it: see `page_request`.

        Source: `Spawner.get_options_form`, JupyterHub 5.3-6.1, which reads the trait `options_form`; where a
        form is refused, `SpawnHandler` asks the default server's spawner, whichever server the form is for.
        """
        request = current_page_request()
        if request.server is not None and request.server != self.name:
            return str(await self.user.spawners[request.server].get_options_form())
        if request.is_of(self.handler):
            self.handler = None  # JupyterHub leaves it here when the request has ended.
        if self.spawn_page is None:
            raise HTTPError(500, "KnadaSpawner.spawn_page is not set: call jupyterhub_knada.configure(c, …)")
        last = Choice.from_options(dict(self._memory.accepted or {}))
        hub, named = self._read_hub_layer(), request.pop_named()
        offer, others = self.build_offer(self.snapshot), self.list_stop_urls(request)
        return str(self.spawn_page(offer, last, hub=hub, named=named, others=others))

    def options_from_form(self, formdata: Mapping[str, Any]) -> dict[str, str]:
        """Read and check a submitted start page.

        Raises:
            StartRefusedError: before anything is stored or counted.

        Source: trait `Spawner.options_from_form`; a method here, so that no configuration gets around it.
        """
        return self._decide_from_page(decode_form(formdata))

    def options_from_query(self, query_data: Mapping[str, Any]) -> NoReturn:
        """Select on the page what a link names; a link never starts a server.

        With `configure()` nobody asks this: JupyterHub's page would log a traceback for each link.

        Raises:
            PageAskedError: always: the page is to be shown.

        Source: `Spawner.options_from_query`, JupyterHub 5.3-6.1.
        """
        current_page_request().select(decode_query(query_data))
        raise PageAskedError

    def _decide_from_page(self, options: Mapping[str, object]) -> dict[str, str]:
        """Check what a page sends; where the start is refused or fails, the page comes back with it selected.

        Raises:
            StartRefusedError: the choice or the plan is refused.
        """
        last = Choice.from_options(dict(self._memory.accepted or {}))
        current_page_request().select(keep_offered(options, self.build_offer(self.snapshot), last))
        choice, _ = self._decide_start(options)
        return choice.to_options()

    def apply_user_options(self, _: object, user_options: object) -> None:
        """Check the options of a start, on every path: form, REST, and those of an earlier start.

        Side effects: the options are stored as accepted, or the last accepted ones are put back.

        Raises:
            StartRefusedError: what was asked for cannot be started.

        Source: trait `Spawner.apply_user_options`, called with the spawner and the options by
        `Spawner._run_apply_user_options` (JupyterHub 5.3-6.1), which passes an HTTPError on; a method here,
        so that no configuration gets around it.
        """
        try:
            choice, plan = self._decide_start(user_options)
            if "start_timeout" in plan.override:
                # JupyterHub reads it right after `start()` has been called, before the plan's traits are set.
                self._set_trait("start_timeout", plan.override["start_timeout"])
        except StartRefusedError:
            self._store_options(self._memory.accepted or {})
            raise
        self._place(plan)
        self._memory = replace(self._memory, accepted=MappingProxyType(choice.to_options()))
        self._store_options(choice.to_options())

    def _store_options(self, options: Mapping[str, str]) -> None:
        """Put options where JupyterHub keeps them, which stores raw ones before a check; commit all rows."""
        self.user_options = dict(options)
        if self.orm_spawner is not None:
            self.orm_spawner.user_options = dict(options)
            self._commit_rows()

    def _decide(self, raw: object) -> tuple[Choice, ServerPlan]:
        """Check raw options and plan the server, from one state of the team files.

        A form may come while a server of this object starts, runs or stops: nothing is touched.

        Raises:
            StartRefusedError: the choice or the plan is refused.
        """
        snapshot = self.snapshot
        offer = self.build_offer(snapshot)
        last = Choice.from_options(dict(self._memory.accepted or {}))
        choice = parse_choice(raw, offer, last)
        if isinstance(choice, Refusal):
            raise self._refused(choice)
        chosen = resolve_choice(choice, offer, snapshot)
        plan = build_plan(chosen, self._user_facts(), self._read_hub_layer())
        if isinstance(plan, Refusal):
            raise self._refused(plan)
        return choice, plan

    def _decide_start(self, raw: object) -> tuple[Choice, ServerPlan]:
        """Decide as `_decide`, and whether the server may start beside those that are there.

        Raises:
            StartRefusedError: the choice or the plan is refused, or what else of the person or team goes on.
        """
        choice, plan = self._decide(raw)
        said = self.snapshot.platform.platform if self.snapshot.platform is not None else None
        if said is None or said.one_team_at_a_time:
            self._refuse_second_team(plan)
        self._refuse_crowded_team(plan, said.concurrent_starts_per_team if said is not None else None)
        return choice, plan

    def _read_hub_layer(self) -> HubSettings:
        return replace(super()._read_hub_layer(), only_team=self.team or None)

    def _user_facts(self) -> UserFacts:
        return UserFacts(
            name=self.user.name,
            server_name=self.name,
            label=safe_slug(self.user.name, is_valid=is_valid_label),  # type: ignore[no-untyped-call]
            older_claim_names=(*self._stock_claim_names, *older_claim_names(self)),
        )

    async def load_user_options(self) -> None:
        """Turn the options into a plan, give every trait its value, and find the home.

        Side effects: reads claims of the team's namespace.

        Raises:
            StartRefusedError: the choice, the plan or the home is refused.
            ClaimsUnreadableError: the cluster does not say which claims there are.

        Source: `KubeSpawner.load_user_options`, 7.1, called by `_start` before anything is made.
        """
        if not self._is_restored:
            self._restore_hub_layer()
        choice, plan = self._decide(self.user_options)
        hub = self._read_hub_layer()
        values = spawner_traits(plan, hub)
        for trait in newly_overruled(hub, values):
            self.log.info("The hub's %s is overruled by team files, here by team %s", trait, plan.team)
        self._set_traits(values)
        await self._find_home(plan)
        self._notices = choice.notices

    def _set_traits(self, values: Mapping[str, Any]) -> None:
        self._is_restored = False
        for trait, value in values.items():
            self._set_trait(trait, value)
        # KubeSpawner makes it from the namespace of the last start (`clear_state`).
        self.dns_name = self.dns_name_template.format(namespace=self.namespace, name=self.pod_name)

    def _set_trait(self, trait: str, value: Any) -> None:
        try:
            setattr(self, trait, value)
        except TraitError as error:
            self.log.warning("KubeSpawner rejected the plan's %s: %s", trait, error)
            message = f"KubeSpawner rejected what the profile says of {trait}."
            remedy = "Choose another profile. Report this to whoever keeps the team's file."
            refusal = Refusal(Code.BAD_OVERRIDE, message, remedy, status=409)
            raise self._refused(refusal) from None

    def get_env(self) -> dict[str, Any]:
        """Give the server's environment; the team's variables over all others, exactly as written.

        Source: `KubeSpawner.get_env`, 7.1, which runs `str.format` over `environment` and would end with a
        KeyError at a brace.

        Raises:
            StartRefusedError: with what KubeSpawner filled in, a server's name for one, they refer to others
                too often; `make_pod` would stop the hub over them.
        """
        env: dict[str, Any] = super().get_env()  # type: ignore[no-untyped-call]
        if self._plan is None:
            return env
        env |= self._plan.env
        if (refusal := refuse_environment(env)) is not None:
            raise self._refused(refusal)
        return env

    async def get_pod_manifest(self) -> Any:
        """Make the pod; the labels that the platform selects by are ours, whatever else names them.

        Source: `KubeSpawner.get_pod_manifest`, 7.1, which lays `common_labels` over the others.

        Raises:
            StartRefusedError: it is larger than everybody who follows the cluster's pods should be sent.
        """
        pod = await super().get_pod_manifest()
        if self._plan is not None:
            pod.metadata.labels.update(self._plan.labels)
            refusal = refuse_pod(self.api.api_client.sanitize_for_serialization(pod))
            if refusal is not None:
                raise self._refused(refusal)
        return pod

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Tell what of an earlier choice is gone, then what happens; see `TellingKubeSpawner.progress`."""
        for notice in self._notices:
            yield {"progress": 0, "message": notice}
        async for step in super().progress():
            yield step
