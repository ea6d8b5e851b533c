"""How much a profile may add to a pod: every watch of the cluster carries all of it, for everybody.

A short file can ask for a lot: each `{value}` in it becomes a text of up to 512 characters, and what
KubeSpawner fills in, such as `{namespace}`, is longer than its name. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.templates import KUBESPAWNER_NAMES, URL_NAMES, is_template
from jupyterhub_knada.teams.faults import Fault, Path
from jupyterhub_knada.teams.pod_bounds import MOST_JSON, length_as_json

LONGEST_TEXT: Final = 32_768
"""Characters of one text, as of a variable of the team."""
_LONGEST_NAME: Final = 253
"""Characters that a name in braces counts: no name of an object is longer."""
_FILLED_IN: Final = KUBESPAWNER_NAMES | URL_NAMES


def check_lengths(override: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find texts that are too long; where there are none, an override that is too large as a whole."""
    found = tuple(_long_texts(override, ()))
    size = 0 if found else length_as_json(override) + _LONGEST_NAME * _places(override)
    if size <= MOST_JSON:
        return found
    message = f"an override of {size} characters as JSON"
    rule = (
        f"at most {MOST_JSON}, where each name in braces counts {_LONGEST_NAME}: everybody who follows the "
        "pods of the cluster is sent all of it"
    )
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


def _places(value: Any) -> int:
    """Count what KubeSpawner fills in: nothing in a text with any other brace, which stays as it is."""
    if isinstance(value, str):
        # A brace that is meant as one stands twice.
        return value.replace("{{", "").count("{") if is_template(value, _FILLED_IN) else 0
    if isinstance(value, Mapping):
        return sum(map(_places, value.values()))
    return sum(map(_places, value)) if isinstance(value, list | tuple) else 0
