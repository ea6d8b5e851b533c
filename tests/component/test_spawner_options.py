"""Every way into a start checks the options: form, link and REST, on the spawner's own methods."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from tornado.web import HTTPError
from traitlets import TraitError

from jupyterhub_knada.servers.choices import decode_query
from jupyterhub_knada.servers.refusing import PageAskedError, StartRefusedError
from jupyterhub_knada.servers.traits import POD_TRAITS
from jupyterhub_knada.web.spawn_page import render_spawn_page
from tests.support.bad_options import ALFA, BAD_OPTIONS, BETA, GAMMA, GOOD, PLATFORM, BadOptions
from tests.support.spawners import Group, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_knada.servers.spawner import KnadaSpawner
    from tests.support.spawners import Spawners

BY_FIELDS = [bad for bad in BAD_OPTIONS if bad.as_fields]


def _fields(bad: BadOptions) -> dict[str, list[str]]:
    return {name: [value] for name, value in (bad.as_fields or {}).items()}


def _write(spawners: Spawners) -> KnadaSpawner:
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA, gamma=GAMMA)
    return spawners.make()


@pytest.mark.parametrize("bad", BAD_OPTIONS, ids=lambda bad: bad.name)
async def test_options_by_rest_that_are_not_offered_are_refused(bad: BadOptions, spawners: Spawners) -> None:
    """Refused in words, nothing made, what was stored is put back, and a proper start follows."""
    spawner = _write(spawners)
    await spawners.start(spawner, GOOD)
    accepted = dict(spawner.orm_spawner.user_options)
    spawners.stop(spawner)
    with pytest.raises(StartRefusedError) as refused:
        await spawners.start(spawner, bad.rest)
    assert refused.value.status_code == bad.status
    assert bad.code in refused.value.jupyterhub_message
    assert len(refused.value.jupyterhub_message) < 600
    assert spawner.orm_spawner.user_options == accepted
    pod, _ = await spawners.start(spawner)
    assert pod["metadata"]["labels"]["team"] == "alfa"


@pytest.mark.parametrize("bad", BY_FIELDS, ids=lambda bad: bad.name)
async def test_options_by_form_that_are_not_offered_are_refused_before_the_start(
    bad: BadOptions, spawners: Spawners
) -> None:
    """Refused where JupyterHub counts no failure yet, with nothing stored."""
    spawner = _write(spawners)
    with pytest.raises(StartRefusedError) as refused:
        spawner.run_options_from_form(_fields(bad))  # type: ignore[no-untyped-call]
    assert (refused.value.status_code, bad.code in str(refused.value)) == (bad.status, True)
    assert spawner.orm_spawner.user_options is None


@pytest.mark.parametrize("prefix", ["", "opt-"], ids=["plain", "prefixed"])
@pytest.mark.parametrize(
    "named",
    [GOOD, {}, *(bad.as_fields for bad in BY_FIELDS)],
    ids=["good options", "nothing", *(bad.name for bad in BY_FIELDS)],
)
async def test_link_asks_for_the_page_whatever_it_names(
    spawners: Spawners, named: dict[str, str], prefix: str
) -> None:
    """JupyterHub's own handler, too, gets nothing from a link that it could start."""
    spawners.config.KnadaSpawner.spawn_page = lambda *_, named, **__: f"{sorted(named.items())}"
    spawner = _write(spawners)
    with pytest.raises(PageAskedError):
        spawner.options_from_query({prefix + name: [value] for name, value in named.items()})
    assert spawner.orm_spawner.user_options is None
    assert (
        await spawner.get_options_form()
        == f"{sorted(decode_query({n: [v] for n, v in named.items()}).items())}"
    )
    assert await spawner.get_options_form() == "[]"


async def test_first_start_that_is_refused_leaves_nothing_stored(spawners: Spawners) -> None:
    """Without an accepted choice there is nothing to put back: the options are empty."""
    spawner = _write(spawners)
    with pytest.raises(StartRefusedError):
        await spawners.start(spawner, {"team": "gamma"})
    assert spawner.orm_spawner.user_options == {}
    assert spawner.user_options == {}


async def test_first_start_of_somebody_in_several_teams_has_to_name_one(spawners: Spawners) -> None:
    """Which team pays and whose secret name is given is never the order of files."""
    with pytest.raises(StartRefusedError, match=r"several teams.*'alfa', 'beta'.*KNADA-S003"):
        await spawners.start(_write(spawners), {})


async def test_start_without_options_takes_the_last_accepted_team(spawners: Spawners) -> None:
    """VS Code posts no body: the last accepted choice holds, also after the hub was restarted."""
    spawner = _write(spawners)
    await spawners.start(spawner, {"team": "beta"})
    spawners.stop(spawner)
    again = spawners.make(spawner.user)
    pod, _ = await spawners.start(again)
    assert pod["metadata"]["labels"]["team"] == "beta"


async def test_start_of_somebody_who_left_the_team_is_refused(spawners: Spawners) -> None:
    """The live file decides: a team that the owner left is refused by name, and others stay open."""
    spawner = _write(spawners)
    await spawners.start(spawner, GOOD)
    spawners.write(alfa=ALFA.replace("e152435", "somebody"))
    spawner.registry.reload()
    with pytest.raises(StartRefusedError, match="KNADA-S002"):
        await spawners.start(spawner, GOOD)
    pod, _ = await spawners.start(spawner, {"team": "beta"})
    assert pod["metadata"]["labels"]["team"] == "beta"


async def test_start_by_group_claim_is_offered_and_by_other_groups_is_not(spawners: Spawners) -> None:
    """The groups of the last sign-in count, by their prefix; a JupyterHub group of a team's name does not."""
    spawners.write(alfa="namespace: team-alfa\nusers: []\ngroups: [analysts]\n")
    pod, _ = await spawners.start(spawners.make(User(groups=[Group("claim:analysts")])), {})
    assert pod["metadata"]["labels"]["team"] == "alfa"
    with pytest.raises(StartRefusedError, match="KNADA-A001"):
        await spawners.start(spawners.make(User(groups=[Group("analysts"), Group("alfa")])), {})


async def test_choice_of_an_image_outside_the_bounds_is_refused(spawners: Spawners) -> None:
    """A text that the profile's rule lets through still has to be an image that the platform allows."""
    rule = ALFA.replace('"^ghcr.io/example/.*"', '".*"')
    spawners.write(PLATFORM, alfa=rule)
    options = {"profile": "choose", "image--unlisted-choice": "evil.example.org/x:1"}
    with pytest.raises(StartRefusedError) as refused:
        await spawners.start(spawners.make(), options)
    assert 400 <= refused.value.status_code < 500


async def test_page_is_drawn_from_the_offer_and_the_last_choice(spawners: Spawners) -> None:
    """The renderer that the hub's configuration hands in gets both."""
    seen: list[Any] = []

    def draw(offer: Any, last: Any, **_: Any) -> str:
        seen.append((sorted(team.slug for team in offer.teams), last))
        return "<p>page</p>"

    spawners.config.KnadaSpawner.spawn_page = draw
    spawner = _write(spawners)
    assert await spawner.get_options_form() == "<p>page</p>"
    await spawners.start(spawner, {"team": "beta"})
    await spawner.get_options_form()
    assert seen[0] == (["alfa", "beta"], None)
    assert seen[1][1].team == "beta"


async def test_page_shows_what_the_hub_itself_configures(spawners: Spawners) -> None:
    """The page promises what a start then gets: the hub's configuration below the team's file."""
    spawners.config.KnadaSpawner.spawn_page = render_spawn_page
    spawners.config.KubeSpawner.mem_limit = "7G"
    spawners.config.KubeSpawner.cpu_limit = 3
    spawners.config.KubeSpawner.image = "quay.io/jupyterhub/hub-says:1"
    spawners.config.KubeSpawner.default_url = "/rstudio"
    spawners.config.KubeSpawner.storage_capacity = "33Gi"
    spawners.write(PLATFORM, alfa=ALFA)
    spawner = spawners.make()
    words = ("7 GB", "quay.io/jupyterhub/hub-says:1", "RStudio", "33 GiB")
    page = await spawner.get_options_form()
    assert [word for word in words if word not in page] == []
    pod, claim = await spawners.start(spawner, GOOD)
    server = pod["spec"]["containers"][0]
    assert server["image"] == "quay.io/jupyterhub/hub-says:1"
    assert server["resources"]["limits"] == {"memory": 7 * 1024**3, "cpu": 3.0}
    assert claim is not None
    assert claim["spec"]["resources"]["requests"]["storage"] == "33Gi"


@pytest.mark.parametrize("has_started", [False, True], ids=["of somebody new", "of a stopped server"])
async def test_page_after_a_restart_of_the_hub_shows_what_hooks_say(
    spawners: Spawners, *, has_started: bool
) -> None:
    """JupyterHub runs `auth_state_hook` before it draws the page, and again at the start."""
    spawners.config.KnadaSpawner.spawn_page = render_spawn_page
    spawner = _write(spawners)
    if has_started:
        await spawners.start(spawner, GOOD)
        spawners.stop(spawner)
        spawner = spawners.make(spawner.user)
    spawner.mem_limit = "5G"
    assert "5 GB" in await spawner.get_options_form()


OTHER = {"team": "beta", "profile": "beta-only"}
CHOSEN = {"team": "alfa", "profile": "choose", "image": "plain", "size": "s"}


def _traits(spawner: KnadaSpawner) -> dict[str, Any]:
    names = POD_TRAITS | {"namespace", "pod_name", "pvc_name", "dns_name"}
    return {name: copy.deepcopy(getattr(spawner, name)) for name in names if spawner.has_trait(name)}


async def _running(spawners: Spawners) -> KnadaSpawner:
    spawner = _write(spawners)
    await spawners.start(spawner, CHOSEN)
    return spawner


async def _running_since_an_earlier_hub(spawners: Spawners) -> KnadaSpawner:
    earlier = await _running(spawners)
    return spawners.make(earlier.user)


async def _about_to_start(spawners: Spawners) -> KnadaSpawner:
    spawner = _write(spawners)
    spawner.clear_state()
    spawner.mem_limit = "3G"  # as group overrides of the hub may say
    return spawner


LIVE = {
    "that runs": _running,
    "that runs since an earlier hub": _running_since_an_earlier_hub,
    "that is about to start": _about_to_start,
}


def _follow_link(spawner: KnadaSpawner) -> None:
    with pytest.raises(PageAskedError):
        spawner.options_from_query({name: [value] for name, value in OTHER.items()})


DECIDE: dict[str, Callable[[KnadaSpawner], Any]] = {
    "page": lambda spawner: spawner.get_options_form(),
    "link": _follow_link,
    "form": lambda spawner: spawner.options_from_form({name: [value] for name, value in OTHER.items()}),
    "REST": lambda spawner: spawner.apply_user_options(spawner, OTHER),
}


async def _decide(spawner: KnadaSpawner, path: str) -> None:
    decided = DECIDE[path](spawner)
    if inspect.isawaitable(decided):
        await decided


@pytest.mark.parametrize("path", DECIDE)
@pytest.mark.parametrize("live", LIVE)
async def test_decision_about_a_choice_leaves_a_server_as_it_is(
    spawners: Spawners, live: str, path: str
) -> None:
    """JupyterHub may ask while one runs: where two requests overlap, or for another server's page."""
    spawners.config.KnadaSpawner.spawn_page = render_spawn_page
    spawner = await LIVE[live](spawners)
    before = _traits(spawner)
    await _decide(spawner, path)
    assert _traits(spawner) == before


@pytest.mark.parametrize("path", ["page", "link", "form"])
async def test_decision_in_the_middle_of_a_start_leaves_it_as_it_is(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The start goes on in its team's namespace, with its team's settings."""
    spawners.config.KnadaSpawner.spawn_page = render_spawn_page
    spawner = _write(spawners)
    list_claims = spawners.claims.list_namespaced_persistent_volume_claim
    befores = []

    async def decide_and_list(namespace: str, label_selector: str) -> Any:
        befores.append(_traits(spawner))
        await _decide(spawner, path)
        assert _traits(spawner) == befores[-1]
        return await list_claims(namespace, label_selector)

    monkeypatch.setattr(spawners.claims, "list_namespaced_persistent_volume_claim", decide_and_list)
    pod, claim = await spawners.start(spawner, CHOSEN)
    assert befores
    assert claim is not None
    assert (pod["metadata"]["namespace"], claim["metadata"]["namespace"]) == ("team-alfa", "team-alfa")
    assert pod["spec"]["containers"][0]["image"] == "ghcr.io/example/plain:1"


async def test_decision_after_a_restart_of_the_hub_is_that_of_before(spawners: Spawners) -> None:
    """What is stored of the last start is not taken for the hub's own setting: its namespace, say."""
    spawner = await _running_since_an_earlier_hub(spawners)
    assert spawner.namespace == "team-alfa"
    fields = {name: [value] for name, value in CHOSEN.items()}
    assert spawner.options_from_form(fields).items() >= CHOSEN.items()


async def test_refused_choice_within_a_team_keeps_that_team_selected(spawners: Spawners) -> None:
    """Whoever sends what is gone corrects the profile and not the team, too."""
    spawners.config.KnadaSpawner.spawn_page = lambda *_, named, **__: f"page of {named.get('team')}"
    spawner = _write(spawners)
    with pytest.raises(StartRefusedError, match="KNADA-S004"):
        spawner.run_options_from_form({"team": ["alfa"], "profile:alfa": ["gone"]})  # type: ignore[no-untyped-call]
    assert await spawner.get_options_form() == "page of alfa"
    with pytest.raises(StartRefusedError, match="KNADA-S002"):
        spawner.run_options_from_form({"team": ["gamma"]})  # type: ignore[no-untyped-call]
    assert await spawner.get_options_form() == "page of None"


async def test_page_without_a_renderer_says_what_is_missing(spawners: Spawners) -> None:
    """Half a configuration is a sentence for whoever runs the hub."""
    with pytest.raises(HTTPError, match=r"spawn_page is not set.*configure"):
        await _write(spawners).get_options_form()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable_user_namespaces", True),
        ("component_label", "notebook"),
        ("common_labels", {"app": "analysis"}),
    ],
)
async def test_hub_setting_that_breaks_the_platform_stops_the_hub(
    spawners: Spawners, setting: str, value: Any
) -> None:
    """What egress, network policies or the choice of namespaces rely on cannot be configured away."""
    setattr(spawners.config.KubeSpawner, setting, value)
    with pytest.raises(TraitError, match=rf"KnadaSpawner\.{setting}: .*KNADA-H001"):
        _write(spawners)


@pytest.mark.parametrize("setting", ["apply_user_options", "options_from_form", "options_form"])
async def test_check_of_options_cannot_be_configured_away(spawners: Spawners, setting: str) -> None:
    """What JupyterHub lets a configuration replace is the check itself: setting it has no effect."""
    setattr(spawners.config.Spawner, setting, lambda *_: {})
    spawners.config.KnadaSpawner.spawn_page = lambda *_, **__: "page"
    spawner = _write(spawners)
    with pytest.raises(StartRefusedError):
        await spawners.start(spawner, {"team": "gamma"})
    with pytest.raises(StartRefusedError):
        spawner.run_options_from_form({"team": ["gamma"]})  # type: ignore[no-untyped-call]
    assert await spawner.get_options_form() == "page"
