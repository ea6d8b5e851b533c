"""Wiring the package into a JupyterHub configuration: the one place where the rooms meet."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import TraitError
from traitlets.config.loader import LazyConfigValue
from traitlets.utils.importstring import import_item

from jupyterhub_knada.access.roles import CULLER_ROLE, CULLER_SERVICE, CUSTOM_SCOPES
from jupyterhub_knada.errors import Code, KnadaError
from jupyterhub_knada.web.forms import accept_forms_of_the_start_page

if TYPE_CHECKING:
    from traitlets.config import Config

_IDLE_CULLER_MAJOR = 2
"""The first jupyterhub-idle-culler with `cull_arbiter`."""

_CULL_EVERY = "KNADA_CULL_EVERY"
"""Environment of the hub that the culler gets, too: JupyterHub hands a service almost nothing of its own."""


class HubSettingError(KnadaError, TraitError):
    """Raised where `configure()` cannot work with what it is given; lists everything that is wrong.

    A TraitError, so that JupyterHub shows the sentences and stops, without a traceback.
    """

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"configure(): {fault} [{Code.HUB_SETTING}]" for fault in faults))


def configure(  # noqa: PLR0913 - each is a setting that an admin names
    c: Config,
    *,
    teams_dir: str | os.PathLike[str],
    platform_file: str | os.PathLike[str] | None = None,
    authenticator: str | type = "knada-azuread",
    team: str | None = None,
    culler: bool = True,
    shared_origin: bool = False,
) -> None:
    """Make a JupyterHub serve teams from their files.

    Sets the spawner and the authenticator, and adds the culler, its role and scope, and our pages to what is
    already in `c`, whose lists are kept. Called twice it does nothing more; the second call's arguments
    apply. Settings of the classes themselves (`c.KubeSpawner…`, `c.KnadaAzureADAuthenticator…`) are the
    admin's, before or after.

    Args:
        c: The configuration, as `get_config()` gives it in a JupyterHub configuration file.
        teams_dir: Folder of the team files, one YAML file a team. Relative: to the working folder of the hub.
        platform_file: What applies to all teams; None: there is no such file.
        authenticator: `knada-azuread`, `knada-oidc`, `knada-demo`, or any class made with
            `KnadaAuthenticator`, also by its import path.
        team: Serve this team only, by its slug: one hub per team from the same files. None: all teams.
        culler: Stop idle servers by each team's timeout; needs the extra `jupyterhub-knada[culler]`.
        shared_origin: That several teams share one origin in people's browsers is meant: no warning in the
            log where `c.JupyterHub.subdomain_host` is not set.

    Raises:
        HubSettingError: Something of this cannot work; all faults at once.
    """
    files = {
        "teams_dir": _absolute(teams_dir),
        "platform_file": _absolute(platform_file),
        "team": team or None,
    }
    faults = [
        *_check_files(files["teams_dir"], files["platform_file"], files["team"]),
        *_check_authenticator(authenticator),
        *(_check_culler() if culler else ()),
        *_check_hub(c),
    ]
    if faults:
        raise HubSettingError(faults)
    _set_classes(c, authenticator, files, shared_origin=shared_origin)
    c.JupyterHub.custom_scopes.update(CUSTOM_SCOPES)
    accept_forms_of_the_start_page()
    if culler:
        _add_culler(c)


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    # Not resolved: Kubernetes swaps the links on the way to a mounted ConfigMap.
    return os.path.abspath(path) if path else None  # noqa: PTH100 - Path.absolute() would keep `..`


def _check_files(teams_dir: str | None, platform_file: str | None, team: str | None) -> list[str]:
    faults = []
    if teams_dir is None or not Path(teams_dir).is_dir():
        faults.append(
            f"teams_dir: there is no such folder (got {teams_dir!r}); it contains one YAML file a team; "
            "create it, or name the one that is mounted."
        )
    elif team is not None and not _is_team(Path(teams_dir), team):
        faults.append(
            f"team: no file says what this team is (got {team!r}); a team is named by its file; "
            f"write {teams_dir}/{team}.yaml, or name another team."
        )
    if platform_file is not None and not Path(platform_file).is_file():
        faults.append(
            f"platform_file: there is no such file (got {platform_file!r}); it says what applies to all "
            "teams; create it, or leave the argument out."
        )
    return faults


def _is_team(teams_dir: Path, team: str) -> bool:
    return Path(team).name == team and any((teams_dir / (team + end)).is_file() for end in (".yaml", ".yml"))


def _check_authenticator(authenticator: str | type) -> list[str]:
    from jupyterhub_knada.access.mixin import KnadaAuthenticator  # noqa: PLC0415 - brings JupyterHub with it

    rule = "it has to be a class made with KnadaAuthenticator, which keeps people in their teams"
    try:
        found = _find_class("jupyterhub.authenticators", authenticator)
    except (ImportError, AttributeError, ValueError) as error:
        return [f"authenticator: cannot be loaded (got {authenticator!r}: {error}); {rule}."]
    if not (isinstance(found, type) and issubclass(found, KnadaAuthenticator)):
        remedy = "use 'knada-oidc', or write `class Mine(KnadaAuthenticator, YourAuthenticator)`."
        return [f"authenticator: is none of ours (got {authenticator!r}); {rule}; {remedy}"]
    return []


def _find_class(group: str, name: str | type) -> Any:
    """Load a class as JupyterHub does: by entry point, else by import path."""
    if not isinstance(name, str):
        return name
    for point in entry_points(group=group):
        if point.name.lower() == name.lower():
            return point.load()
    return import_item(name)


def _check_culler() -> list[str]:
    faults = []
    try:
        found = version("jupyterhub-idle-culler")
    except PackageNotFoundError:
        found = None
    if found is None or int(found.partition(".")[0]) < _IDLE_CULLER_MAJOR:
        faults.append(
            f"culler: needs jupyterhub-idle-culler 2 or newer (got {found or 'none'}); "
            "install 'jupyterhub-knada[culler]', or say culler=False."
        )
    every = os.environ.get(_CULL_EVERY, "1")
    if not (every.isascii() and every.isdigit() and int(every) > 0):
        faults.append(
            f"{_CULL_EVERY}: not a number of seconds (got {every!r}); the culler checks that often; "
            "write a whole number above 0, or leave it out."
        )
    return faults


def _check_hub(c: Config) -> list[str]:
    if "load_groups" not in c.JupyterHub:
        return []
    rule = "groups follow the team files and nothing else"
    return [f"JupyterHub.load_groups: is set; {rule}; remove it, and list people in team files."]


def _set_classes(
    c: Config, authenticator: str | type, files: dict[str, str | None], *, shared_origin: bool
) -> None:
    from jupyterhub_knada.servers.overrides import check_override  # noqa: PLC0415 - see `_check_authenticator`
    from jupyterhub_knada.servers.subdomains import team_subdomain  # noqa: PLC0415
    from jupyterhub_knada.web.routes import HUB_HANDLERS  # noqa: PLC0415
    from jupyterhub_knada.web.spawn_page import render_spawn_page  # noqa: PLC0415

    c.JupyterHub.authenticator_class = authenticator
    c.JupyterHub.spawner_class = _spawner_class(c)
    if "subdomain_hook" not in c.JupyterHub:
        c.JupyterHub.subdomain_hook = team_subdomain
    for name, value in files.items():
        setattr(c.KnadaAuthenticator, name, value)
        setattr(c.KnadaSpawner, name, value)
    c.KnadaAuthenticator.check_override = check_override
    c.KnadaAuthenticator.shared_origin = shared_origin
    c.KnadaAuthenticator.hub_handlers = list(HUB_HANDLERS)
    c.KnadaSpawner.spawn_page = render_spawn_page


def _spawner_class(c: Config) -> Any:
    """Give the spawner to set: the one that is set already if it is made with ours."""
    from jupyterhub_knada.servers.spawner import KnadaSpawner  # noqa: PLC0415 - brings KubeSpawner with it

    if "spawner_class" in c.JupyterHub:
        current = _find_class("jupyterhub.spawners", c.JupyterHub.spawner_class)
        if isinstance(current, type) and issubclass(current, KnadaSpawner):
            return current
    return KnadaSpawner


def _add_culler(c: Config) -> None:
    service = {
        "name": CULLER_SERVICE,
        "command": [sys.executable, "-m", "jupyterhub_knada.culling"],
        "environment": {_CULL_EVERY: os.environ[_CULL_EVERY]} if _CULL_EVERY in os.environ else {},
    }
    # An entry of the same name is the admin's, or of an earlier call: it stays as it is.
    for target, entry in (
        (c.JupyterHub.services, service),
        (c.JupyterHub.load_roles, CULLER_ROLE.to_load_role()),
    ):
        if not any(known.get("name") == CULLER_SERVICE for known in _listed(target)):
            target.append(entry)


def _listed(setting: Any) -> list[Any]:
    """Give what a list setting holds so far: it is a list where it was assigned, else waits to become one."""
    if not isinstance(setting, LazyConfigValue):
        return list(setting)
    waiting = setting.to_dict()
    inserted = [entry for _, entry in waiting.get("inserts", ())]
    return [*waiting.get("prepend", ()), *inserted, *waiting.get("extend", ())]
