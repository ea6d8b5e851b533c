"""Events in plain words, from what a real Kubernetes 1.36 wrote (`tests/data/spawner`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers import progress
from jupyterhub_knada.servers.progress import (
    LONGEST_READ,
    LONGEST_TOLD,
    tell_event,
    tell_failure,
    tell_refusal,
    tell_unschedulable,
)

DATA = Path(__file__).parents[1] / "data" / "spawner"
WAITED = "The server was not ready after 300 seconds. "
NO_MACHINE = "No machine can take the server now: "
PATIENCE = " It starts when one can; a smaller profile may start at once."
WAS_NO_MACHINE = "No machine could take the server: "
ADVICE = " Try again later, or choose a smaller profile."


def events(sample: str) -> list[dict[str, Any]]:
    """Give the events of a pod that a real cluster wrote."""
    found: list[dict[str, Any]] = json.loads((DATA / f"{sample}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("unschedulable-gpu", f"{WAS_NO_MACHINE}none has a free GPU.{ADVICE}"),
        ("unschedulable-memory", f"{WAS_NO_MACHINE}none has enough free memory.{ADVICE}"),
        ("unschedulable-cpu", f"{WAS_NO_MACHINE}none has enough free CPU.{ADVICE}"),
        ("unschedulable-taint", f"{WAS_NO_MACHINE}some are reserved for others.{ADVICE}"),
        (
            "unschedulable-node-selector",
            f"{WAS_NO_MACHINE}none is of the kind that the profile asks for.{ADVICE}",
        ),
        ("unschedulable-cordoned", f"{WAS_NO_MACHINE}some are closed for maintenance.{ADVICE}"),
        (
            "claim-on-another-node",
            f"{WAS_NO_MACHINE}none of those that can reach your home is free.{ADVICE}",
        ),
        ("claim-missing", "The volume claim-absent, which the server mounts, does not exist."),
        ("claim-unbound", "The volume of your home was not made."),
        (
            "image-not-found",
            "The image registry.test/good/notebook:absent cannot be fetched: there is no such image or tag.",
        ),
        (
            "image-needs-login",
            "The image registry.test/private/notebook:1 cannot be fetched: "  # noqa: ISC004 - one sentence
            "the registry does not give it out without a login, or it does not exist.",
        ),
        (
            "image-registry-unknown-host",
            "The image registry.invalid/notebook:1 cannot be fetched: the registry's name is not known.",
        ),
        (
            "image-registry-refuses",
            "The image 127.0.0.1:5999/notebook:1 cannot be fetched: the registry does not answer.",
        ),
        ("image-bad-name", "The image's name is not one that a machine can fetch."),
        ("image-never-pull", "The image is not on the machine, and the hub forbids to fetch it."),
        ("crash-at-start-backoff", "The server ends as soon as it starts."),
        (
            "command-not-found",
            "The image has no jupyterhub-singleuser, which every image for this hub needs.",
        ),
        ("secret-missing", "The server needs the secret absent, which does not exist."),
        (
            "secret-volume-missing",
            "The volume extra could not be mounted: the secret absent does not exist.",
        ),
        ("root-not-allowed", "The image runs as root, which is not allowed here."),
        ("not-ready", "The server did not answer."),
        ("nfs-client-missing", "The volume extra could not be mounted."),
    ],
)
def test_failure_of_a_start_is_told_by_its_cause(sample: str, told: str) -> None:
    """Not the last thing that happened, but the one that says what is wrong, without raw replies."""
    said = tell_failure(
        [event for event in events(sample) if event["reason"] != "BackOff" or "crash" in sample], 300
    )
    assert said == WAITED + told


@pytest.mark.parametrize("sample", sorted(path.stem for path in DATA.glob("*.json")))
def test_failure_of_a_start_promises_nothing(sample: str) -> None:
    """When it is over, nobody is told to wait for it."""
    failed = [tell_failure([event], 300) for event in events(sample)]
    words = ("yet", "starts when", "tries again", "Waiting", "takes a while", "takes some minutes")
    assert [told for told in failed if any(word in told for word in words)] == []


def test_progress_of_a_good_start_is_told_step_by_step() -> None:
    """Every event of a start that goes well is one plain sentence."""
    assert [tell_event(event) for event in events("started")] == [
        "A machine was found: 127.0.0.1.",
        "Fetching the image registry.test/good/notebook:1; the first time on a machine it takes a while.",
        "The image was fetched.",
        "The server's container was made.",
        "The server is starting.",
    ]


def test_image_that_is_on_the_machine_is_told_so() -> None:
    """Nobody waits for what is not fetched."""
    assert "The image is already on the machine." in map(tell_event, events("started-image-present"))


def test_failure_without_events_says_that_nothing_is_known() -> None:
    """Silence is told as silence."""
    assert tell_failure([], 60) == (
        "The server was not ready after 60 seconds. Kubernetes says nothing about why."
    )


def test_shortages_of_several_kinds_are_told_once_each() -> None:
    """What different machines lack is listed, what preemption says is not."""
    text = (
        "0/5 nodes are available: 2 Insufficient memory, 1 Insufficient example.org/fpga, 2 node(s) had "
        "untolerated taint(s). preemption: 0/5 nodes are available: 5 No victims, Insufficient cpu."
    )
    lacks = "none has enough free memory; none has enough example.org/fpga; some are reserved for others."
    assert tell_unschedulable(text) == (NO_MACHINE + lacks + PATIENCE, WAS_NO_MACHINE + lacks + ADVICE)


FORBIDDEN = 'pods "jupyter-e152435" is forbidden: '
LATER = "Try again in a minute; if it stays so, tell whoever runs this hub."
KEEPER = "Tell whoever keeps the team's file."
REFUSALS = {
    "quota": (
        FORBIDDEN + "exceeded quota: team, requested: limits.memory=2Gi, used: limits.memory=9Gi",
        "its quota is used up. Stop another server, or choose a smaller profile.",
    ),
    "a quota of what is not said": (
        FORBIDDEN + "failed quota: team: must specify limits.ephemeral-storage for: notebook",
        "its quota asks for sizes that the server does not have. Tell whoever runs this hub.",
    ),
    "a limit range": (
        FORBIDDEN + "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        "no server of this size is allowed there. Choose another profile.",
    ),
    "pod security": (
        FORBIDDEN
        + 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container …)',
        "the pod security level restricted forbids part of it. Tell whoever runs this hub.",
    ),
    "a service account": (
        FORBIDDEN + 'error looking up service account team-a/x: serviceaccount "x" not found',
        f"the service account x, which the server runs as, does not exist. {KEEPER}",
    ),
    "a namespace on its way out": (
        FORBIDDEN + "unable to create new content in namespace team-a because it is being terminated",
        "the namespace is being deleted. Tell whoever runs this hub.",
    ),
    "no namespace": (
        'namespaces "team-a" not found',
        "the namespace does not exist. Tell whoever runs this hub.",
    ),
    "no rights": (
        'pods is forbidden: User "system:serviceaccount:hub:hub" cannot create resource "pods" in API group',
        "the hub has no right to create servers there. Tell whoever runs this hub.",
    ),
    "a webhook": (
        'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/team-a/x was blocked',
        "a rule of the cluster, validate.kyverno.svc-fail, forbids it. Tell whoever runs this hub.",
    ),
    "a webhook that is down": (
        'Internal error occurred: failed calling webhook "x.example.org": Post "https://x.svc": EOF',
        f"a rule of the cluster, x.example.org, could not be asked. {LATER}",
    ),
    "an invalid pod": (
        'Pod "jupyter-e152435" is invalid: spec.containers[0].image: Required value',
        "part of it is invalid. Choose another profile, and tell whoever keeps the team's file.",
    ),
    "anything else": ("the cluster has a bad day", "403 Forbidden. Tell whoever runs this hub."),
    "nothing": ("", "403 Forbidden. Tell whoever runs this hub."),
}


@pytest.mark.parametrize(("message", "told"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusal_of_a_pod_is_told_by_its_cause(message: str, told: str) -> None:
    """Each says what stands in the way and who can do something, not what the API wrote."""
    start = "Kubernetes does not take the server in namespace team-a: "
    assert tell_refusal("team-a", "403 Forbidden", message) == start + told


ANYTHING = st.one_of(st.none(), st.text(), st.integers())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "reason": st.one_of(
                ANYTHING,
                st.sampled_from(
                    [event["reason"] for path in DATA.glob("*.json") for event in events(path.stem)]
                ),
            ),
            "message": ANYTHING,
            "note": ANYTHING,
            "type": ANYTHING,
        },
    )
)
def test_any_event_is_told_on_one_line(event: dict[str, Any]) -> None:
    """Whatever a cluster writes: a sentence, never an exception."""
    told = tell_event(event)
    assert told.strip()
    assert tell_failure([event], 1).startswith("The server was not ready after 1 seconds.")


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
@pytest.mark.parametrize("reason", [*sorted(progress._TELLERS), "Other", "r" * 1_000_000])
def test_long_text_of_an_event_is_told_in_short(reason: str, text: str) -> None:
    """Whoever writes an event can neither fill the page nor stop the hub: most of it is not read."""
    event = {"reason": reason, "message": text, "type": "Warning"}
    # Two names at most, and our own words around them.
    assert len(tell_event(event)) < 2 * LONGEST_TOLD + 200
    assert tell_event(event) == tell_event({**event, "message": text[:LONGEST_READ]})


def test_long_words_of_the_scheduler_are_not_all_looked_through() -> None:
    """What comes after is as if it were not there."""
    text = LONG_TEXTS["shortages"]
    assert tell_unschedulable(text) == tell_unschedulable(text[:LONGEST_READ])
