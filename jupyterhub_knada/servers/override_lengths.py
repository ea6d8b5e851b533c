"""How much a profile may add to a pod: every watch of the cluster carries all of it, for everybody.

A short file can ask for a lot, as each `{value}` in it becomes a text of up to 512 characters. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.frozen import thaw
from jupyterhub_knada.teams.faults import Fault, Path

LONGEST_TEXT: Final = 32_768
"""Characters of one text, as of a variable of the team."""
MOST_JSON: Final = 65_536
"""Characters of all overrides of one start, as Kubernetes writes them: etcd takes 1.5 MB of a pod."""

_ESCAPED: Final = "<>&"
"""What the API server writes as six characters, `\\u003c`. Source: Go, encoding/json `HTMLEscape`."""


def check_lengths(override: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find texts that are too long; where there are none, an override that is too large as a whole."""
    found = tuple(_long_texts(override, ()))
    size = 0 if found else _length_as_json(override)
    if size <= MOST_JSON:
        return found
    message = f"an override of {size} characters as JSON"
    rule = f"at most {MOST_JSON}: everybody who follows the pods of the cluster is sent all of it"
    return (Fault(Code.OUT_OF_RANGE, message, rule, "put it into the image, or into a file"),)


def _long_texts(value: Any, path: Path) -> Iterator[Fault]:
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            message = f"a text of {len(value)} characters"
            rule = f"at most {LONGEST_TEXT}"
            yield Fault(Code.TEXT_TOO_LONG, message, rule, "put it into the image, or into a file", path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _long_texts(key, path)
            yield from _long_texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _long_texts(item, (*path, place))


def _length_as_json(value: Any) -> int:
    text = json.dumps(thaw(value), separators=(",", ":"))
    return len(text) + sum(5 * text.count(sign) for sign in _ESCAPED)
