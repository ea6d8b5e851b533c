"""How much a profile may add to a pod: every watch of the cluster carries all of it, for everybody.

A short file can ask for a lot: each `{value}` in it becomes a text of up to 512 characters, and what
KubeSpawner fills in, such as `{namespace}`, is longer than its name. What is short can still be much: the
hub goes through every text, list and mapping of it, again and again. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.templates import KUBESPAWNER_NAMES, URL_NAMES, is_template
from jupyterhub_knada.teams.faults import Fault, Path
from jupyterhub_knada.teams.pod_bounds import MOST_JSON, length_as_json, name_largest

LONGEST_TEXT: Final = 32_768
"""Characters of one text, as of a variable of the team."""
MOST_VALUES: Final = 2000
"""Texts, numbers, lists and mappings in all overrides of one start, each in whatever holds it.

Every walk over them is on the hub's event loop, KubeSpawner's and the hub's own; 1,000 variables fit.
"""
_LONGEST_NAME: Final = 253
"""Bytes that a name in braces counts: no name of an object is longer.

`{escaped_servername}` can be, which writes three for each that is no letter or digit; so the pod is measured,
too, once it is filled in (`sent_pod`).
"""
_FILLED_IN: Final = KUBESPAWNER_NAMES | URL_NAMES


def check_lengths(override: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find too many values or texts that are too long; else an override that is too large as a whole."""
    if found := check_values((override,)) or tuple(_long_texts(override, ())):
        return found
    size = _length_filled_in(override)
    if size <= MOST_JSON:
        return ()
    trait, most = name_largest(override, _length_filled_in)
    message = f"an override of {size} bytes as JSON, {most} of them in {trait}"
    rule = (
        f"at most {MOST_JSON}, where each name in braces counts {_LONGEST_NAME}: everybody who follows the "
        "pods of the cluster is sent all of it"
    )
    return (Fault(Code.OUT_OF_RANGE, message, rule, "put it into the image, or into a file"),)


def check_values(overrides: Iterable[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Find more values than all overrides of one start have together, before any is laid over another."""
    counts: Counter[str] = Counter()
    for override in overrides:
        counts.update({trait: _count_values(value) for trait, value in override.items()})
    if counts.total() <= MOST_VALUES:
        return ()
    [(trait, most)] = counts.most_common(1)
    message = f"an override of {counts.total()} values, {most} of them in {trait}"
    rule = f"at most {MOST_VALUES} texts, numbers, lists and mappings: the hub goes through each of them"
    return (Fault(Code.OUT_OF_RANGE, message, rule, "put it into the image, or into a file"),)


def _count_values(value: Any) -> int:
    if isinstance(value, Mapping):
        return 1 + sum(map(_count_values, value.values()))
    return 1 + sum(map(_count_values, value)) if isinstance(value, list | tuple) else 1


def _length_filled_in(value: Any) -> int:
    return length_as_json(value) + _LONGEST_NAME * _places(value)


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
