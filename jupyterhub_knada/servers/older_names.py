"""The names that hubs before this one gave to somebody's home."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubespawner.spawner import KubeSpawner

_CLAIM_TEMPLATE = "claim-{username}"
"""What every hub of the platform had, and what stock's default gives for default servers."""

_SCHEMES = ("safe", "escape")


def older_claim_names(spawner: KubeSpawner) -> tuple[str, ...]:
    """Give the names of this person's home in older hubs, the likeliest first.

    A server's name is left out: named servers share the person's home.

    `_expand_user_properties` is private to KubeSpawner (7.1); nothing public gives both of its slug schemes.
    A test holds what it gives.
    """
    templates = (_CLAIM_TEMPLATE, _without_server_name(spawner.pvc_name_template))
    names = [
        spawner._expand_user_properties(template, slug_scheme=scheme)  # type: ignore[no-untyped-call]  # noqa: SLF001 - see the docstring
        for template in dict.fromkeys(templates)
        for scheme in _SCHEMES
    ]
    return tuple(dict.fromkeys(names))


def _without_server_name(template: str) -> str:
    """Make a template of a claim's name speak of the person only, as it expands for the default server."""
    personal = re.sub(r"\{(safe_|escaped_)?user_server\}", r"{\1username}", template)
    return re.sub(r"-*\{(safe_|escaped_|unescaped_)?servername\}", "", personal)
