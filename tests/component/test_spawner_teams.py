"""One person, several teams, one Spawner object or many: nothing of one start reaches the next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from kubernetes_asyncio.client.rest import ApiException

from jupyterhub_knada.servers import hub_layer
from jupyterhub_knada.servers.claims import ClaimsUnreadableError
from jupyterhub_knada.servers.refusing import StartRefusedError
from tests.support.spawners import HUB_NAMESPACE, OrmSpawner, User, env_of

if TYPE_CHECKING:
    from tests.support.spawners import Spawners

PLATFORM = "project: knada-gcp\nbounds: {memoryLimit: 64G}\n"

ALFA = """\
namespace: team-alfa
users: [e152435]
id: alfa-1a2b
resources: {memoryLimit: 10G, memoryGuarantee: 4G, cpuLimit: 4, gpu: 1, sharedMemory: 1G}
image: ghcr.io/example/alfa:1
imagePullSecrets: [alfa-registry]
interface: vscode
env: {ALFA: "1", BOTH: alfa}
allowlist: ["alfa.example.org:5432"]
storage: {size: 20Gi, class: alfa-class}
serviceAccount: alfa-sa
labels: {alfa: "yes"}
annotations: {example.org/alfa: "yes"}
nodeSelector: {pool: alfa}
tolerations: [{key: alfa, operator: Exists}]
profiles:
  - slug: only
    displayName: Only
    kubespawnerOverride:
      environment: {FROM_ALFA_PROFILE: "1"}
      extra_labels: {alfa-profile: "yes"}
      node_selector: {alfa-profile: "yes"}
      working_dir: /alfa
      cmd: [alfa-command]
      lifecycle_hooks: {postStart: {exec: {command: [alfa]}}}
      volumes: [{name: alfa, emptyDir: {}}]
      volume_mounts: [{name: alfa, mountPath: /alfa}]
      extra_resource_limits: {example.org/alfa: 1}
      start_timeout: 1234
"""
BETA = """\
namespace: team-beta
users: [e152435]
env: {BETA: "1", BOTH: beta}
"""


async def test_pods_of_one_person_for_teams_in_turn_carry_nothing_of_the_other(spawners: Spawners) -> None:
    """A, B, A on one Spawner object: the second and third pod are those of a fresh object."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    one = spawners.make()
    first, _ = await spawners.start(one, {"team": "alfa"})
    assert one.start_timeout == 1234
    second, second_claim = await spawners.start(one, {"team": "beta"})
    assert one.start_timeout == 60
    third, _ = await spawners.start(one, {"team": "alfa"})
    fresh, fresh_claim = await spawners.start(spawners.make(User()), {"team": "beta"})
    assert third == first
    assert (second, second_claim) == (fresh, fresh_claim)
    assert "alfa" not in json.dumps([second, second_claim])
    assert env_of(second)["KNADA_TEAM_SECRET"] == "projects/knada-gcp/secrets/beta"
    assert env_of(third)["KNADA_TEAM_SECRET"] == "projects/knada-gcp/secrets/alfa-1a2b"


async def test_pods_after_the_state_was_stored_and_loaded_are_those_of_one_object(spawners: Spawners) -> None:
    """A, stop, hub restart, B, stop, hub restart, A: each pod follows its own team."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    person = User()
    pods = []
    for team in ("alfa", "beta", "alfa"):
        spawner = spawners.make(person)
        pod, claim = await spawners.start(spawner, {"team": team})
        pods.append((pod, claim))
        spawners.stop(spawner)
        person.orm_spawners[""].state = json.loads(json.dumps(person.orm_spawners[""].state))
    assert pods[2] == pods[0]
    assert "alfa" not in json.dumps(pods[1])
    assert pods[1][0]["metadata"]["namespace"] == "team-beta"


async def test_state_after_a_hub_restart_in_mid_run_finds_the_running_pod(spawners: Spawners) -> None:
    """A running server's namespace and name come back, for polling and stopping where it is."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    person = User()
    await spawners.start(spawners.make(person), {"team": "alfa"})
    again = spawners.make(person)
    assert (again.namespace, again.pod_name) == ("team-alfa", "jupyter-e152435")
    assert again.get_state()["knada"]["team"] == "alfa"
    assert again.get_state()["knada"]["idle_timeout"] == 3600


async def test_state_of_a_stopped_server_keeps_the_homes_of_both_teams(spawners: Spawners) -> None:
    """The memory of homes is by team and outlives the stop; KubeSpawner's own is gone."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    spawner = spawners.make()
    await spawners.start(spawner, {"team": "alfa"})
    await spawners.start(spawner, {"team": "beta"})
    spawners.stop(spawner)
    state = spawner.orm_spawner.state
    assert {team: home["claim_name"] for team, home in state["knada"]["homes"].items()} == {
        "alfa": "home-e152435--alfa-1a2b",
        "beta": "home-e152435--beta",
    }
    assert "pvc_name" not in state
    assert state["namespace"] == "jupyterhub"


async def test_named_server_shares_the_home_of_the_person_in_the_team(spawners: Spawners) -> None:
    """The default and a named server of one team mount one claim; another team's another."""
    spawners.write(PLATFORM, alfa=ALFA, beta=BETA)
    person = User()
    await spawners.start(spawners.make(person), {"team": "alfa"})
    pod, claim = await spawners.start(spawners.make(person, server_name="second"), {"team": "alfa"})
    other, _ = await spawners.start(spawners.make(person, server_name="third"), {"team": "beta"})
    assert claim is not None
    assert claim["metadata"]["name"] == "home-e152435--alfa-1a2b"
    assert pod["metadata"]["name"] == "jupyter-e152435--second"
    assert other["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "home-e152435--beta"


@pytest.mark.parametrize("images", ["[]", '["ghcr.io/example/*"]'])
async def test_start_of_the_platforms_own_image_passes_its_bounds(spawners: Spawners, images: str) -> None:
    """What the platform file lists is started, though no pattern of its bounds names it."""
    own = "registry.example/other/jupyter:1"
    listed = f"images: [{{name: python, image: {own}, default: true}}]"
    spawners.write(f"project: p-gcp-1\n{listed}\nbounds: {{images: {images}}}\n", beta=BETA)
    pod, _ = await spawners.start(spawners.make())
    assert pod["spec"]["containers"][0]["image"] == own


async def test_pod_names_the_runtime_class_that_the_platform_lists(spawners: Spawners) -> None:
    """What GPU nodes of k3s, Talos and RKE2 need is in the pod as the profile says it."""
    profile = "kubespawnerOverride: {extra_pod_config: {runtimeClassName: nvidia}}"
    team = f"{BETA}profiles: [{{slug: gpu, displayName: GPU, {profile}}}]\n"
    spawners.write("project: p-gcp-1\nbounds: {runtimeClasses: [nvidia]}\n", beta=team)
    pod, _ = await spawners.start(spawners.make())
    assert pod["spec"]["runtimeClassName"] == "nvidia"


async def test_hook_of_the_hub_changes_one_start_and_not_the_next(spawners: Spawners) -> None:
    """Group overrides and hooks belong to the hub's layer of their start; bounds hold for them, too."""
    spawners.write("bounds: {memoryLimit: 3G}\n", beta=BETA)
    spawner = spawners.make()
    spawner.clear_state()
    spawner.mem_limit = "500G"
    spawner.environment["FROM_HOOK"] = "1"
    await spawner.load_user_options()
    assert spawner.mem_limit == 3 * 1024**3
    assert spawner.get_env()["FROM_HOOK"] == "1"
    spawner.clear_state()
    await spawner.load_user_options()
    assert spawner.mem_limit == 2 * 1024**3
    assert "FROM_HOOK" not in spawner.get_env()


async def test_start_with_a_home_that_is_gone_is_refused(spawners: Spawners) -> None:
    """A claim that was used and is deleted out of band is never quietly made again."""
    spawners.write(alfa=ALFA)
    spawner = spawners.make()
    await spawners.start(spawner, {})
    spawners.claims.claims.clear()
    with pytest.raises(StartRefusedError, match="KNADA-S008") as refused:
        await spawners.start(spawner, {})
    assert refused.value.status_code == 409
    assert "team-alfa/home-e152435--alfa-1a2b" in str(refused.value.jupyterhub_message)


async def test_start_after_a_failed_one_does_not_miss_a_claim_that_never_was(
    spawners: Spawners,
) -> None:
    """A start that failed before its claim was made leaves no memory of a home."""
    spawners.write(alfa=ALFA)
    spawner = spawners.make()
    spawner.clear_state()
    await spawner.load_user_options()
    spawners.stop(spawner)
    _, claim = await spawners.start(spawner, {})
    assert claim is not None


async def test_start_of_a_moved_team_waits_until_the_file_acknowledges_it(spawners: Spawners) -> None:
    """A new namespace is a refusal that says where the home is, until `movedFrom` says it was dealt with."""
    spawners.write(beta=BETA)
    spawner = spawners.make()
    await spawners.start(spawner, {})
    moved = BETA.replace("team-beta", "team-gamma")
    spawners.write(beta=moved)
    spawner.registry.reload()
    with pytest.raises(StartRefusedError, match="KNADA-S010") as refused:
        await spawners.start(spawner, {})
    assert "team-beta/home-e152435--beta" in str(refused.value.jupyterhub_message)
    spawners.write(beta=moved + "movedFrom: {namespace: team-beta}\n")
    spawner.registry.reload()
    pod, _ = await spawners.start(spawner, {})
    assert pod["metadata"]["namespace"] == "team-gamma"


async def test_start_where_an_older_hub_left_a_home_uses_it(spawners: Spawners) -> None:
    """`claim-<ident>` in the team's own namespace is found and used; it is not made."""
    spawners.write(alfa=ALFA)
    notes = {"hub.jupyter.org/username": "e152435"}
    spawners.claims.add("team-alfa", "claim-e152435", annotations=notes)
    spawner = spawners.make()
    pod, _ = await spawners.start(spawner, {})
    assert pod["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] == "claim-e152435"
    assert not spawner.storage_pvc_ensure
    assert len(spawners.claims.claims) == 1


async def test_start_with_state_of_stock_kubespawner_uses_the_claim_that_it_remembers(
    spawners: Spawners,
) -> None:
    """Whoever comes from stock finds the home under whatever name it had, in the team's namespace."""
    spawners.write(alfa=ALFA)
    spawners.claims.add("team-alfa", "odd-name")
    state = {"pod_name": "jupyter-x", "namespace": "team-alfa", "pvc_name": "odd-name"}
    pod, _ = await spawners.start(spawners.make(state=state), {})
    assert pod["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] == "odd-name"


async def test_server_that_stock_kubespawner_started_is_known_where_it_runs_and_not_after(
    spawners: Spawners, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is watched and stopped there; nothing of it says where the next one is, nor does `profile_list`."""
    monkeypatch.setattr(hub_layer, "_told", set())
    spawners.write(alfa=ALFA)
    spawners.config.KubeSpawner.profile_list = [
        {"display_name": "Of stock", "kubespawner_override": {"image": "stock:1"}}
    ]
    state = {"pod_name": "odd-pod", "namespace": "of-stock", "kubespawner_version": "7.0.0"}
    spawner = spawners.make(state=state)
    assert (spawner.namespace, spawner.pod_name) == ("of-stock", "odd-pod")
    spawner.clear_state()
    assert spawner.namespace == HUB_NAMESPACE
    with caplog.at_level("INFO"):
        pod, _ = await spawners.start(spawner, {})
    assert pod["metadata"]["namespace"] == "team-alfa"
    assert "stock:1" not in json.dumps(pod)
    assert "The hub's profile_list is overruled by team files" in caplog.text


async def test_start_with_state_of_stock_for_another_team_does_not_mount_its_claim(
    spawners: Spawners,
) -> None:
    """The claim and namespace that stock remembers are of no team: elsewhere they are not looked at."""
    spawners.write(alfa=ALFA)
    spawners.claims.add("team-beta", "claim-other")
    state = {"pod_name": "jupyter-x", "namespace": "team-beta", "pvc_name": "claim-other"}
    pod, claim = await spawners.start(spawners.make(state=state), {})
    assert claim is not None
    assert "claim-other" not in json.dumps(pod)
    assert pod["metadata"]["namespace"] == "team-alfa"


@pytest.mark.parametrize("only", [None, "claim-e152435"], ids=["none of them", "one of them"])
async def test_start_when_claims_cannot_be_read_makes_nothing(spawners: Spawners, only: str | None) -> None:
    """Whoever may not look has not seen that nothing is there: no home is made up."""
    spawners.write(alfa=ALFA)
    spawners.claims.fails_for = only
    spawners.claims.fails_with = ApiException(status=403, reason="Forbidden")
    with pytest.raises(ClaimsUnreadableError, match="403 Forbidden") as failed:
        await spawners.start(spawners.make(), {})
    assert "team-alfa" in failed.value.jupyterhub_message


@pytest.mark.parametrize(
    ("delete_pvc", "server_name", "labels", "deleted"),
    [
        pytest.param(None, "", True, False, id="not asked for"),
        pytest.param(True, "", True, True, id="asked for and labelled"),
        pytest.param(True, "", False, False, id="asked for, not labelled as this person's"),
        pytest.param(True, "second", True, False, id="a named server is removed"),
    ],
)
async def test_deleting_a_user_deletes_only_homes_that_are_labelled(
    spawners: Spawners, *, delete_pvc: bool | None, server_name: str, labels: bool, deleted: bool
) -> None:
    """Off by default; on, only what says whose and which team's it is."""
    spawners.write(alfa=ALFA)
    if delete_pvc is not None:
        spawners.config.KubeSpawner.delete_pvc = delete_pvc
    spawner = spawners.make(server_name=server_name)
    await spawners.start(spawner, {})
    spawners.stop(spawner)
    if not labels:
        spawners.claims.claims["team-alfa", "home-e152435--alfa-1a2b"].metadata.labels = {}
    await spawner.delete_forever()
    assert spawners.claims.deleted == ([("team-alfa", "home-e152435--alfa-1a2b")] if deleted else [])


async def test_options_stored_as_a_list_by_an_older_hub_do_not_break_the_spawner(spawners: Spawners) -> None:
    """A JSON list in the database is refused with a sentence, and the next start is open again."""
    spawners.write(beta=BETA)
    person = User(orm_spawners={"": OrmSpawner(user_options=["evil"])})
    spawner = spawners.make(person)
    with pytest.raises(StartRefusedError, match="KNADA-S001"):
        await spawners.start(spawner)
    assert person.orm_spawners[""].user_options == {}
    pod, _ = await spawners.start(spawners.make(person))
    assert pod["metadata"]["labels"]["team"] == "beta"
