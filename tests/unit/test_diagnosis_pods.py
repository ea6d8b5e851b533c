"""Why a server is not ready, decided from what a real Kubernetes 1.36 wrote (`tests/data/pods`)."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.diagnosis import (
    Cause,
    diagnose,
    explain_no_answer,
    explain_timeout,
    words_for_log,
)
from jupyterhub_knada.servers.watched_fields import kept_of_event, kept_of_pod
from tests.support.pod_samples import SAMPLES, Sample, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

TEAM = "Report this to whoever keeps the team's file."
HUB = "Report this to whoever runs this hub."
LATER = "Try again in some minutes."
SMALLER = "Try again later, or choose a smaller profile."
STAYS = "Try again later. If it stays so, report it to whoever runs this hub."
NO_MACHINE = "No machine could run the server: "
NOT_FETCHED = "cannot be fetched: "
LOGIN = "the registry does not give it out without a login, or it does not exist."
MEMORY = (
    "The server needed more memory than the profile allows and was ended. Choose a profile with more memory."
)
CLEARED = f"The server's machine was cleared, and the server with it. {LATER}"
NO_ANSWER = (
    "It runs, but does not answer the hub. "
    "Try another profile. If that does not answer either, report it to whoever runs this hub."
)
EXPLAINED = {
    "claim-missing": ("volume", f"The volume claim-absent, which the server mounts, does not exist. {HUB}"),
    "claim-no-volume": ("unschedulable", f"{NO_MACHINE}there is no free volume for your home. {STAYS}"),
    "claim-on-another-node": (
        "unschedulable",
        f"{NO_MACHINE}none of those that can reach your home is free. {STAYS}",
    ),
    "claim-provisioning": (
        "unschedulable",
        f"No machine was chosen for the server, for a reason that Kubernetes does not give. {HUB}",
    ),
    "claim-unbound": ("volume", f"The volume of your home was not made. {HUB}"),
    "command-not-executable": ("image", f"The image's program may not be executed. {TEAM}"),
    "command-not-found": (
        "image",
        f"The image has no jupyterhub-singleuser, which every image for this hub needs. {TEAM}",
    ),
    "configmap-key-missing": (
        "configuration",
        f"The server needs absent of the configmap present, which has no such key. {TEAM}",
    ),
    "configmap-missing": (
        "configuration",
        f"The server needs the configmap absent, which does not exist. {TEAM}",
    ),
    "crash-at-start-backoff": ("program", f"The server ends as soon as it starts (exit code 3). {TEAM}"),
    "crash-at-start-first": ("program", f"The server ends as soon as it starts (exit code 1). {TEAM}"),
    "deadline": ("stopped", f"The time that the profile allows the server was over. {HUB}"),
    "drained": ("machine", CLEARED),
    "evicted-memory-pressure": (
        "machine",
        f"The machine had too little left and ended the server. {LATER}",
    ),
    "evicted-storage-limit": (
        "machine",
        "The server wrote more to the machine's disk than it may, and was ended. Write to your home instead.",
    ),
    "finished": (
        "program",
        f"The server ended by itself, without an error, before it could be used. {TEAM}",
    ),
    "image-access-denied": (
        "image",
        f"The image registry.test/denied/notebook:1 {NOT_FETCHED}{LOGIN} {TEAM}",
    ),
    "image-bad-name": ("image", f"The image's name is not one that a machine can fetch. {TEAM}"),
    "image-needs-login": ("image", f"The image registry.test/private/notebook:1 {NOT_FETCHED}{LOGIN} {TEAM}"),
    "image-never-pull": (
        "image",
        f"The image is not on the machine, and the hub forbids to fetch it. {HUB}",
    ),
    "image-not-found": (
        "image",
        f"The image registry.test/good/notebook:absent {NOT_FETCHED}there is no such image or tag. {TEAM}",
    ),
    "image-pull-secret-missing": (
        "image",
        (
            f"The image registry.test/private/notebook:1 {NOT_FETCHED}{LOGIN} "
            f"The pull secret absent of the team does not exist. {TEAM}"
        ),
    ),
    "image-pulling": (
        "progress",
        (
            "Fetching the image registry.test/slow/notebook:1 took too long. "
            "Try again: the machine goes on fetching it."
        ),
    ),
    "image-registry-refuses": (
        "image",
        f"The image 127.0.0.1:5999/notebook:1 {NOT_FETCHED}the registry does not answer. {TEAM}",
    ),
    "image-registry-unknown-host": (
        "image",
        f"The image registry.invalid/notebook:1 {NOT_FETCHED}the registry's name is not known. {TEAM}",
    ),
    "init-crash": (
        "program",
        f"The step prepare, which runs before the server, ends with exit code 2. {TEAM}",
    ),
    "init-running": (
        "progress",
        f"The step prepare, which runs before the server, was still running. {HUB}",
    ),
    "killed-by-liveness": (
        "probe",
        f"The server did not answer Kubernetes' health check and was ended. {HUB}",
    ),
    "nfs-client-missing": ("volume", f"The volume extra could not be mounted. {HUB}"),
    "no-such-node": ("machine", f"The machine absent has not begun with the server. {HUB}"),
    "node-lost": ("machine", f"The server's machine did not answer the cluster. {LATER}"),
    "node-refuses-cpu": (
        "machine",
        "The machine that was chosen has too little free capacity for the server. Try again.",
    ),
    "node-tainted": ("machine", CLEARED),
    "not-ready": ("probe", f"The server did not answer. {HUB}"),
    "out-of-memory-child-then-exit": ("memory", MEMORY),
    "out-of-memory-restarts": ("memory", MEMORY),
    "preempted": ("machine", f"A more important server replaced this one. {LATER}"),
    "root-not-allowed": ("image", f"The image runs as root, which is not allowed here. {TEAM}"),
    "scheduling-gated": (
        "unschedulable",
        f"A rule of the cluster keeps the server from being scheduled. {HUB}",
    ),
    "secret-missing": (
        "configuration",
        f"The server needs the secret absent, which does not exist. {TEAM}",
    ),
    "secret-volume-missing": (
        "volume",
        f"The volume extra could not be mounted: the secret absent does not exist. {HUB}",
    ),
    "started": ("unanswered", NO_ANSWER),
    "started-image-present": ("unanswered", NO_ANSWER),
    "stopped": ("stopped", f"The server was stopped before it was ready. {LATER}"),
    "sub-path-bad": (
        "volume",
        f"A folder of a volume, which the server mounts, could not be prepared. {TEAM}",
    ),
    "unschedulable-cordoned": ("unschedulable", f"{NO_MACHINE}some are closed for maintenance. {STAYS}"),
    "unschedulable-cpu": ("unschedulable", f"{NO_MACHINE}none has enough free CPU. {SMALLER}"),
    "unschedulable-gpu": ("unschedulable", f"{NO_MACHINE}none has a free GPU. {SMALLER}"),
    "unschedulable-memory": ("unschedulable", f"{NO_MACHINE}none has enough free memory. {SMALLER}"),
    "unschedulable-node-selector": (
        "unschedulable",
        f"{NO_MACHINE}none is of the kind that the profile asks for. {STAYS}",
    ),
    "unschedulable-taint": ("unschedulable", f"{NO_MACHINE}some are reserved for others. {STAYS}"),
    "working-folder-missing": ("configuration", f"The server's container could not be started. {TEAM}"),
}
"""By what had been done to the pod: class of the cause, and all that is said when the start is over."""


def test_every_recorded_state_has_its_explanation() -> None:
    """A new one needs its sentence here."""
    assert set(EXPLAINED) == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_cause_is_the_last_word(name: str) -> None:
    """Of a pod in any state that a real cluster has had: the cause, and what to do."""
    state = sample(name)
    found = diagnose(state.pod, state.events, state.uid)
    assert (found.cause, found.explanation) == EXPLAINED[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_cause_is_the_same_of_what_the_hub_keeps(name: str) -> None:
    """Every field that is read is kept by the watch."""
    state = sample(name)
    kept = [kept_of_event(event) for event in state.events]
    found = diagnose(kept_of_pod(state.pod), kept, state.uid)
    assert found == diagnose(state.pod, state.events, state.uid)


@pytest.mark.parametrize("name", SAMPLES)
def test_cause_does_not_depend_on_the_order_of_events(name: str) -> None:
    """Events of one second come in any order; of two watches, one is ahead of the other."""
    state = sample(name)
    shuffled = [*state.events]
    random.Random(name).shuffle(shuffled)
    # Of several pulls that failed, the last that says why is told; which it is follows from their order.
    assert (
        diagnose(state.pod, shuffled, state.uid).cause == diagnose(state.pod, state.events, state.uid).cause
    )


def raw_texts(state: Sample) -> Iterator[str]:
    """Give each text of Kubernetes' own in a pod and its events."""
    for value in (state.pod["status"], *state.events):
        yield from _texts(value, "")


def _texts(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _texts(one, inner)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, str) and key in ("message", "reason"):
        yield from re.split(r"[:;,.]\s", value)


RAW = re.compile(
    r'0/\d|"|\bpods?\b|not found|exit status|rpc|OCI|OOM|Err[A-Z]|BackOff|\bnode\(s\)|preemption'
)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_that_is_said_is_a_text_of_kubernetes(name: str) -> None:
    """Plain sentences, while it goes on and afterwards."""
    state = sample(name)
    found = diagnose(state.pod, state.events, state.uid)
    for said in (found.ongoing, found.explanation):
        assert re.fullmatch(r"[A-Z].*\.", said), said
        assert not RAW.search(said), said
        raw = [raw for raw in raw_texts(state) if len(raw) > 12 and "/notebook:" not in raw]
        assert [text for text in raw if text in said] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_failure_of_a_start_promises_nothing(name: str) -> None:
    """When it is over, nobody is told to wait for it."""
    state = sample(name)
    over = diagnose(state.pod, state.events, state.uid).explanation
    words = ("yet", "starts when", "tries again", "Waiting", "takes a while", "takes some minutes")
    assert [word for word in words if word in over] == []


def test_seconds_stand_before_the_cause() -> None:
    """Both ways to be late say how long was waited."""
    state = sample("out-of-memory-restarts")
    found = diagnose(state.pod, state.events)
    assert explain_timeout(300, found) == f"The server was not ready after 300 seconds. {MEMORY}"
    assert explain_no_answer(30, found) == f"The server did not answer within 30 seconds. {MEMORY}"


def hook_fails(**state: Any) -> Sample:
    """Give what a kubelet writes where a postStart hook has failed.

    Source: Kubernetes 1.36, kuberuntime_container.go `startContainer`.
    """
    notebook = {"name": "notebook", "ready": False, "restartCount": 1, **state}
    about = {"name": "x", "uid": "1"}
    events = [
        {"type": "Normal", "reason": "Started", "message": "Container started"},
        {"type": "Warning", "reason": "FailedPostStartHook", "message": "PostStartHook failed"},
        {"type": "Normal", "reason": "Killing", "message": "FailedPostStartHook"},
        {"type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container notebook"},
    ]
    pod = {
        "metadata": {"name": "x", "uid": "1"},
        "spec": {"nodeName": "n"},
        "status": {"phase": "Running", "containerStatuses": [notebook]},
    }
    return Sample(pod, [{**event, "involvedObject": about} for event in events])


ENDED = {"terminated": {"exitCode": 137, "reason": "Error"}}
FAILED_HOOK = f"The profile's start command (postStart) failed, so that the server was ended. {TEAM}"


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(
            {"state": {"waiting": {"reason": "PostStartHookError"}}, "lastState": ENDED}, id="waits"
        ),
        pytest.param(
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ENDED}, id="backs off"
        ),
        pytest.param({"state": ENDED}, id="is killed"),
        pytest.param({"state": {"running": {}}, "lastState": ENDED}, id="runs again"),
    ],
)
def test_hook_that_fails_is_the_cause(state: dict[str, Any]) -> None:
    """Not the kill that follows from it, nor the way in which the container ended."""
    failing = hook_fails(**state)
    found = diagnose(failing.pod, failing.events)
    assert (found.cause, found.explanation) == (Cause.HOOK, FAILED_HOOK)


def test_hook_that_failed_once_is_no_cause_when_the_server_runs() -> None:
    """It went well the second time; what is wrong now is something else."""
    ready = hook_fails(state={"running": {}}, ready=True)
    assert diagnose(ready.pod, ready.events).explanation == NO_ANSWER


def test_volume_that_was_mounted_late_is_no_cause() -> None:
    """A mount that failed at first, and went well, has nothing to do with a slow image."""
    slow, broken = sample("image-pulling"), sample("nfs-client-missing")
    mount = [
        {**event, "involvedObject": {"uid": slow.pod["metadata"]["uid"]}}
        for event in broken.events
        if event["reason"] == "FailedMount"
    ]
    assert diagnose(slow.pod, [*slow.events, *mount]) == diagnose(slow.pod, slow.events)


def test_what_the_scheduler_said_at_first_is_no_cause_of_a_server_that_runs() -> None:
    """The events of a start are kept; those of a stage that is over do not count."""
    ready, unscheduled = sample("started"), sample("unschedulable-gpu")
    uid = {"uid": ready.pod["metadata"]["uid"]}
    events = [{**event, "involvedObject": uid} for event in unscheduled.events] + ready.events
    assert diagnose(ready.pod, events).explanation == NO_ANSWER


KILLING = {"type": "Normal", "reason": "Killing", "message": "Stopping container notebook"}


def test_stop_of_an_earlier_server_is_the_cause_where_no_pod_was_made() -> None:
    """The pod in the way is not this start's."""
    earlier = "An earlier server was still being stopped. Try again in a minute."
    event = {**KILLING, "involvedObject": {"name": "x", "uid": "old"}}
    ending = {"metadata": {"name": "x", "uid": "old", "deletionTimestamp": "now"}, "status": {}}
    assert diagnose(None, [event]).explanation == earlier
    assert diagnose(ending, [event]).explanation == earlier
    assert diagnose(ending, [event], "new").explanation == earlier


def test_events_of_an_earlier_server_are_no_cause() -> None:
    """Only what happened to this start's own pod counts, and what names no pod."""
    state = sample("started")
    old = {"name": "x", "uid": "old"}
    events = [
        {**KILLING, "involvedObject": old},
        {"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "involvedObject": old},
        *state.events,
    ]
    assert diagnose(state.pod, events).explanation == NO_ANSWER


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param(None, "The server was deleted while it started. Try again.", id="nothing"),
        pytest.param(KILLING, "The server was deleted while it started. Try again.", id="a kill"),
        pytest.param(
            {"type": "Normal", "reason": "Preempted", "message": "Preempted by pod x on node y"},
            f"A more important server replaced this one. {LATER}",
            id="preemption",
        ),
        pytest.param({"type": "Normal", "reason": "TaintManagerEviction"}, CLEARED, id="a taint"),
    ],
)
def test_pod_that_is_gone_is_explained_by_what_was_said_of_it(
    event: dict[str, Any] | None, said: str
) -> None:
    """Somebody has deleted it, and maybe said why."""
    events = [] if event is None else [{**event, "involvedObject": {"uid": "1"}}]
    assert diagnose(None, events, "1").explanation == said


def test_silence_is_explained_as_silence() -> None:
    """Where no pod was made and nothing happened, the cluster has not answered."""
    assert diagnose(None, []).explanation == (
        "Kubernetes did not answer in time. "
        "Try again in a minute. If it stays so, report it to whoever runs this hub."
    )


def test_log_has_kubernetes_own_words() -> None:
    """What no page shows is there for an admin, each part in short."""
    state = sample("command-not-found")
    said = words_for_log(state.pod, state.events)
    assert "CrashLoopBackOff back-off 10s restarting failed container" in said
    assert "StartError, exit code 128 failed to create containerd task" in said
    assert words_for_log(None, []) == "no pod"
    long = {"status": {"phase": "x" * 9_000, "conditions": [], "message": "y" * 9_000}}
    assert len(words_for_log(long, [])) < 300


STATE = st.fixed_dictionaries(
    {},
    optional={
        "waiting": st.fixed_dictionaries({}, optional={"reason": st.text(), "message": st.text()}),
        "terminated": st.fixed_dictionaries(
            {}, optional={"reason": st.text(), "exitCode": st.integers(), "message": st.text()}
        ),
        "running": st.just({}),
    },
)
STATUSES = st.lists(
    st.fixed_dictionaries(
        {}, optional={"name": st.text(), "state": STATE, "lastState": STATE, "ready": st.booleans()}
    )
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.none() | st.fixed_dictionaries({}, optional={"uid": st.text()}),
        "spec": st.none() | st.fixed_dictionaries({}, optional={"nodeName": st.text()}),
        "status": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "phase": st.sampled_from(["Pending", "Running", "Failed", "Succeeded", ""]),
                "reason": st.text(),
                "conditions": st.none()
                | st.lists(
                    st.fixed_dictionaries(
                        {
                            "type": st.sampled_from(["PodScheduled", "DisruptionTarget", "Ready"]),
                            "status": st.sampled_from(["True", "False"]),
                        },
                        optional={"reason": st.text(), "message": st.text()},
                    )
                ),
                "containerStatuses": st.none() | STATUSES,
                "initContainerStatuses": st.none() | STATUSES,
            },
        ),
    },
)
EVENTS = st.lists(
    st.one_of(
        st.fixed_dictionaries({}, optional={"reason": st.text(), "message": st.text(), "type": st.text()}),
        st.sampled_from([event for name in SAMPLES for event in sample(name).events]),
    )
)


@given(st.none() | PODS, EVENTS, st.none() | st.text())
def test_any_pod_has_a_sentence(
    pod: dict[str, Any] | None, events: list[dict[str, Any]], made: str | None
) -> None:
    """Whatever a cluster writes: one line, never an exception."""
    found = diagnose(pod, events, made)
    assert found.ongoing.strip()
    assert found.explanation.endswith(".")
    assert found.explanation.isprintable()
