"""Why an image cannot be fetched: what the container runtime says, in words. Pure."""

from __future__ import annotations

import re
from typing import Final

from jupyterhub_knada.servers.diagnosis.causes import LONGEST_READ, REPORT_TEAM, Cause, Diagnosis, shown

_FAULTS: Final = (
    (
        re.compile(r"too ?many ?requests|\b429\b", re.IGNORECASE),
        "the registry accepts no more requests for now",
    ),
    (
        re.compile(r"authoriz|denied|unauthenticated|\b401\b|\b403\b|no basic auth", re.IGNORECASE),
        "the registry does not give it out without a login, or it does not exist",
    ),
    (re.compile(r"not found|manifest unknown", re.IGNORECASE), "there is no such image or tag"),
    (re.compile(r"no such host|lookup|name resolution", re.IGNORECASE), "the registry's name is not known"),
    (
        re.compile(r"timeout|refused|unreachable|deadline|\bEOF\b", re.IGNORECASE),
        "the registry does not answer",
    ),
)
"""What is in the runtime's words -> what it means. Source: containerd 1.6-2.3, Kubernetes 1.36."""


def explain_pull(text: str) -> Diagnosis:
    """Put in words why an image was not fetched.

    Args:
        text: Of the event `Failed`, or of the container that waits with `ErrImagePull` or `ImagePullBackOff`.
    """
    image = image_in(text)
    _, _, cause = text[:LONGEST_READ].partition('": ')
    why = next((f": {meaning}" for pattern, meaning in _FAULTS if pattern.search(cause)), "")
    what = f"The image {image} cannot be fetched{why}."
    return Diagnosis(Cause.IMAGE, what, what, REPORT_TEAM)


def image_in(text: str) -> str:
    """Give the name of the image that a text speaks of."""
    image = re.search(r'image "([^"]*)"', text[:LONGEST_READ])
    return shown(image[1]) if image else "of the profile"
