"""Events and refusals of the API in plain words, as a real Kubernetes 1.36 wrote them (`tests/data/pods`)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.diagnosis import Cause, PodState, events, explain_event
from jupyterhub_knada.servers.diagnosis.causes import LONGEST_READ, LONGEST_SHOWN
from jupyterhub_knada.servers.diagnosis.refusals import explain_refusal
from jupyterhub_knada.servers.diagnosis.scheduling import explain_unscheduled
from tests.support.pod_samples import SAMPLES, sample

NO_MACHINE = "No machine can run the server now: "
WAITS = " It starts when one can; a smaller profile may start at once."
WAS_NO_MACHINE = "No machine could run the server: "


def test_progress_of_a_good_start_is_explained_step_by_step() -> None:
    """Every event of a start that goes well is one plain sentence."""
    assert [explain_event(event).ongoing for event in sample("started").events] == [
        "A machine was found: 127.0.0.1.",
        "Fetching the image registry.test/good/notebook:1; the first time on a machine it takes a while.",
        "The image was fetched.",
        "The server's container was made.",
        "The server is starting.",
    ]


def test_step_before_the_server_is_not_the_server() -> None:
    """An init container that starts is told as what it is."""
    said = [explain_event(event).ongoing for event in sample("init-running").events]
    assert said[-1] == "The step prepare, which runs before the server, is running."


def test_image_that_is_on_the_machine_is_explained_so() -> None:
    """Nobody waits for what is not fetched."""
    said = [explain_event(event).ongoing for event in sample("started-image-present").events]
    assert "The image is already on the machine." in said


def test_server_that_ends_is_explained_with_its_exit_code() -> None:
    """The event does not say it, the pod does."""
    state = sample("crash-at-start-backoff")
    back_off = next(event for event in state.events if event["reason"] == "BackOff")
    said = "The server ends as soon as it starts (exit code 3); Kubernetes tries again."
    assert explain_event(back_off, PodState.read(state.pod)).ongoing == said
    assert explain_event(back_off).ongoing == "The server ends as soon as it starts; Kubernetes tries again."


@pytest.mark.parametrize(
    ("message", "uid", "made", "said"),
    [
        pytest.param("Stopping container notebook", "1", "1", "The server is being stopped.", id="this one"),
        pytest.param(
            "Stopping container notebook", "1", "2", "An earlier server is being stopped.", id="another"
        ),
        pytest.param(
            "Stopping container notebook", "1", None, "An earlier server is being stopped.", id="none yet"
        ),
        pytest.param(
            "FailedPostStartHook",
            "1",
            "1",
            "The profile's start command (postStart) failed, so that the server is ended; "
            "Kubernetes tries again.",
            id="a hook",
        ),
        pytest.param(
            "Container notebook failed liveness probe, will be restarted",
            "1",
            "1",
            "The server did not answer Kubernetes' health check and is started again.",
            id="a probe",
        ),
    ],
)
def test_kill_is_explained_by_whose_it_is_and_why(
    message: str, uid: str, made: str | None, said: str
) -> None:
    """The same reason, and four different things that happen."""
    event = {"reason": "Killing", "message": message, "involvedObject": {"uid": uid}}
    assert explain_event(event, None, made).ongoing == said


@pytest.mark.parametrize(
    ("event", "said"),
    [
        pytest.param(
            {"reason": "SomethingNew", "message": "raw", "type": "Warning"},
            "Kubernetes reports a problem with the server that this page has no words for.",
            id="a warning",
        ),
        pytest.param(
            {"reason": "SomethingNew", "message": "raw", "type": "Normal"},
            "Kubernetes is working on the server.",
            id="no warning",
        ),
        pytest.param({}, "Kubernetes is working on the server.", id="nothing"),
        pytest.param(
            {"reason": "FailedScheduling", "message": "0/1 nodes are available: something new. not found"},
            "No machine can run the server now, for a reason that this page has no words for.",
            id="a new reason of the scheduler",
        ),
        pytest.param(
            {
                "reason": "FailedScheduling",
                "message": '0/1 nodes are available: persistentvolume "pvc-1" not found. not found',
            },
            "Waiting for the volume of your home to be made.",
            id="a volume that the scheduler has not seen yet",
        ),
        pytest.param(
            {
                "reason": "FailedCreatePodSandBox",
                "message": "container init was OOM-killed (memory limit too low?)",
            },
            "The profile allows less memory than a server needs to begin.",
            id="too little memory to begin",
        ),
        pytest.param(
            {"reason": "FailedCreatePodSandBox", "message": 'plugin type="calico" failed (add): raw'},
            "The machine could not prepare the server's container or network; Kubernetes tries again.",
            id="no network",
        ),
        pytest.param(
            {"reason": "OutOfnvidia.com/gpu", "message": "raw"},
            "The machine that was chosen has too little free capacity for the server.",
            id="a device that is taken",
        ),
    ],
)
def test_event_that_nobody_knows_is_a_plain_sentence(event: dict[str, Any], said: str) -> None:
    """Kubernetes' own words are in `raw_event` and in the log."""
    assert explain_event(event).ongoing == said


def test_shortages_of_several_kinds_are_explained_once_each() -> None:
    """What different machines lack is listed, what preemption says is not."""
    text = (
        "0/5 nodes are available: 2 Insufficient memory, 1 Insufficient example.org/fpga, 2 node(s) had "
        "untolerated taint(s). preemption: 0/5 nodes are available: 5 No victims, Insufficient cpu."
    )
    lacks = "none has enough free memory; none has enough example.org/fpga; some are reserved for others."
    found = explain_unscheduled(text)
    assert found.ongoing == NO_MACHINE + lacks + WAITS
    assert found.over == WAS_NO_MACHINE + lacks
    assert found.cause is Cause.UNSCHEDULABLE


FORBIDDEN = 'pods "jupyter-e152435" is forbidden: '
HUB = "Report this to whoever runs this hub."
LATER = "Try again in a minute. If it stays so, report it to whoever runs this hub."
KEEPER = "Report this to whoever keeps the team's file."
REFUSALS = {
    "quota": (
        FORBIDDEN + "exceeded quota: team, requested: limits.memory=2Gi, used: limits.memory=9Gi",
        "its quota is used up. Stop another server, or choose a smaller profile.",
    ),
    "a quota of what is not said": (
        FORBIDDEN + "failed quota: team: must specify limits.ephemeral-storage for: notebook",
        "its quota asks for sizes that the server does not have. " + HUB,
    ),
    "a limit range": (
        FORBIDDEN + "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        "no server of this size is allowed there. Choose another profile.",
    ),
    "pod security": (
        FORBIDDEN
        + 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container …)',
        "the pod security level restricted forbids part of it. " + HUB,
    ),
    "a service account": (
        FORBIDDEN + 'error looking up service account team-a/x: serviceaccount "x" not found',
        f"the service account x, which the server runs as, does not exist. {KEEPER}",
    ),
    "a namespace on its way out": (
        FORBIDDEN + "unable to create new content in namespace team-a because it is being terminated",
        "the namespace is being deleted. " + HUB,
    ),
    "no namespace": (
        'namespaces "team-a" not found',
        "the namespace does not exist. " + HUB,
    ),
    "no rights": (
        'pods is forbidden: User "system:serviceaccount:hub:hub" cannot create resource "pods" in API group',
        "the hub has no right to create servers there. " + HUB,
    ),
    "a webhook": (
        'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/team-a/x was blocked',
        "a rule of the cluster, validate.kyverno.svc-fail, forbids it. " + HUB,
    ),
    "a webhook that is down": (
        'Internal error occurred: failed calling webhook "x.example.org": Post "https://x.svc": EOF',
        f"a rule of the cluster, x.example.org, could not be asked. {LATER}",
    ),
    "a value of the wrong type": (
        "json: cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type string",
        f"PodSpec.spec.nodeSelector has a value of the wrong type. Choose another profile. {KEEPER}",
    ),
    "an amount that is none": (
        'Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression',
        f"part of it cannot be read. Choose another profile. {KEEPER}",
    ),
    "an invalid pod": (
        'Pod "jupyter-e152435" is invalid: spec.containers[0].image: Required value',
        f"part of it is invalid. Choose another profile. {KEEPER}",
    ),
    "anything else": ("the cluster has a bad day", f"its reason is in the hub's log. {HUB}"),
    "nothing": ("", f"its reason is in the hub's log. {HUB}"),
}


@pytest.mark.parametrize(("message", "said"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal_of_a_pod_is_explained_by_its_cause(message: str, said: str) -> None:
    """Each says what stands in the way and who can do something, not what the API wrote."""
    start = "Kubernetes rejected the server in namespace team-a: "
    assert explain_refusal("team-a", 403, message) == start + said


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param(401, f"it does not accept the hub's credentials. {HUB}", id="unauthorized"),
        pytest.param(500, f"it failed itself. {LATER}", id="internal error"),
        pytest.param(503, f"it failed itself. {LATER}", id="unavailable"),
    ],
)
def test_refusal_without_a_known_text_is_explained_by_its_status(status: int, said: str) -> None:
    """Neither the status' own words nor the message are shown."""
    start = "Kubernetes rejected the server in namespace team-a: "
    assert explain_refusal("team-a", status, "etcdserver: request timed out") == start + said


ANYTHING = st.one_of(st.none(), st.text(), st.integers())
REASONS = sorted({event["reason"] for name in SAMPLES for event in sample(name).events})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "reason": st.one_of(ANYTHING, st.sampled_from(REASONS)),
            "message": ANYTHING,
            "note": ANYTHING,
            "type": ANYTHING,
        },
    )
)
def test_any_event_is_explained_on_one_line(event: dict[str, Any]) -> None:
    """Whatever a cluster writes: a sentence, never an exception."""
    found = explain_event(event)
    assert found.ongoing.endswith(".")
    assert found.ongoing.isprintable()
    assert found.explanation.endswith(".")


LONG_TEXTS = {
    "shortages": "".join(f"Insufficient a{number}/b, " for number in range(40_000)),
    "one shortage many times": ("Insufficient " + "a-/" * 3) * 50_000,
    "claim": f'persistentvolumeclaim "{"c" * 1_000}" not found',
    "image": f'Failed to pull image "{"i" * 1_000}": denied',
    "image that is fetched": f'Pulling image "{"i" * 1_000}"',
    "secret": f'Error: secret "{"s" * 1_000}" not found',
    "volume": f'volume "{"v" * 900}" secret "{"s" * 900}" not found',
    "node": f"Successfully assigned a/b to {'n' * 1_000}",
    "one word": "w" * 1_000_000,
}


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS.keys())
@pytest.mark.parametrize("reason", [*sorted(events._BY_REASON), "BackOff", "Other", "r" * 1_000_000])
def test_long_text_of_an_event_is_explained_in_short(reason: str, text: str) -> None:
    """Whoever writes an event can neither fill the page nor stop the hub: most of it is not read."""
    event = {"reason": reason, "message": text, "type": "Warning"}
    # Two names at most, and our own words around them.
    assert len(explain_event(event).ongoing) < 2 * LONGEST_SHOWN + 200
    assert explain_event(event) == explain_event({**event, "message": text[:LONGEST_READ]})


def test_long_words_of_the_scheduler_are_not_all_looked_through() -> None:
    """What comes after is as if it were not there."""
    text = LONG_TEXTS["shortages"]
    assert explain_unscheduled(text) == explain_unscheduled(text[:LONGEST_READ])
