"""The node runs pods as a kubelet would: statuses, events, probes, restarts, ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.devcluster.node.processes import list_descendants
from tests.support.local_cluster import (
    LocalCluster,
    in_phase,
    is_dead,
    is_ready,
    is_removed,
    lives,
    local_cluster,
    read_http,
    state_of,
    waiting_reason,
)
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVER = {"command": ["python", "-m", "http.server", "--bind", "0.0.0.0", "8888"]}
RUNTIME = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
)
PORT = [{"containerPort": 8888, "name": "http"}]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    """Give the embedded API with a node."""
    async with local_cluster(tmp_path) as cluster, cluster.node(missing_images=("*absent*",)):
        yield cluster


# What a container's own files are not: kept when it is started again.
STATE = [{"name": "state", "mountPath": "/state"}]
VOLUMES = [{"name": "state", "emptyDir": {}}]


def restarts_of(pod: dict[str, Any]) -> int:
    """Give how often the first container was started again."""
    return int((pod["status"].get("containerStatuses") or [{}])[0].get("restartCount", 0))


def script(text: str, **container: Any) -> dict[str, Any]:
    """Make a container that runs a shell script."""
    return {"command": ["sh", "-c", text], **container}


def pid_of(cluster: LocalCluster, pod: dict[str, Any]) -> int:
    """Give the number of a pod's own process."""
    folder = cluster.root / "pods" / pod["metadata"]["uid"] / "containers" / "notebook"
    attempt = max(folder.glob("[0-9]*"), key=lambda path: int(path.name))
    return int(json.loads((attempt / "started.json").read_text())["pid"])


def environment_of(pid: int) -> dict[str, str]:
    """Read the variables of a process."""
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {name: value for name, _, value in (entry.partition("=") for entry in entries if entry)}


def touch_in(pid: int, name: str) -> None:
    """Make an empty file in a process's working folder."""
    Path(f"/proc/{pid}/cwd", name).touch()


async def test_pod_with_a_readiness_probe_is_ready_when_its_server_answers(cluster: LocalCluster) -> None:
    """Phase, address and container status come together; Ready is the probe's word; events in order."""
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    await cluster.start_pod("web", {**SERVER, "ports": PORT, "readinessProbe": probe})
    pod = await cluster.wait_for("web", is_ready)
    status = pod["status"]
    assert (status["phase"], status["hostIP"]) == ("Running", "127.0.0.1")
    assert status["podIP"].startswith("127.1.")
    [container] = status["containerStatuses"]
    assert (container["ready"], container["started"], container["restartCount"]) == (True, True, 0)
    assert "200 OK" in await read_http(status["podIP"], 8888)
    reasons = [event.partition(":")[0] for event in await cluster.events("web")]
    wanted = ["Scheduled", "Pulled", "Created", "Started"]
    assert [reason for reason in reasons if reason != "Unhealthy"] == wanted


async def test_two_pods_listen_on_the_same_port_of_all_addresses(cluster: LocalCluster) -> None:
    """Each pod has an address of its own, and `0.0.0.0` means it."""
    probe = {"tcpSocket": {"port": 8888}, "periodSeconds": 1}
    for name in ("one", "two"):
        code = f"echo {name} > index.html; exec python -m http.server --bind 0.0.0.0 8888"
        await cluster.start_pod(name, script(code, readinessProbe=probe))
    for name in ("one", "two"):
        pod = await cluster.wait_for(name, is_ready)
        assert (await read_http(pod["status"]["podIP"], 8888)).endswith(f"{name}\n")


async def test_readiness_is_never_taken_from_a_process_of_somebody_else(cluster: LocalCluster) -> None:
    """A server on all addresses, not the pod's, answers on the pod's address and makes nothing ready."""
    stranger = await asyncio.start_server(lambda _, writer: writer.close(), "0.0.0.0", 0)
    async with stranger:
        port = stranger.sockets[0].getsockname()[1]
        probe = {"tcpSocket": {"port": port}, "periodSeconds": 1}
        await cluster.start_pod("web", script("sleep 1000", readinessProbe=probe))
        await cluster.wait_for("web", in_phase("Running"))
        await cluster.wait_for_event("web", "Readiness probe failed")
        pod = await cluster.get("pods", "web")
        assert pod
        reader, writer = await asyncio.open_connection(pod["status"]["podIP"], port)
        assert await reader.read() == b""
        writer.close()
        assert not is_ready(pod)


async def test_environment_of_a_container_holds_the_pods_words_and_nothing_of_the_node(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of all sources arrive; the node's own Python, Jupyter, proxy and secret variables do not."""
    for name in ("PYTHONPATH", "JUPYTER_TOKEN", "KUBECONFIG", "JUPYTERHUB_API_TOKEN", "MY_SECRET"):
        monkeypatch.setenv(name, "of-the-node")
    await cluster.create("secrets", {"metadata": {"name": "s"}, "stringData": {"token": "of-the-team"}})
    env = [
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "SERVICE_URL", "value": "http://0.0.0.0:8888/user/ada/"},
    ]
    await cluster.start_pod("env", script("env -0 > $HOME/env; sleep 1000", env=env))
    pod = await cluster.wait_for("env", in_phase("Running"))
    variables = environment_of(pid_of(cluster, pod))
    assert variables["TOKEN"] == "of-the-team"
    assert variables["ADDRESS"] == pod["status"]["podIP"]
    assert variables["SERVICE_URL"] == f"http://{pod['status']['podIP']}:8888/user/ada/"
    assert "of-the-node" not in variables.values()


async def test_init_containers_run_in_order_before_the_others(cluster: LocalCluster) -> None:
    """Each ends before the next begins; one that fails is tried again; the pod stays Pending meanwhile."""
    volume = {"name": "shared", "emptyDir": {"medium": "Memory"}}
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    init = [
        {"name": "first", "image": "x:1", **script("echo first >> /shared/log", volumeMounts=mounts)},
        {
            "name": "second",
            "image": "x:1",
            **script("test -e /shared/tried || { touch /shared/tried; exit 2; }; echo second >> /shared/log",
                     volumeMounts=mounts),
        },
    ]  # fmt: skip
    await cluster.start_pod(
        "init",
        script("cat /shared/log > /dev/termination-log", volumeMounts=mounts),
        initContainers=init,
        volumes=[volume],
    )
    pod = await cluster.wait_for("init", in_phase("Succeeded"))
    assert state_of(pod)["terminated"]["message"] == "first\nsecond\n"
    assert [c["restartCount"] for c in pod["status"]["initContainerStatuses"]] == [0, 1]


async def test_crashing_container_is_restarted_at_once_then_with_back_off(cluster: LocalCluster) -> None:
    """The exit code, the message and the count are real; the wait has a kubelet's reason and event."""
    await cluster.start_pod("crash", script("echo why > /dev/termination-log; exit 3"))
    pod = await cluster.wait_for(
        "crash",
        lambda pod: (
            waiting_reason(pod) == "CrashLoopBackOff"
            and pod["status"]["containerStatuses"][0]["restartCount"] > 1
        ),
    )
    [container] = pod["status"]["containerStatuses"]
    assert container["lastState"]["terminated"]["exitCode"] == 3
    assert container["lastState"]["terminated"]["message"] == "why\n"
    assert pod["status"]["phase"] == "Running"
    uid = pod["metadata"]["uid"]
    told = f"Back-off restarting failed container notebook in pod crash_default({uid})"
    await cluster.wait_for_event("crash", f"BackOff: {told}")


@pytest.mark.parametrize(
    ("code", "phase", "exit_code", "reason"),
    [
        pytest.param("exit 0", "Succeeded", 0, "Completed", id="success"),
        pytest.param("exit 7", "Failed", 7, "Error", id="failure"),
        pytest.param("kill -9 $$$$", "Failed", 137, "Error", id="killed"),
    ],
)
async def test_pod_that_ends_for_good_tells_its_exit_code(
    cluster: LocalCluster, code: str, phase: str, exit_code: int, reason: str
) -> None:
    """The phase follows the exit code where nothing is restarted; a signal counts 128 more."""
    await cluster.start_pod("end", script(code), restartPolicy="Never")
    pod = await cluster.wait_for("end", in_phase("Succeeded", "Failed"))
    terminated = state_of(pod)["terminated"]
    assert (pod["status"]["phase"], terminated["exitCode"], terminated["reason"]) == (
        phase,
        exit_code,
        reason,
    )


@pytest.mark.parametrize(
    ("container", "message"),
    [
        pytest.param(
            {"command": ["no-such-program"]},
            'exec: "no-such-program": executable file not found in $PATH',
            id="not found",
        ),
        pytest.param(
            {"command": ["/etc/passwd"]}, 'exec: "/etc/passwd": permission denied', id="not executable"
        ),
        pytest.param(
            {"command": ["/no/such"]},
            'exec: "/no/such": stat /no/such: no such file or directory',
            id="no file",
        ),
        pytest.param(
            {"command": ["true"], "workingDir": "/etc/passwd"},
            "error during container init: mkdir /etc/passwd: not a directory",
            id="working folder",
        ),
    ],
)
async def test_container_that_cannot_start_ends_with_start_error(
    cluster: LocalCluster, container: dict[str, Any], message: str
) -> None:
    """Exit code 128, reason StartError and a container runtime's own words."""
    await cluster.start_pod("broken", container, restartPolicy="Never")
    pod = await cluster.wait_for("broken", in_phase("Failed"))
    terminated = state_of(pod)["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert terminated["message"].endswith(message)
    await cluster.wait_for_event("broken", f"Failed: Error: {RUNTIME}{message}")


async def test_missing_image_is_pulled_in_vain_again_and_again(cluster: LocalCluster) -> None:
    """ErrImagePull, then ImagePullBackOff, with the events of both."""
    await cluster.start_pod("noimage", {"image": "registry.test/absent:1"})
    pod = await cluster.wait_for("noimage", lambda pod: waiting_reason(pod) == "ImagePullBackOff")
    assert pod["status"]["phase"] == "Pending"
    await cluster.wait_for_event("noimage", "Failed: Error: ImagePullBackOff")
    told = (
        'failed to pull and unpack image "registry.test/absent:1": '
        "failed to resolve image: registry.test/absent:1: not found"
    )
    assert {
        'Pulling: Pulling image "registry.test/absent:1"',
        f'Failed: Failed to pull image "registry.test/absent:1": rpc error: code = NotFound desc = {told}',
        "Failed: Error: ErrImagePull",
        'BackOff: Back-off pulling image "registry.test/absent:1"',
    } <= set(await cluster.events("noimage"))


async def test_image_that_takes_time_is_pulled_once(tmp_path: Path) -> None:
    """`--pull-seconds`: the first pod sees Pulling and Pulled, the next finds the image present."""
    async with local_cluster(tmp_path) as cluster, cluster.node(pull_seconds=0.2):
        for name in ("first", "second"):
            await cluster.start_pod(name, script("exit 0"))
            await cluster.wait_for(name, in_phase("Succeeded"))
            await cluster.wait_for_event(name, "Started")
        first, second = await cluster.events("first"), await cluster.events("second")
    assert 'Pulling: Pulling image "example/notebook:1"' in first
    pulled = 'Pulled: Successfully pulled image "example/notebook:1" in 0.2'
    assert [event for event in first if event.startswith(pulled)]
    present = 'Container image "example/notebook:1" already present on machine and can be accessed by the pod'
    assert f"Pulled: {present}" in second


async def test_volumes_of_every_kind_are_read_where_the_pod_mounts_them(cluster: LocalCluster) -> None:
    """Secrets with chosen keys, fields of the pod, several sources in one folder, one file of a volume."""
    await cluster.create("secrets", {"metadata": {"name": "s"}, "stringData": {"a": "of-a", "b": "of-b"}})
    await cluster.create("configmaps", {"metadata": {"name": "c"}, "data": {"file": "of-file"}})
    field = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    limit = {"path": "cpu", "resourceFieldRef": {"containerName": "notebook", "resource": "limits.cpu"}}
    volumes = [
        {"name": "secret", "secret": {"secretName": "s", "items": [{"key": "a", "path": "sub/a.txt"}]}},
        {"name": "pod", "downwardAPI": {"items": [field, limit]}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "c"}}]}},
        {"name": "config", "configMap": {"name": "c"}},
    ]
    mounts = [
        {"name": "secret", "mountPath": "/secret"},
        {"name": "pod", "mountPath": "/podinfo"},
        {"name": "all", "mountPath": "/all"},
        {"name": "config", "mountPath": "/etc/one-file", "subPath": "file"},
    ]
    files = "/secret/sub/a.txt /podinfo/name /podinfo/cpu /all/b /all/file /etc/one-file"
    limits = {"limits": {"cpu": "1500m"}}
    await cluster.start_pod(
        "volumes",
        script(f"cat {files} > /dev/termination-log", volumeMounts=mounts, resources=limits),
        volumes=volumes,
    )
    pod = await cluster.wait_for("volumes", in_phase("Succeeded"))
    assert state_of(pod)["terminated"]["message"] == "of-avolumes2of-bof-fileof-file"


async def test_missing_secret_is_waited_for(cluster: LocalCluster) -> None:
    """A secret that comes after its pod, as KubeSpawner's does with internal_ssl, lets the pod start."""
    env = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}]
    await cluster.start_pod("late", script("exit 0", env=env))
    pod = await cluster.wait_for("late", lambda pod: waiting_reason(pod) == "CreateContainerConfigError")
    assert state_of(pod)["waiting"]["message"] == 'secret "late" not found'
    await cluster.create("secrets", {"metadata": {"name": "late"}, "stringData": {"k": "v"}})
    await cluster.wait_for("late", in_phase("Succeeded"))


async def test_missing_volume_source_is_waited_for(cluster: LocalCluster) -> None:
    """A config map that is not there yet holds the pod with FailedMount; then its files are there."""
    await cluster.start_pod(
        "mount",
        script("cat /etc/c/key > /dev/termination-log", volumeMounts=[{"name": "c", "mountPath": "/etc/c"}]),
        volumes=[{"name": "c", "configMap": {"name": "c"}}],
    )
    await cluster.wait_for_event(
        "mount", 'FailedMount: MountVolume.SetUp failed for volume "c" : configmap "c" not found'
    )
    await cluster.create("configmaps", {"metadata": {"name": "c"}, "data": {"key": "value"}})
    pod = await cluster.wait_for("mount", in_phase("Succeeded"))
    assert state_of(pod)["terminated"]["message"] == "value"


async def test_deleted_pod_ends_on_sigterm_and_leaves_nothing(cluster: LocalCluster) -> None:
    """The process may clean up; its children, also those in sessions of their own, end with it."""
    mounts = [{"name": "h", "mountPath": "/out"}]
    out = cluster.root.parent / "out"
    out.mkdir()
    code = "trap 'echo bye > /out/bye; exit 0' TERM; setsid sleep 1000 & sleep 1000 & wait"
    await cluster.start_pod(
        "polite", script(code, volumeMounts=mounts), volumes=[{"name": "h", "hostPath": {"path": str(out)}}]
    )
    pod = await cluster.wait_for("polite", in_phase("Running"))
    pids: set[int] = set()

    async def has_children() -> bool:
        pids.update(list_descendants(pid_of(cluster, pod)))
        return len(pids) >= 3

    await eventually(has_children)
    await cluster.delete_pod("polite")
    await cluster.wait_gone("polite")
    assert (out / "bye").read_text() == "bye\n"
    assert not [pid for pid in pids if lives(pid)]
    assert "Killing: Stopping container notebook" in await cluster.events("polite")
    await eventually(lambda: is_removed(cluster.root / "pods" / pod["metadata"]["uid"]))


async def test_deleted_pod_that_ignores_sigterm_is_killed_after_its_grace(cluster: LocalCluster) -> None:
    """A shorter grace of a second delete counts, too."""
    await cluster.start_pod(
        "deaf",
        script("trap '' TERM; echo ready; while :; do sleep 1; done"),
        terminationGracePeriodSeconds=600,
    )
    pod = await cluster.wait_for("deaf", in_phase("Running"))
    pid = pid_of(cluster, pod)
    await cluster.delete_pod("deaf")
    await cluster.wait_for("deaf", lambda pod: "deletionTimestamp" in pod["metadata"])
    assert lives(pid)
    await cluster.delete_pod("deaf", gracePeriodSeconds=1)
    await cluster.wait_gone("deaf")
    assert not lives(pid)


async def test_pod_deleted_by_force_loses_its_processes(cluster: LocalCluster) -> None:
    """The object is gone at once; what ran is ended all the same."""
    await cluster.start_pod("gone", script("sleep 1000"))
    pod = await cluster.wait_for("gone", in_phase("Running"))
    pid = pid_of(cluster, pod)
    await cluster.delete_pod("gone", gracePeriodSeconds=0)
    await eventually(lambda: is_dead(pid))


async def test_container_that_fails_its_liveness_probe_is_restarted(cluster: LocalCluster) -> None:
    """The probe's command runs in the container; its word ends the process."""
    probe = {
        "exec": {"command": ["test", "!", "-e", "/state/sick"]},
        "periodSeconds": 1,
        "failureThreshold": 1,
    }
    code = "test -e /state/was && rm -f /state/sick || touch /state/was /state/sick; exec sleep 1000"
    await cluster.start_pod("sick", script(code, livenessProbe=probe, volumeMounts=STATE), volumes=VOLUMES)
    pod = await cluster.wait_for("sick", lambda pod: restarts_of(pod) > 0 and "running" in state_of(pod))
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 143
    await cluster.wait_for_event(
        "sick", "Killing: Container notebook failed liveness probe, will be restarted"
    )


async def test_startup_probe_holds_readiness_back(cluster: LocalCluster) -> None:
    """The container is not started, hence not ready, before its startup probe succeeds."""
    probe = {"exec": {"command": ["test", "-e", "go"]}, "periodSeconds": 1, "failureThreshold": 60}
    pod = await cluster.start_pod("slow", script("sleep 1000", startupProbe=probe))
    pod = await cluster.wait_for("slow", in_phase("Running"))
    assert not is_ready(pod)
    assert not pod["status"]["containerStatuses"][0]["started"]
    touch_in(pid_of(cluster, pod), "go")
    await cluster.wait_for("slow", is_ready)


async def test_pre_stop_hook_runs_before_the_end(cluster: LocalCluster) -> None:
    """It runs in the container, within the grace."""
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopped > /out/hook"]}}}
    out = cluster.root.parent / "out"
    out.mkdir()
    await cluster.start_pod(
        "hooked",
        script("sleep 1000", lifecycle=hook, volumeMounts=[{"name": "h", "mountPath": "/out"}]),
        volumes=[{"name": "h", "hostPath": {"path": str(out)}}],
    )
    await cluster.wait_for("hooked", in_phase("Running"))
    await cluster.delete_pod("hooked")
    await cluster.wait_gone("hooked")
    assert (out / "hook").read_text() == "stopped\n"


async def test_pod_over_its_deadline_fails(cluster: LocalCluster) -> None:
    """The time that it may be active is over: it ends with a kubelet's reason."""
    await cluster.start_pod("deadline", script("sleep 1000"), activeDeadlineSeconds=1)
    pod = await cluster.wait_for("deadline", in_phase("Failed"))
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert state_of(pod)["terminated"]["exitCode"] == 143


async def test_log_of_a_container_is_read_through_the_api(cluster: LocalCluster) -> None:
    """`pods/log` gives what the process wrote, its last lines, and what the try before wrote."""
    code = "test -e /state/x && { seq 1 5; exec sleep 1000; }; touch /state/x; echo failed >&2; exit 1"
    await cluster.start_pod("talk", script(code, volumeMounts=STATE), volumes=VOLUMES)
    await cluster.wait_for("talk", lambda pod: restarts_of(pod) == 1)
    config = cluster.client._api
    base = f"{config.configuration.host}/api/v1/namespaces/default/pods/talk/log"

    async def read(query: str) -> str:
        headers = await cluster.client._headers()
        async with config.rest_client.pool_manager.get(f"{base}?{query}", headers=headers) as response:
            return await response.text()

    async def has_five() -> bool:
        return await read("") == "1\n2\n3\n4\n5\n"

    await eventually(has_five)
    assert await read("tailLines=2") == "4\n5\n"
    assert await read("limitBytes=3") == "1\n2"
    assert await read("previous=true") == "failed\n"


async def test_pod_that_the_node_fails_to_run_says_so(cluster: LocalCluster) -> None:
    """A fault of the node itself, here a file in the way of a folder, is a failure in words; no pod hangs."""
    (cluster.root / "python").write_text("in the way")
    await cluster.start_pod("unlucky", script("sleep 1000"))
    pod = await cluster.wait_for("unlucky", in_phase("Failed"))
    assert pod["status"]["reason"] == "UnexpectedNodeError"
    await cluster.delete_pod("unlucky")
    await cluster.wait_gone("unlucky")


async def test_pod_with_what_the_node_lacks_fails_in_words(cluster: LocalCluster) -> None:
    """Nothing is guessed: the pod fails and says what it asked for."""
    await cluster.start_pod("grpc", script("sleep 1", readinessProbe={"grpc": {"port": 1}}))
    pod = await cluster.wait_for("grpc", in_phase("Failed"))
    assert (
        pod["status"]["message"]
        == "Pod was rejected: this node runs processes and has no notebook.readinessProbe.grpc"
    )
    with contextlib.suppress(KeyError):
        assert not state_of(pod)["running"]
