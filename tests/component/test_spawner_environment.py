"""The environment of a server: whatever a profile says, each name stands once and means what it says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.servers.refusing import StartRefusedError
from jupyterhub_knada.teams.names import reserved_variable

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
