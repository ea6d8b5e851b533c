"""Why no machine can run a server: what the scheduler says of each, in words. Pure."""

from __future__ import annotations

import re
from typing import Final

from jupyterhub_knada.servers.diagnosis.causes import (
    IF_IT_STAYS_SO,
    LONGEST_READ,
    REPORT,
    Cause,
    Diagnosis,
    always,
    shown,
)

_SHORTAGES: Final = (
    (re.compile(r"no nodes available to schedule pods"), "there is none in the cluster", False),
    (re.compile(r"Insufficient (?:nvidia\.com/gpu|[\w.-]+/gpu|\S*gpu\S*)"), "none has a free GPU", True),
    (re.compile(r"Insufficient memory"), "none has enough free memory", True),
    (re.compile(r"Insufficient cpu"), "none has enough free CPU", True),
    (re.compile(r"Insufficient (?P<what>[\w./-]+)"), "none has enough {what}", True),
    (re.compile(r"Too many pods"), "none can run one more server", False),
    (
        re.compile(r"didn't match Pod's node affinity/selector"),
        "none is of the kind that the profile asks for",
        False,
    ),
    (re.compile(r"untolerated taint"), "some are reserved for others", False),
    (re.compile(r"were unschedulable"), "some are closed for maintenance", False),
    (
        re.compile(r"volume node affinity|PersistentVolume's node affinity"),
        "none of those that can reach your home is free",
        False,
    ),
    (re.compile(r"available persistent volumes to bind"), "there is no free volume for your home", False),
)
"""What is in the scheduler's sentence -> what it means, and whether a smaller profile may start all the same.

Source: Kubernetes 1.32-1.36, kube-scheduler.
"""

_MAKING_HOME: Final = Diagnosis(
    Cause.VOLUME,
    "Waiting for the volume of your home to be made.",
    "The volume of your home was not made.",
    REPORT,
)


def explain_unscheduled(text: str) -> Diagnosis:
    """Put the scheduler's sentence in words: which machines there are and what each lacks.

    Args:
        text: e.g. `0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint(s). …`.
    """
    claim = re.search(r'persistentvolumeclaim "([^"]*)" not found', text)
    if claim:
        what = f"The volume {shown(claim[1])}, which the server mounts, does not exist."
        return always(Cause.VOLUME, what, REPORT)
    # A claim is bound a moment before the scheduler sees the volume: `persistentvolume "pvc-…" not found`.
    if "unbound immediate PersistentVolumeClaims" in text or re.search(r'persistentvolume "[^"]*"', text):
        return _MAKING_HOME
    # Behind "preemption:" the scheduler says why it does not push others out; that is nobody's cure.
    lacks, _, _ = text[:LONGEST_READ].partition("preemption:")
    meanings: dict[str, bool] = {}
    for pattern, meaning, is_of_size in _SHORTAGES:
        for match in pattern.finditer(lacks):
            meanings.setdefault(meaning.format(**match.groupdict()), is_of_size)
            lacks = lacks.replace(match[0], "")
    if not meanings:
        return Diagnosis(
            Cause.UNSCHEDULABLE,
            "No machine can run the server now, for a reason that this page has no words for.",
            "No machine could run the server, for a reason that this page has no words for.",
            f"The hub's log has it. {REPORT}",
        )
    why = shown("; ".join(meanings))
    is_of_size = any(meanings.values())
    return Diagnosis(
        Cause.UNSCHEDULABLE,
        f"No machine can run the server now: {why}. It starts when one can"
        + ("; a smaller profile may start at once." if is_of_size else "."),
        f"No machine could run the server: {why}.",
        "Try again later, or choose a smaller profile."
        if is_of_size
        else f"Try again later. {IF_IT_STAYS_SO}",
    )
