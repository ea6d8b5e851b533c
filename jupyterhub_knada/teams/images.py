"""Container images: what is a reference, which have a tag, and which a platform's bounds let through."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from jupyterhub_knada.teams.globs import matches_any

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOST_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9A-Fa-f]{32,128}"
_REFERENCE = re.compile(
    rf"(?P<name>(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*))(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?",
)
LONGEST_REFERENCE = 512
"""Characters: a name has at most 255, a tag 128, a digest 128 and its algorithm."""


class ImageReference(NamedTuple):
    """An image, taken apart. Source: github.com/distribution/reference, reference.go."""

    name: str
    """Registry and path as written, without tag and digest."""
    tag: str | None
    digest: str | None

    @property
    def is_pinned(self) -> bool:
        """Whether a tag or a digest says which version is meant."""
        return self.tag is not None or self.digest is not None


@lru_cache(maxsize=4096)
def parse_image(text: str) -> ImageReference | None:
    """Take an image reference apart; None if it is not one. A registry's port is no tag."""
    if len(text) > LONGEST_REFERENCE:
        return None
    match = _REFERENCE.fullmatch(text)
    if match is None or len(match["name"]) > 255:  # noqa: PLR2004 -- the limit of the reference's grammar
        return None
    return ImageReference(match["name"], match["tag"], match["digest"])


def is_image_name(text: str) -> bool:
    """Tell whether a text names a platform image: a bare word, without slash, tag or digest.

    A bare word is never taken for an image of Docker Hub; `docker.io/library/python:3.13` says that.
    """
    return not any(sign in text for sign in "/:@")


def is_allowed(image: str, globs: Iterable[str] | None) -> bool:
    """Tell whether an image passes the bounds.

    Args:
        image: a reference; anything else does not pass.
        globs: as in `bounds.images`; None lets every reference pass, an empty list none. `*` stands for any
            text; before the first slash it stops at the slash, so that `*.example.org/*` cannot be passed by
            `evil.test/x.example.org/y`. A glob without tag holds for every tag. Docker Hub's images are
            matched as written and by their full name, `docker.io/…`.
    """
    reference = parse_image(image)
    if reference is None:
        return False
    if globs is None:
        return True
    names = {image, reference.name, _full_name(image), _full_name(reference.name)}
    return matches_any(globs, *names)


def _full_name(image: str) -> str:
    first, slash, rest = image.partition("/")
    # A first part in capitals is a host, too: no path of Docker Hub has any.
    if slash and (first == "localhost" or "." in first or ":" in first or first != first.lower()):
        return image
    return f"docker.io/{first}/{rest}" if slash else f"docker.io/library/{image}"
