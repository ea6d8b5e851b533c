"""Events in plain words, from what a real Kubernetes 1.36 wrote (`tests/data/spawner`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.servers.progress import tell_event, tell_failure, tell_unschedulable

DATA = Path(__file__).parents[1] / "data" / "spawner"
WAITED = "The server was not ready after 300 seconds. "
NO_MACHINE = "No machine can take the server now: "
PATIENCE = " It starts when one can; a smaller profile may start at once."


def events(sample: str) -> list[dict[str, Any]]:
    """Give the events of a pod that a real cluster wrote."""
    found: list[dict[str, Any]] = json.loads((DATA / f"{sample}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("unschedulable-gpu", f"{NO_MACHINE}none has a free GPU.{PATIENCE}"),
        ("unschedulable-memory", f"{NO_MACHINE}none has enough free memory.{PATIENCE}"),
        ("unschedulable-cpu", f"{NO_MACHINE}none has enough free CPU.{PATIENCE}"),
        ("unschedulable-taint", f"{NO_MACHINE}some are reserved for others.{PATIENCE}"),
        (
            "unschedulable-node-selector",
            f"{NO_MACHINE}none is of the kind that the profile asks for.{PATIENCE}",
        ),
        ("unschedulable-cordoned", f"{NO_MACHINE}some are closed for maintenance.{PATIENCE}"),
        (
            "claim-on-another-node",
            f"{NO_MACHINE}none of those that can reach your home is free.{PATIENCE}",
        ),
        ("claim-missing", "The volume claim-absent, which the server mounts, does not exist."),
        ("claim-unbound", "Waiting for the volume of your home to be made."),
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
        ("crash-at-start-backoff", "The server ends as soon as it starts; Kubernetes tries again."),
        (
            "command-not-found",
            "The image has no jupyterhub-singleuser, which every image for this hub needs.",
        ),
        ("secret-missing", "The server needs the secret absent, which does not exist."),
        (
            "secret-volume-missing",
            "The volume extra cannot be mounted yet: the secret absent does not exist.",
        ),
        ("root-not-allowed", "The image runs as root, which is not allowed here."),
        ("not-ready", "The server does not answer yet."),
        ("nfs-client-missing", "The volume extra cannot be mounted yet."),
    ],
)
def test_failure_of_a_start_is_told_by_its_cause(sample: str, told: str) -> None:
    """Not the last thing that happened, but the one that says what is wrong, without raw replies."""
    said = tell_failure(
        [event for event in events(sample) if event["reason"] != "BackOff" or "crash" in sample], 300
    )
    assert said == WAITED + told


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
    assert tell_unschedulable(text) == (
        f"{NO_MACHINE}none has enough free memory; none has enough example.org/fpga; "
        f"some are reserved for others.{PATIENCE}"
    )


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
