"""Who may come in and which JupyterHub groups follow, with any JupyterHub Authenticator under the mixin."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jupyterhub.auth import Authenticator
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from tornado.web import HTTPError
from traitlets.config import Config, Configurable

from jupyterhub_knada import KnadaAuthenticator, KnadaAzureADAuthenticator, KnadaDemoAuthenticator
from jupyterhub_knada.access.refusals import RefusedSignInError
from jupyterhub_knada.teams.registry import close_registries
from tests.support.group_names import without_moment
from tests.support.provider_names import PROVIDER_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


NOW = datetime(2026, 12, 1, 8, 20, tzinfo=UTC)
SAID = "claim-said:2026-12-01T08:00Z"
"""The last full hour."""


class SaysWhatItIsTold(Authenticator):
    """Stands for any provider: gives the model that the test puts there."""

    model: Any = None
    refreshed: Any = True

    async def authenticate(self, *_: Any) -> Any:
        """Give the model."""
        return self.model

    async def refresh_user(self, *_: Any) -> Any:
        """Give what a refresh is to say."""
        return self.refreshed


class Told(KnadaAuthenticator, SaysWhatItIsTold):  # type: ignore[misc] # the base takes whatever it is given
    """The mixin over it, at a moment that the test sets."""

    moment = NOW

    def now(self) -> datetime:
        """Give that moment."""
        return self.moment


@dataclass
class Group:
    """A JupyterHub group, as far as it is read."""

    name: str


@dataclass
class Person:
    """A user of the hub, as far as it is read."""

    name: str
    groups: list[Group] = field(default_factory=list)
    admin: bool = False
    orm_spawners: dict[str, Any] = field(default_factory=dict)

    def sync_groups(self, names: Any) -> None:
        """Put the person in exactly these groups, as JupyterHub's User does."""
        self.groups = [Group(name) for name in names]

    @property
    def group_names(self) -> list[str]:
        """The groups' names."""
        return [group.name for group in self.groups]


@dataclass
class Handler:
    """The request of a sign-in, as far as it is read."""

    known: Person | None = None

    def find_user(self, name: str) -> Person | None:
        """Give whom the hub knows."""
        return self.known if self.known and self.known.name == name else None


@pytest.fixture
def teams(tmp_path: Path) -> Iterator[Path]:
    """Two teams: one by list, one by group and lead."""
    folder = tmp_path / "teams"
    folder.mkdir()
    (folder / "kyrre.yaml").write_text("namespace: kyrre\nusers: [e152435]\n")
    (folder / "brreg.yaml").write_text("namespace: brreg\nusers: []\nleads: [lea]\ngroups: [analysts]\n")
    yield folder
    close_registries()


@pytest.fixture
def told(teams: Path) -> Told:
    """The mixin over a provider that says what it is told."""
    return Told(config=Config({"KnadaAuthenticator": {"teams_dir": str(teams)}}))  # type: ignore[no-untyped-call]


async def refresh(authenticator: Told, person: Any) -> Any:
    """Refresh somebody as the hub does."""
    return await authenticator.refresh_user(person)


async def sign_in(authenticator: Told, model: Any, known: Person | None = None) -> Any:
    """Sign somebody in as the hub does."""
    authenticator.model = model
    return await authenticator.get_authenticated_user(Handler(known), {})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("model", "groups"),
    [
        pytest.param("e152435", ["kyrre"], id="a base class that gives only a name"),
        pytest.param({"name": "E152435"}, ["kyrre"], id="in upper case"),
        pytest.param({"name": "lea"}, ["brreg"], id="a lead"),
        pytest.param(
            {"name": "ola", "groups": ["analysts", "x" * 300, "others"]},
            ["brreg", SAID, "claim:analysts"],
            id="by group, the groups that no team names left out",
        ),
        pytest.param(
            {"name": "e152435", "groups": ["analysts"]},
            ["brreg", SAID, "claim:analysts", "kyrre"],
            id="by list and group",
        ),
        pytest.param({"name": "e152435", "groups": ["kyrre"]}, [SAID, "kyrre"], id="a claim named as a team"),
    ],
)
async def test_sign_in_of_a_member_gives_a_group_for_each_team(
    told: Told, model: Any, groups: list[str]
) -> None:
    """The groups are the teams' slugs, and the claim's groups that some team names, with a prefix."""
    assert (await sign_in(told, model))["groups"] == groups


async def test_sign_in_with_a_group_named_as_a_team_makes_nobody_a_member(told: Told) -> None:
    """A provider's group that happens to be called as a team is no membership of it."""
    with pytest.raises(RefusedSignInError) as refused:
        await sign_in(told, {"name": "ola", "groups": ["kyrre", "claim:analysts"]})
    assert refused.value.status_code == 403


async def test_sign_in_of_somebody_in_no_team_is_refused_with_reason_and_remedy(told: Told) -> None:
    """The page says who one is, why one is not let in and whom to ask."""
    with pytest.raises(RefusedSignInError) as refused:
        await sign_in(told, {"name": "ola", "groups": []})
    assert refused.value.status_code == 403
    assert refused.value.jupyterhub_message == (
        "You are ola, but no team here lists you. "
        "Ask a team's lead or the administrators of this hub to add you, then sign in again. [KNADA-A001]"
    )


async def test_sign_in_of_a_hub_admin_in_no_team_leads_to_no_team(told: Told) -> None:
    """An admin reaches the admin page without a team, and is in no group, so is offered no server."""
    told.admin_users = {"root"}
    model = await sign_in(told, {"name": "root"})
    assert (model["admin"], model["groups"]) == (True, [])


async def test_sign_in_without_a_claim_keeps_memberships_by_group(told: Told) -> None:
    """A claim that is absent changes nothing about somebody the hub knows."""
    known = Person("ola", [Group("brreg"), Group("claim:analysts"), Group("stray")])
    assert (await sign_in(told, {"name": "ola"}, known))["groups"] == ["brreg", SAID, "claim:analysts"]


async def test_sign_in_without_a_claim_of_somebody_new_says_that_it_is_missing(told: Told) -> None:
    """Somebody of whom nothing was ever known is told that their groups did not come."""
    with pytest.raises(RefusedSignInError) as refused:
        await sign_in(told, {"name": "ola"})
    assert "KNADA-A002" in refused.value.jupyterhub_message


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param("analysts", id="one group as a text"),
        pytest.param([{"id": "7", "name": "analysts"}], id="an object"),
        pytest.param(["analysts", 7], id="beside what cannot be read"),
    ],
)
async def test_sign_in_with_groups_of_another_shape_counts_what_can_be_read(told: Told, groups: Any) -> None:
    """Authenticators give groups in many shapes; a text is one group, never its letters."""
    assert (await sign_in(told, {"name": "ola", "groups": groups}))["groups"][0] == "brreg"


async def test_sign_in_with_a_claim_that_cannot_be_read_keeps_no_membership(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """A claim that is there and does not name the group ends what the last one gave, and the log tells it."""
    known = Person("ola", [Group("brreg"), Group("claim:analysts"), Group(SAID)])
    with pytest.raises(RefusedSignInError):
        await sign_in(told, {"name": "ola", "groups": {"unknown": "shape"}}, known)
    assert "entries that are no group (of type dict); they are left out" in caplog.text
    assert "stay as they were" not in caplog.text


@pytest.mark.parametrize(
    ("age", "platform", "is_kept"),
    [
        pytest.param(timedelta(days=7), "{}", True, id="a week"),
        pytest.param(timedelta(days=7, hours=8), "{}", False, id="more than a week"),
        pytest.param(timedelta(hours=24), "leaving: {claimAge: 1d}", True, id="a day"),
        pytest.param(timedelta(hours=27), "leaving: {claimAge: 1d}", False, id="more than a day"),
        pytest.param(timedelta(days=700), "leaving: {claimAge: never}", True, id="two years, for ever"),
    ],
)
async def test_last_known_claim_counts_until_it_is_too_old(
    teams: Path, age: timedelta, platform: str, *, is_kept: bool
) -> None:
    """The age is counted from when the provider last said it, at a sign-in and at a refresh."""
    file = teams.parent / "platform.yaml"
    file.write_text(platform)
    config = {"KnadaAuthenticator": {"teams_dir": str(teams), "platform_file": str(file)}}
    told = Told(config=Config(config))  # type: ignore[no-untyped-call]
    groups = (await sign_in(told, {"name": "ola", "groups": ["analysts"]}))["groups"]
    person = Person("ola", [Group(name) for name in groups])
    told.moment = NOW + age
    assert (await refresh(told, person) is True) is is_kept
    if is_kept:
        assert (await sign_in(told, {"name": "ola"}, person))["groups"] == groups
    else:
        assert person.groups == []
        with pytest.raises(RefusedSignInError) as refused:
            await sign_in(told, {"name": "ola"}, Person("ola", [Group(name) for name in groups]))
        assert "KNADA-A002" in refused.value.jupyterhub_message
        assert (await sign_in(told, {"name": "ola", "groups": ["analysts"]}, person))["groups"][0] == "brreg"


async def test_refresh_that_says_the_same_writes_once_an_hour(told: Told) -> None:
    """The moment of a claim is kept to a step, so that not every refresh changes somebody's groups."""
    seen = set()
    for minutes in range(0, 24 * 60, 5):
        told.moment = NOW + timedelta(minutes=minutes)
        told.refreshed = {"name": "ola", "groups": ["analysts"]}
        seen.add(tuple((await refresh(told, Person("ola", [Group("claim:analysts")])))["groups"]))
    assert len(seen) <= 25


@pytest.mark.parametrize("token", [None, "a token"])
async def test_refresh_with_outdated_groups_asks_whoever_can_for_a_sign_in(told: Told, token: Any) -> None:
    """In another team by list, a sign-in tells anew who is in the group; a token cannot sign in."""
    groups = (await sign_in(told, {"name": "e152435", "groups": ["analysts"]}))["groups"]
    told.moment = NOW + timedelta(days=8)

    class Request(Handler):
        def get_token(self) -> Any:
            return token

    person: Any = Person("e152435", [Group(name) for name in groups])
    refreshed = await told.refresh_user(person, Request())  # type: ignore[arg-type]
    assert refreshed == ({"groups": ["kyrre"]} if token else False)


async def test_sign_in_with_an_empty_claim_ends_memberships_by_group(told: Told) -> None:
    """A claim that is there and empty is believed."""
    with pytest.raises(RefusedSignInError):
        await sign_in(told, {"name": "ola", "groups": []}, Person("ola", [Group("claim:analysts")]))


async def test_sign_in_that_the_base_class_forbids_stays_forbidden(told: Told) -> None:
    """A rule of the base class that raises is kept, for a member, too."""

    def forbid(*_: Any, **__: Any) -> bool:
        raise HTTPError(403, "wrong domain")

    told.blocked_users = {"lea"}
    assert await sign_in(told, {"name": "lea"}) is None
    SaysWhatItIsTold.check_allowed = forbid  # type: ignore[method-assign]
    try:
        with pytest.raises(HTTPError, match="wrong domain"):
            await sign_in(told, {"name": "e152435"})
    finally:
        del SaysWhatItIsTold.check_allowed


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param(
            "e152435\u00a0", "it has characters that cannot be printed", id="a blank that is no space"
        ),
        pytest.param("e152435\x00", "it has characters that cannot be printed", id="NUL"),
        pytest.param("e152435\ud800", "it has characters that cannot be printed", id="half a surrogate"),
        pytest.param("x" * 256, "it is longer than 255 bytes", id="too long"),
        pytest.param(" e152435", "it begins or ends with a blank", id="a blank before it"),
        pytest.param("..", "it is made of points only", id="an address of another page"),
        pytest.param("", "it is empty", id="empty"),
    ],
)
async def test_sign_in_under_a_name_that_can_be_nobody_says_what_is_wrong(
    told: Told, name: str, fault: str
) -> None:
    """Whatever base class gave it: a page with the reason, not one of a wrong password."""
    with pytest.raises(RefusedSignInError) as refused:
        await sign_in(told, {"name": name, "groups": ["analysts"]})
    assert refused.value.status_code == 403
    assert fault in refused.value.jupyterhub_message
    assert "[KNADA-A003]" in refused.value.jupyterhub_message


@pytest.mark.parametrize("name", ["\u212aari", "kari nordmann", "KARI\u0301", *PROVIDER_NAMES])
async def test_sign_in_keeps_each_name_apart_from_every_other(told: Told, name: str) -> None:
    """A to Z are lowered and nothing else is touched, so that two names never become one person."""
    model = await sign_in(told, {"name": name, "groups": ["analysts"]})
    assert model["name"] == "".join(sign.lower() if sign.isascii() else sign for sign in name)
    assert model["groups"] == ["brreg", SAID, "claim:analysts"]


async def test_sign_in_follows_the_hubs_own_pattern_of_names(told: Told) -> None:
    """An admin who says what names look like is heard."""
    told.username_pattern = "[a-z][0-9]{6}"
    assert (await sign_in(told, {"name": "E152435"}))["name"] == "e152435"
    with pytest.raises(RefusedSignInError) as refused:
        await sign_in(told, {"name": "lea"})
    assert "it is not of the form that this hub asks for" in refused.value.jupyterhub_message


async def test_sign_in_follows_the_hubs_own_map_of_names(told: Told) -> None:
    """The map of an admin who knows of two names of one person is kept."""
    told.username_map = {"kim": "e152435"}
    assert (await sign_in(told, {"name": "KIM", "groups": []}))["name"] == "e152435"


async def test_sign_in_that_the_database_takes_for_somebody_else_is_refused(told: Told) -> None:
    """A database that ignores case or accents finds another person under the name."""

    class Careless(Handler):
        def find_user(self, _: str) -> Person | None:
            return Person("kari")

    told.model = {"name": "\u212aari", "groups": ["analysts"]}
    with pytest.raises(RefusedSignInError) as refused:
        await told.get_authenticated_user(Careless(), {})  # type: ignore[no-untyped-call]
    assert "confuses your user name with another person's" in refused.value.jupyterhub_message


async def test_sign_in_follows_a_changed_team_file(told: Told, teams: Path) -> None:
    """Somebody who was just added comes in."""
    (teams / "kyrre.yaml").write_text("namespace: kyrre\nusers: [e152435, ola]\n")
    told.registry.reload()
    assert (await sign_in(told, {"name": "ola", "groups": []}))["groups"] == [SAID, "kyrre"]


async def test_refresh_without_change_says_so(told: Told) -> None:
    """Where nothing changed, JupyterHub is told so, and writes nothing."""
    assert await refresh(told, Person("e152435", [Group("kyrre")])) is True


async def test_refresh_follows_a_changed_team_file(told: Told, teams: Path) -> None:
    """A team that somebody was added to is theirs at the next refresh, without a new sign-in."""
    (teams / "brreg.yaml").write_text("namespace: brreg\nusers: [e152435]\n")
    told.registry.reload()
    assert await refresh(told, Person("e152435", [Group("kyrre")])) == {"groups": ["brreg", "kyrre"]}


async def test_refresh_with_new_claims_takes_them(told: Told) -> None:
    """What the provider says at a refresh counts as at a sign-in; its other news stay as they are."""
    told.refreshed = {"name": "e152435", "groups": ["analysts"], "auth_state": {"x": 1}}
    refreshed = await refresh(told, Person("e152435", [Group("kyrre")]))
    assert refreshed == {
        "name": "e152435",
        "auth_state": {"x": 1},
        "groups": ["brreg", SAID, "claim:analysts", "kyrre"],
    }


async def test_refresh_of_somebody_who_left_every_team_ends_groups_and_asks_for_a_sign_in(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """The groups go at once, also where JupyterHub goes on with a stale user; the sign-in then says why."""
    told.refreshed = {"name": "ola", "groups": []}
    person = Person("ola", [Group("brreg"), Group("claim:analysts")])
    assert await refresh(told, person) is False
    assert person.group_names == [SAID]
    assert "Access denied: ola" in caplog.text


def break_team(teams: Path) -> None:
    """Have a hub start while a team's file cannot even be read as YAML."""
    (teams / "kyrre.yaml").write_text("namespace: [kyrre\n")


def empty_folder(teams: Path) -> None:
    """Have a hub start while the files are not there yet."""
    for file in teams.iterdir():
        file.unlink()


def no_folder(teams: Path) -> None:
    """Have a hub start without its folder."""
    empty_folder(teams)
    teams.rmdir()


def break_platform(teams: Path) -> None:
    """Have a hub start with a platform file that is invalid."""
    (teams.parent / "platform.yaml").write_text("domain: [\n")


@pytest.mark.parametrize("spoil", [break_team, empty_folder, no_folder, break_platform])
async def test_state_that_cannot_be_read_ends_nobodys_session_or_membership(
    teams: Path, spoil: Callable[[Path], None]
) -> None:
    """Who was in the team stays signed in and may sign in again; who was not does not get in."""
    (teams.parent / "platform.yaml").write_text("{}")
    spoil(teams)
    files = {"teams_dir": str(teams), "platform_file": str(teams.parent / "platform.yaml")}
    told = Told(config=Config({"KnadaAuthenticator": files}))  # type: ignore[no-untyped-call]
    person = Person("e152435", [Group("kyrre"), Group("claim:analysts"), Group(SAID)])
    names = sorted(person.group_names)
    if spoil is break_team:
        (teams / "brreg.yaml").write_text("namespace: brreg\nusers: [lea]\n")
        told.registry.reload()
    assert await refresh(told, person) is True
    assert sorted((await sign_in(told, {"name": "e152435"}, person))["groups"]) == names
    with pytest.raises(RefusedSignInError):
        await sign_in(told, {"name": "e9", "groups": ["analysts"]})


async def test_refresh_of_a_hub_admin_who_left_every_team_keeps_them_in(told: Told) -> None:
    """An admin without a team stays signed in, with no group."""
    assert await refresh(told, Person("root", [Group("kyrre")], admin=True)) == {"groups": []}


async def test_refresh_that_the_provider_ends_asks_for_a_sign_in(told: Told) -> None:
    """A provider that no longer vouches for somebody ends the session."""
    told.refreshed = False
    assert await refresh(told, Person("e152435", [Group("kyrre")])) is False


async def test_refresh_that_gives_another_name_asks_for_a_sign_in(told: Told) -> None:
    """A person does not turn into somebody else by a refresh."""
    told.refreshed = {"name": "lea", "groups": []}
    assert await refresh(told, Person("e152435", [Group("kyrre")])) is False


async def test_sign_in_for_one_team_lets_in_that_team_only(teams: Path) -> None:
    """With `team`, a member of another team is in no team."""
    one = Told(config=Config({"KnadaAuthenticator": {"teams_dir": str(teams), "team": "brreg"}}))  # type: ignore[no-untyped-call]
    assert (await sign_in(one, {"name": "lea"}))["groups"] == ["brreg"]
    with pytest.raises(RefusedSignInError):
        await sign_in(one, {"name": "e152435", "groups": []})


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"allow_all": True}, id="everybody"),
        pytest.param({"allow_existing_users": True}, id="everybody who was here before"),
        pytest.param({"manage_groups": False}, id="no groups"),
    ],
)
def test_setting_that_lets_people_past_the_teams_is_refused(teams: Path, settings: dict[str, bool]) -> None:
    """A hub where the team files would not decide does not start."""
    config = {"KnadaAuthenticator": {"teams_dir": str(teams)}, "Authenticator": settings}
    with pytest.raises(SystemExit, match=rf"^Told\.{next(iter(settings))}: .*\. \[KNADA-H001\]$"):
        Told(config=Config(config)).check_allow_config()  # type: ignore[no-untyped-call]


def test_allowed_users_do_not_let_existing_users_in(told: Told) -> None:
    """JupyterHub's default lets everybody in its database in as soon as anybody is listed; ours does not."""
    told.allowed_users = {"lea"}
    assert told.allow_existing_users is False


def test_start_without_team_files_is_refused() -> None:
    """A hub whose authenticator was told no team files stops at its start, not at the first sign-in."""
    with pytest.raises(SystemExit, match=r"Told\.teams_dir: is not set"):
        Told().check_allow_config()  # type: ignore[no-untyped-call]


def test_start_logs_what_allowed_users_do_not_do(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody who listed people in JupyterHub's own setting learns that the team files decide."""
    caplog.set_level(logging.INFO)
    told.allowed_users = {"lea"}
    told.check_allow_config()
    assert "Told.allowed_users lets nobody in and keeps nobody out" in caplog.text
    assert "nobody can login" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        pytest.param({}, True, id="no tenant"),
        pytest.param({"tenant_id": "common"}, True, id="every tenant"),
        pytest.param(
            {"token_url": "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"},
            True,
            id="every tenant by address",
        ),
        pytest.param({"tenant_id": "62366534-1ec3-4962-8869-9b5535279d0b"}, False, id="one tenant"),
        pytest.param(
            {"authorize_url": "https://id.example.org/a", "token_url": "https://id.example.org/t"},
            False,
            id="another cloud's addresses",
        ),
    ],
)
def test_entra_for_every_tenant_is_refused(
    teams: Path, settings: dict[str, str], *, is_refused: bool
) -> None:
    """Any tenant's admin can give an account any ident: without a tenant the hub does not start."""
    config = {"KnadaAuthenticator": {"teams_dir": str(teams)}, "KnadaAzureADAuthenticator": settings}
    authenticator = KnadaAzureADAuthenticator(config=Config(config))  # type: ignore[no-untyped-call]
    assert any("tenant_id: names no tenant" in fault for fault in authenticator.find_faults()) is is_refused


class FakeHub(Configurable):
    """A JupyterHub, as far as its addresses go."""

    bind_url = "http://127.0.0.1:8000"
    hub_bind_url = ""
    hub_ip = "127.0.0.1"


@pytest.mark.parametrize(
    ("addresses", "wrong"),
    [
        pytest.param({"bind_url": "http://:8000"}, "bind_url", id="all interfaces, JupyterHub's default"),
        pytest.param({"bind_url": "http://0.0.0.0:8000"}, "bind_url", id="all interfaces by number"),
        pytest.param({"bind_url": "https://10.0.0.4:443"}, "bind_url", id="an address of the network"),
        pytest.param({"bind_url": "http://demo.example.org"}, "bind_url", id="a name"),
        pytest.param({"hub_bind_url": "http://0.0.0.0:8081"}, "hub_bind_url", id="the hub itself"),
        pytest.param({"hub_ip": ""}, "hub_bind_url", id="the hub itself, by the old setting"),
    ],
)
async def test_demo_sign_in_off_loopback_is_refused(
    teams: Path, addresses: dict[str, str], wrong: str
) -> None:
    """With one password for everybody, the hub does not start where others can reach it, nor lets in."""
    hub = type("Hub", (FakeHub,), addresses)()
    demo = KnadaDemoAuthenticator(parent=hub, teams_dir=str(teams))  # type: ignore[no-untyped-call]
    with pytest.raises(SystemExit, match=rf"JupyterHub\.{wrong} is not on loopback"):
        demo.check_allow_config()
    with pytest.raises(HTTPError, match="for this machine only"):
        await demo.get_authenticated_user(Handler(), {"username": "lea", "password": "long enough"})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://127.9.9.9:1", "http://[::1]:8000", "http://localhost"]
)
def test_demo_sign_in_on_loopback_starts(url: str) -> None:
    """Every spelling of this machine's own address will do."""
    hub = type("Hub", (FakeHub,), {"bind_url": url})()
    assert issubclass(type(KnadaDemoAuthenticator(parent=hub)), SharedPasswordAuthenticator)  # type: ignore[no-untyped-call]


async def test_demo_sign_in_takes_the_password_and_gives_the_groups_it_is_told(teams: Path) -> None:
    """A name with the password is that person, with that person's groups; without it, nobody."""
    config = {
        "KnadaAuthenticator": {"teams_dir": str(teams)},
        "KnadaDemoAuthenticator": {"user_password": "long enough", "group_claims": {"ola": ["analysts"]}},
    }
    demo = KnadaDemoAuthenticator(parent=FakeHub(), config=Config(config))  # type: ignore[no-untyped-call]
    right = {"username": "Ola", "password": "long enough"}
    model = await demo.get_authenticated_user(Handler(), right)  # type: ignore[no-untyped-call]
    assert (model["name"], without_moment(model["groups"])) == ("ola", ["brreg", "claim:analysts"])
    assert await demo.get_authenticated_user(Handler(), {**right, "password": "wrong"}) is None  # type: ignore[no-untyped-call]
