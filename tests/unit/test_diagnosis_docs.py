"""What the docs quote of a start that fails, against what a person is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_knada.servers.claims import ClaimsUnreadableError
from jupyterhub_knada.servers.diagnosis import (
    diagnose,
    explain_event,
    explain_no_answer,
    explain_timeout,
    refusals,
)
from jupyterhub_knada.servers.diagnosis.refusals import (
    explain_home_refusal,
    explain_refusal,
    explain_silence,
    explain_stop_refusal,
)
from jupyterhub_knada.servers.hub_hooks import HubFailedError
from jupyterhub_knada.servers.start_limits import refuse_start
from jupyterhub_knada.teams.membership import decide_memberships
from jupyterhub_knada.teams.registry import open_registry
from tests.support.pod_samples import SAMPLES, sample
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/server-does-not-start.md").read_text("utf-8")
SYMPTOMS = re.findall(r"^\*\*Symptom\.\*\*(.*?)\n\n(?=\*\*|- )", PAGE, re.MULTILINE | re.DOTALL)
CAUSES = re.findall(r"^- (`.*?): ", PAGE, re.MULTILINE)
QUOTED = [quoted for text in (*SYMPTOMS, *CAUSES) for quoted in re.findall(r"`([^`]+)`", text)]


def shown_sentences(folder: Path) -> Iterator[str]:
    """Give what pages show: of real events, of each refusal of the API, and at sign-in."""
    for name in SAMPLES:
        state = sample(name)
        found = diagnose(state.pod, state.events, state.uid)
        yield found.ongoing
        yield explain_timeout(300, found)
        yield explain_no_answer(30, found)
        for event in state.events:
            yield explain_event(event).ongoing
    for reason in ("TriggeredScaleUp", "FailedPostStartHook", "Unknown"):
        found = explain_event({"reason": reason, "type": "Warning"})
        yield found.ongoing
        yield found.explanation
    unknown = explain_event({"reason": "FailedScheduling", "message": "0/1 nodes are available: new"})
    yield unknown.explanation
    yield HubFailedError().jupyterhub_message
    for message in REFUSED:
        yield explain_refusal("team-kyrre", 403, message)
        yield explain_stop_refusal("team-kyrre", 403, message)
    for message in ("exceeded quota: x", "maximum storage usage per PersistentVolumeClaim is 1Gi"):
        yield explain_home_refusal("team-kyrre", 403, message)
    yield explain_silence()
    yield str(refuse_start("kyrre", starting=32, limit=32))
    yield str(vars(ClaimsUnreadableError("team-kyrre", TimeoutError()))["jupyterhub_message"])
    write_files(folder, kyrre="users: [e1]\nnamespace: 5 5\n", other="namespace: b\nusers: []\ngroups: [g]\n")
    snapshot = open_registry(folder / "teams", None).snapshot
    for user, groups in (("e1", frozenset[str]()), ("e2", None), ("e2", frozenset[str]())):
        refusal = decide_memberships(user, groups, snapshot).refusal
        assert refusal is not None
        yield str(refusal)


REFUSED = (
    "exceeded quota: x",
    "failed quota: x",
    "maximum cpu usage per Container",
    'violates PodSecurity "restricted:latest": x',
    'serviceaccount "x" not found',
    "because it is being terminated",
    'namespaces "x" not found',
    'cannot create resource "pods"',
    'cannot delete resource "pods"',
    'admission webhook "x" denied',
    'failed calling webhook "x"',
    "cannot unmarshal number into Go struct field PodSpec.spec.nodeSelector of type string",
    "Pod in version v1 cannot be handled as a Pod: x",
    'Pod "x" is invalid',
)
"""Words of the API, one for each row of `refusals._REFUSALS`."""


def test_refused_words_have_one_for_each_refusal_that_is_told() -> None:
    """A new sentence needs its words here, so that the docs can be held against it."""
    told = [next(why for rule, why, _ in refusals._REFUSALS if rule.search(words)) for words in REFUSED]
    assert told == [why for _, why, _ in refusals._REFUSALS]


def test_symptoms_are_found_in_the_docs() -> None:
    """The pattern that finds them does."""
    assert len(SYMPTOMS) == PAGE.count("**Symptom.**")
    assert len(QUOTED) > len(SYMPTOMS)


@pytest.mark.parametrize("quoted", QUOTED)
def test_quoted_symptom_is_what_a_person_is_shown(quoted: str, tmp_path: Path) -> None:
    """Whoever searches the docs for the sentence on the page finds it."""
    words = ".*".join(map(re.escape, quoted.split("…")))
    assert any(re.search(words, sentence) for sentence in shown_sentences(tmp_path)), quoted


def test_each_refusal_of_the_api_is_in_the_docs() -> None:
    """No sentence of a refused server is without an explanation."""
    causes = [re.compile(".*".join(map(re.escape, cause.split("…")))) for cause in QUOTED]
    sentences = [explain_refusal("x", 403, message) for message in REFUSED]
    general = "Kubernetes rejected the server"
    assert [
        sentence
        for sentence in sentences
        if not any(
            cause.search(sentence) for cause in causes if not cause.pattern.startswith(re.escape(general))
        )
    ] == []
