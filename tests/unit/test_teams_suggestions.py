"""What is suggested for a key that is not known: the right key, at its level, and never a refused one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.errors import Severity
from jupyterhub_knada.servers.override_rules import MERGED, PASSED
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams import suggestions
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.loading import load_files
from jupyterhub_knada.teams.override_names import OVERRIDABLE
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROFILE = {"displayName": "A"}


def team(**more: Any) -> dict[str, Any]:
    """Give a team's file."""
    return {"namespace": "team-t", "users": ["e1"], **more}


def profile(**more: Any) -> dict[str, Any]:
    """Give a team's file with one profile."""
    return team(profiles=[{**PROFILE, **more}])


def option(**more: Any) -> dict[str, Any]:
    """Give a team's file with one profile that has one option."""
    return profile(options={"o": {"choices": {"a": {}}, **more}})


HOMES: dict[str, Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]]] = {
    "TeamFile": lambda keys: (team(**keys), {}),
    "Settings": lambda keys: (team(**keys), {"defaults": keys}),
    "Defaults": lambda keys: (team(), {"defaults": keys}),
    "PlatformFile": lambda keys: (team(), keys),
    "Bounds": lambda keys: (team(), {"bounds": keys}),
    "IdleTimeoutBounds": lambda keys: (team(), {"bounds": {"idleTimeout": keys}}),
    "Resources": lambda keys: (team(resources=keys, **profile(resources=keys)), {}),
    "Storage": lambda keys: (team(storage=keys), {}),
    "Culling": lambda keys: (team(culling=keys), {}),
    "Leaving": lambda keys: (team(), {"leaving": keys}),
    "Toleration": lambda keys: (team(tolerations=[{"key": "a", **keys}]), {}),
    "MovedFrom": lambda keys: (team(movedFrom=keys), {}),
    "PlatformImage": lambda keys: (team(), {"images": [{"name": "a", "image": "x/y:1", **keys}]}),
    "Profile": lambda keys: (profile(**keys), {}),
    "ProfileOption": lambda keys: (option(**keys), {}),
    "OptionChoice": lambda keys: (option(choices={"a": keys}), {}),
    "UnlistedChoice": lambda keys: (option(unlistedChoice={"enabled": True, **keys}), {}),
    "ImageBuilding": lambda keys: (option(dynamicImageBuilding=keys), {}),
    "override": lambda keys: (profile(kubespawnerOverride=keys), {}),
}
"""Where each model stands: keys -> a team's file and a platform's file that have them there."""

OVERRIDES: dict[str, Any] = {
    "args": ["--a"],
    "cmd": "start.sh",
    "cpu_guarantee": 0.1,
    "cpu_limit": 2,
    "debug": True,
    "default_url": "/lab",
    "delete_grace_period": 1,
    "disable_user_config": True,
    "environment": {"A": "b"},
    "extra_annotations": {"a": "b"},
    "extra_container_config": {"tty": True},
    "extra_labels": {"a": "b"},
    "extra_pod_config": {"hostname": "a"},
    "extra_resource_guarantees": {"nvidia.com/gpu": "1"},
    "extra_resource_limits": {"nvidia.com/gpu": "1"},
    "http_timeout": 30,
    "image": "x/y:1",
    "image_pull_policy": "Always",
    "image_pull_secrets": ["a"],
    "lifecycle_hooks": {"postStart": {"exec": {"command": ["true"]}}},
    "mem_guarantee": "1G",
    "mem_limit": "2G",
    "node_affinity_preferred": [],
    "node_affinity_required": [],
    "node_selector": {"a": "b"},
    "notebook_dir": "/home/jovyan",
    "pod_affinity_preferred": [],
    "pod_affinity_required": [],
    "pod_anti_affinity_preferred": [],
    "slow_spawn_message": "wait",
    "slow_spawn_message_frequency": 9,
    "slow_spawn_message_threshold": 9,
    "start_timeout": 60,
    "tolerations": [],
    "volume_mounts": [],
    "volumes": [],
    "working_dir": "/home/jovyan",
}
"""A value of each setting that an override may have."""


def model_classes() -> dict[str, type[FileModel]]:
    """Give all models of files by name."""
    found: list[type[FileModel]] = [FileModel]
    for cls in found:
        found.extend(cls.__subclasses__())
    return {cls.__name__: cls for cls in found[1:] if cls.__module__.startswith("jupyterhub_knada.")}


def known_keys(home: str) -> frozenset[str]:
    """Give the keys that a mapping of this kind may have."""
    return OVERRIDABLE if home == "override" else model_classes()[home].keys()


def sample(home: str, name: str) -> Any:
    """Give a value that a key may have."""
    if home == "override":
        return OVERRIDES[name]
    fields = model_classes()[home].model_fields
    return next(
        (field.examples or [None])[0] for key, field in fields.items() if (field.alias or key) == name
    )


def every_slip() -> Iterator[tuple[str, str]]:
    """Give each key of each level, and each word that stands for one, at every level that has it not."""
    words = {*suggestions._SYNONYMS, *OVERRIDABLE, *suggestions._OF_OVERRIDES.values()}
    words |= {word for more in suggestions._SYNONYMS_OF.values() for word in more}
    words |= {key for cls in model_classes().values() for key in (*cls.keys(), *cls.other_spellings)}
    words |= {"limits", "extraFiles", "lifecycleHooks", "singleuser", "memory_limt", "kubespawner_overide"}
    for home in HOMES:
        other = {} if home == "override" else model_classes()[home].other_spellings
        for word in sorted(words - known_keys(home) - set(other)):
            yield home, word


def test_names_of_overrides_are_those_that_a_profile_may_override() -> None:
    """What is suggested where a file is read is what the check of overrides takes."""
    assert OVERRIDABLE == MERGED | PASSED
    assert OVERRIDES.keys() == OVERRIDABLE


def test_every_model_of_a_file_has_its_place_here() -> None:
    """A new model is not passed over by the tests below."""
    assert set(HOMES) == set(model_classes()) | {"override"}


def test_no_suggestion_is_itself_refused(tmp_path: Path) -> None:
    """Whoever does what a message says is not told of the next mistake: every suggestion of every level."""
    targets = set()
    for home, word in every_slip():
        meant = suggestions.find_meant(home, word, known_keys(home))
        if meant is not None:
            targets.add((meant.place.home if meant.place else home, meant.name))
    # The rules of files know no version of KubeSpawner; an older one says of these that a newer one has them.
    targets -= {("override", name) for name in OVERRIDABLE if not hasattr(KubeSpawner, name)}
    assert len(targets) > 100
    for number, (home, name) in enumerate(sorted(targets)):
        needed = {"key": "a"} if home == "Toleration" else {}
        if (home, name) == ("Toleration", "tolerationSeconds"):
            needed["effect"] = "NoExecute"
        file, platform = HOMES[home]({**needed, name: sample(home, name)})
        folder = tmp_path / str(number)
        images = [{"name": "python-3.13", "image": "ghcr.io/example/jupyter:2026-11-01"}]
        write_files(folder, json.dumps({"images": images, **platform}), t=json.dumps(file))
        loaded = load_files(folder / "teams", folder / "platform.yaml", check_override=check_override)
        errors = [str(problem) for problem in loaded.problems if problem.severity is Severity.ERROR]
        assert errors == [], (home, name)


@pytest.mark.parametrize(
    ("home", "key", "said"),
    [
        pytest.param("Profile", "memoryLimit", "write 'resources: {memoryLimit: …}'", id="size in a profile"),
        pytest.param("Profile", "memory", "write 'resources: {memoryLimit: …}'", id="size of the chart"),
        pytest.param("Profile", "cpu", "write 'resources: {cpuLimit: …}'", id="short word in a profile"),
        pytest.param(
            "Profile",
            "lifecycle_hooks",
            "it is a setting of KubeSpawner; write 'kubespawnerOverride: {lifecycle_hooks: …}'",
            id="setting beside the override",
        ),
        pytest.param("Profile", "cmd", "write 'kubespawnerOverride: {cmd: …}'", id="another setting"),
        pytest.param("Profile", "default_url", "{default_url: …}'", id="no near miss before a real name"),
        pytest.param(
            "Profile",
            "storage",
            "it is a key of the team's file; write it there, beside 'profiles'",
            id="setting of the team in a profile",
        ),
        pytest.param("TeamFile", "cpu", "did you mean 'cpuLimit'?", id="CPU"),
        pytest.param("TeamFile", "mem", "did you mean 'memoryLimit'?", id="memory"),
        pytest.param(
            "TeamFile",
            "idle",
            "'idleTimeout' is a key of 'culling'; write 'culling: {idleTimeout: …}'",
            id="idle timeout",
        ),
        pytest.param("Culling", "idle", "did you mean 'idleTimeout'?", id="idle timeout below culling"),
        pytest.param("Bounds", "storage", "did you mean 'storageSize'?", id="size of homes"),
        pytest.param(
            "TeamFile", "bounds", "it is a key of the platform's file; write it there", id="bounds of a team"
        ),
        pytest.param(
            "OptionChoice", "cpu_limit", "write 'kubespawnerOverride: {cpu_limit: …}'", id="in a choice"
        ),
        pytest.param("OptionChoice", "memory", "{mem_limit: …}'", id="in a choice, in another word"),
        pytest.param("Resources", "image", "write it beside 'resources'", id="one level too deep"),
        pytest.param("TeamFile", "uid", "; remove it", id="no near miss of the team's id"),
        pytest.param("Profile", "allowed_teams", "did you mean 'allowedGroups'?", id="2i2c's older key"),
        pytest.param("Profile", "allowed_users", "not for single persons", id="persons are no groups"),
        pytest.param("Profile", "profileOptions", "did you mean 'options'?", id="in camel case"),
        pytest.param("Resources", "limits", "write memoryLimit and cpuLimit", id="Kubernetes' limits"),
        pytest.param("Resources", "requests", "memoryGuarantee and cpuGuarantee", id="Kubernetes' requests"),
        pytest.param("Storage", "capacity", "did you mean 'size'?", id="the chart's size of a home"),
        pytest.param("PlatformFile", "namespace", "write 'namespaces: hub'", id="of the platform"),
        pytest.param("TeamFile", "cpulimt", "did you mean 'cpuLimit'?", id="a near miss"),
        pytest.param("Profile", "memoryLimt", "'memoryLimit' is a key of 'resources'", id="near and deep"),
    ],
)
def test_suggestion_names_the_key_and_its_level(home: str, key: str, said: str) -> None:
    """A key one level too high or too deep, and another word for one, lead to what was meant."""
    fault = suggestions.unknown_key(model_classes()[home], key)
    assert said in f"{fault.rule}; {fault.remedy}"


@pytest.mark.parametrize(
    ("key", "rule", "remedy"),
    [
        ("default", "it is a key of the profile, not of its override", "write it in the profile, beside "),
        ("display_name", "it is a key of the profile", "write it in the profile, beside "),
        ("storage", "it is a key of the team's file, not of an override", "write it there, beside "),
        ("serviceAccount", "it is a key of the team's file", "write it there"),
        ("extraFiles", "the chart of zero-to-jupyterhub makes a secret", "put the files into the image"),
        ("memoryLimit", "", "did you mean 'mem_limit'?"),
        ("memory_limit", "", "did you mean 'mem_limit'?"),
        ("cpu", "", "did you mean 'cpu_limit'?"),
        ("env", "", "did you mean 'environment'?"),
        ("mem_limt", "", "did you mean 'mem_limit'?"),
    ],
)
def test_suggestion_of_an_override_names_the_key_and_its_level(key: str, rule: str, remedy: str) -> None:
    """What is a profile's or a team's key is not told to be removed, and no other setting suggested."""
    [fault] = check_override({key: "x"})
    assert rule in fault.rule
    assert remedy in fault.remedy
