"""Sign-in against a provider with real HTTP and signed id tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from traitlets.config import Config

from jupyterhub_knada import KnadaAzureADAuthenticator, KnadaOIDCAuthenticator
from jupyterhub_knada.access.refusals import RefusedSignInError
from jupyterhub_knada.teams.registry import close_registries
from tests.support.group_names import without_moment
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, Issuer, serving_issuer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

CALLBACK = "http://127.0.0.1:1/hub/oauth_callback"
VERIFIER = "a-verifier-that-is-long-enough-for-pkce-000"


@dataclass
class Callback:
    """The request with which a browser comes back from the provider."""

    code: str

    def get_argument(self, name: str) -> str:
        """Give the code."""
        return {"code": self.code}[name]

    def get_state_cookie(self) -> str:
        """Give what the hub remembered when it sent the browser away."""
        return base64.urlsafe_b64encode(json.dumps({"code_verifier": VERIFIER}).encode()).decode()

    def find_user(self, name: str) -> None:
        """Know nobody."""


@dataclass
class Person:
    """A user of the hub with what was stored at sign-in."""

    name: str
    auth_state: Any
    groups: tuple[Any, ...] = ()
    admin: bool = False

    async def get_auth_state(self) -> Any:
        """Give it."""
        return self.auth_state

    def sync_groups(self, names: Any) -> None:
        """Remember the groups."""
        self.groups = tuple(names)


@pytest.fixture
def teams(tmp_path: Path) -> Iterator[Path]:
    """A team with a member and a group."""
    (tmp_path / "kyrre.yaml").write_text("namespace: kyrre\nusers: [e152435]\ngroups: [analysts]\n")
    yield tmp_path
    close_registries()


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """A provider where a member of a team by group is signed in."""
    async with serving_issuer() as issuer:
        issuer.claims = {"sub": "1", "preferred_username": "OLA", "groups": ["analysts"]}
        yield issuer


@pytest.fixture
def build(teams: Path, issuer: Issuer) -> Callable[..., KnadaOIDCAuthenticator]:
    """Build an authenticator for the provider, with other settings on top."""

    def build(**settings: Any) -> KnadaOIDCAuthenticator:
        told = {
            "issuer": issuer.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "oauth_callback_url": CALLBACK,
            "teams_dir": str(teams),
            **settings,
        }
        return KnadaOIDCAuthenticator(config=Config({"KnadaOIDCAuthenticator": told}))

    return build


async def ask_for_code(issuer: Issuer) -> str:
    """Go to the provider as a browser; give the code that it sends back."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "s",
        "code_challenge": challenge,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{issuer.url}/authorize", params=query, allow_redirects=False) as answer,
    ):
        return str(answer.headers["Location"]).split("code=")[1].split("&")[0]


async def sign_in(authenticator: Any, issuer: Issuer) -> dict[str, Any]:
    """Sign in as the hub does when the browser comes back."""
    model = await authenticator.get_authenticated_user(Callback(await ask_for_code(issuer)), None)
    assert isinstance(model, dict)
    return model


async def refresh(authenticator: Any, person: Any) -> Any:
    """Refresh somebody as the hub does."""
    return await authenticator.refresh_user(person)


async def refused(authenticator: Any, issuer: Issuer) -> RefusedSignInError:
    """Try to sign in; give the refusal."""
    with pytest.raises(RefusedSignInError) as caught:
        await sign_in(authenticator, issuer)
    return caught.value


async def test_sign_in_with_a_signed_id_token_places_the_person(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """By its issuer alone the provider is found, its token verified, and the person put in their team."""
    model = await sign_in(build(), issuer)
    assert (model["name"], without_moment(model["groups"])) == ("ola", ["claim:analysts", "kyrre"])
    assert "/keys" in issuer.requests


async def test_second_sign_in_asks_neither_metadata_nor_keys_again(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """What the provider says of itself is kept."""
    authenticator = build()
    await sign_in(authenticator, issuer)
    issuer.requests.clear()
    await sign_in(authenticator, issuer)
    assert issuer.requests == ["/authorize", "/token", "/userinfo"]


async def test_sign_in_after_the_provider_changed_its_key_works(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """A key that is not known yet is looked up."""
    authenticator = build()
    await sign_in(authenticator, issuer)
    authenticator._keys.clear()
    assert (await sign_in(authenticator, issuer))["name"] == "ola"


@pytest.mark.parametrize(
    ("claims", "wrong"),
    [
        pytest.param({"iss": "https://other.example.org"}, "InvalidIssuerError", id="another issuer"),
        pytest.param({"aud": "another-client"}, "InvalidAudienceError", id="for another client"),
        pytest.param({"exp": int(time.time()) - 3600}, "ExpiredSignatureError", id="expired"),
        pytest.param({"exp": None}, "MissingRequiredClaimError", id="without an expiry"),
        pytest.param({"sub": None}, "MissingRequiredClaimError", id="of nobody"),
        pytest.param({"azp": "another-client"}, "for another client", id="handed on by another client"),
        pytest.param({"sub": "2"}, "somebody else", id="of somebody else than the user info"),
    ],
)
async def test_id_token_that_is_not_for_this_hub_is_refused(
    build: Callable[..., KnadaOIDCAuthenticator],
    issuer: Issuer,
    claims: dict[str, Any],
    wrong: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A token that is properly signed but not for this sign-in lets nobody in, and the log says why."""
    issuer.id_token_claims = claims
    error = await refused(build(), issuer)
    assert error.status_code == 403
    assert error.jupyterhub_message.startswith("OpenID Connect did not confirm who you are.")
    assert wrong in caplog.text


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param(rsa.generate_private_key(65537, 2048), "RS256", id="a forger's key"),
        pytest.param("a-shared-secret-that-is-32-bytes-long", "HS256", id="a shared secret"),
        pytest.param(None, "none", id="no signature"),
    ],
)
async def test_forged_id_token_is_refused(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer, key: Any, algorithm: str
) -> None:
    """A token that the provider's published key did not sign lets nobody in."""
    issuer.signing_key, issuer.algorithm = key, algorithm
    assert (await refused(build(), issuer)).status_code == 403


@pytest.mark.parametrize(
    ("failing", "metadata", "status"),
    [
        pytest.param("openid-configuration", {}, 503, id="no metadata"),
        pytest.param("", {"issuer": "https://other.example.org"}, 503, id="metadata of another issuer"),
        pytest.param("", {"token_endpoint": None}, 503, id="metadata without a token endpoint"),
        pytest.param("/token", {}, 503, id="no token endpoint"),
        pytest.param("/keys", {}, 503, id="no keys"),
        pytest.param("/userinfo", {}, 503, id="no user info"),
    ],
)
async def test_provider_that_fails_is_told_from_a_refusal(
    build: Callable[..., KnadaOIDCAuthenticator],
    issuer: Issuer,
    failing: str,
    metadata: dict[str, Any],
    status: int,
) -> None:
    """Each request that fails gives a page with a sentence, none a traceback."""
    issuer.failing, issuer.metadata = failing, metadata
    error = await refused(build(), issuer)
    assert error.status_code == status
    assert "KNADA-A004" in error.jupyterhub_message


async def test_code_used_twice_is_refused(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """Somebody who reloads the page on which they came back is asked to sign in again."""
    authenticator, code = build(), await ask_for_code(issuer)
    await authenticator.get_authenticated_user(Callback(code), None)  # type: ignore[no-untyped-call]
    with pytest.raises(RefusedSignInError) as caught:
        await authenticator.get_authenticated_user(Callback(code), None)  # type: ignore[no-untyped-call]
    assert caught.value.status_code == 403


async def test_sign_in_without_a_user_name_names_the_claim(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """The page names the claim that is missing; the log lists the claims' names, no values."""
    issuer.claims = {"sub": "1", "name": "Ola Nordmann", "groups": ["analysts"]}
    error = await refused(build(), issuer)
    assert "the claim 'preferred_username' is missing" in error.jupyterhub_message
    assert "The claims are: aud, exp, groups, iat, iss, name, sub" in caplog.text
    assert "Nordmann" not in caplog.text


async def test_sign_in_never_logs_a_token_or_a_claim(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """At no level does the log have the secret, a token, or what a claim says."""
    caplog.set_level("DEBUG")
    issuer.claims["mail"] = "ola.nordmann@example.org"
    await sign_in(build(), issuer)
    for secret in (CLIENT_SECRET, "ola.nordmann", "eyJ", *issuer.access_tokens):
        assert secret not in caplog.text


async def test_refresh_reads_the_groups_of_now(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """With `auth_state`, somebody who left the group at the provider loses the team at the refresh."""
    authenticator = build(enable_auth_state=True)
    person = Person("ola", (await sign_in(authenticator, issuer))["auth_state"])
    refreshed = await refresh(authenticator, person)
    assert isinstance(refreshed, dict)
    assert without_moment(refreshed["groups"]) == ["claim:analysts", "kyrre"]
    issuer.claims["groups"] = []
    assert await refresh(authenticator, person) is False
    assert without_moment(person.groups) == []


async def test_refresh_while_the_provider_is_away_changes_nothing(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of the provider throws nobody out, and the log tells of it."""
    authenticator = build(enable_auth_state=True)
    person = Person("e152435", (await sign_in(authenticator, issuer))["auth_state"])
    issuer.failing = "/userinfo"
    assert await refresh(authenticator, person) == {"groups": ["kyrre"]}
    assert "no answer for e152435" in caplog.text


async def test_refresh_with_a_revoked_token_asks_for_a_sign_in(
    build: Callable[..., KnadaOIDCAuthenticator], issuer: Issuer
) -> None:
    """A token that the provider no longer takes, and none to renew it, ends the session."""
    authenticator = build(enable_auth_state=True)
    person = Person("ola", (await sign_in(authenticator, issuer))["auth_state"])
    issuer.access_tokens.clear()
    assert await refresh(authenticator, person) is False


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        pytest.param({}, ["client_id: is not set", "issuer: is not set"], id="nothing"),
        pytest.param(
            {"client_id": "x", "issuer": "http://login.example.org"},
            ["issuer: is not an https URL (got 'http://login.example.org')"],
            id="an issuer that anybody could answer for",
        ),
        pytest.param({"client_id": "x", "issuer": "https://login.example.org"}, [], id="an issuer"),
        pytest.param({"client_id": "x", "issuer": "http://127.0.0.1:8080"}, [], id="one on this machine"),
        pytest.param(
            {
                "client_id": "x",
                "authorize_url": "https://a.example.org",
                "token_url": "https://t.example.org",
            },
            [],
            id="addresses instead of an issuer",
        ),
    ],
)
def test_settings_of_a_provider_are_checked_at_the_start(
    teams: Path, settings: dict[str, str], faults: list[str]
) -> None:
    """What people would meet at the first sign-in, the admin reads at the start of the hub."""
    authenticator = KnadaOIDCAuthenticator(teams_dir=str(teams), **settings)
    found = authenticator.find_faults()
    assert len(found) == len(faults)
    assert all(fault in text for fault, text in zip(faults, found, strict=True))


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        pytest.param({"onPremisesSamAccountName": "E152435"}, ["kyrre"], id="by list"),
        pytest.param(
            {"onPremisesSamAccountName": "ola", "groups": ["analysts"]},
            ["claim:analysts", "kyrre"],
            id="by group",
        ),
        pytest.param(
            {"onPremisesSamAccountName": "e152435", "_claim_names": {"groups": "src1"}},
            ["kyrre"],
            id="in too many groups for the token, but listed",
        ),
    ],
)
async def test_entra_sign_in_places_the_person(
    teams: Path, issuer: Issuer, claims: dict[str, Any], groups: list[str]
) -> None:
    """The ident comes from the directory's account name, the groups from the id token."""
    issuer.claims = {"sub": "1", "name": "Ola Nordmann", **claims}
    groups_given = (await sign_in(_entra(teams, issuer), issuer))["groups"]
    assert [name for name in groups_given if not name.startswith("claim-said:")] == groups


async def test_entra_sign_in_with_too_many_groups_says_what_to_do(
    teams: Path, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody whose groups did not fit into the token is told so; the log says how to mend it."""
    issuer.claims = {"sub": "1", "onPremisesSamAccountName": "ola", "_claim_names": {"groups": "src1"}}
    error = await refused(_entra(teams, issuer), issuer)
    assert "KNADA-A002" in error.jupyterhub_message
    assert "let the application's token carry only groups that are assigned" in caplog.text


async def test_entra_sign_in_by_display_name_is_refused(teams: Path, issuer: Issuer) -> None:
    """The claim `name`, OAuthenticator's default, is never the user name: two people may share it."""
    issuer.claims = {"sub": "1", "name": "e152435", "preferred_username": "e152435"}
    error = await refused(_entra(teams, issuer), issuer)
    assert "the claim 'onPremisesSamAccountName' is missing" in error.jupyterhub_message
    assert "KNADA-A003" in error.jupyterhub_message


def _entra(teams: Path, issuer: Issuer) -> KnadaAzureADAuthenticator:
    told = {
        "authorize_url": f"{issuer.url}/authorize",
        "token_url": f"{issuer.url}/token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "oauth_callback_url": CALLBACK,
        "teams_dir": str(teams),
    }
    return KnadaAzureADAuthenticator(config=Config({"KnadaAzureADAuthenticator": told}))  # type: ignore[no-untyped-call]
