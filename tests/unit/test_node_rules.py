"""Small rules of the node: back-off, probes' thresholds, image names, refusals, logs, the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyterhub_knada.devcluster.node.admission import find_refusal
from jupyterhub_knada.devcluster.node.claims import build_volume, name_folder
from jupyterhub_knada.devcluster.node.kubelet_server import LogRequest
from jupyterhub_knada.devcluster.node.options import Backoff, OnExit, parse_arguments
from jupyterhub_knada.devcluster.node.probes import Tally
from jupyterhub_knada.devcluster.node.pulls import PullError, check_reference, decide_policy


def test_backoff_of_a_crashing_container_doubles_up_to_five_minutes() -> None:
    """The delays are a kubelet's."""
    delays, delay = [], 0.0
    for _ in range(7):
        delay = Backoff().next_delay(delay)
        delays.append(delay)
    assert delays == [10, 20, 40, 80, 160, 300, 300]


def test_backoff_after_ten_good_minutes_is_forgiven() -> None:
    """A container that ran for ten minutes starts from the beginning."""
    assert (Backoff().is_forgiven(599), Backoff().is_forgiven(600)) == (False, True)


@pytest.mark.parametrize(
    ("probe", "initial", "answers", "verdicts"),
    [
        pytest.param(
            {}, False, [True, False, False, False], [True, True, True, False], id="readiness by default"
        ),
        pytest.param(
            {}, True, [False, False, True, False], [True, True, True, True], id="failures in a row only"
        ),
        pytest.param({"failureThreshold": 1}, True, [False], [False], id="liveness at once"),
        pytest.param({"successThreshold": 2}, False, [True, True], [False, True], id="two successes wanted"),
        pytest.param({"failureThreshold": 2}, None, [False, False], [None, False], id="startup gives up"),
    ],
)
def test_tally_of_answers_changes_after_enough_in_a_row(
    probe: dict[str, Any],
    initial: bool | None,  # noqa: FBT001 - a column of the table
    answers: list[bool],
    verdicts: list[bool | None],
) -> None:
    """The verdict follows the thresholds, as in Kubernetes."""
    tally = Tally(probe, initial=initial)
    assert [tally.add(success=answer) for answer in answers] == verdicts


@pytest.mark.parametrize(
    "image",
    [
        "python",
        "ghcr.io/navikt/mine:2026-11",
        "localhost:5000/a/b:1",
        "a/b@sha256:" + "0" * 64,
        "x:1@sha256:" + "a" * 64,
    ],
)
def test_image_name_of_a_usual_form_is_accepted(image: str) -> None:
    """Registries with ports, tags and digests are all names."""
    check_reference(image)


@pytest.mark.parametrize(
    "image", ["Not a good::name", "host.example/UPPER:1", "a//b", "a:", "", "a@sha256:xyz"]
)
def test_image_name_of_a_wrong_form_is_invalid(image: str) -> None:
    """A wrong name is a waiting reason of its own."""
    with pytest.raises(PullError) as refused:
        check_reference(image)
    assert refused.value.reason == "InvalidImageName"


@pytest.mark.parametrize(
    ("container", "policy"),
    [
        ({"image": "a"}, "Always"),
        ({"image": "a:latest"}, "Always"),
        ({"image": "host:5000/a"}, "Always"),
        ({"image": "a:1"}, "IfNotPresent"),
        ({"image": "a:1", "imagePullPolicy": "Never"}, "Never"),
    ],
)
def test_pull_policy_without_one_follows_the_tag(container: dict[str, str], policy: str) -> None:
    """The default is the API server's."""
    assert decide_policy(container) == policy


def test_pod_with_what_processes_cannot_do_is_refused_in_words() -> None:
    """A feature that would be guessed is named instead."""
    pod = {
        "spec": {
            "initContainers": [{"name": "side", "restartPolicy": "Always"}],
            "containers": [{"name": "c", "readinessProbe": {"grpc": {"port": 1}}, "volumeDevices": [{}]}],
        }
    }
    told = "c.readinessProbe.grpc, c.volumeDevices, initContainers[side].restartPolicy"
    assert find_refusal(pod) == (
        "UnexpectedAdmissionError",
        f"Pod was rejected: this node runs processes and has no {told}",
    )
    assert find_refusal({"spec": {"containers": [{"name": "c", "image": "x"}]}}) is None


def test_volume_for_a_claim_is_bound_to_it_by_uid() -> None:
    """The claim's own size, class and modes; reserved for this claim, not for another of its name."""
    claim = {
        "metadata": {"namespace": "hub", "name": "claim-ada", "uid": "1234-5"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local-folder",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    spec = build_volume(claim, Path("/root/volumes") / name_folder(claim), "Retain")["spec"]
    assert spec["claimRef"]["uid"] == "1234-5"
    assert spec["hostPath"] == {"path": "/root/volumes/hub_claim-ada_1234", "type": "DirectoryOrCreate"}
    assert (spec["capacity"], spec["persistentVolumeReclaimPolicy"]) == ({"storage": "10Gi"}, "Retain")


def test_log_request_for_times_is_refused() -> None:
    """The logs are what the process wrote; nothing is made up."""
    assert LogRequest.parse({"tailLines": "2", "follow": "true"}) == LogRequest(follow=True, tail_lines=2)
    with pytest.raises(ValueError, match=r"without times \(got sinceSeconds\)"):
        LogRequest.parse({"sinceSeconds": "5"})


def test_command_line_with_everything_gives_the_options() -> None:
    """The options have the names of the command line."""
    line = (
        "--kubeconfig k --root r --name n1 --cpu 4 --memory 8Gi --capacity nvidia.com/gpu=1 --label a=b "
        "--missing-image *absent* --pull-seconds 1.5 --on-exit keep --log-level debug"
    )
    options, log_level = parse_arguments(line.split())
    assert (options.name, options.cpu, options.memory, options.pull_seconds) == ("n1", "4", "8Gi", 1.5)
    assert (options.capacity, options.labels) == ({"nvidia.com/gpu": "1"}, {"a": "b"})
    assert (options.missing_images, options.on_exit, log_level) == (("*absent*",), OnExit.KEEP, "DEBUG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--root r", "the following arguments are required: --kubeconfig"),
        ("--kubeconfig k --root r --name Upper", "not a node name (got 'Upper')"),
        (
            "--kubeconfig k --root r --capacity gpu",
            "not NAME=VALUE (got 'gpu'); write for example nvidia.com/gpu=1",
        ),
        ("--kubeconfig k --root r --pull-seconds soon", "not a number of seconds (got 'soon')"),
        ("--kubeconfig k --root r --pull-seconds -1", "not a number of seconds (got '-1')"),
        ("--kubeconfig k --root r --tls-cert-file c", "go together; give both or none"),
    ],
)
def test_command_line_with_a_mistake_says_which(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the value and an example."""
    with pytest.raises(SystemExit) as ended:
        parse_arguments(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
