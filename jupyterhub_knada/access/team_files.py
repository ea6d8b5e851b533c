"""What an authenticator of this package is told, and what it begins when the hub starts."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyterhub.auth import Authenticator
from tornado.web import RequestHandler
from traitlets import Bool, Callable, List, Tuple, Type, Unicode, default

from jupyterhub_knada.access.hub_host import at_hub_host, describe_shared_origin, find_host_faults
from jupyterhub_knada.access.running_servers import report_running_servers
from jupyterhub_knada.access.sweeping import Sweep
from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.registry import Registry, open_registry

if TYPE_CHECKING:
    from jupyterhub_knada.teams.snapshots import Snapshot


class TeamFilesAuthenticator(Authenticator):
    """Knows the team files and the hub; who somebody is and who comes in, subclasses say."""

    teams_dir = Unicode(
        config=True,
        help="""
        Folder of the team files, one YAML file a team.

        A path; no default: without it nobody can sign in. Read at the start of the hub; the files in it are
        followed while the hub runs. `configure()` sets it here and for the spawner.
        Whoever can write there decides who may sign in.
        Example: `c.KnadaAuthenticator.teams_dir = "/etc/knada/teams"`.

        .. versionadded:: 0.1
        """,
    )
    platform_file = Unicode(
        None,
        allow_none=True,
        config=True,
        help="""
        The platform file: what applies to all teams.

        A path; None (the default): there is none, and nothing is defaulted or bounded by it.
        Read at the start of the hub; its content is followed while the hub runs.
        Example: `c.KnadaAuthenticator.platform_file = "/etc/knada/platform/platform.yaml"`.

        .. versionadded:: 0.1
        """,
    )
    team = Unicode(
        None,
        allow_none=True,
        config=True,
        help="""
        Let in the members of this team only: one hub per team from the same files.

        A team's slug; None (the default): all teams. Read at the start of the hub.
        Example: `c.KnadaAuthenticator.team = "kyrre"`.

        .. versionadded:: 0.1
        """,
    )
    check_override = Callable(
        None,
        allow_none=True,
        config=True,
        help="""
        What checks `kubespawnerOverride` when team files are loaded.

        A callable (`teams.loading.OverrideChecker`); None (the default): whatever the spawner hands in.
        `configure()` sets it, so that the first load of the files is a checked one. Read at the start.
        Example: not meant to be set by hand.

        .. versionadded:: 0.1
        """,
    )
    hub_handlers = List(
        Tuple(Unicode(), Type(klass=RequestHandler)),
        config=True,
        help="""
        What the hub answers with pages and endpoints of this package, before it asks its own.

        A list of (pattern of the path below `/hub`, handler class); the default is empty, as this class knows
        no pages. `configure()` sets it. Read at the start of the hub. What keeps links from starting servers
        is in it: without it the hub's own pages answer.
        Example: not meant to be set by hand.

        .. versionadded:: 0.1
        """,
    )

    shared_origin = Bool(
        default_value=False,
        config=True,
        help="""
        Whether several teams are meant to share an origin in people's browsers.

        A boolean. The default is False: where several teams are served without `JupyterHub.subdomain_host`,
        the hub logs a warning at each start, and goes on. True: it logs none. Read at the start of the hub.
        It changes nothing else: with one origin, a page of one team's server can act for its visitor at the
        hub and in the visitor's other teams.
        Example: `c.KnadaAuthenticator.shared_origin = True`.

        .. versionadded:: 0.1
        """,
    )

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return True

    @default("allow_existing_users")
    def _default_allow_existing_users(self) -> bool:
        return False

    @default("any_allow_config")
    def _default_any_allow_config(self) -> bool:
        # JupyterHub warns that nobody can sign in where no allow_* is set; here the team files say who can.
        return True

    _sweep: Sweep | None = None

    def now(self) -> datetime:
        """Give the moment that claims are as old as, UTC."""
        return datetime.now(tz=UTC)

    def find_faults(self) -> list[str]:
        """Give what is wrong with the settings, as `setting: what; rule; remedy`; override to add to it."""
        faults = []
        if not self.teams_dir:
            faults.append("teams_dir: is not set; it says where the team files are; call configure()")
        faults += [
            f"{name}: is True; the team files decide who may sign in; remove it, and list people there"
            for name in ("allow_all", "allow_existing_users")
            if getattr(self, name)
        ]
        if not self.manage_groups:
            faults.append("manage_groups: is False; groups say who is in which team; remove it")
        if not set(self.hub_handlers) <= {tuple(entry[:2]) for entry in self.get_handlers(self.parent)}:
            faults.append("get_handlers: leaves out those of this package; call super().get_handlers(app)")
        return faults

    def get_handlers(self, app: Any) -> list[tuple[Any, ...]]:
        """Put `hub_handlers` before those of the base class, which then sign in at the hub's own host only.

        Source: JupyterHub 5.3-6.1 app.py `init_handlers`: an authenticator's handlers come before the hub's
        own, `extra_handlers` after them; the first whose pattern matches answers.
        """
        return [*self.hub_handlers, *at_hub_host(super().get_handlers(app))]  # type: ignore[no-untyped-call]

    def check_allow_config(self) -> None:
        """End the start of a hub whose settings cannot work and say why; else load and follow the team files.

        Side effects: from then on changes of the files are logged with what runs on, and people who leave
        are swept out; both on the event loop that this is called in.

        Raises:
            SystemExit: As JupyterHub itself ends such a start; an exception would add a page of traceback.

        Source: JupyterHub 5.3-6.1 app.py: called once by `init_users`, in the hub's event loop; that of
        `jupyterhub token` ends right after it.
        """
        # Before anything that may read the files: what the first reading says is said once.
        self._log_with_the_hub()
        super().check_allow_config()  # type: ignore[no-untyped-call]
        own = [f"{type(self).__name__}.{fault}" for fault in self.find_faults()]
        if faults := [*own, *find_host_faults(self.parent)]:
            sys.exit("\n".join(f"{fault}. [{Code.HUB_SETTING}]" for fault in faults))
        if self.allowed_users - self.admin_users:
            self.log.warning(
                "%s.allowed_users lets nobody in and keeps nobody out: the team files decide",
                type(self).__name__,
            )
        # Read now, when nobody waits for it; problems are in the log before the first sign-in.
        snapshot = self.registry.snapshot
        teams = 1 if self.team else len(snapshot.teams) + len(snapshot.closed)
        if not self.shared_origin and (shared := describe_shared_origin(self.parent, teams)):
            self.log.warning("%s", shared)
        if self.parent is not None:
            report_running_servers(self.registry, self.parent, self.log)
            self._sweep = Sweep(self.parent, self.registry, self.now, self.team or None)
            self._sweep.start()

    def _log_with_the_hub(self) -> None:
        """Send this package's lines to the hub's log, as JupyterHub does with tornado's (`init_logging`)."""
        if self.parent is not None:
            package_log = logging.getLogger("jupyterhub_knada")
            package_log.parent = self.log
            # The method, which forgets what was found to be too low a level before.
            package_log.setLevel(self.log.level)

    @property
    def registry(self) -> Registry:
        """The process's one registry of these team files."""
        return open_registry(
            self.teams_dir,
            self.platform_file or None,
            check_override=self.check_override,
            team=self.team or None,
        )

    @property
    def snapshot(self) -> Snapshot:
        """The team files as they hold now."""
        return self.registry.snapshot
