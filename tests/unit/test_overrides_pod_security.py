"""What Pod Security `restricted` forbids is refused at check, with its place in the file and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from jupyterhub_knada.errors import Code, Problem, Severity
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

PRIVILEGE: Final = "it could raise the server's privileges"
CONTEXT: Final = f"{PRIVILEGE}, and Pod Security 'restricted' asks for the platform's own"
NODE: Final = "it is the node's, and Pod Security 'restricted' keeps servers from it"
BESIDE: Final = "containers beside the server pass its bounds and could raise privileges"
PROBE: Final = "the node would send the request, past every network policy"
PORT: Final = "a port of the node is no server's, and Pod Security 'restricted' forbids it"
VOLUME: Final = "only 'emptyDir': others could be a home, a secret or the node's disk"
LOOSENS: Final = (
    "it can loosen a server's protection, or give it an identity; only the hub's configuration sets it"
)


def row(id_: str, override: str, field: str, why: str) -> object:
    """Give one override, where in it the problem is, and why."""
    return pytest.param(override, field, why, id=id_)


FORBIDDEN: Final = [
    # Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/, in its order.
    row(
        "HostProcess",
        "extra_pod_config: {securityContext: {windowsOptions: {hostProcess: true}}}",
        "extra_pod_config.securityContext",
        CONTEXT,
    ),
    row("host network", "extra_pod_config: {hostNetwork: true}", "extra_pod_config.hostNetwork", NODE),
    row("host PID", "extra_pod_config: {hostPID: true}", "extra_pod_config.hostPID", NODE),
    row("host IPC", "extra_pod_config: {host_ipc: true}", "extra_pod_config.host_ipc", NODE),
    row("privileged", "privileged: true", "privileged", PRIVILEGE),
    row(
        "privileged, in the container",
        "extra_container_config: {security_context: {privileged: true}}",
        "extra_container_config.security_context",
        CONTEXT,
    ),
    row(
        "capabilities",
        "container_security_context: {capabilities: {add: [SYS_ADMIN]}}",
        "container_security_context",
        PRIVILEGE,
    ),
    row("host path", "volumes: [{name: v, hostPath: {path: /}}]", "volumes[0].hostPath", VOLUME),
    row(
        "host path, in the pod",
        "extra_pod_config: {volumes: [{name: v, hostPath: {path: /}}]}",
        "extra_pod_config.volumes",
        "volumes stand under volumes of the override",
    ),
    row(
        "host port",
        "extra_container_config: {ports: [{containerPort: 80, hostPort: 80}]}",
        "extra_container_config.ports",
        PORT,
    ),
    row(
        "host of a probe",
        "extra_container_config: {readinessProbe: {httpGet: {port: 80, host: metadata}}}",
        "extra_container_config.readinessProbe",
        PROBE,
    ),
    row(
        "host of a handler",
        "lifecycle_hooks: {postStart: {httpGet: {port: 80, host: metadata}}}",
        "lifecycle_hooks.postStart.httpGet",
        f"{PROBE}: use 'exec' or 'sleep'",
    ),
    row(
        "AppArmor",
        "extra_annotations: {container.apparmor.security.beta.kubernetes.io/notebook: unconfined}",
        "extra_annotations.container.apparmor.security.beta.kubernetes.io/notebook",
        LOOSENS,
    ),
    row(
        "AppArmor, as a field",
        "pod_security_context: {appArmorProfile: {type: Unconfined}}",
        "pod_security_context",
        PRIVILEGE,
    ),
    row(
        "SELinux", "pod_security_context: {seLinuxOptions: {type: spc_t}}", "pod_security_context", PRIVILEGE
    ),
    row(
        "proc mount",
        "extra_container_config: {securityContext: {procMount: Unmasked}}",
        "extra_container_config.securityContext",
        CONTEXT,
    ),
    row(
        "seccomp",
        "extra_pod_config: {securityContext: {seccompProfile: {type: Unconfined}}}",
        "extra_pod_config.securityContext",
        CONTEXT,
    ),
    row(
        "sysctls",
        "pod_security_context: {sysctls: [{name: kernel.msgmax, value: '1'}]}",
        "pod_security_context",
        PRIVILEGE,
    ),
    row(
        "other kinds of volumes",
        "volumes: [{name: v, nfs: {server: s, path: /}}]",
        "volumes[0].nfs",
        VOLUME,
    ),
    row("privilege escalation", "allow_privilege_escalation: true", "allow_privilege_escalation", PRIVILEGE),
    row("root", "uid: 0", "uid", PRIVILEGE),
    row("the group of root", "gid: 0", "gid", PRIVILEGE),
    row(
        "root allowed",
        "container_security_context: {runAsNonRoot: false}",
        "container_security_context",
        PRIVILEGE,
    ),
    row("user namespace", "extra_pod_config: {hostUsers: false}", "extra_pod_config.hostUsers", PRIVILEGE),
    row(
        "init container",
        "init_containers: [{name: x, image: 'y:1', securityContext: {privileged: true}}]",
        "init_containers",
        BESIDE,
    ),
    row("sidecar", "extra_containers: [{name: x, image: 'y:1'}]", "extra_containers", BESIDE),
    row(
        "ephemeral container",
        "extra_pod_config: {ephemeralContainers: [{name: x, image: 'y:1'}]}",
        "extra_pod_config.ephemeralContainers",
        BESIDE,
    ),
]
PROFILE: Final = "profiles:\n  - slug: it\n    displayName: It\n    {key}:\n      {override}\n"


def find_problem(folder: Path, platform: str, team: str) -> Problem:
    """Give the one error that a check of two files tells."""
    write_files(folder, platform, kyrre=team)
    loaded = load_files(folder / "teams", folder / "platform.yaml", check_override=check_override)
    (problem,) = [found for found in loaded.problems if found.severity is Severity.ERROR]
    return problem


@pytest.mark.parametrize(("override", "field", "why"), FORBIDDEN)
def test_override_that_restricted_forbids_is_refused_at_its_place_with_the_reason(
    tmp_path: Path, override: str, field: str, why: str
) -> None:
    """In a team's file, as Kubernetes or as the Python client spells it."""
    team = "namespace: team-kyrre\nusers: [e152435]\n"
    team += PROFILE.format(key="kubespawnerOverride", override=override)
    problem = find_problem(tmp_path, "project: knada-gcp\n", team)
    assert (problem.file, problem.line, problem.column > 6) == ("teams/kyrre.yaml", 7, True)
    assert problem.field == f"profiles[0].kubespawnerOverride.{field}"
    assert (problem.rule, bool(problem.remedy)) == (why, True)
    assert problem.code in {Code.OWNED_OVERRIDE, Code.RESERVED_NAME}


@pytest.mark.parametrize(("override", "field", "why"), FORBIDDEN)
def test_override_of_the_platform_is_held_to_the_same(
    tmp_path: Path, override: str, field: str, why: str
) -> None:
    """A profile that the platform offers to all teams starts in the same namespaces."""
    platform = "project: knada-gcp\n" + PROFILE.format(key="kubespawner_override", override=override)
    problem = find_problem(tmp_path, platform, "namespace: team-kyrre\nusers: [e152435]\n")
    assert (problem.file, problem.line) == ("platform.yaml", 6)
    assert problem.field.endswith(field)
    assert problem.rule == why


def test_choice_of_an_option_is_held_to_the_same(tmp_path: Path) -> None:
    """What an option adds goes into the same pod."""
    team = """\
        namespace: team-kyrre
        users: [e152435]
        profiles:
          - slug: it
            displayName: It
            options:
              network:
                displayName: Network
                choices:
                  host:
                    displayName: The node's
                    kubespawnerOverride: {extra_pod_config: {hostNetwork: true}}
        """
    problem = find_problem(tmp_path, "project: knada-gcp\n", team)
    assert (problem.line, problem.rule) == (12, NODE)


def test_toleration_of_an_override_names_no_control_plane(tmp_path: Path) -> None:
    """As `tolerations` of a team: beside the Kubernetes API nobody's server runs."""
    override = "tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]"
    team = "namespace: team-kyrre\nusers: [e152435]\n"
    team += PROFILE.format(key="kubespawnerOverride", override=override)
    problem = find_problem(tmp_path, "project: knada-gcp\n", team)
    assert problem.code is Code.RESERVED_NAME
    assert problem.field == "profiles[0].kubespawnerOverride.tolerations[0].key"
    assert problem.rule.startswith("nodes with a role, as the Kubernetes API's")
