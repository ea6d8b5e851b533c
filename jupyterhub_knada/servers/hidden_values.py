"""Values that no log shows: what a pod's variables say, tokens among it, as webhooks quote pods. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.servers.foreign_texts import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_READ: Final = 20_000
"""Characters of a text that are looked through; the rest is left out."""
_SHORTEST_HIDDEN: Final = 6
"""Characters; shorter values are part of any word."""
_SHORTEST_RUN: Final = 8
_OPEN: Final = frozenset({"JUPYTER_IMAGE", "JUPYTER_IMAGE_SPEC", "JUPYTERHUB_USER"})
"""Variables whose value stands elsewhere in the pod, too, and is what a rule may complain of."""
_RUNS: Final = re.compile(r"[ !#-%(-;=?-\[\]-~]+")
"""What every notation writes as it is: printed ASCII without quotes, backslash, `<`, `>` and `&`."""
_TOKEN: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
"""A token as JupyterHub makes them: a hub that was started again does not know those in its pods."""


class HiddenValues:
    """Values to be taken out of texts."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = frozenset(value for value in values if len(value) >= _SHORTEST_HIDDEN)

    @classmethod
    def of_pod(cls, pod: Any) -> HiddenValues:
        """Give what the variables of all containers say.

        Args:
            pod: A `V1Pod`; what a hub's hook has put into it may be mappings.
        """
        containers = [*(pod.spec.containers or ()), *(pod.spec.init_containers or ())]
        variables = [variable for container in containers for variable in _get(container, "env") or ()]
        values = [_get(variable, "value") for variable in variables if _get(variable, "name") not in _OPEN]
        return cls(str(value) for value in values if value is not None)

    def take_out(self, text: str) -> str:
        """Put `…` for each value, however it is quoted, and for whatever looks like a token of JupyterHub.

        Args:
            text: One line, as `foreign_texts.on_one_line` gives it.
        """
        text = text[:LONGEST_READ]
        forms = {on_one_line(form) for value in self._values for form in _forms(value)}
        for form in sorted(_which_may_be_in(text, forms), key=len, reverse=True):
            text = text.replace(form, "…")
        return _TOKEN.sub("…", text)


def _which_may_be_in(text: str, forms: Iterable[str]) -> Iterator[str]:
    """Leave out forms of which some part is not in the text: a team can set thousands, and each is a look."""
    parts = set(_parts(text))
    return (form for form in forms if form and all(part in parts for part in _parts(form)))


def _parts(text: str) -> Iterator[str]:
    return (text[start : start + _SHORTEST_HIDDEN] for start in range(len(text) - _SHORTEST_HIDDEN + 1))


def _forms(value: str) -> Iterator[str]:
    """Give a value as it is, as JSON and as Go have it in quotes, and its runs that are the same in any."""
    quoted = json.dumps(value, ensure_ascii=False)[1:-1]
    yield value
    yield quoted
    yield quoted.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    yield json.dumps(value)[1:-1]
    for run in _RUNS.findall(value):
        if len(run.strip()) >= _SHORTEST_RUN:
            yield run


def _get(item: Any, key: str) -> Any:
    """Read a field of an object of the Kubernetes client, or of a mapping as a hub's hook may put there."""
    return item.get(key) if isinstance(item, dict) else getattr(item, key, None)
