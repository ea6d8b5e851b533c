"""The hub's host and its servers': which handlers stay there, and which settings are warned of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jupyterhub_knada import configure
from jupyterhub_knada.access.authenticators import (
    KnadaAuthenticator,
    KnadaAzureADAuthenticator,
    KnadaDemoAuthenticator,
    KnadaOIDCAuthenticator,
)
from jupyterhub_knada.access.hub_host import AtHubHost

if TYPE_CHECKING:
    from pathlib import Path

HOST = "https://jupyter.example.org"


class Mine(KnadaAuthenticator):
    """An admin's own authenticator, made with the mixin; nobody signs in here."""


@pytest.mark.parametrize(
    "authenticator", [KnadaAzureADAuthenticator, KnadaOIDCAuthenticator, KnadaDemoAuthenticator]
)
def test_every_handler_of_a_sign_in_is_kept_at_the_hub_host(authenticator: type[KnadaAuthenticator]) -> None:
    """Login, callback and whatever else the base class has; the hub's login also where that has none."""
    handlers = authenticator(config=Config()).get_handlers(None)
    assert "/login" in [pattern for pattern, *_ in handlers]
    assert [pattern for pattern, handler, *_ in handlers if not issubclass(handler, AtHubHost)] == []


def test_handlers_are_asked_for_without_a_hub_that_starts(tmp_path: Path) -> None:
    """Asking twice gives the same, and begins nothing: there is no event loop that anything could run in."""
    (tmp_path / "teams").mkdir()
    c = Config()
    configure(c, teams_dir=tmp_path / "teams", authenticator=Mine, culler=False)
    hub = JupyterHub(config=c)
    authenticator = Mine(config=c, parent=hub)  # type: ignore[no-untyped-call]
    handlers = authenticator.get_handlers(hub)
    assert authenticator.find_faults() == []
    assert authenticator.get_handlers(hub) == handlers


async def start_log(
    folder: Path, caplog: pytest.LogCaptureFixture, settings: dict[str, Any], teams: int = 2, **arguments: Any
) -> str:
    """Go the way of a hub's start as far as its authenticator, in a loop as there; give what it logs."""
    (folder / "teams").mkdir()
    for number in range(teams):
        text = f"namespace: team-{number}\nusers: [e152435]\n"
        (folder / "teams" / f"team{number}.yaml").write_text(text, "utf-8")
    c = Config()
    configure(c, teams_dir=folder / "teams", authenticator=Mine, culler=False, **arguments)
    # After the call, as in the Helm values and many a configuration file.
    for name, value in settings.items():
        setattr(c.JupyterHub, name, value)
    caplog.clear()
    hub = JupyterHub(config=c)
    hub.log = logging.getLogger("hub of a test")
    Mine(config=c, parent=hub).check_allow_config()  # type: ignore[no-untyped-call]
    return caplog.text


async def test_several_teams_without_subdomain_host_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of each start says what it means and what to do; the hub goes on."""
    log = await start_log(tmp_path, caplog, {})
    assert "2 teams share one origin with the hub" in log
    assert "set JupyterHub.subdomain_host, or say configure(shared_origin=True)" in log


async def test_subdomain_hook_of_jupyterhub_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One host for each person is not yet one for each person and team."""
    log = await start_log(tmp_path, caplog, {"subdomain_host": HOST, "subdomain_hook": "idna"})
    assert "2 teams share one origin for each person" in log


@pytest.mark.parametrize(
    ("settings", "teams", "arguments"),
    [
        pytest.param({"subdomain_host": HOST}, 2, {}, id="subdomain_host"),
        pytest.param({}, 2, {"shared_origin": True}, id="it is meant"),
        pytest.param({}, 1, {}, id="one team"),
        pytest.param({}, 2, {"team": "team0"}, id="a hub for one team"),
        pytest.param(
            {"subdomain_host": HOST, "subdomain_hook": lambda name, domain, kind: f"{name}-{kind}.{domain}"},
            2,
            {},
            id="a hook of the admin's own",
        ),
    ],
)
async def test_origins_that_are_apart_or_meant_are_not_warned_of(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    teams: int,
    arguments: dict[str, Any],
) -> None:
    """Nothing is logged where teams share nothing, or an admin has said that they may."""
    assert "origin" not in await start_log(tmp_path, caplog, settings, teams, **arguments)


async def test_host_prefix_of_cookies_without_subdomain_host_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such cookies have the path `/`: on one host, the hub's session would go to every server."""
    told = r"^JupyterHub\.cookie_host_prefix_enabled: is True without .* \[KNADA-H001\]$"
    with pytest.raises(SystemExit, match=told):
        await start_log(tmp_path, caplog, {"cookie_host_prefix_enabled": True})
