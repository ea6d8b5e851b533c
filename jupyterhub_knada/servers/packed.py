"""Many objects of Kubernetes, kept small. Pure.

As JSON text one is a tenth of what it is as dicts, and nothing that Python's garbage collector has to look
through: thousands of pods do not make each of its rounds longer, in which the hub stands still.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class PackedObjects(Mapping[str, dict[str, Any]]):
    """Objects by name; each look gives one of its own, which may be changed without changing what is kept."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def __getitem__(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._packed[key])
        return found

    def __contains__(self, key: object) -> bool:
        return key in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def put(self, key: str, found: Mapping[str, Any]) -> None:
        """Keep an object, in place of the one of that name."""
        self._packed[key] = json.dumps(found, separators=(",", ":")).encode()

    def drop(self, key: str) -> None:
        """Forget one; one that is not there was forgotten before."""
        self._packed.pop(key, None)
