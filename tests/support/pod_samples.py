"""Pods and events as a real kubelet, scheduler and controllers 1.36.3 wrote them: `tests/data/pods`.

One file a state: `{"pod": …, "events": […]}`, with the fields that something reads. The file's name says what
had been done to the pod.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parents[1] / "data" / "pods"
SAMPLES: Final = tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


@dataclass(frozen=True)
class Sample:
    """A pod in some state, and its events, oldest first."""

    pod: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def uid(self) -> str:
        """The pod's own; a start that made it knows it."""
        return str(self.pod["metadata"]["uid"])


def sample(name: str) -> Sample:
    """Read one."""
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return Sample(found["pod"], found["events"])
