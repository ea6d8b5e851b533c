"""Overrides of KubeSpawner's settings, as a team file may write them."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers import overrides
from jupyterhub_knada.servers.overrides import check_override

FIELD = {"fieldRef": {"fieldPath": "status.podIP"}}
EXEC = {"exec": {"command": ["true"]}}

TAKEN: dict[str, dict[str, Any]] = {
    "an image": {"image": "jupyter/datascience-notebook:2343e33dec46"},
    "a git pull after the start": {
        "lifecycle_hooks": {"postStart": {"exec": {"command": ["sh", "-c", "gitpuller https://x master y;"]}}}
    },
    "sizes in the units of the team files": {
        "mem_limit": "10GB",
        "mem_guarantee": "1 G",
        "cpu_limit": "500m",
    },
    "sizes as KubeSpawner writes them": {"mem_limit": 2147483648, "cpu_limit": 0.5, "cpu_guarantee": 2},
    "a limit taken away": {"mem_limit": None, "cpu_guarantee": None},
    "a GPU": {"extra_resource_limits": {"nvidia.com/gpu": "1"}},
    "a GPU as a number": {"extra_resource_limits": {"nvidia.com/gpu": 1}},
    "a command as one word": {"cmd": "jupyterhub-singleuser"},
    "a command as a list": {"cmd": ["start.sh", "jupyterhub-singleuser"], "args": ["--debug"]},
    "a frozen list, as the models give it": {"args": ("--debug",)},
    "seconds": {"start_timeout": 600, "http_timeout": 60},
    "a variable, a removed one, and one of the pod's own": {
        "environment": {
            "HELLO": "world",
            "GONE": None,
            "POD_IP": {"valueFrom": FIELD},
            "CPUS": {"value_from": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        }
    },
    "scratch space as a list": {
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "volume_mounts": [{"name": "scratch", "mountPath": "/scratch"}],
    },
    "scratch space as zero-to-jupyterhub writes it": {
        "volumes": {"scratch": {"name": "scratch", "emptyDir": {"medium": "Memory"}}},
        "volume_mounts": {"scratch": {"name": "scratch", "mountPath": "/scratch/"}},
    },
    "placement": {
        "node_selector": {"pool": "big"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "node_affinity_required": [{"matchExpressions": []}],
    },
    "a harmless part of the pod": {
        "extra_pod_config": {"terminationGracePeriodSeconds": 5, "dns_policy": "Default"}
    },
    "a text that is not known yet": {"image": "{value}", "mem_limit": "{value}G", "cmd": "{value}"},
    "a text that is not known yet, inside": {"environment": {"A": "{value}"}, "args": ["--x={value}"]},
    "accelerators and other devices": {
        "extra_resource_limits": {"google.com/tpu": 4, "example.org/device": "2", "amd.com/gpu": None}
    },
    "the longest times": {
        "start_timeout": 3600,
        "http_timeout": 600,
        "delete_grace_period": 300,
        "extra_pod_config": {"termination_grace_period_seconds": 300},
    },
    "a toleration taken away": {"tolerations": {"gpu": None}},
}

REFUSED: dict[str, tuple[dict[str, Any], Code, tuple[str | int, ...], str]] = {
    "a typing error": ({"mem_limt": "2G"}, Code.BAD_OVERRIDE, ("mem_limt",), "did you mean 'mem_limit'?"),
    "the team files' spelling": (
        {"memLimit": "2G"},
        Code.BAD_OVERRIDE,
        ("memLimit",),
        "did you mean 'mem_limit'?",
    ),
    "an attribute that is no setting": ({"api_token": "x"}, Code.BAD_OVERRIDE, ("api_token",), "remove it"),
    "a comma in a number": ({"cpu_limit": "0,5"}, Code.BAD_QUANTITY, ("cpu_limit",), "0.5"),
    "memory without a unit": ({"mem_limit": 2}, Code.BAD_QUANTITY, ("mem_limit",), "write '2G'"),
    "memory as a truth value": ({"mem_limit": True}, Code.BAD_QUANTITY, ("mem_limit",), "write"),
    "words for seconds": ({"start_timeout": "soon"}, Code.BAD_OVERRIDE, ("start_timeout",), "a whole number"),
    "null where there must be a value": ({"image": None}, Code.BAD_OVERRIDE, ("image",), "a text"),
    "no image reference": ({"image": "a b"}, Code.BAD_IMAGE, ("image",), "in full"),
    "another team's namespace": (
        {"namespace": "team-b"},
        Code.OWNED_OVERRIDE,
        ("namespace",),
        "follows from the team",
    ),
    "another claim": (
        {"pvc_name_template": "claim-x"},
        Code.OWNED_OVERRIDE,
        ("pvc_name_template",),
        "use storage",
    ),
    "another identity": (
        {"service_account": "hub"},
        Code.OWNED_OVERRIDE,
        ("service_account",),
        "serviceAccount",
    ),
    "root": ({"uid": 0}, Code.OWNED_OVERRIDE, ("uid",), "privileges"),
    "the hub's own environment": (
        {"env_keep": ["CONFIGPROXY_AUTH_TOKEN"]},
        Code.OWNED_OVERRIDE,
        ("env_keep",),
        "the hub's own environment",
    ),
    "scopes in the hub": (
        {"server_token_scopes": ["admin:users"]},
        Code.OWNED_OVERRIDE,
        ("server_token_scopes",),
        "hub",
    ),
    "a second container": (
        {"extra_containers": [{"name": "x"}]},
        Code.OWNED_OVERRIDE,
        ("extra_containers",),
        "bounds",
    ),
    "a hook": ({"modify_pod_hook": "x"}, Code.OWNED_OVERRIDE, ("modify_pod_hook",), "it is code"),
    "a faked secret name": (
        {"environment": {"KNADA_TEAM_SECRET": "x"}},
        Code.RESERVED_NAME,
        ("environment", "KNADA_TEAM_SECRET"),
        "the team's secret",
    ),
    "a variable from a secret of the namespace": (
        {"environment": {"A": {"valueFrom": {"secretKeyRef": {"name": "hub", "key": "x"}}}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "secrets are read by their name",
    ),
    "a variable with two sources in two spellings": (
        {
            "environment": {
                "A": {
                    "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
                    "value_from": {"secretKeyRef": {"name": "hub", "key": "x"}},
                }
            }
        },
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "one of fieldRef or resourceFieldRef",
    ),
    "a variable by another name": (
        {"environment": {"A": {"name": "JUPYTERHUB_API_URL", "valueFrom": FIELD}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "valueFrom alone",
    ),
    "a variable with a value and a name inside": (
        {"environment": {"A": {"name": "KNADA_TEAM_SECRET", "value": "x"}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "a text",
    ),
    "a variable with two fields": (
        {"environment": {"A": {"valueFrom": {**FIELD, "resourceFieldRef": {"resource": "limits.cpu"}}}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "one of fieldRef",
    ),
    "a field in a spelling that Kubernetes does not read": (
        {"environment": {"A": {"valueFrom": {"field_ref": {"fieldPath": "status.podIP"}}}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "one of fieldRef",
    ),
    "a variable without a value": (
        {"environment": {"A": {}}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "quote it",
    ),
    "a number as a variable": (
        {"environment": {"A": 1}},
        Code.BAD_OVERRIDE,
        ("environment", "A"),
        "quote it",
    ),
    "a faked team label": (
        {"extra_labels": {"team": "b"}},
        Code.RESERVED_NAME,
        ("extra_labels", "team"),
        "team's id",
    ),
    "a faked allowlist": (
        {"extra_annotations": {"allowlist": "evil.test"}},
        Code.RESERVED_NAME,
        ("extra_annotations", "allowlist"),
        "allowlist",
    ),
    "the node's disk": (
        {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]},
        Code.OWNED_OVERRIDE,
        ("volumes", 0, "hostPath"),
        "the node's disk",
    ),
    "a colleague's home": (
        {"volumes": {"a": {"name": "a", "persistent_volume_claim": {"claim_name": "claim-x"}}}},
        Code.OWNED_OVERRIDE,
        ("volumes", "a", "persistent_volume_claim"),
        "a home",
    ),
    "a mount over the home": (
        {"volume_mounts": [{"name": "a", "mountPath": "/home/jovyan/"}]},
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "mountPath"),
        "the home",
    ),
    "a mount over everything": (
        {"volume_mounts": [{"name": "a", "mount_path": "/home/.."}]},
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "mount_path"),
        "the home",
    ),
    "a mount over the home when names are filled in": (
        {"volume_mounts": [{"name": "a", "mountPath": "/home/jovyan{servername}"}]},
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "mountPath"),
        "the home",
    ),
    **{
        f"a mount at {path}": (
            {"volume_mounts": [{"name": "a", "mountPath": path}]},
            Code.OWNED_OVERRIDE,
            ("volume_mounts", 0, "mountPath"),
            "the home",
        )
        for path in (
            "//home/jovyan",
            "/home/{username}",
            "/home/jovyan/../jovyan",
            "/home/./jovyan",
            "/home/jovyan/work",
            "/home",
            "/",
            "home/jovyan",
            "/scratch/{username}",
            "/a:b",
            "",
        )
    },
    "a mount of the hub's volume beside a list of its own": (
        {
            "volumes": [{"name": "a", "emptyDir": {}}],
            "volume_mounts": [{"name": "home", "mountPath": "/all"}],
        },
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "name"),
        "brings itself",
    ),
    "a volume by a name that is filled in": (
        {"volumes": [{"name": "volume-{username}", "emptyDir": {}}]},
        Code.BAD_OVERRIDE,
        ("volumes", 0, "name"),
        "lower-case",
    ),
    "scratch space of the wrong shape": (
        {"volumes": [{"name": "a", "emptyDir": [{"sizeLimit": "1Gi"}]}]},
        Code.BAD_OVERRIDE,
        ("volumes", 0, "emptyDir"),
        "is a mapping",
    ),
    "a mount that reaches back to the node": (
        {"volume_mounts": [{"name": "a", "mountPath": "/x", "mount_propagation": "Bidirectional"}]},
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "mount_propagation"),
        "a mount",
    ),
    "a mount path in a spelling that is none": (
        {"volume_mounts": [{"name": "a", "mountPath": "/x", "mount__path": "/home/jovyan"}]},
        Code.OWNED_OVERRIDE,
        ("volume_mounts", 0, "mount__path"),
        "a mount",
    ),
    "a volume without a name that is one": (
        {"volumes": [{"name": {"a": "b"}, "emptyDir": {}}]},
        Code.BAD_OVERRIDE,
        ("volumes", 0, "name"),
        "a text",
    ),
    "one handler in two spellings": (
        {"lifecycle_hooks": {"postStart": EXEC, "post_start": EXEC}},
        Code.BAD_OVERRIDE,
        ("lifecycle_hooks", "post_start"),
        "said twice",
    ),
    "a part of the pod in two spellings": (
        {"extra_pod_config": {"dns_policy": "Default", "dnsPolicy": "None"}},
        Code.BAD_OVERRIDE,
        ("extra_pod_config", "dnsPolicy"),
        "said twice",
    ),
    "a part of the container in two spellings": (
        {"extra_container_config": {"workingDir": "/a", "working_dir": "/b"}},
        Code.BAD_OVERRIDE,
        ("extra_container_config", "working_dir"),
        "said twice",
    ),
    "a toleration in two spellings": (
        {"tolerations": [{"key": "a", "tolerationSeconds": 1, "toleration_seconds": 2}]},
        Code.BAD_OVERRIDE,
        ("tolerations", 0, "toleration_seconds"),
        "said twice",
    ),
    "an affinity in two spellings": (
        {"node_affinity_required": [{"matchExpressions": [], "match_expressions": []}]},
        Code.BAD_OVERRIDE,
        ("node_affinity_required", 0, "match_expressions"),
        "said twice",
    ),
    "memory by another name": (
        {"extra_resource_limits": {"memory": "1T"}},
        Code.OWNED_OVERRIDE,
        ("extra_resource_limits", "memory"),
        "use mem_limit",
    ),
    "half a GPU": (
        {"extra_resource_limits": {"nvidia.com/gpu": 0.5}},
        Code.BAD_QUANTITY,
        ("extra_resource_limits", "nvidia.com/gpu"),
        "a whole number",
    ),
    **{
        f"an extra resource called {name}": (
            {"extra_resource_guarantees": {name: 1}},
            Code.OWNED_OVERRIDE,
            ("extra_resource_guarantees", name),
            "domain/name",
        )
        for name in (
            "requests.memory",
            "requests.nvidia.com/gpu",
            "limits.cpu",
            "ephemeral-storage",
            "hugepages-2Mi",
            "kubernetes.io/x",
            "node.kubernetes.io/x",
            "Nvidia.com/gpu",
            "nvidia.com/",
            "gpu",
            "",
        )
    },
    **{
        f"GPUs, wrong amount {place}": (
            {"extra_resource_limits": {"nvidia.com/gpu": amount}},
            Code.BAD_QUANTITY,
            ("extra_resource_limits", "nvidia.com/gpu"),
            "a whole number",
        )
        for place, amount in enumerate(
            (-1, 10**9, "-1", "1.5", "500m", "1k", "", "many", True, [1], "9999999999")
        )
    },
    **{
        f"{trait} of {value!r}": ({trait: value}, Code.OUT_OF_RANGE, (trait,), words)
        for trait, value, words in (
            ("start_timeout", 3601, "from 1 to 3600"),
            ("start_timeout", 0, "from 1 to 3600"),
            ("http_timeout", 10**9, "from 1 to 600"),
            ("delete_grace_period", 301, "from 0 to 300"),
            ("delete_grace_period", -1, "from 0 to 300"),
        )
    },
    "a truth value for seconds": (
        {"start_timeout": True},
        Code.BAD_OVERRIDE,
        ("start_timeout",),
        "a whole number",
    ),
    "a pod that takes for ever to stop": (
        {"extra_pod_config": {"terminationGracePeriodSeconds": 86400}},
        Code.OUT_OF_RANGE,
        ("extra_pod_config", "terminationGracePeriodSeconds"),
        "from 0 to 300",
    ),
    "a pod that takes no number of seconds to stop": (
        {"extra_pod_config": {"termination_grace_period_seconds": "5"}},
        Code.BAD_OVERRIDE,
        ("extra_pod_config", "termination_grace_period_seconds"),
        "a whole number",
    ),
    **{
        f"somebody's own text as all of {trait}": ({trait: "{value}"}, Code.BAD_OVERRIDE, (trait,), trait)
        for trait in (
            "args",
            "debug",
            "environment",
            "extra_labels",
            "extra_resource_limits",
            "node_selector",
            "start_timeout",
            "tolerations",
            "volumes",
        )
    },
    "handlers as a list": (
        {"lifecycle_hooks": {"postStart": [{"httpGet": {}}]}},
        Code.BAD_OVERRIDE,
        ("lifecycle_hooks", "postStart"),
        "is a mapping",
    ),
    "a command without its key": (
        {"lifecycle_hooks": {"postStart": {"exec": ["true"]}}},
        Code.BAD_OVERRIDE,
        ("lifecycle_hooks", "postStart", "exec"),
        "is a mapping",
    ),
    "a volume as a list": (
        {"volumes": {"a": [{"hostPath": {"path": "/"}}]}},
        Code.BAD_OVERRIDE,
        ("volumes", "a"),
        "is a mapping",
    ),
    "a mount as a text": (
        {"volume_mounts": ["/home/jovyan"]},
        Code.BAD_OVERRIDE,
        ("volume_mounts", 0),
        "is a mapping",
    ),
    "an affinity as a text": (
        {"pod_affinity_required": {"a": "x"}},
        Code.BAD_OVERRIDE,
        ("pod_affinity_required", "a"),
        "is a mapping",
    ),
    "every taint tolerated": (
        {"tolerations": [{"operator": "Exists"}]},
        Code.OWNED_OVERRIDE,
        ("tolerations", 0),
        "names the taint",
    ),
    "every taint tolerated, by an empty key": (
        {"tolerations": {"a": {"key": "", "operator": "Exists"}}},
        Code.OWNED_OVERRIDE,
        ("tolerations", "a"),
        "names the taint",
    ),
    "a toleration's part that is none": (
        {"tolerations": [{"key": "a", "secret": "x"}]},
        Code.OWNED_OVERRIDE,
        ("tolerations", 0, "secret"),
        "a toleration",
    ),
    "a request from the node": (
        {"lifecycle_hooks": {"preStop": {"httpGet": {"host": "metadata"}}}},
        Code.OWNED_OVERRIDE,
        ("lifecycle_hooks", "preStop", "httpGet"),
        "'exec' or 'sleep'",
    ),
    "the network of the node": (
        {"extra_pod_config": {"hostNetwork": True}},
        Code.OWNED_OVERRIDE,
        ("extra_pod_config", "hostNetwork"),
        "keeps servers from it",
    ),
    "a security context by the back door": (
        {"extra_container_config": {"security_context": {"privileged": True}}},
        Code.OWNED_OVERRIDE,
        ("extra_container_config", "security_context"),
        "asks for the platform's own",
    ),
}


@pytest.mark.parametrize("override", TAKEN.values(), ids=TAKEN.keys())
def test_check_override_of_what_kubespawner_takes_finds_nothing(override: dict[str, Any]) -> None:
    """What a profile may say, in each of the spellings that KubeSpawner takes, passes."""
    assert check_override(override) == ()


@pytest.mark.parametrize(("override", "code", "path", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_check_override_of_what_is_not_the_profiles_says_where_and_why(
    override: dict[str, Any], code: Code, path: tuple[str | int, ...], words: str
) -> None:
    """What KubeSpawner does not take, or the package owns, is one fault at its own place."""
    (fault,) = check_override(override)
    assert (fault.code, fault.path) == (code, path)
    assert words in f"{fault.message}; {fault.rule}; {fault.remedy}"


def test_check_override_with_several_faults_tells_all() -> None:
    """A person mends a file once, not once a fault."""
    faults = check_override({"uid": 0, "mem_limt": "1G", "environment": {"JPY_A": "x", "JUPYTERHUB_B": "y"}})
    assert [fault.path for fault in faults] == [
        ("uid",),
        ("mem_limt",),
        ("environment", "JPY_A"),
        ("environment", "JUPYTERHUB_B"),
    ]


def test_check_override_of_a_setting_that_nobody_has_looked_at_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a newer KubeSpawner brings is not a profile's to say until it is known to be harmless."""
    monkeypatch.setattr(overrides, "PASSED", frozenset())
    (fault,) = check_override({"debug": True})
    assert (fault.code, fault.rule) == (Code.OWNED_OVERRIDE, "this setting is not known to be harmless")


@pytest.mark.parametrize(
    "value", [None, 5, "x", [1], [{"name": 1}], {"a": [1]}, {"a": {"b": None}}, True, 1.5]
)
@pytest.mark.parametrize(
    "name",
    [
        "volumes",
        "volume_mounts",
        "environment",
        "lifecycle_hooks",
        "extra_pod_config",
        "extra_container_config",
        "tolerations",
        "node_affinity_preferred",
        "node_affinity_required",
        "pod_affinity_preferred",
        "pod_affinity_required",
        "slow_spawn_message",
    ],
)
def test_check_override_of_any_shape_never_raises(name: str, value: object) -> None:
    """Odd shapes are told or left to the trait; none ends the load of all teams."""
    check_override({name: value})
