"""Who says a size: profile, team or platform file, and where. The first that says it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyterhub_knada.teams.model import Profile, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView


class Said(NamedTuple):
    """A value and where it is said."""

    value: Any
    """None: null, which ends the search."""
    layer: Layer
    path: Path


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that may say a size."""

    view: FileView[Any]
    path: Path
    """Where the layer begins in its file: () for a team, ("defaults",), ("profiles", 1)."""
    content: Settings | Profile

    def says(self, name: str) -> Said | None:
        """Look up one field of `Resources`; None if this layer does not say it."""
        content = self.content
        if isinstance(content, Settings) and name in content.model_fields_set:
            return Said(getattr(content, name), self, (*self.path, _key(name)))
        if "resources" not in content.model_fields_set:
            return None
        path = (*self.path, "resources")
        if content.resources is None:
            return Said(None, self, path)
        if name in content.resources.model_fields_set:
            return Said(getattr(content.resources, name), self, (*path, _key(name)))
        return None


def first_said(layers: Iterable[Layer], name: str) -> Said | None:
    """Give the value that counts; None if no layer says one, or the first says null."""
    found = next((said for layer in layers if (said := layer.says(name)) is not None), None)
    return found if found is not None and found.value is not None else None


def _key(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
