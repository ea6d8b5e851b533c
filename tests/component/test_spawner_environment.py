"""The environment of a server: whatever a profile says, each name stands once and means what it says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import kubespawner.spawner
import pytest

from jupyterhub_knada.servers import layers
from jupyterhub_knada.servers.refusing import StartRefusedError
from jupyterhub_knada.servers.spawner import KnadaSpawner
from jupyterhub_knada.teams.names import reserved_variable
from tests.support.spawners import env_of

if TYPE_CHECKING:
    from tests.support.spawners import Spawners

TEAM = """\
namespace: team-alfa
users: [e152435]
env: {{SHARED: team}}
profiles:
  - slug: odd
    displayName: Odd
    kubespawnerOverride: {{environment: {first}}}
    options:
      more:
        displayName: More
        choices:
          plain: {{default: true}}
          odd: {{kubespawnerOverride: {{environment: {second}}}}}
"""
FIELD = "{valueFrom: {fieldRef: {fieldPath: status.podIP}}}"
SECRET = "{value_from: {secretKeyRef: {name: hub, key: x}}}"


def _names(pod: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in pod["spec"]["containers"][0]["env"]]


async def _start(spawners: Spawners, first: str, second: str = "{}", **options: str) -> dict[str, Any]:
    spawners.write("project: knada-gcp\n", alfa=TEAM.format(first=first, second=second))
    pod: dict[str, Any]
    pod, _ = await spawners.start(spawners.make(), options)
    return pod


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("{SHARED: profile, OWN: x}", id="texts"),
        pytest.param(f"{{SHARED: {FIELD}, OWN: {FIELD}}}", id="fields of the pod"),
        pytest.param('{REFERS: $(JUPYTERHUB_API_URL), JSON: \'{"name": "JPY_X"}\'}', id="reserved in a text"),
    ],
)
async def test_environment_of_a_pod_has_each_name_once_and_the_platforms_from_the_platform(
    spawners: Spawners, first: str
) -> None:
    """With any override: no name twice, and the reserved ones as they are without an override."""
    plain = await _start(spawners, "{}")
    spawners.folder = spawners.folder / "odd"
    spawners.folder.mkdir()
    pod = await _start(spawners, first)
    assert [name for name, times in Counter(_names(pod)).items() if times > 1] == []
    reserved = [
        [entry for entry in made["spec"]["containers"][0]["env"] if reserved_variable(entry["name"])]
        for made in (pod, plain)
    ]
    assert reserved[0] == reserved[1]


async def test_variables_of_a_team_stand_over_the_hubs_own(spawners: Spawners) -> None:
    """What the hub configures for everybody gives way to what the team says, whichever way it says it."""
    spawners.config.KubeSpawner.environment = {"SHARED": "hub", "LISTED": "hub", "HUB": "hub"}
    team = "namespace: a\nusers: [e152435]\nenv: {SHARED: team}\nextraEnvs: ['LISTED: team']\n"
    spawners.write("project: knada-gcp\n", alfa=team)
    pod, _ = await spawners.start(spawners.make())
    named = {name: value for name, value in env_of(pod).items() if name in {"SHARED", "LISTED", "HUB"}}
    assert named == {"SHARED": "team", "LISTED": "team", "HUB": "hub"}


async def test_labels_of_the_platform_stand_over_the_hubs_common_labels(spawners: Spawners) -> None:
    """Egress and network policies select by them, so that no setting of the hub's may say another team."""
    theirs = dict.fromkeys(("team", "hub.jupyter.org/username", "knada.nav.no/team"), "hub")
    spawners.config.KubeSpawner.common_labels = {"app": "jupyterhub", "kept": "hub", **theirs}
    spawners.write("project: knada-gcp\n", alfa="namespace: team-alfa\nusers: [e152435]\nid: alfa-1a2b\n")
    pod, _ = await spawners.start(spawners.make())
    labels = pod["metadata"]["labels"]
    assert labels["kept"] == "hub"
    assert {name: labels[name] for name in theirs} == {
        "team": "alfa-1a2b",
        "hub.jupyter.org/username": "e152435",
        "knada.nav.no/team": "alfa-1a2b",
    }


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(f"{{X: {FIELD[:-1]}, {SECRET[1:]}}}", id="two sources in two spellings"),
        pytest.param(f"{{X: {{name: JUPYTERHUB_API_URL, {FIELD[1:]}}}", id="another name inside"),
        pytest.param(f"{{X: {SECRET}}}", id="a secret"),
        pytest.param("{JUPYTERHUB_API_URL: http://evil.test}", id="a reserved name"),
    ],
)
async def test_profile_whose_variable_means_another_starts_nothing(spawners: Spawners, first: str) -> None:
    """The team is told at load; a start is refused, as long as the file is so."""
    with pytest.raises(StartRefusedError):
        await _start(spawners, first)


async def test_options_that_make_a_variable_of_two_sources_are_refused_at_the_start(
    spawners: Spawners,
) -> None:
    """Each part alone holds; laid over each other they would be a variable with two sources."""
    second = "{X: {value_from: {resourceFieldRef: {resource: limits.cpu}}}}"
    with pytest.raises(StartRefusedError, match="KNADA-"):
        await _start(spawners, f"{{X: {FIELD}}}", second, more="odd")


REFERRING = """\
namespace: team-alfa
users: [e152435]
env: {team}
profiles:
  - slug: odd
    displayName: Odd
    kubespawnerOverride: {{environment: {profile}}}
    options:
      more:
        displayName: More
        choices:
          plain: {{default: true}}
          odd: {{kubespawnerOverride: {option}}}
"""


def _chain(name: str, length: int) -> str:
    return f"{{{', '.join(f'{name}{n}: $({name}{n + 1})' for n in range(length))}}}"


@pytest.fixture(name="made")
def _count_pods(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what is done of a start: which claims are looked for, and which pods KubeSpawner makes."""
    made: list[str] = []

    async def find(*_: Any) -> list[Any]:
        made.append("looked for a home")
        return []

    def make(**_: Any) -> None:
        made.append("made a pod")

    monkeypatch.setattr(KnadaSpawner, "find_claims", find)
    monkeypatch.setattr(kubespawner.spawner, "make_pod", make)
    return made


@pytest.mark.parametrize(
    ("hub", "team", "profile", "option"),
    [
        pytest.param({}, 40, 40, 40, id="of team, profile and option"),
        pytest.param({"H": "$(" * 50}, 51, 0, 0, id="of hub and team"),
    ],
)
async def test_variables_that_refer_to_others_too_often_together_are_refused_before_anything_is_made(
    spawners: Spawners, made: list[str], hub: dict[str, str], team: int, profile: int, option: int
) -> None:
    """KubeSpawner would sort them on the hub's event loop, in as many rounds as their chain is long."""
    spawners.config.KubeSpawner.environment = hub
    parts = {
        "team": _chain("T", team),
        "profile": _chain("P", profile),
        "option": f"{{environment: {_chain('O', option)}}}",
    }
    spawners.write(alfa=REFERRING.format(**parts))
    with pytest.raises(StartRefusedError, match=r"references '\$\(' in variables; a server has at most 100"):
        await spawners.start(spawners.make(), {"more": "odd"})
    assert made == []


async def test_name_of_a_server_that_fills_in_to_references_makes_no_pod(
    spawners: Spawners, made: list[str]
) -> None:
    """What members name their servers is no file's: it is looked at once it is filled in."""
    team = REFERRING.format(
        team="{}", profile='{A: "{unescaped_servername}{unescaped_servername}"}', option="{}"
    )
    spawners.write(alfa=team)
    with pytest.raises(StartRefusedError, match=r"The server has [0-9]+ references '\$\(' in variables"):
        await spawners.start(spawners.make(server_name="$(" * 51), {})
    assert "made a pod" not in made


async def test_pod_that_fills_in_to_too_much_is_refused(spawners: Spawners) -> None:
    """A member's name of a server can be longer than what stands for it is counted in the team's file."""
    profile = f'{{A: "{"{escaped_servername}" * 119}", B: "{"{escaped_servername}" * 119}"}}'
    spawners.write(alfa=REFERRING.format(team=f"{{T: {'x' * 30_000}}}", profile=profile, option="{}"))
    spawner = spawners.make(server_name="\U0001f600" * 63)
    with pytest.raises(StartRefusedError, match="bytes as JSON; at most 196608 are sent"):
        await spawners.start(spawner, {})


async def test_name_of_a_server_that_is_a_text_of_its_own_is_refused_before_anything_is_made(
    spawners: Spawners, made: list[str]
) -> None:
    """JupyterHub 5 takes a name of any length, and KubeSpawner works it out for each text it fills in."""
    spawners.write(alfa=REFERRING.format(team="{}", profile="{}", option="{}"))
    with pytest.raises(StartRefusedError, match="The name of this server has 254 bytes; at most 253 are"):
        await spawners.start(spawners.make(server_name="\u00e5" * 127), {})
    assert made == []


async def test_values_that_are_too_many_with_those_of_an_option_are_refused_before_anything_is_made(
    spawners: Spawners, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each override holds by itself; the hub would copy and go through all of them together."""
    monkeypatch.setattr(layers, "merge", lambda *_: made.append("laid one over the other"))
    names = ", ".join(f"P{n}: x" for n in range(900))
    option = f"{{args: [{', '.join(['x'] * 1100)}]}}"
    spawners.write(alfa=REFERRING.format(team="{}", profile=f"{{{names}}}", option=option))
    with pytest.raises(
        StartRefusedError, match="override of 2002 values, 1101 of them in args; at most 2000"
    ):
        await spawners.start(spawners.make(), {"more": "odd"})
    assert made == []


async def test_largest_settings_and_overrides_that_hold_by_themselves_start(spawners: Spawners) -> None:
    """What `check` lets pass, and a start of it all, stays within the pod's own bound."""
    names = [f"{n:03}" for n in range(500)]
    team = "{" + ", ".join(f"T{name}: {'<' * 19}" for name in names) + "}"
    profile = "{" + ", ".join(f"P{name}: {'<' * 9}" for name in names) + "}"
    option = "{cmd: [x], args: [" + "x" * 31_000 + "]}"
    spawners.write(alfa=REFERRING.format(team=team, profile=profile, option=option))
    pod, _ = await spawners.start(spawners.make(), {"more": "odd"})
    assert {f"T{name}" for name in names} | {f"P{name}" for name in names} < set(_names(pod))
