"""The production configuration in a real hub, with a provider that signs real tokens."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from tests.support.group_names import without_moment
from tests.support.kubeconfigs import NO_CLUSTER
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, Issuer, serving_issuer
from tests.support.real_hub import ROOT, Browser, RealHub, running_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# The file as it is, then what a test needs instead of a public address and a proxy.
CONFIG = f"""
test_settings = (c.JupyterHub.bind_url, c.JupyterHub.hub_bind_url)
load_subconfig({str(ROOT / "jupyterhub_config.py")!r})
c.JupyterHub.bind_url, c.JupyterHub.hub_bind_url = test_settings
c.KnadaOIDCAuthenticator.oauth_callback_url = c.JupyterHub.hub_bind_url + "/hub/oauth_callback"
c.KubeSpawner.namespace = "hub"
c.Authenticator.auth_refresh_age = 1
"""

SIGN_IN = "Sign in with OpenID Connect"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    """A provider."""
    async with serving_issuer() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> AsyncIterator[RealHub]:
    """A hub started from jupyterhub_config.py, with one team."""
    folder = tmp_path_factory.mktemp("hub")
    (folder / "teams").mkdir()
    (folder / "kubeconfig").write_text(NO_CLUSTER)
    environment = {
        "KNADA_TEAMS_DIR": str(folder / "teams"),
        "KNADA_AUTHENTICATOR": "knada-oidc",
        "KNADA_DB_URL": "sqlite://",
        "OIDC_ISSUER": issuer.url,
        "OAUTH_CLIENT_ID": CLIENT_ID,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "KUBECONFIG": str(folder / "kubeconfig"),
    }
    _write_team(folder, "e152435")
    async with running_hub(folder, CONFIG, environment=environment) as hub:
        yield hub


def _write_team(folder: Path, *users: str) -> None:
    (folder / "teams" / "kyrre.yaml").write_text(
        f"namespace: kyrre\nusers: [{', '.join(users)}]\ngroups: [analysts]\ndisplayName: Team <Kyrre>\n"
    )


@pytest_asyncio.fixture(loop_scope="module")
async def browser(hub: RealHub) -> AsyncIterator[Browser]:
    """Somebody who has not signed in yet."""
    async with hub.browser() as browser:
        yield browser


async def test_member_signs_in_at_the_provider_and_sees_the_team(
    hub: RealHub, issuer: Issuer, browser: Browser
) -> None:
    """The whole way: to the provider and back, into the team's group, to the start page with its name."""
    issuer.claims = {"sub": "1", "preferred_username": "E152435"}
    status, page = await browser.open("/hub/oauth_login?next=%2Fhub%2Fspawn")
    assert status == 200
    assert "Team &lt;Kyrre&gt;" in page
    assert "<Kyrre>" not in page
    assert "e152435" in (await hub.api("/groups/kyrre"))[1]["users"]
    assert CLIENT_SECRET not in hub.log
    assert "Traceback" not in hub.log


async def test_person_in_no_team_is_told_why_and_stays_out(
    hub: RealHub, issuer: Issuer, browser: Browser
) -> None:
    """The page says who one is, why one is refused and whom to ask; no user is made, no session is given."""
    issuer.claims = {"sub": "2", "preferred_username": "<b>ola", "groups": ["others"]}
    status, page = await browser.open("/hub/oauth_login")
    assert status == 403
    assert "You are &lt;b&gt;ola, but no team here lists you." in page
    assert "<b>ola" not in page
    assert "Access denied: <b>ola" in hub.log
    assert "<b>ola" not in {user["name"] for user in (await hub.api("/users"))[1]}
    assert SIGN_IN in (await browser.open("/hub/spawn"))[1]


async def test_person_who_leaves_every_team_is_out_at_the_next_refresh(
    hub: RealHub, issuer: Issuer, browser: Browser
) -> None:
    """A session ends when its owner is in no team any more; signing in again tells why."""
    folder = hub.log_file.parent
    _write_team(folder, "e152435", "kari")
    issuer.claims = {"sub": "3", "preferred_username": "kari", "groups": []}

    async def is_let_in() -> bool:
        return (await browser.open("/hub/oauth_login"))[0] == 200

    await eventually(is_let_in)
    assert without_moment((await hub.api("/users/kari"))[1]["groups"]) == ["kyrre"]
    _write_team(folder, "e152435")

    async def is_asked_to_sign_in() -> bool:
        return SIGN_IN in (await browser.open("/hub/home"))[1]

    await eventually(is_asked_to_sign_in)
    assert without_moment((await hub.api("/users/kari"))[1]["groups"]) == []
    status, page = await browser.open("/hub/oauth_login")
    assert status == 403
    assert "You are kari, but no team here lists you." in page
    assert "Traceback" not in hub.log


async def test_form_with_hundreds_of_fields_is_read(hub: RealHub, browser: Browser) -> None:
    """A page with many profiles sends a field for each option of each: more than Tornado takes by itself.

    Without the token of JupyterHub's forms: what is read is refused for that, and nothing else happens.
    """
    form = aiohttp.FormData(default_to_multipart=True)
    for number in range(300):
        form.add_field(f"profile:team-{number}", "standard")
    async with browser.session.post(f"{hub.url}/hub/spawn", data=form) as answer:
        assert (answer.status, "_xsrf" in await answer.text()) == (403, True)


async def test_provider_that_is_away_gives_a_page_with_a_sentence(issuer: Issuer, browser: Browser) -> None:
    """Somebody who comes back while the provider is down reads that, and can try again."""
    issuer.claims = {"sub": "1", "preferred_username": "e152435"}
    issuer.failing = "/token"
    status, page = await browser.open("/hub/oauth_login")
    issuer.failing = ""
    assert status == 503
    assert "cannot be asked now who you are" in page
    assert (await browser.open("/hub/oauth_login"))[0] == 200


async def test_user_name_with_a_slash_is_refused_with_a_reason(issuer: Issuer, browser: Browser) -> None:
    """A name that would change the address of a page is no user name."""
    issuer.claims = {"sub": "4", "preferred_username": "../e152435"}
    status, page = await browser.open("/hub/oauth_login")
    assert status == 403
    assert "Your user name cannot be used here: it has a slash." in page


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        pytest.param({}, "teams_dir: there is no such folder (got None)", id="nothing set"),
        pytest.param(
            {"KNADA_TEAMS_DIR": "/nowhere", "KNADA_TEAM": "kyrre", "KNADA_AUTHENTICATOR": "dummy"},
            "authenticator: is none of ours (got 'dummy')",
            id="several things wrong",
        ),
        pytest.param({"KNADA_CULL_EVERY": "5m"}, "KNADA_CULL_EVERY: not a number of seconds", id="a unit"),
    ],
)
async def test_wrong_settings_end_the_start_with_sentences(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    """A hub that cannot work says all that is wrong and ends with 1, without a traceback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jupyterhub",
        "-f",
        str(ROOT / "jupyterhub_config.py"),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await process.communicate()
    assert process.returncode == 1
    assert told in output.decode()
    assert "teams_dir: there is no such folder" in output.decode()
    assert "Traceback" not in output.decode()
